"""Texts from outside: settings, addresses, options of a request, approvals, a tool's arguments."""

import contextlib
import enum
import json
import math
import os
from binascii import a2b_base64
from typing import Any, Literal
from unittest import mock

from opentelemetry.trace import get_current_span
from pydantic import BaseModel
from starlette.requests import Request

from app.emulator.cors import parse_cors, preflight_headers, response_headers
from app.emulator.variables import EnvFileError, parse_env_file
from app.errors import InvalidJson, InvalidOption, RequestError
from app.http.admission import request_id
from app.http.options import deadline_of, wants_stream
from app.messages import FilePart, TextPart
from app.owners.authentication import shared
from app.protocols.artifact import Artifact
from app.protocols.negotiation import encoder_for, negotiate
from app.providers.openai.arguments import finished_call, parse_arguments
from app.providers.openai.responses_proof import read_proof, write_proof
from app.providers.openers.request_head import request_head
from app.requests.bearer import SharedTokens
from app.requests.body import parse_json
from app.requests.file_url import file_part, read_base64, read_url
from app.requests.sites import Sites, host_name, host_set
from app.requests.trace_parent import read_trace_parent
from app.settings import Settings, SettingsError, load_settings
from app.telemetry.span_contexts import context_of, headers_of
from app.tools import tool
from app.tools.approval import ApprovalRefusal, Approvals
from app.tools.canonical_json import canonical_json
from app.tools.definition import InvalidToolInput
from app.tools.valid_call import validate
from tests.fuzz.http_peers import run_in_loop
from tests.fuzz.made_json import dumps, list_of, one_of, record, text, value
from tests.fuzz.model_streams import check_message
from tests.fuzz.target import Choices, Target

_SECRET = "s3cr3t-t0ken"
_SECRETS = frozenset({"CHAT_AUTH_TOKEN", "CHAT_APPROVAL_SECRET", "OPENAI_API_KEY"})


def check_settings(data: bytes) -> None:
    """Variables, a line each: settings, or one sentence that names the variable."""
    variables: dict[str, str] = {}
    for line in data.split(b"\n"):
        name, equals, given = line.partition(b"=")
        # The system allows neither an empty name nor a NUL.
        if name and equals and b"\0" not in line:
            variables[os.fsdecode(name)] = os.fsdecode(given)
    is_told_elsewhere = any(
        _SECRET in name or (_SECRET in given and name.upper() not in _SECRETS)
        for name, given in variables.items()
    )
    with mock.patch.object(os, "environ", variables):
        try:
            settings = load_settings()
        except SettingsError as error:
            sentence = str(error)
            assert sentence.endswith((".", "?"))
            assert len(sentence) < 1000 + len(data)
            assert _SECRET not in sentence or is_told_elsewhere
        else:
            assert _SECRET not in repr(settings) or is_told_elsewhere
            assert settings.port <= 65535
            assert settings.max_steps > 0
            assert settings.keep_alive_s > 0
            assert math.isfinite(settings.keep_alive_s)
            assert settings.model in settings.models


def check_env_file(data: bytes) -> None:
    """A file of variables, or a configuration of CORS: values, or a sentence."""
    with contextlib.suppress(UnicodeDecodeError):
        text = data.decode()
        with contextlib.suppress(EnvFileError):
            for name in parse_env_file(text):
                assert name.isidentifier()
        with contextlib.suppress(ValueError):
            cors = parse_cors(text)
            asked = {"origin": "https://a.example", "access-control-request-method": "POST"}
            for _, given in (*preflight_headers(cors, asked), *response_headers(cors, asked)):
                assert isinstance(given, str)


def _is_text(data: bytes) -> bool:
    """Whether ``data`` can stand in a JSON string, which may hold half of a surrogate pair."""
    try:
        return isinstance(json.loads(b'"%b"' % data), str)
    except ValueError:
        return False


def check_file_url(data: bytes) -> None:
    """A file's address is refused in a few words, or is a web address or base64."""
    url = json.loads(b'"%b"' % data) if _is_text(data) else data.decode("utf-8", "replace")
    for read in (read_url, read_base64):
        try:
            file = read(url)
        except ValueError as error:
            assert 0 < len(str(error)) < 200
            continue
        part = file_part(file, url[:40], "name")
        if file.web_address is not None:
            assert isinstance(part, FilePart)
            assert part.url.partition(":")[0].lower() in ("http", "https")
            assert part.url.isprintable()
        elif isinstance(part, FilePart):
            head, _, content = part.url.partition(",")
            assert head == f"data:{part.media_type};base64"
            a2b_base64(content, strict_mode=True)
        else:
            assert isinstance(part, TextPart)


def check_options(data: bytes) -> None:
    """A query and headers, a line each: options that can be met, or one sentence."""
    query, *lines = data.split(b"\n")
    headers = [
        (name.strip().lower(), given.strip())
        for name, colon, given in (line.partition(b":") for line in lines)
        if colon
    ]
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/api/chat",
        "query_string": query,
        "headers": headers,
    }
    request = Request(scope)
    assert 0 < len(request_id(request)) <= 128
    with contextlib.suppress(RequestError):
        run_in_loop(_authenticated(request))
        assert any(_SECRET.encode() in given for _, given in headers)
    try:
        parameters = request.query_params
        wants_stream(request, default=True)
        asked = (parameters.get("protocol"), parameters.get("sdk"))
        for shape in ("ai-sdk-4", "ai-sdk-5", "direct"):
            dialect = negotiate(shape, query=asked, body=("ui", None))
            encoder_for(dialect, now=lambda: 0.0)
    except InvalidOption as error:
        check_message(error)
    deadline = run_in_loop(_deadline(request))
    assert deadline is None or math.isfinite(deadline)
    _check_sites(headers)
    _check_trace(headers)


def _check_trace(headers: list[tuple[bytes, bytes]]) -> None:
    """A trace that is read can be written as headers, and is the same when it is read again."""
    found = read_trace_parent(headers)
    if found is None:
        return
    written = headers_of(get_current_span(context_of(found)).get_span_context())
    again = read_trace_parent([(name.encode(), text.encode()) for name, text in written.items()])
    assert again is not None
    assert (again.trace_id, again.span_id) == (found.trace_id, found.span_id)
    assert again.is_sampled is found.is_sampled
    request_head("POST", "/", "model", written, 0)  # no header of his own comes along


async def _authenticated(request: Request) -> str:
    return await shared(SharedTokens(_SECRET))(request)


async def _deadline(request: Request) -> float | None:
    return deadline_of(request, now=0.0, margin_s=1.0)


_SITES = Sites(host_set(["chat.example", "127.0.0.1"]), frozenset(["https://page.example"]))


def _check_sites(headers: list[tuple[bytes, bytes]]) -> None:
    found = {name: given.decode("latin-1") for name, given in headers}
    host, origin = found.get(b"host", ""), found.get(b"origin")
    if _SITES.serves([host]):
        assert host_name(host) in _SITES.hosts
    is_allowed = _SITES.allows(
        "POST", host="chat.example", origin=origin, fetch_site=found.get(b"sec-fetch-site")
    )
    if is_allowed and origin is not None and found.get(b"sec-fetch-site") != "same-origin":
        assert origin == "https://page.example" or origin.lower().endswith("://chat.example")


_CALL = ("c1", "call_1", "send", {"to": "a@example.com"})


def check_approval(data: bytes) -> None:
    """No id but the one that was issued permits the call, no other call, and that once only."""
    approvals = Approvals(b"secret", now=lambda: 1000.0, remembered=8)
    issued = approvals.issue(*_CALL)
    choices = Choices(data)
    forged = _edited(issued, choices)
    expected = None if forged == issued else ApprovalRefusal.FORGED
    with contextlib.suppress(InvalidJson):  # too deep for any request
        other = parse_json(dumps(value(choices)))
        assert canonical_json(other) != canonical_json(_CALL[3])
        assert approvals.redeem(issued, *_CALL[:3], other) is ApprovalRefusal.CHANGED
    if choices.chance(4):
        approvals.deny(forged)
        if forged == issued:
            expected = ApprovalRefusal.DENIED
    got = approvals.redeem(forged, *_CALL)
    # Behind the seal stands the signature: with another one the id is ours, the call is not.
    assert got in (expected, ApprovalRefusal.CHANGED) if forged != issued else got is expected
    if forged == issued:
        assert approvals.redeem(issued, *_CALL) is not None
    with contextlib.suppress(ValueError):
        proof = read_proof(choices.rest().decode("latin-1"))
        assert proof is None or read_proof(write_proof(proof)) == proof


def _edited(text: str, choices: Choices) -> str:
    for _ in range(choices.number(4)):
        start = choices.number(len(text) + 1)
        end = start + choices.number(4)
        put = choices.text(choices.number(8))
        text = text[:start] + put + text[end:]
    return text


class _Place(enum.Enum):
    PROD = "prod"
    TEST = "test"


class _Address(BaseModel):
    city: str
    zip: int | None = None


@tool(needs_approval=lambda given: given["place"] == "prod")
def deploy(
    place: _Place,
    force: bool = False,
    count: int = 1,
    kind: Literal["a", "b"] = "a",
    address: _Address | None = None,
    tags: list[str] | None = None,
    file: Artifact | None = None,
    anything: Any = None,
) -> str:
    """Deploy it."""
    return "done"


def check_tool_input(data: bytes) -> None:
    """What the model wrote for a tool: a valid call, or a sentence for the model.

    What is approved is what runs: reading it again gives the same arguments and the same form.
    """
    written = data.decode("utf-8", "replace")
    finished_call("c", "deploy", written)
    try:
        given = parse_arguments(written)
    except (ValueError, RecursionError):
        return
    try:
        call = validate(deploy, "c", given)
    except InvalidToolInput as error:
        assert 0 < len(str(error)) < 4000 + 4 * len(data)
        return
    if call.plain is None:
        assert call.asks_approval()
        return
    assert call.asks_approval() is (call.arguments["place"] is _Place.PROD)
    shown = call.as_it_runs()
    again = validate(deploy, "c", json.loads(json.dumps(shown.input)))
    assert again.arguments == call.arguments
    assert canonical_json(again.for_approval) == canonical_json(call.for_approval)


_arguments = record(
    place=one_of("prod", "test", " PROD ", "PROD"),
    force=one_of(True, "yes", "off", 1, 0, None),
    count=one_of(1, "2", 3.0, True, 2**70),
    kind=one_of("a", "b"),
    address=record(city=text, zip=one_of(1, "2", None)),
    tags=list_of(text),
    file=record(
        filename=text,
        content=one_of("aGk=", "?", "\ud800"),
        is_binary=one_of(True, False),
        version=one_of(1, None),
    ),
    anything=value,
)


def check_made_tool_input(data: bytes) -> None:
    """Make arguments, then `check_tool_input`."""
    check_tool_input(dumps(_arguments(Choices(data))))


TARGETS = (
    Target(
        "settings",
        "environment variables",
        check_settings,
        (
            *(f"CHAT_{name.upper()}=".encode() for name in Settings.model_fields),
            *(b"OPENAI_BASE_URL=http://[::1]:80", b"PORT=", b"CHAT_AUTH_TOKEN=" + _SECRET.encode()),
            *(b"\n", b"1", b"-1", b"nan", b"1e999", b"true", b"https://", b"[::", b",", b":99999"),
            *(b"responses", b"web_search", b"*", b"localhost", b"9" * 5000, b"\xff"),
        ),
    ),
    Target(
        "env-file",
        "a file of variables, a configuration of CORS",
        check_env_file,
        (b"export ", b"A=", b'"', b"'", b"\\", b" #", b"\n", b'{"AllowOrigins":["*"]}', b"\\n"),
    ),
    Target(
        "file-url",
        "the address of a file",
        check_file_url,
        (
            *(b"data:", b"data:image/png;base64,", b"aGk=", b"https://", b"http://a", b"%20", b","),
            *(b"text/plain", b";base64", b"\\ud800", b"[::1]", b"@", b"javascript:", b"file://"),
        ),
    ),
    Target(
        "options",
        "the query and the headers of a request",
        check_options,
        (
            *(b"protocol=", b"sdk=", b"stream=", b"&", b"ui", b"data", b"3.4", b"false", b"\n"),
            *(b"\nx-amzn-lambda-context: ", b'{"deadline":', b"1e999", b"}", b"\nx-request-id: "),
            *(b"\nauthorization: Bearer ", b"\nx-chat-token: ", _SECRET.encode(), b"9" * 400),
            *(b"\norigin: ", b"https://page.example", b"\nhost: ", b"chat.example", b":443"),
            *(b"\ntraceparent: 00-", b"0af7651916cd43dd8448eb211c80319c", b"-b7ad6b7169203331-01"),
            *(b"\ntracestate: a=1,b=2", b"\nx-amzn-trace-id: Root=1-0af76519-", b";Parent="),
            *(b"\nsec-fetch-site: ", b"cross-site", b"null", b"[::1]", b"http://chat.example"),
        ),
    ),
    Target("approval", "forged approvals and changed calls", check_approval, is_made=True),
    Target(
        "tool-input",
        "the arguments that a model wrote",
        check_tool_input,
        (
            *(b'{"place":"prod"', b'"force":"yes"', b'"count":"1"', b'"tags":["a"]', b'"file":{'),
            *(b'"filename":"a","content":"b"', b'"anything":', b"\\ud800", b"1e400", b"NaN", b"}"),
        ),
    ),
    Target("tool-calls", "made arguments of a tool", check_made_tool_input, is_made=True),
)
