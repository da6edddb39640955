"""All servers are restarted one after the other while people chat: no answer is lost.

A turn of a server that stops ends within the grace, or its readers get the error part; who follows
it in another process sees the same end. What they got is what is stored.
"""

from pathlib import Path
from typing import Any

import pytest

from tests.fleet.checker import violations
from tests.fleet.history import History
from tests.fleet.index import Index
from tests.fleet.run import run
from tests.fleet.seen import RESTARTING, text_of

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]

SECONDS = 12


@pytest.mark.parametrize("workers", [1, 2])
async def test_a_rolling_restart_loses_no_answer(workers: int, tmp_path: Path) -> None:
    # Longer than the grace, and not many are superseded: some have to be cut short.
    long: Any = {"pace_s": 2.5, "words": range(80, 120), "chats": 9}
    history = await run(5, SECONDS, tmp_path, faults=["restart all"], workers=workers, **long)

    found = violations(history)
    assert not found, found[:10]
    assert {fault.server for fault in history.faults if fault.kind == "restart"} == {0, 1, 2}
    index = Index(history)
    answered = [call for call in map(index.original, index.streams) if call is not None]
    assert {call.end for call in answered} <= {"done", "left"}
    assert {index.seen(call).error for call in answered} == {None, RESTARTING}
    cut_short = [call for call in answered if index.seen(call).error == RESTARTING]
    for call in cut_short:
        said = index.seen(call)
        for kept in _kept(history, call.chat, said.message_id):
            assert kept == said.text


def _kept(history: History, chat: str, message_id: str | None) -> list[str]:
    """Return the texts of a message for all who read the chat in the end."""
    return [
        text_of(message)
        for call in history.calls
        if call.kind == "read" and call.is_last and call.chat == chat and call.body is not None
        for message in call.body["messages"]
        if message["id"] == message_id
    ]
