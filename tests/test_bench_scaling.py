"""`bench.scaling`: the arithmetic of many streams, and the page that is made from it."""

import re
from pathlib import Path

import pytest

from app.store.dynamodb import DynamodbStore
from app.turns import flusher
from bench.scaling import page, simulation
from bench.scaling.__main__ import TOLERANCE
from bench.scaling.arithmetic import (
    Flushing,
    Load,
    Parts,
    batches_per_turn,
    fitted,
    per_second,
    processes_for,
    shards_for,
)
from bench.scaling.constants import (
    SERVER_CPU,
    Check,
    Constants,
    Engine,
    read_constants,
    write_constants,
)
from bench.scaling.simulation import Turn, simulate, steady

ROOT = Path(__file__).parent.parent
FLUSHING = Flushing()


def test_the_times_are_those_of_the_flusher() -> None:
    assert (FLUSHING.interval_s, FLUSHING.together_s) == (flusher.INTERVAL_S, flusher.TOGETHER_S)
    assert simulation.BEAT_S == flusher.BEAT_S
    assert page.INTERVALS_S["dynamodb"] == DynamodbStore.flush_interval_s


# Arithmetic


def test_a_load_has_as_many_turns_a_second_as_end_in_it() -> None:
    load = Load(1000, 0.05, 200)

    assert (load.turn_s, load.turns_per_s, load.tokens_per_s) == (10.0, 100.0, 20_000.0)


def test_few_turns_are_written_at_every_tick() -> None:
    assert batches_per_turn(Load(1, 0.02, 500), 1, FLUSHING) == pytest.approx(101, rel=0.02)


def test_slow_tokens_are_each_a_batch() -> None:
    assert batches_per_turn(Load(500, 0.5, 20), 1, FLUSHING) == pytest.approx(21)


def test_ends_of_other_turns_cut_a_log_into_no_more_batches() -> None:
    load = Load(1000, 0.05, 200)

    alone, shared = (batches_per_turn(load, count, FLUSHING) for count in (1, 100))

    assert shared == pytest.approx(100, rel=0.1)
    assert 0.8 * shared < alone < shared


def test_ends_of_other_turns_put_off_a_write_by_an_interval_at_most() -> None:
    for streams in (1, 10, 100, 1_000, 10_000):
        batches = batches_per_turn(Load(streams, 0.01, 1_000), 1, FLUSHING)

        assert 51 <= batches <= 101


def test_no_turn_has_more_batches_than_tokens_and_an_end() -> None:
    assert batches_per_turn(Load(10**6, 0.05, 200), 1, FLUSHING) <= 201


def test_costs_are_a_sum() -> None:
    load = Load(1, 1.0, 10)
    batches = batches_per_turn(load, 1, FLUSHING)

    assert per_second(Parts(5, 2, 3), load, 1, FLUSHING) == pytest.approx(
        (5 + 2 * batches + 3 * 10) / 10
    )


def test_processes_and_shards_are_rounded_up() -> None:
    load = Load(1000, 0.05, 200)  # 100 turns and 20,000 tokens a second

    assert processes_for(load, cpu=Parts(1000, 0, 45), busy=0.5) == 2
    assert processes_for(load, cpu=Parts(1000, 0, 46), busy=0.5) == 3
    assert processes_for(Load(1, 1, 1), cpu=Parts(1, 0, 1), busy=0.5) == 1
    assert [shards_for(us, busy=0.5) for us in (0, 500_000, 500_001)] == [1, 1, 2]


def _asked(turns: float, batches: float, tokens: float) -> dict[str, float]:
    return {"turns": turns, "batches": batches, "tokens": tokens}


def test_the_parts_are_found_in_what_runs_have_cost() -> None:
    parts = Parts(7, 3, 0.5)
    shapes = [(36, 250, 360), (12, 500, 960), (24, 260, 2160)]

    found = fitted(
        [
            (_asked(*shape), parts.of(turns=shape[0], batches=shape[1], tokens=shape[2]))
            for shape in shapes
        ]
    )

    assert (found.turn, found.batch, found.token) == pytest.approx((7, 3, 0.5))


def test_no_part_is_negative() -> None:
    shapes = [(36, 250, 360), (12, 500, 960), (24, 260, 2160)]

    found = fitted(
        [(_asked(*shape), 7 * shape[0] + 3 * shape[1] - shape[2] / 1000) for shape in shapes]
    )

    assert found.token == 0
    assert (found.turn, found.batch) == pytest.approx((7, 3), rel=0.02)


def test_what_costs_nothing_has_no_parts() -> None:
    assert fitted([(_asked(1, 2, 3), 0.0)]) == Parts(0, 0, 0)


def test_runs_that_are_too_much_alike_tell_nothing() -> None:
    with pytest.raises(ValueError, match="too much alike"):
        fitted([(_asked(1, 2, 3), 1.0), (_asked(2, 4, 6), 2.0), (_asked(3, 6, 9), 3.0)])


# Simulation


def test_a_turn_alone_is_written_at_every_tick_and_at_its_end() -> None:
    counts = simulate([Turn(0, 0.0, 0.03, 20)], FLUSHING)

    # Ticks at 0.1, 0.2, … 0.5 s, and the end at 0.6 s, which is a tick too.
    assert (counts.turns, counts.tokens, counts.batches, counts.flushes) == (1, 20, 6, 6)


def test_turns_of_a_process_share_its_ticks_and_those_of_others_do_not() -> None:
    def turns(*processes: int) -> list[Turn]:
        return [Turn(process, 0.0, 0.03, 20) for process in processes]

    assert simulate(turns(0, 0), FLUSHING).flushes == 6
    assert simulate(turns(0, 1), FLUSHING).flushes == 12


def test_the_end_of_one_does_not_write_what_the_others_have_said() -> None:
    long, short = Turn(0, 0.0, 0.03, 20), Turn(0, 0.0, 0.05, 1)

    together = simulate([long, short], FLUSHING)

    # At 0.05 s the short one alone; from there on in ticks of 0.1 s: 0.15, … 0.55 s, and the end.
    assert together.batches == 1 + 6
    assert together.flushes == 7


def test_a_write_of_an_end_is_one_of_all_if_it_is_time() -> None:
    turns = [Turn(0, 0.0, 0.03, 20), Turn(0, 0.0, 0.05, 1), Turn(0, 0.0, 0.12, 1)]

    # At 0.05 s the shortest, at 0.12 s all: 0.22, … 0.52 s, and the end.
    assert simulate(turns, FLUSHING).batches == 1 + 2 + 5


def test_ends_that_come_close_together_are_written_together() -> None:
    turns = [Turn(0, n / 1000, 0.05, 10) for n in range(20)]

    assert simulate(turns, FLUSHING).flushes == pytest.approx(5 + 2, abs=1)


def test_a_silent_turn_beats() -> None:
    counts = simulate([Turn(0, 0.0, 3.0, 2)], FLUSHING)

    assert counts.batches == 3
    assert counts.beats in (5, 6, 7)


@pytest.mark.parametrize(
    ("streams", "processes", "token_s", "tokens"),
    [
        (12, 1, 0.05, 40),
        (60, 3, 0.05, 100),
        (300, 1, 0.05, 200),
        (200, 1, 0.02, 300),
        (50, 1, 0.2, 20),
    ],
)
def test_the_arithmetic_agrees_with_the_simulation(
    streams: int, processes: int, token_s: float, tokens: int
) -> None:
    played = simulate(steady(streams, token_s, tokens, processes=processes, seconds=15), FLUSHING)

    computed = batches_per_turn(Load(streams, token_s, tokens), processes, FLUSHING)

    assert played.batches / played.turns == pytest.approx(computed, rel=0.15)


# The page


def test_the_page_shows_what_was_measured() -> None:
    assert (ROOT / page.PAGE).read_text(encoding="utf-8") == page.rendered(ROOT)


def test_the_page_about_deploying_shows_what_a_turn_takes() -> None:
    page_now = (ROOT / page.DEPLOY_PAGE).read_text(encoding="utf-8")

    assert page_now == page.rendered_deploying(ROOT)
    for price in page.DOLLARS.values():
        assert f"{price * 1e6:.3f}" in page_now


def test_a_million_turns_cost_a_million_times_their_units() -> None:
    costs = {"write units": Parts(20, 1, 0.02), "read units": Parts(6, 0.5, 0)}

    lines = page.turn_in_dynamodb(Engine(costs, (), "")).splitlines()

    units, dollars = ([float(cell) for cell in line.split("|")[2:4]] for line in lines[-2:])
    # 200 tokens in ten seconds: 40 writes of the log, or hardly fewer, and the end.
    assert units == pytest.approx([20 + 41 + 4, 6 + 20.5], rel=0.02)
    assert dollars == pytest.approx([units[0] * 0.625, units[1] * 0.125], rel=0.01)
    assert page.turn_in_dynamodb(None) == "Not measured yet.\n"


def test_a_month_of_streams_costs_what_its_units_do() -> None:
    costs = {
        SERVER_CPU: Parts(1, 0, 0),
        "write units": Parts(20, 1, 0.02),
        "read units": Parts(6, 0.5, 0),
    }
    constants = Constants("2026-11-22", "m", {"dynamodb": Engine(costs, (), "")}, {})

    (row,) = [line for line in page.tables(constants).splitlines() if "| 1,000 | Dyn" in line]

    found = re.search(r"([\d,]+) write units and ([\d,]+) read units a second, \$([\d,]+) a", row)
    assert found is not None
    writes, reads, dollars = (int(text.replace(",", "")) for text in found.groups())
    # 100 turns a second of 20 + 200 × 0.02 units and at most 41 batches.
    assert 100 * (24 + 25) < writes <= 100 * (24 + 41)
    assert dollars == pytest.approx(30 * 86_400 * (writes * 0.625e-6 + reads * 0.125e-6), rel=1e-3)


def test_the_constants_are_written_as_they_are_read() -> None:
    text = (ROOT / page.CONSTANTS).read_text(encoding="utf-8")
    constants = read_constants(text)

    assert write_constants(constants) == text
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", constants.date)
    assert set(constants.engines) == set(page.ENGINES)


def test_the_real_run_agreed_with_the_arithmetic() -> None:
    constants = read_constants((ROOT / page.CONSTANTS).read_text(encoding="utf-8"))

    for engine in constants.engines.values():
        for check in engine.checks if engine is not None else ():
            assert check.error <= TOLERANCE, check


@pytest.mark.parametrize(
    ("counted", "error"), [(100, 0), (80, 0), (90, 0), (110, 0.1), (40, 0.5)], ids=str
)
def test_an_error_is_how_far_a_count_is_outside_of_what_was_computed(
    counted: float, error: float
) -> None:
    assert Check("batches", counted, 100, 98, 80).error == pytest.approx(error)


def test_a_store_that_was_not_measured_has_no_figures() -> None:
    constants = read_constants((ROOT / page.CONSTANTS).read_text(encoding="utf-8"))
    without = type(constants)(constants.date, constants.machine, dict.fromkeys(page.ENGINES), {})

    rows = [line for line in page.tables(without).splitlines() if "Redis" in line]

    assert rows
    assert not re.search(
        r"\d", "".join(rows).replace("1,000,000", "").replace("100,000", "").replace("1,000", "")
    )


def test_more_streams_need_more_processes_and_each_has_no_more_than_it_can_do() -> None:
    engine = Engine({SERVER_CPU: Parts(1000, 20, 100)}, (), "")
    loads = [Load(streams, 0.05, 200) for streams in (1_000, 100_000)]

    few, many = (page.processes_of(engine, load, FLUSHING) for load in loads)

    for count, load in ((few, loads[0]), (many, loads[1])):
        used = per_second(engine.costs[SERVER_CPU], load, count, FLUSHING) / 1e6
        assert used / count <= page.BUSY * 1.01
    assert 99 * (few - 1) < many <= 100 * few


def test_the_page_says_the_formulas_share_of_a_core_and_the_limit_of_the_check() -> None:
    text = (ROOT / page.PAGE).read_text(encoding="utf-8")

    assert f"{page.BUSY:.0%}".replace("%", " %") in text
    assert f"{TOLERANCE:.0%}".replace("%", " %") in text
