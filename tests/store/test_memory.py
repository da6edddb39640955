"""The engine in memory, beyond what every engine promises."""

import tracemalloc

from app.store.limits import Window
from app.store.memory import MemoryStore
from app.store.store import Batch, TurnHead


async def test_ten_thousand_turns_leave_nothing_behind() -> None:
    store = MemoryStore(lambda: 0.0)

    async def turns(numbers: range) -> int:
        """Run these turns, each in a chat of its own, and return how much memory is used then."""
        for number in numbers:
            turn, chat = f"t{number}", f"c{number}"
            head = TurnHead(id=turn, owner="o", chat_id=chat, message_id="m")
            message = {"id": "m", "role": "assistant", "parts": []}
            await store.begin(head, revision=0, keep=0, messages=[message], title="t")
            await store.append([Batch(turn, 1, b"x" * 100)], beating=[turn])
            await store.end(
                turn, "finished", last=Batch(turn, 2, b"y"), message=message, ended_at=number
            )
            await store.wait(turn, 2, 10.0)
            await store.once(turn, -1.0)
            await store.take(turn, [Window(name="turns", length_s=0.0)])
            if number % 100 == 99:
                await store.sweep(now=number, keep_s=0.0, history_s=None)
                for old in range(number - 99, number + 1):
                    await store.delete("o", f"c{old}")
        await store.sweep(now=1e9, keep_s=0.0, history_s=0.0)
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        before = await turns(range(500))
        after = await turns(range(500, 10_500))
    finally:
        tracemalloc.stop()

    assert after - before < 50_000
