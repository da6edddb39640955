"""What a client posts: bodies of every shape, as bytes and made of parts."""

import json
from base64 import b64encode
from typing import Any

import msgspec

from app.errors import RequestError
from app.messages import ChatRequest, StepRequest, ToolCallPart, ToolOutputPart, ToolRequest
from app.protocols.negotiation import encoder_for, negotiate
from app.providers.openai.chat_body import chat_body
from app.providers.openai.responses_body import responses_body
from app.requests.body import parse_json
from app.requests.envelope import parse
from app.requests.shapes import RequestShape, find_shape
from app.tools.canonical_json import canonical_json
from tests.fuzz.made_json import Make, dumps, list_of, one_of, record, text, value, variant
from tests.fuzz.model_streams import check_message
from tests.fuzz.target import Choices, Target


def check_body(body: bytes) -> None:
    """A body is read alike however it is wrapped, or refused with one sentence.

    What was read can be sent to the model, and holds no system message of the client.
    """
    read = _read(body)
    assert _same(_read(body), read)
    try:
        inner = body.decode()
    except UnicodeDecodeError:
        inner = None
    if not isinstance(read, str) and inner is not None and not _is_wrapped(body):
        assert _same(_read(json.dumps({"body": inner}).encode()), read)
        in_base64 = {"body": b64encode(body).decode(), "isBase64Encoded": True}
        assert _same(_read(dumps(in_base64)), read)
    if isinstance(read, ChatRequest):
        _check_chat(read)
    elif isinstance(read, ToolRequest):
        assert all(isinstance(v, dict) for v in (read.args, read.context, read.tool_config))


def _read(body: bytes) -> ChatRequest | ToolRequest | str:
    """Return the request, or the code of the error that refuses it."""
    try:
        return parse(body, content_type="application/json", max_bytes=1_000_000)
    except RequestError as error:
        check_message(error)
        return error.code


def _is_wrapped(body: bytes) -> bool:
    return find_shape(parse_json(body)) is RequestShape.WRAPPED


def _same(one: object, other: object) -> bool:
    # By their text: NaN is not itself, and 1 is True.
    return repr(one) == repr(other)


def _check_chat(request: ChatRequest) -> None:
    assert request.messages
    assert all(message.role != "system" for message in request.messages)
    _check_calls(request)
    for reply in request.approval_replies:
        canonical_json(reply.call.input)
    try:
        dialect = negotiate(request.shape, body=(request.protocol, request.sdk))
    except RequestError as error:
        check_message(error)
    else:
        encoder_for(dialect, now=lambda: 0.0)
    step = StepRequest(model="m", messages=request.messages)
    for body in (chat_body(step), responses_body(step)):
        msgspec.json.decode(body)


def _check_calls(request: ChatRequest) -> None:
    """Each call has one result, directly after it; those of open approvals have none."""
    open_calls = {reply.call.tool_call_id for reply in request.approval_replies}
    for index, message in enumerate(request.messages):
        calls = [part.tool_call_id for part in message.parts if isinstance(part, ToolCallPart)]
        if not calls:
            continue
        following = request.messages[index + 1 : index + 2]
        results = [
            part.tool_call_id
            for after in following
            if after.role == "tool"
            for part in after.parts
            if isinstance(part, ToolOutputPart)
        ]
        assert set(calls) - set(results) <= open_calls
        assert set(results) <= set(calls)


_name = one_of("a", "chat-1", None, "", "x" * 257)
_call_id = one_of("call_1", "call_2", "", None)
_tool_part = record(
    toolCallId=_call_id,
    toolName=one_of("ask", "", None),
    state=one_of(
        "input-available",
        "output-available",
        "output-error",
        "output-denied",
        "approval-requested",
        "approval-responded",
        "input-streaming",
        "odd",
    ),
    input=value,
    rawInput=value,
    output=value,
    errorText=text,
    providerExecuted=one_of(None, True, False),
    approval=record(id=text, approved=one_of(True, False, None), reason=one_of(None, "no")),
)
_invocation = record(
    toolCallId=_call_id,
    toolName=one_of("ask", ""),
    state=one_of("call", "result", "partial-call", None),
    step=one_of(0, 1, None),
    args=value,
    result=value,
)
_parts: Make = list_of(
    variant(
        "type",
        {
            "text": record(text=text),
            "reasoning": record(
                text=text,
                reasoning=text,
                details=list_of(record(text=text, signature=text, data=text)),
                providerMetadata=record(
                    openai=record(signature=one_of("openai:rs_1:gAAA", "", "x"), redactedData=text)
                ),
            ),
            "step-start": record(),
            "file": record(mediaType=text, url=text, filename=text, mimeType=text, data=text),
            "image_url": record(image_url=record(url=text)),
            "tool-ask": _tool_part,
            "dynamic-tool": _tool_part,
            "tool-invocation": record(toolInvocation=_invocation),
            "source-url": value,
            "data-x": value,
        },
    ),
    6,
)
_message = record(
    role=one_of("user", "user", "assistant", "tool", "system", "data", "developer", "odd"),
    id=_name,
    content=one_of("Hi", "", None),
    parts=_parts,
    experimental_attachments=list_of(record(contentType=text, url=text, name=text), 2),
    toolInvocations=list_of(_invocation, 3),
    tool_calls=list_of(record(id=_call_id, function=record(name=_name, arguments=text)), 3),
    tool_call_id=_call_id,
)
_options: dict[str, Make] = {
    "id": _name,
    "trigger": one_of("submit-message", "regenerate-message", None),
    "model": _name,
    "protocol": one_of(None, "ui", "data", "text", "ndjson", "odd"),
    "sdk": one_of(None, "3.4", "4", "5", "5.0", "6", "7", "8"),
    "stream": one_of(True, False, None),
    "session_id": _name,
}
_tool_fields: dict[str, Make] = {
    "name": _name,
    "args": record(a=value),
    "context": record(user_id=_name, session_id=_name),
    "tool_config": record(a=value),
}
_BODIES: tuple[Make, ...] = (
    record(messages=list_of(_message, 5), **_options),
    record(message=_message, **_options),
    record(prompt=text, **_options),
    record(**_tool_fields),
    record(
        action=one_of("chat", "tool", "chat-stream", "odd"),
        payload=record(messages=list_of(_message), text=text, **_options, **_tool_fields),
    ),
    value,
)


def make_body(choices: Choices) -> bytes:
    """Make a body of any shape, wrapped or not."""
    shape = choices.number(16)
    made: Any = _BODIES[shape % len(_BODIES)](choices) if shape > 3 else _BODIES[0](choices)
    return dumps(made)


def check_messages(data: bytes) -> None:
    """Make a body, then `check_body`."""
    check_body(make_body(Choices(data)))


_WORDS = (
    *(b'{"messages":[{', b'"role":"user"', b'"role":"assistant"', b'"parts":[{', b'"type":"text"'),
    *(b'"content":"Hi"', b'"id":"c1"', b'"trigger":"submit-message"', b'"prompt":"Hi"'),
    *(b'"action":"tool"', b'"payload":{', b'"args":{}', b'"name":"a"', b'{"body":"{', b"}]}]}"),
    *(b'"isBase64Encoded":true', b"\\ud800", b'\\"', b"1e400", b"NaN", b"\xef\xbb\xbf", b"[[[["),
    *(b'"type":"tool-a","toolCallId":"c","state":"output-available"', b'"toolInvocations":[{'),
    *(b'"approval":{"id":"a","approved":true}', b'"url":"data:text/plain,a"'),
)

TARGETS = (
    Target("request-body", "the body of a request", check_body, _WORDS),
    Target("request-messages", "made requests of every shape", check_messages, is_made=True),
)
