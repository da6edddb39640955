"""The output items of one response: the model's texts and calls, and the calls the provider runs.

An item is added, filled by deltas and then done. A call may be run only if it is certain: its item
was done, and its beginning, its deltas and its end tell the same name and the same arguments. Any
other call becomes a `ToolInputError`, so that the model hears of it and may try again.
"""

import json

from app.events import (
    Event,
    Executor,
    ReasoningDelta,
    ReasoningRedacted,
    ReasoningSignature,
    ToolInputError,
    ToolInputStart,
)
from app.providers.joining import Joiner
from app.providers.openai.arguments import NOT_CERTAIN, NOT_FINISHED, finished_call, readable
from app.providers.openai.citations import Citations
from app.providers.openai.ids import CallIds
from app.providers.openai.responses_builtin import builtin_events, builtin_name
from app.providers.openai.responses_calls import OpenCall, OpenCalls
from app.providers.openai.responses_chunks import (
    Annotation,
    FunctionCall,
    Item,
    Message,
    PieceChunk,
    Reasoning,
)
from app.providers.openai.responses_proof import ReasoningProof, write_proof


class OutputItems:
    """The items of one response.

    Attributes:
        made_calls: the model called a tool that the provider does not run.
    """

    def __init__(self, ids: CallIds, citations: Citations) -> None:
        self.made_calls = False
        self._ids = ids
        self._citations = citations
        self._open = OpenCalls()
        # Done without arguments: whole only if the response was not cut off.
        self._blank: list[OpenCall] = []
        self._done: set[tuple[int | None, FunctionCall]] = set()
        self._announces = False  # whether the server tells when a call begins
        # The part of a reasoning item that was written last, until another item begins.
        self._thought: tuple[str | int | None, ...] = ()

    def add(self, out: Joiner, index: int | None, item: Item) -> None:
        """Take in an item that begins."""
        match item:
            case FunctionCall():
                self._announces = True
                upstream_ids = (item.id, item.call_id)
                call_id = self._ids.take(item.call_id or item.id)
                call = OpenCall(call_id, item.name or "", index=index, upstream_ids=upstream_ids)
                self._begin(out, call)
                if item.arguments:
                    call.head = item.arguments
                    if call.name:
                        out.delta(call.make_delta, item.arguments)
            case Message() | Reasoning():
                pass
            case _:
                call_id, name = self._ids.take(item.id), builtin_name(item)
                call = OpenCall(
                    call_id, name, is_builtin=True, index=index, upstream_ids=(item.id,)
                )
                self._begin(out, call)
        if not isinstance(item, Reasoning):
            self._thought = ()

    def think(self, out: Joiner, chunk: PieceChunk) -> None:
        """Take in a piece of reasoning. Each part becomes a paragraph."""
        if not chunk.delta:
            return
        item = _key(chunk.output_index, chunk.item_id)
        part = (item, chunk.summary_index, chunk.content_index)
        if self._thought and self._thought != part:
            out.delta(ReasoningDelta, "\n\n")
        self._thought = part
        out.delta(ReasoningDelta, chunk.delta)

    def write_arguments(self, out: Joiner, chunk: PieceChunk) -> None:
        """Take in a piece of a function call's arguments."""
        if not chunk.delta:
            return
        call = self._open.find(chunk.output_index, (chunk.item_id,))
        if call is None:
            self._open.miss_a_delta()
            return
        call.pieces.append(chunk.delta)
        if call.name:
            out.delta(call.make_delta, chunk.delta)

    def write_code(self, out: Joiner, chunk: PieceChunk) -> None:
        """Take in a piece of the code interpreter's code, sent as JSON like any other arguments."""
        if not chunk.delta:
            return
        call = self._open.find(chunk.output_index, (chunk.item_id,), is_builtin=True)
        if call is None:
            return
        head = "" if call.pieces else '{"code":"'
        call.pieces.append(chunk.delta)
        out.delta(call.make_delta, head + json.dumps(chunk.delta, ensure_ascii=False)[1:-1])

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
                self._finish_call(out, index, item)
            case _:
                call = self._open.find(index, (item.id,), is_builtin=True)
                if call is None:
                    call = OpenCall(self._ids.take(item.id))
                else:
                    self._open.remove(call)
                if call.pieces:  # only code comes in pieces
                    out.delta(call.make_delta, '"}')
                out.extend(builtin_events(call.id, item))

    def close(self, *, is_complete: bool) -> list[Event]:
        """Return the end of each call that has none yet.

        Raises:
            ValueError: a call without a name.
        """
        events = self.end_blank_calls(is_complete=is_complete)
        return events + [self._cut(call) for call in self._open.take_all()]

    def end_blank_calls(self, *, is_complete: bool) -> list[Event]:
        """Return the end of each call that was done without arguments."""
        blank, self._blank = self._blank, []
        return [self._finished(call, "", is_whole=is_complete) for call in blank]

    def _begin(self, out: Joiner, call: OpenCall) -> None:
        self._open.add(call)
        if call.name:
            executor: Executor = "provider" if call.is_builtin else "server"
            out.extend([ToolInputStart(call.id, call.name, executor)])

    def _finish_call(self, out: Joiner, index: int | None, item: FunctionCall) -> None:
        is_named = bool(index is not None or item.id or item.call_id)
        if is_named:
            if (index, item) in self._done:
                return  # told twice
            self._done.add((index, item))
        call = self._open.find_done(index, item)
        if call is None:
            if self._open.of_name(item.name or "") or (self._announces and not is_named):
                return  # of a call that is never done then, or told twice
            call = OpenCall(self._ids.take(item.call_id or item.id), item.name or "")
        else:
            self._open.remove(call)
        text = item.arguments or call.text
        # Nothing tells whose end it is, or what it ends.
        is_nothing = not (is_named or text.strip())
        if is_nothing or not call.is_certain(item):
            out.extend([self._uncertain(call, text)])
            return
        call.name = call.name or item.name or ""
        is_whole = item.status != "incomplete"
        if is_whole and call.name and not text.strip():
            self._blank.append(call)
        else:
            out.extend([self._finished(call, text, is_whole=is_whole)])

    def _cut(self, call: OpenCall) -> Event:
        """Return the end of a call whose item was not done."""
        if call.is_builtin:
            return ToolInputError(call.id, call.name, {}, NOT_FINISHED)
        return self._finished(call, call.text, is_whole=False)

    def _uncertain(self, call: OpenCall, text: str) -> Event:
        self.made_calls = True
        return ToolInputError(call.id, call.name, readable(text), NOT_CERTAIN)

    def _finished(self, call: OpenCall, text: str, *, is_whole: bool) -> Event:
        if not call.name:
            raise ValueError("a tool call without a name")
        self.made_calls = True
        return finished_call(call.id, call.name, text, is_whole=is_whole)

    def _finish_reasoning(self, out: Joiner, index: int | None, item: Reasoning) -> None:
        if not item.encrypted_content:
            return  # there is nothing to give back to the model
        proof = write_proof(ReasoningProof(item.id or "", item.encrypted_content))
        if self._thought and self._thought[0] == _key(index, item.id):
            out.extend([ReasoningSignature(proof)])
        else:
            out.extend([ReasoningRedacted(proof)])
        self._thought = ()


def _key(index: int | None, item_id: str | None) -> str | int | None:
    """Return what tells one reasoning item from another: its number, else its id."""
    return item_id if index is None else index
