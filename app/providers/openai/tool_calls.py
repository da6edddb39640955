"""The tool calls of one chat completion, put together from their deltas.

OpenAI numbers the calls and sends id and name with a call's first delta. Compatible servers send
whole calls without a number (Gemini, Ollama), no id or an empty one (llama.cpp), one number for all
(Gemini), an id that an earlier step had too (vLLM, Kimi), or the name with each delta.
"""

import json
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, NoReturn

import msgspec

from app.events import Event, ToolInputAvailable, ToolInputDelta, ToolInputError, ToolInputStart
from app.providers.joining import Joiner, MakeDelta

NOT_AN_OBJECT = "The model's arguments for this tool are not a JSON object."


class _Call:
    def __init__(self, call_id: str, upstream_id: str) -> None:
        self.id = call_id
        self.upstream_id = upstream_id
        self.name = ""
        self.pieces: list[str] = []
        self.make_delta: MakeDelta = partial(ToolInputDelta, call_id)

    @property
    def text(self) -> str:
        return "".join(self.pieces)


class ToolCalls:
    """The calls of one step.

    Args:
        taken_ids: ids of calls that are in the history; a call that brings one gets another.
        new_id: makes an id that nobody has.
    """

    def __init__(self, taken_ids: Iterable[str], new_id: Callable[[], str]) -> None:
        self._taken = set(taken_ids)
        self._new_id = new_id
        self._calls: list[_Call] = []
        self._by_index: dict[int, _Call] = {}

    def __bool__(self) -> bool:
        return bool(self._calls)

    def add(
        self, out: Joiner, *, index: int | None, upstream_id: str, name: str, arguments: str
    ) -> None:
        """Take one delta; ``""`` stands for what it does not have."""
        if not (upstream_id or name or arguments):
            return
        call = self._find(index, upstream_id)
        if call is None or _begins_another(call, upstream_id, name, arguments):
            call = self._open(index, upstream_id)
        call.pieces.append(arguments)
        if name and not call.name:
            call.name = name
            out.extend([ToolInputStart(call.id, name)])
            arguments = call.text
        if arguments and call.name:
            out.delta(call.make_delta, arguments)

    @property
    def whole(self) -> bool:
        """Whether there are calls, each with a name and arguments that are a JSON object."""
        return bool(self._calls) and all(
            call.name and _is_object(call.text) for call in self._calls
        )

    @property
    def named(self) -> bool:
        """Whether each call has a name."""
        return all(call.name for call in self._calls)

    def close(self) -> list[Event]:
        """Return what the calls have come to, in their order."""
        return [_closed(call) for call in self._calls]

    def _find(self, index: int | None, upstream_id: str) -> _Call | None:
        if index is not None:
            return self._by_index.get(index)
        if upstream_id:
            return next((c for c in self._calls if c.upstream_id == upstream_id), None)
        return self._calls[-1] if self._calls else None

    def _open(self, index: int | None, upstream_id: str) -> _Call:
        call_id = upstream_id
        while not call_id or call_id in self._taken:
            call_id = self._new_id()
        self._taken.add(call_id)
        call = _Call(call_id, upstream_id)
        self._calls.append(call)
        if index is not None:
            self._by_index[index] = call
        return call


def _begins_another(call: _Call, upstream_id: str, name: str, arguments: str) -> bool:
    """Whether a delta that seems to belong to ``call`` is the start of another call."""
    if not (name and call.name):
        return False
    if upstream_id and call.upstream_id:
        return upstream_id != call.upstream_id
    if name != call.name:
        return True
    text = call.text
    return bool(arguments and text) and _is_object(text)


def _closed(call: _Call) -> Event:
    try:
        value = parse_arguments(call.text)
    except (ValueError, RecursionError):
        return ToolInputError(call.id, call.name, call.text, NOT_AN_OBJECT)
    if isinstance(value, dict):
        return ToolInputAvailable(call.id, call.name, value)
    return ToolInputError(call.id, call.name, value, NOT_AN_OBJECT)


def _is_object(text: str) -> bool:
    try:
        return isinstance(parse_arguments(text), dict)
    except (ValueError, RecursionError):
        return False


def parse_arguments(text: str) -> Any:
    """Parse the arguments' JSON; no text at all means no arguments.

    Raises:
        ValueError, RecursionError: not JSON, or nested too deeply to read.
    """
    if not text.strip():
        return {}
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError):
        # The standard library also reads lone surrogates, raw and escaped.
        return json.loads(text, parse_constant=_refuse)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")
