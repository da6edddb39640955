"""`docs/protocols.md` is true: its examples run, its tables are those of the code.

An example block names its encoder. A line that is not indented is evaluated: an event, a request or
a call. The indented lines below it have to be exactly what comes of it.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast, get_args

import pytest

from app import events
from app.errors import ChatError, RequestError
from app.events import Event, Start, StepStart
from app.messages import ToolRequest
from app.protocols.framing import Framer
from app.protocols.json_text import dumps
from app.protocols.negotiation import (
    PROTOCOLS,
    VERSIONS,
    ClientVersion,
    Dialect,
    ProtocolName,
    encoder_for,
    negotiate,
)
from app.protocols.tool_result import ToolResult
from app.protocols.tool_run import ToolRunEncoder, buffered
from app.requests.envelope import parse
from app.turns.errors import DEFECT, GIVEN_UP, LOST, SHUTDOWN, TIME_LIMIT
from tests.conformance.flows import FLOWS_OF_API
from tests.conformance.traps import TRAPS

TESTS = Path(__file__).parent
PAGE = (TESTS.parent / "docs" / "protocols.md").read_text()
NOW = 1767225600.0

Evaluate = Callable[[str], list[str]]


def _shown(wire: bytes) -> list[str]:
    """Return bytes as the page writes them."""
    if wire == b"\n":
        return ["(a blank line)"]
    return [line for line in wire.decode().split("\n") if line] or ["(nothing)"]


def _turn(protocol: str, options: Mapping[str, str], body: str) -> Evaluate:
    dialect = Dialect(cast(ProtocolName, protocol), cast(ClientVersion | None, options.get("sdk")))
    encoder = encoder_for(dialect, now=lambda: NOW)
    calls = (call.partition(":") for call in options.get("earlier", "").split(",") if call)
    framer = Framer(encoder, {call_id: name for call_id, _, name in calls})
    if not body.startswith("Start("):
        framer.frame([Start("msg-1"), StepStart()])

    def evaluate(source: str) -> list[str]:
        value = eval(source, {**vars(events), "keep_alive": encoder.keep_alive})
        return _shown(value if isinstance(value, bytes) else framer.frame([value]))

    return evaluate


def _tool_run() -> Evaluate:
    encoder = ToolRunEncoder(now=lambda: NOW)
    names = {name: getattr(encoder, name) for name in dir(encoder)}
    return lambda source: _shown(eval(source, {**names, "ToolResult": ToolResult}))


def _tool_whole(source: str) -> list[str]:
    return _shown(dumps(buffered(eval(source, {"ToolResult": ToolResult}))))


def _request(source: str) -> list[str]:
    asked = parse(source.encode())
    if isinstance(asked, ToolRequest):
        return [f"tool {asked.name}" if asked.name else "tool"]
    dialect = negotiate(asked.shape, body=(asked.protocol, asked.sdk))
    return [f"{asked.shape} → {dialect.protocol} {dialect.version or ''}".strip()]


def _evaluate(kind: str, body: str) -> Evaluate:
    name, *words = kind.split()
    match name:
        case "tool-run":
            return _tool_run()
        case "tool-whole":
            return _tool_whole
        case "request":
            return _request
        case _:
            return _turn(name, dict(word.split("=", 1) for word in words), body)


def _blocks() -> list[tuple[str, str]]:
    blocks = re.findall(r"^```(\S[^\n]*)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    return [(kind, body) for kind, body in blocks if kind != "json"]


def _examples(body: str) -> Iterator[tuple[str, list[str]]]:
    for source, shown in re.findall(r"^(\S[^\n]*)\n((?:  [^\n]*\n)*)", body, re.MULTILINE):
        yield source, [line.removeprefix("  ") for line in shown.splitlines()]


@pytest.mark.parametrize(("kind", "body"), _blocks())
def test_every_example_is_what_the_code_makes_of_it(kind: str, body: str) -> None:
    evaluate = _evaluate(kind, body)

    examples = list(_examples(body))

    assert examples
    assert [(source, evaluate(source)) for source, _ in examples] == examples


@pytest.mark.parametrize("protocol", ["data", "ui"])
def test_every_event_has_an_example(protocol: str) -> None:
    bodies = [body for kind, body in _blocks() if kind.split()[0] == protocol]

    shown = {source.partition("(")[0] for body in bodies for source, _ in _examples(body)}

    assert shown - {"keep_alive"} == {event.__name__ for event in get_args(Event)}


@pytest.mark.parametrize(("option", "values"), [("protocol", PROTOCOLS), ("sdk", VERSIONS)])
def test_every_value_of_an_option_is_named(option: str, values: Sequence[str]) -> None:
    assert f"`?{option}=` ({', '.join(f'`{value}`' for value in values)})" in PAGE


def test_the_table_of_codes_names_each_code_that_is_sent() -> None:
    bodies = [body for kind, body in _blocks() if kind.startswith("data")]
    lines = [line for body in bodies for _, shown in _examples(body) for line in shown]

    sent = {line[0] for line in lines if line[1] == ":"}

    _, _, table = PAGE.partition("| code | value | known to |")
    rows = re.findall(r"^\|((?: `.`)+) \|", table.split("\n\n")[0], re.MULTILINE)
    assert {code for row in rows for code in re.findall(r"`(.)`", row)} == sent


def _errors(error: type[ChatError] = ChatError) -> Iterator[type[ChatError]]:
    yield error
    for narrower in error.__subclasses__():
        yield from _errors(narrower)


def _rows(code: str) -> Sequence[Sequence[str]]:
    rows = [re.split(r" *\| *", line)[1:-1] for line in PAGE.splitlines() if f"`{code}` |" in line]
    return [row for row in rows if f"`{code}`" in row]


@pytest.mark.parametrize("error", list(_errors()), ids=lambda error: error.__name__)
def test_every_error_is_in_the_table_with_its_status_and_sentence(error: type[ChatError]) -> None:
    (row,) = _rows(error.code)

    # The table of errors begins with the status, that of running turns ends with it.
    assert str(error.status) in (row[0], row[-1])
    if not issubclass(error, RequestError):  # they word each case
        assert error.public_message in row


@pytest.mark.parametrize(
    "error", [TIME_LIMIT, SHUTDOWN, DEFECT, LOST, GIVEN_UP], ids=lambda error: error.code
)
def test_every_error_of_a_running_turn_is_in_a_table_with_its_sentence(error: Any) -> None:
    (row,) = _rows(error.code)

    assert error.message in row


def test_every_trap_is_explained_and_all_that_the_table_names_exists() -> None:
    _, _, table = PAGE.partition("## 13. Traps")
    named = {
        kind: set(re.findall(rf"\b{kind} `([\w.-]+)`", table)) for kind in ("trap", "flow", "test")
    }
    sources = "".join(path.read_text() for path in TESTS.rglob("test_*.py"))

    assert named["trap"] == TRAPS.keys()
    assert named["flow"] <= {flow for flows in FLOWS_OF_API.values() for flow in flows}
    assert named["test"] <= set(re.findall(r"def (test_\w+)\(", sources))
