"""The output items of one response: the model's texts and calls, and the calls the provider runs.

An item is added, filled by deltas and then done.
"""

import json
from functools import partial

from app.events import (
    Event,
    Executor,
    ReasoningDelta,
    ReasoningRedacted,
    ReasoningSignature,
    ToolInputDelta,
    ToolInputError,
    ToolInputStart,
)
from app.growing_text import utf8_bytes
from app.providers.joining import Joiner, MakeDelta
from app.providers.openai.arguments import NOT_FINISHED, finished_call
from app.providers.openai.call_sizes import Arguments, CallSizes
from app.providers.openai.citations import Citations
from app.providers.openai.ids import CallIds
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


class _Call:
    """A call that is not done. ``name`` is empty until the server tells it."""

    def __init__(
        self, call_id: str, sizes: CallSizes, name: str = "", *, is_builtin: bool = False
    ) -> None:
        sizes.begin()
        sizes.add(utf8_bytes(call_id) + utf8_bytes(name))
        self.id = call_id
        self.name = name
        self.is_builtin = is_builtin
        self.arguments = Arguments(sizes)
        self.make_delta: MakeDelta = partial(ToolInputDelta, call_id)


class OutputItems:
    """The items of one response.

    Attributes:
        made_calls: the model called a tool that the provider does not run.
    """

    def __init__(self, ids: CallIds, citations: Citations) -> None:
        self.made_calls = False
        self._ids = ids
        self._citations = citations
        self._open: dict[int | None, _Call] = {}
        self._sizes = CallSizes()
        # The part of a reasoning item that was written last, until another item begins.
        self._thought: tuple[int | None, ...] = ()

    def add(self, out: Joiner, index: int | None, item: Item) -> None:
        """Take in an item that begins."""
        match item:
            case FunctionCall():
                call_id = self._ids.take(item.call_id or item.id)
                self._begin(out, index, _Call(call_id, self._sizes, item.name or ""))
                if item.arguments:
                    self.write_arguments(out, index, item.arguments)
            case Message() | Reasoning():
                pass
            case _:
                call_id = self._ids.take(item.id)
                call = _Call(call_id, self._sizes, builtin_name(item), is_builtin=True)
                self._begin(out, index, call)
        if not isinstance(item, Reasoning):
            self._thought = ()

    def think(self, out: Joiner, chunk: TextChunk) -> None:
        """Take in a piece of reasoning. Each part becomes a paragraph."""
        if not chunk.delta:
            return
        part = (chunk.output_index, chunk.summary_index, chunk.content_index)
        if self._thought and self._thought != part:
            out.delta(ReasoningDelta, "\n\n")
        self._thought = part
        out.delta(ReasoningDelta, chunk.delta)

    def write_arguments(self, out: Joiner, index: int | None, text: str) -> None:
        """Take in a piece of a function call's arguments."""
        call = self._open.get(index)
        if call is None or call.is_builtin or not text:
            return
        call.arguments.write(text)
        if call.name:
            out.delta(call.make_delta, text)

    def write_code(self, out: Joiner, index: int | None, text: str) -> None:
        """Take in a piece of the code interpreter's code, sent as JSON like any other arguments."""
        call = self._open.get(index)
        if call is None or not call.is_builtin or not text:
            return
        head = "" if call.arguments else '{"code":"'
        call.arguments.write(text)
        out.delta(call.make_delta, head + json.dumps(text, ensure_ascii=False)[1:-1])

    def cite(self, out: Joiner, annotation: Annotation) -> None:
        """Take in a citation of the text."""
        self._citations.add(
            out,
            url=annotation.url,
            title=annotation.title,
            file_id=annotation.file_id,
            filename=annotation.filename,
        )

    def finish(self, out: Joiner, index: int | None, item: Item) -> None:
        """Take in an item that is done.

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
                text = item.arguments or str(call.arguments)
                call.arguments.reach(utf8_bytes(text))
                out.extend([self._finished(call, text, is_whole=item.status != "incomplete")])
            case _:
                call = self._end(index, item.id)
                if call.is_builtin and call.arguments:  # only code comes in pieces
                    out.delta(call.make_delta, '"}')
                out.extend(builtin_events(call.id, item))

    def close(self, *, is_complete: bool) -> list[Event]:
        """Return the end of each call that was not done.

        Raises:
            ValueError: a call without a name.
        """
        calls = list(self._open.values())
        self._open.clear()
        return [self._cut(call, is_whole=is_complete) for call in calls]

    def _begin(self, out: Joiner, index: int | None, call: _Call) -> None:
        if (before := self._open.pop(index, None)) is not None:
            out.extend([self._cut(before, is_whole=True)])  # the server does not number its items
        self._open[index] = call
        if call.name:
            executor: Executor = "provider" if call.is_builtin else "server"
            out.extend([ToolInputStart(call.id, call.name, executor)])

    def _end(self, index: int | None, upstream_id: str | None) -> _Call:
        call = self._open.pop(index, None)
        return _Call(self._ids.take(upstream_id), self._sizes) if call is None else call

    def _cut(self, call: _Call, *, is_whole: bool) -> Event:
        """Return the end of a call whose item was not done; its arguments may be whole."""
        if call.is_builtin:
            return ToolInputError(call.id, call.name, {}, NOT_FINISHED)
        return self._finished(call, str(call.arguments), is_whole=is_whole)

    def _finished(self, call: _Call, text: str, *, is_whole: bool) -> Event:
        if not call.name:
            raise ValueError("a tool call without a name")
        self.made_calls = True
        return finished_call(call.id, call.name, text, is_whole=is_whole)

    def _finish_reasoning(self, out: Joiner, index: int | None, item: Reasoning) -> None:
        if not item.encrypted_content:
            return  # there is nothing to give back to the model
        proof = write_proof(ReasoningProof(item.id or "", item.encrypted_content))
        if self._thought[:1] == (index,):
            out.extend([ReasoningSignature(proof)])
        else:
            out.extend([ReasoningRedacted(proof)])
        self._thought = ()
