"""The output items of one response: what the model says, calls, and has run at its own side.

An item is added, filled by deltas and done.
"""

import json
from collections.abc import Callable, Iterable
from functools import partial

from app.events import (
    Event,
    Executor,
    ReasoningDelta,
    ReasoningRedacted,
    ReasoningSignature,
    Source,
    ToolInputAvailable,
    ToolInputDelta,
    ToolInputError,
    ToolInputStart,
)
from app.providers.joining import Joiner, MakeDelta
from app.providers.openai.responses_builtin import builtin_events, builtin_name
from app.providers.openai.responses_chunks import (
    Annotation,
    FunctionCall,
    Item,
    Message,
    Reasoning,
    TextChunk,
)
from app.providers.openai.responses_proof import ReasoningProof, write_proof
from app.providers.openai.tool_calls import NOT_AN_OBJECT, parse_arguments

NOT_FINISHED = "The model did not finish this call."


class _Call:
    """A call that is not done. ``name`` is empty while a server has not told it."""

    def __init__(self, call_id: str, name: str = "", *, is_builtin: bool = False) -> None:
        self.id = call_id
        self.name = name
        self.is_builtin = is_builtin
        self.pieces: list[str] = []
        self.make_delta: MakeDelta = partial(ToolInputDelta, call_id)


class OutputItems:
    """The items of one response.

    Args:
        taken_ids: ids of calls that are in the history; a call that brings one gets another.
        new_id: makes an id that nobody has, from a prefix.

    Attributes:
        made_calls: the model called a tool that is not its own.
    """

    def __init__(self, taken_ids: Iterable[str], new_id: Callable[[str], str]) -> None:
        self.made_calls = False
        self._taken = set(taken_ids)
        self._new_id = new_id
        self._open: dict[int | None, _Call] = {}
        self._cited: set[str] = set()
        # The part of a reasoning item that was written last, until something else comes.
        self._thought: tuple[int | None, ...] = ()

    def add(self, out: Joiner, index: int | None, item: Item) -> None:
        """Take an item that begins."""
        match item:
            case FunctionCall():
                call_id = self._own_id(item.call_id or item.id)
                self._begin(out, index, _Call(call_id, item.name or ""))
                if item.arguments:
                    self.write_arguments(out, index, item.arguments)
            case Message() | Reasoning():
                pass
            case _:
                call = _Call(self._own_id(item.id), builtin_name(item), is_builtin=True)
                self._begin(out, index, call)
        if not isinstance(item, Reasoning):
            self._thought = ()

    def think(self, out: Joiner, chunk: TextChunk) -> None:
        """Take a piece of reasoning. Its parts are paragraphs."""
        if not chunk.delta:
            return
        part = (chunk.output_index, chunk.summary_index, chunk.content_index)
        if self._thought and self._thought != part:
            out.delta(ReasoningDelta, "\n\n")
        self._thought = part
        out.delta(ReasoningDelta, chunk.delta)

    def write_arguments(self, out: Joiner, index: int | None, text: str) -> None:
        """Take a piece of a function call's arguments."""
        call = self._open.get(index)
        if call is None or call.is_builtin or not text:
            return
        call.pieces.append(text)
        if call.name:
            out.delta(call.make_delta, text)

    def write_code(self, out: Joiner, index: int | None, text: str) -> None:
        """Take a piece of the code interpreter's code. The client reads it as JSON."""
        call = self._open.get(index)
        if call is None or not call.is_builtin or not text:
            return
        head = "" if call.pieces else '{"code":"'
        call.pieces.append(text)
        out.delta(call.make_delta, head + json.dumps(text, ensure_ascii=False)[1:-1])

    def cite(self, out: Joiner, annotation: Annotation) -> None:
        """Take what a text rests on; each page and file counts once."""
        key = annotation.url or annotation.file_id
        if not key or key in self._cited:
            return
        self._cited.add(key)
        source_id = self._new_id("source")
        if annotation.url:
            out.extend([Source(source_id, url=annotation.url, title=annotation.title or None)])
        else:
            name = annotation.filename
            out.extend([Source(source_id, title=name or annotation.file_id, filename=name)])

    def finish(self, out: Joiner, index: int | None, item: Item) -> None:
        """Take an item that is done.

        Raises:
            ValueError: a call without a name.
        """
        match item:
            case Message():
                for part in item.content or ():
                    for annotation in part.annotations or ():
                        self.cite(out, annotation)
            case Reasoning():
                self._finish_reasoning(out, index, item)
            case FunctionCall():
                call = self._end(index, item.call_id or item.id)
                call.name = call.name or item.name or ""
                text = item.arguments or "".join(call.pieces)
                out.extend([self._answer(call, text, is_whole=item.status != "incomplete")])
            case _:
                call = self._end(index, item.id)
                if call.is_builtin and call.pieces:  # of code
                    out.delta(call.make_delta, '"}')
                out.extend(builtin_events(call.id, item))

    def close(self, *, is_complete: bool) -> list[Event]:
        """Return what becomes of the calls that were not done.

        Raises:
            ValueError: a call without a name.
        """
        calls = list(self._open.values())
        self._open.clear()
        return [self._cut(call, is_whole=is_complete) for call in calls]

    def _begin(self, out: Joiner, index: int | None, call: _Call) -> None:
        if (before := self._open.pop(index, None)) is not None:
            out.extend([self._cut(before, is_whole=True)])  # a server that does not count
        self._open[index] = call
        if call.name:
            executor: Executor = "provider" if call.is_builtin else "server"
            out.extend([ToolInputStart(call.id, call.name, executor)])

    def _end(self, index: int | None, upstream_id: str | None) -> _Call:
        call = self._open.pop(index, None)
        return _Call(self._own_id(upstream_id)) if call is None else call

    def _own_id(self, upstream_id: str | None) -> str:
        call_id = upstream_id
        while not call_id or call_id in self._taken:
            call_id = self._new_id("call")
        self._taken.add(call_id)
        return call_id

    def _cut(self, call: _Call, *, is_whole: bool) -> Event:
        """Return the end of a call whose item was not done; its arguments may be there."""
        if call.is_builtin:
            return ToolInputError(call.id, call.name, {}, NOT_FINISHED)
        return self._answer(call, "".join(call.pieces), is_whole=is_whole)

    def _answer(self, call: _Call, text: str, *, is_whole: bool) -> Event:
        if not call.name:
            raise ValueError("a tool call without a name")
        self.made_calls = True
        name = call.name
        try:
            value = parse_arguments(text)
        except (ValueError, RecursionError):
            message = NOT_AN_OBJECT if is_whole else NOT_FINISHED
            return ToolInputError(call.id, name, text, message)
        if not is_whole:
            return ToolInputError(call.id, name, value, NOT_FINISHED)
        if isinstance(value, dict):
            return ToolInputAvailable(call.id, name, value)
        return ToolInputError(call.id, name, value, NOT_AN_OBJECT)

    def _finish_reasoning(self, out: Joiner, index: int | None, item: Reasoning) -> None:
        if not item.encrypted_content:
            return  # nothing that the model could be given back
        proof = write_proof(ReasoningProof(item.id or "", item.encrypted_content))
        if self._thought[:1] == (index,):
            out.extend([ReasoningSignature(proof)])
        else:
            out.extend([ReasoningRedacted(proof)])
        self._thought = ()
