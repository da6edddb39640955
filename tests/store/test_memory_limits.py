"""`app.store.memory_limits`, beyond what every engine promises."""

from app.store.limits import Window
from app.store.memory_limits import MemoryLimits


async def test_payers_whose_time_is_over_are_forgotten() -> None:
    time = [0.0]
    limits = MemoryLimits(lambda: time[0])
    for number in range(5000):
        time[0] = number
        await limits.take(f"p{number}", [Window(name="turns", length_s=60.0)])

    assert len(limits._records) <= 1000
    assert (await limits.take("p4999", [Window(name="turns", length_s=60.0)])).uses[0].used == 2
