"""Events of a turn ↔ the bytes that a store keeps of them.

A batch is a msgpack array with one item for each event::

    ["Hello", " you", [2, "call_1", "weather"], …]

A string is a `TextDelta`, so a piece of text costs one to five bytes besides itself. Every other
event is an array: its number in `_EVENTS`, then its fields in order. A field that holds JSON is
JSON text, as bytes, so that a reader of the log sends what the client that asked was sent. A string
with lone surrogates, which msgpack has not, is bytes too.

A reader fills in the default of a field that is missing at the end and ignores fields that it does
not know, so that processes of two versions may share a store as long as no new event is sent.
"""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Literal, TypeAlias, get_origin

import msgspec

from app import events
from app.events import Event, TextDelta
from app.protocols.json_text import dumps

# As in `app.store.store.Batch`: what one write should not exceed, in bytes.
MAX_BATCH_BYTES = 64 * 1024

# The numbers stand in stores: none is ever given to another event. 0 is `TextDelta`, a bare string.
_EVENTS: Mapping[int, type[Event]] = {
    1: events.Start,
    2: events.StepStart,
    3: events.ReasoningDelta,
    4: events.ReasoningSignature,
    5: events.ReasoningRedacted,
    6: events.ToolInputStart,
    7: events.ToolInputDelta,
    8: events.ToolInputAvailable,
    9: events.ToolInputError,
    10: events.ToolApprovalRequest,
    11: events.ToolOutputAvailable,
    12: events.ToolOutputError,
    13: events.ToolOutputDenied,
    14: events.Status,
    15: events.Source,
    16: events.File,
    17: events.Data,
    18: events.Metadata,
    19: events.StepEnd,
    20: events.Finish,
    21: events.Abort,
    22: events.Error,
}
_NUMBERS: Mapping[type[Event], int] = {event: number for number, event in _EVENTS.items()}

Item: TypeAlias = str | bytes | Sequence[Any]


class LogDefect(Exception):
    """The bytes are no batch of ours. The message holds none of them."""


class _Field(msgspec.Struct, frozen=True):
    name: str
    is_json: bool


@cache  # not at the start: few kinds are ever met
def _fields(event: type[Event]) -> Sequence[_Field]:
    plain = (str, bool, str | None)
    return [
        _Field(field.name, not (field.type in plain or get_origin(field.type) is Literal))
        for field in msgspec.structs.fields(event)
    ]


@cache
def _json_places(event: type[Event]) -> Sequence[int]:
    """Return where in an item JSON stands; its number is before the fields."""
    return [place for place, field in enumerate(_fields(event), 1) if field.is_json]


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list).decode


def encode(batch: Sequence[Event], *, max_bytes: int = MAX_BATCH_BYTES) -> Sequence[bytes]:
    """Return ``batch``, which is not empty, as one batch or as several of ``max_bytes`` each.

    A single event that is longer makes a batch of its own.
    """
    return encode_items(list(map(item_of, batch)), max_bytes=max_bytes)


def encode_items(items: Sequence[Item], *, max_bytes: int = MAX_BATCH_BYTES) -> Sequence[bytes]:
    """Return the same for events that `item_of` has been called with."""
    try:
        data = _encode(items)
    except UnicodeEncodeError:
        data = _encode([_without_surrogates(item) for item in items])
    if len(data) <= max_bytes or len(items) == 1:
        return [data]
    half = len(items) // 2
    return [
        *encode_items(items[:half], max_bytes=max_bytes),
        *encode_items(items[half:], max_bytes=max_bytes),
    ]


def item_of(event: Event) -> Item:
    """Return what stands for ``event`` in a batch; for a `TextDelta` that is its text."""
    kind = type(event)
    if kind is TextDelta:
        return event.text  # type: ignore[union-attr]
    item = [_NUMBERS[kind], *msgspec.structs.astuple(event)]
    for place in _json_places(kind):
        item[place] = dumps(item[place])
    return item


def decode(data: bytes) -> list[Event]:
    """Return the events of one batch.

    Raises:
        LogDefect: it is none, or one of a version that knows more events.
    """
    try:
        return [TextDelta(item) if type(item) is str else _event(item) for item in _decode(data)]
    except (ValueError, TypeError, KeyError, IndexError, RecursionError) as error:
        # msgspec's own errors are ValueErrors. Their words may hold what the log holds.
        raise LogDefect(f"not a batch of events: {type(error).__name__}") from None


def _without_surrogates(item: Item) -> Item:
    if isinstance(item, str):
        return _bytes_if_needed(item)
    return [_bytes_if_needed(value) if isinstance(value, str) else value for value in item]


def _bytes_if_needed(text: str) -> str | bytes:
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")
    return text


def _event(item: Any) -> Event:
    if isinstance(item, bytes):
        return TextDelta(_text(item))
    kind = _EVENTS[item[0]]
    values = {
        field.name: _json(value) if field.is_json else _text(value)
        for field, value in zip(_fields(kind), item[1:], strict=False)
    }
    return msgspec.convert(values, kind)


def _text(value: Any) -> Any:
    return value.decode("utf-8", "surrogatepass") if isinstance(value, bytes) else value


def _json(text: bytes) -> Any:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        # It is stricter than what `dumps` writes: lone surrogates.
        return json.loads(text.decode("utf-8"))
