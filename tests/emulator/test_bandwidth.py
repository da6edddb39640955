"""The bandwidth limit, on a clock of the test's own."""

from app.emulator.bandwidth import BURST_BYTES, BYTES_PER_S, Bandwidth


async def test_bandwidth_is_free_for_six_megabytes_and_then_two_a_second() -> None:
    now = 0.0
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        nonlocal now
        slept.append(seconds)
        now += seconds

    bandwidth = Bandwidth(clock=lambda: now, sleep=sleep)
    for _ in range(6):
        await bandwidth.take(BURST_BYTES // 6)
    assert slept == []

    await bandwidth.take(BYTES_PER_S)
    await bandwidth.take(BYTES_PER_S // 2)
    assert slept == [1.0, 0.5]

    now += 3600.0
    await bandwidth.take(BURST_BYTES)
    await bandwidth.take(BYTES_PER_S)
    assert slept == [1.0, 0.5, 1.0]
