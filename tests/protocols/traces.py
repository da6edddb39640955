"""Golden traces: the bytes of real servers, recorded from the published packages."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from app.events import Data, Event, Start
from app.protocols.encoder import Encoder
from app.protocols.framing import Framer
from tests import sample_turns as turns

TRACES = Path(__file__).parent.parent / "traces"

_ONE_4 = '[{"city":"Paris","tempC":21}]. '
_TWO_4 = '[{"city":"Paris","tempC":21},{"city":"Oslo","tempC":21}]. '
_ONE_7 = '[{"type":"json","value":{"city":"Paris","tempC":21}}]. '
_TWO_7 = (
    '[{"type":"json","value":{"city":"Paris","tempC":21}},'
    '{"type":"json","value":{"city":"Oslo","tempC":21}}]. '
)

# What happened in each trace, in the order in which our turns let it happen.
RECORDED: Mapping[str, Sequence[Event]] = {
    "aisdk4/clienttool": turns.CLIENT_TOOL_TURN,
    "aisdk4/completion": [Start("msg-sOsGuZaLVVSN9wZp3VJd6GG6"), *turns.TEXT_TURN[1:]],
    "aisdk4/error": turns.ERROR_TURN,
    "aisdk4/error-start": turns.ERROR_START_TURN,
    "aisdk4/multitool": turns.two_tools_turn(_TWO_4),
    "aisdk4/protocol-text": turns.TEXT_TURN,
    "aisdk4/reasoning": turns.REASONING_TURN,
    "aisdk4/text": turns.TEXT_TURN,
    "aisdk4/tools": turns.tools_turn(_ONE_4),
    "aisdk4/toolstream": turns.streamed_tool_turn(_ONE_4),
    "aisdk7/approval": turns.APPROVAL_TURN,
    "aisdk7/clienttool": turns.CLIENT_TOOL_TURN,
    "aisdk7/completion": turns.TEXT_TURN,
    "aisdk7/data": [
        turns.TEXT_TURN[0],
        *turns.DATA_PARTS,
        *turns.TEXT_TURN[1:-1],
        Data("weather", {"city": "Paris", "status": "ok", "tempC": 21}, id="w1"),
        turns.TEXT_TURN[-1],
    ],
    "aisdk7/error": turns.ERROR_TURN,
    "aisdk7/error-start": turns.ERROR_START_TURN,
    "aisdk7/metadata": turns.metadata_turn(),
    "aisdk7/multitool": turns.two_tools_turn(_TWO_7),
    "aisdk7/reasoning": turns.REASONING_TURN,
    "aisdk7/text": turns.TEXT_TURN,
    "aisdk7/tools": turns.tools_turn(_ONE_7),
    "aisdk7/toolstream": turns.streamed_tool_turn(_ONE_7),
}


def golden(name: str) -> bytes:
    """Return the recorded bytes of ``<sdk>/<scenario>``."""
    return (TRACES / f"{name}.stream").read_bytes()


def encode(encoder: Encoder, events: Iterable[Event]) -> bytes:
    """Return the bytes of a whole turn, each event checked against the grammar."""
    framer = Framer(encoder)
    return b"".join(framer.frame([event]) for event in events)
