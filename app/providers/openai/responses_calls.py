"""The calls of one response that are not done: which of them an event is about.

OpenAI tells it with ``output_index`` and with the item's id. llama.cpp sends no index, LiteLLM
passes that on, and some servers make new ids for the same item or send none. So ids come first,
then the index, and a call that is the only one left needs neither. What fits no call, or more than
one, is about none of them.
"""

import json
from collections.abc import Iterable
from functools import partial

from app.events import ToolInputDelta
from app.growing_text import GrowingText
from app.providers.joining import MakeDelta
from app.providers.openai.arguments import parse_arguments
from app.providers.openai.responses_chunks import FunctionCall


class OpenCall:
    """A call that is not done.

    Attributes:
        id: ours, in the chat.
        name: empty until the server tells it.
        index, upstream_ids: what the server calls it.
        head: the arguments that the call came with; usually empty.
        pieces: the arguments' deltas.
        size: how long it is, in bytes, as `CallSizes` has counted it.
        missed_a_delta: while it was open, a delta came that may have been of another call.
    """

    def __init__(
        self,
        call_id: str,
        name: str = "",
        *,
        is_builtin: bool = False,
        index: int | None = None,
        upstream_ids: Iterable[str | None] = (),
    ) -> None:
        self.id = call_id
        self.name = name
        self.is_builtin = is_builtin
        self.index = index
        self.upstream_ids = {one for one in upstream_ids if one}
        self.head = ""
        self.pieces = GrowingText()
        self.size = 0
        self.missed_a_delta = False
        self.make_delta: MakeDelta = partial(ToolInputDelta, call_id)

    @property
    def text(self) -> str:
        """The arguments as the call and its deltas have told them."""
        return self.head + str(self.pieces)

    def is_certain(self, item: FunctionCall) -> bool:
        """Whether ``item``, which is done and about this call, tells the same as the call so far.

        Some servers begin a call with its whole arguments and repeat them in deltas.
        """
        if self.name and item.name and self.name != item.name:
            return False
        if not item.arguments:
            return not self.missed_a_delta
        told = {self.text, self.head, str(self.pieces)} - {""}
        return not told or any(_same(item.arguments, one) for one in told)


class OpenCalls:
    """The calls that are not done, in the order in which they began."""

    def __init__(self) -> None:
        self._calls: list[OpenCall] = []
        # (whether it is built in, one of its ids, or its index) → such calls. A server may have a
        # thousand calls open and send each in tiny pieces.
        self._of_name: dict[tuple[bool, str | int | None], list[OpenCall]] = {}

    def add(self, call: OpenCall) -> None:
        self._calls.append(call)
        for name in (*call.upstream_ids, call.index):
            self._of_name.setdefault((call.is_builtin, name), []).append(call)

    def find(
        self, index: int | None, ids: Iterable[str | None], *, is_builtin: bool = False
    ) -> OpenCall | None:
        """Return the one call that an event with this index and these ids is about."""
        named = {one for one in ids if one}
        by_id = self._named(named, is_builtin)
        if len(by_id) > 1 and index is not None:
            # Servers with one id for all calls number them.
            calls = [call for call in by_id if call.index in (index, None)]
        elif by_id:
            calls = by_id
        elif index is not None:
            calls = self._named((index, None), is_builtin)
        else:
            calls = [
                call
                for call in self._calls
                if call.is_builtin == is_builtin and not (named and call.upstream_ids)
            ]
        return calls[0] if len(calls) == 1 else None

    def _named(self, names: Iterable[str | int | None], is_builtin: bool) -> list[OpenCall]:
        found = (call for name in names for call in self._of_name.get((is_builtin, name), ()))
        return list(dict.fromkeys(found))  # a call may have several ids

    def find_done(self, index: int | None, item: FunctionCall) -> OpenCall | None:
        """Return the call that ``item``, which is done, is about.

        If neither ids nor index tell, it is one that has told the same name and the same arguments,
        else one that has told the same name and no arguments yet. An item without arguments fits
        none of these.
        """
        ids = (item.id, item.call_id)
        call = self.find(index, ids)
        if call is not None and (call.upstream_ids.intersection(ids) or call.is_certain(item)):
            return call
        if not item.arguments:
            return None
        alike = [call for call in self.of_name(item.name or "") if call.is_certain(item)]
        return next((call for call in alike if call.text), alike[0] if alike else None)

    def of_name(self, name: str) -> list[OpenCall]:
        """Return the calls of tools of ours that have this name, or none yet."""
        return [call for call in self._calls if not call.is_builtin and call.name in (name, "")]

    def miss_a_delta(self) -> None:
        """Note that a delta of some call's arguments could not be given to any."""
        for call in self._calls:
            call.missed_a_delta = True

    def remove(self, call: OpenCall) -> None:
        self._calls.remove(call)
        for name in (*call.upstream_ids, call.index):
            self._of_name[call.is_builtin, name].remove(call)

    def take_all(self) -> list[OpenCall]:
        """Return all calls, which are no longer here then."""
        calls, self._calls = self._calls, []
        self._of_name.clear()
        return calls


def _same(one: str, other: str) -> bool:
    """Whether two texts are the same, or the same JSON written in another way."""
    if one == other:
        return True
    try:
        # As text, since for Python 1, 1.0 and True are equal.
        return _canonical(one) == _canonical(other)
    except (ValueError, RecursionError):
        return False


def _canonical(text: str) -> str:
    return json.dumps(parse_arguments(text), sort_keys=True)
