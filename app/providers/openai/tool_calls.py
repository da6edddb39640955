"""The tool calls of one chat completion, put together from their deltas.

OpenAI numbers the calls and sends id and name with a call's first delta. Compatible servers send
whole calls without a number (Gemini, Ollama), no id or an empty one (llama.cpp), one number for all
calls (Gemini), an id that an earlier step had too (vLLM, Kimi), or the name with each delta.
"""

from collections.abc import Sequence
from functools import partial

from app.events import Event, ToolInputDelta, ToolInputStart
from app.providers.joining import Joiner, MakeDelta
from app.providers.openai.arguments import finished_call, is_object
from app.providers.openai.ids import CallIds


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
    """The calls of one step."""

    def __init__(self, ids: CallIds) -> None:
        self._ids = ids
        self._calls: list[_Call] = []
        self._by_index: dict[int, _Call] = {}

    def __bool__(self) -> bool:
        return bool(self._calls)

    def add(
        self, out: Joiner, *, index: int | None, upstream_id: str, name: str, arguments: str
    ) -> None:
        """Take in one delta; ``""`` stands for a field that it does not have."""
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
        """Whether there are calls, each with a name and arguments that are a JSON object.

        No arguments at all may be those of a call that was cut off.
        """
        return bool(self._calls) and all(
            call.name and call.text.strip() and is_object(call.text) for call in self._calls
        )

    @property
    def named(self) -> bool:
        """Whether each call has a name."""
        return all(call.name for call in self._calls)

    def close(self, *, is_cut: bool = False) -> Sequence[Event]:
        """Return the end of each call's input, in the order of the calls.

        Args:
            is_cut: the model was cut off. A JSON object that is whole is not cut, but no arguments
                at all may have been the beginning of some.
        """
        return [
            finished_call(
                call.id, call.name, call.text, is_whole=not is_cut or bool(call.text.strip())
            )
            for call in self._calls
        ]

    def _find(self, index: int | None, upstream_id: str) -> _Call | None:
        if index is not None:
            return self._by_index.get(index)
        if upstream_id:
            return next((c for c in self._calls if c.upstream_id == upstream_id), None)
        return self._calls[-1] if self._calls else None

    def _open(self, index: int | None, upstream_id: str) -> _Call:
        call = _Call(self._ids.take(upstream_id), upstream_id)
        self._calls.append(call)
        if index is not None:
            self._by_index[index] = call
        return call


def _begins_another(call: _Call, upstream_id: str, name: str, arguments: str) -> bool:
    """Whether a delta that looks like one of ``call`` starts another call."""
    if not (name and call.name):
        return False
    if upstream_id and call.upstream_id:
        return upstream_id != call.upstream_id
    if name != call.name:
        return True
    text = call.text
    return bool(arguments and text) and is_object(text)
