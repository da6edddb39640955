"""The benchmark's arithmetic and its checks. What it measures is not tested: that is its job."""

import json
import shutil
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bench.contenders import (
    AI_SDK_4,
    BARE_LOOP,
    FLOOR_ASGI,
    FLOOR_PUSH,
    OURS_AIOHTTP,
    OURS_BOTH,
    OURS_DATA,
    OURS_JWT,
    OURS_MEMORY,
    OURS_REDIS,
    OURS_SQLITE,
    TYPED_STREAM,
    all_contenders,
    ours,
)
from bench.load import Load, Measurement, Percentiles, measurement
from bench.running import Bench, Pace, Plan, bench
from bench.sections.cold_start import dearest, import_times_us
from bench.sections.paced import TOO_BUSY, Paced, paced_load, share_of_the_load
from bench.sections.workers import Run, capacity, rate_alone, two_cores
from bench.servers import Contender
from bench.table import Block, Figure, Section, median, ratio, render, side_by_side, times
from bench.targets import Target, reached, render_targets, value_of
from bench.wire import Protocol, WrongAnswer, read_answer, request_body
from tests.redis_server import needs_redis

PROTOCOLS: list[Protocol] = ["data", "ui", "raw"]

DATA_STREAM = b'f:{"messageId":"m"}\n0:"~ab"\n0:"~\\u00e9"\ne:{}\nd:{"finishReason":"stop"}\n'
UI_STREAM = b"".join(
    b"data: %s\n\n" % part
    for part in (
        b'{"type":"start"}',
        b'{"type":"text-delta","id":"1","delta":"~ab"}',
        b'{"type":"text-delta","id":"1","delta":"~\xc3\xa9"}',
        b'{"type":"finish"}',
        b"[DONE]",
    )
)
MODEL_STREAM = b"".join(
    b"data: %s\n\n" % part
    for part in (
        b'{"choices":[{"delta":{"role":"assistant","content":"~ab"}}]}',
        b'{"choices":[{"delta":{"content":"~\xc3\xa9"}}]}',
        b'{"choices":[{"delta":{}}]}',
        b'{"choices":[],"usage":{}}',
        b"[DONE]",
    )
)
WHOLE: dict[Protocol, bytes] = {"data": DATA_STREAM, "ui": UI_STREAM, "raw": MODEL_STREAM}


# The check of the stream


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_whole_answer_is_read_as_its_text(protocol: Protocol) -> None:
    assert read_answer(protocol, WHOLE[protocol]) == "~ab~é"


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_an_answer_without_its_end_is_wrong(protocol: Protocol) -> None:
    separator = b"\n" if protocol == "data" else b"\n\n"
    without_end = separator.join(WHOLE[protocol].split(separator)[:-2]) + separator

    with pytest.raises(WrongAnswer):
        read_answer(protocol, without_end)


@pytest.mark.parametrize(
    ("protocol", "answer", "sentence"),
    [
        ("data", b'0:"a"\nd:{}\n0:"b"\n', "not the finish part"),
        ("data", b'0:"a"\n3:"broken"\nd:{}\n', "an error part: 'broken'"),
        ("data", b"plain text\n", "not a line of the data stream"),
        ("ui", b'data: {"type":"error","errorText":"x"}\n\ndata: [DONE]\n\n', "an error chunk"),
        ("ui", b'data: {"type":"start"}\n\ndata: [DONE]\n\n', "no finish chunk"),
        ("ui", b": ping\n\ndata: [DONE]\n\n", "not an event with data"),
    ],
)
def test_a_broken_answer_is_wrong_for_a_reason(
    protocol: Protocol, answer: bytes, sentence: str
) -> None:
    with pytest.raises(WrongAnswer, match=sentence):
        read_answer(protocol, answer)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_scenario_rides_in_the_text_of_the_request(protocol: Protocol) -> None:
    body = request_body(protocol, tokens=7, delay_us=20_000)

    assert b"BENCH t=7 d=20000" in body
    assert json.loads(body)["messages"][-1]["role"] == "user"


# Numbers


def test_a_median_leaves_out_what_was_not_measured() -> None:
    assert median([3.0, None, 1.0, 2.0]) == 2.0
    assert median([None]) is None


@pytest.mark.parametrize(
    ("value", "reference", "expected"),
    [(6.0, 2.0, 3.0), (None, 2.0, None), (6.0, None, None), (-0.1, 2.0, None), (6.0, 0.0, None)],
)
def test_a_ratio_to_noise_is_no_ratio(
    value: float | None, reference: float | None, expected: float | None
) -> None:
    assert ratio(value, reference) == expected


@pytest.mark.parametrize(
    ("value", "text"),
    [(1234.5, "1,234"), (14.06, "14.1"), (1.0, "1.00"), (0.0049, "0.005"), (None, "–")],
)
def test_ratios_are_short_and_without_exponents(value: float | None, text: str) -> None:
    assert times(value) == text


def test_the_load_generators_report_becomes_costs_per_token() -> None:
    report = {
        **{"answers": 4, "errors": 1, "unfinished": 2, "tokens": 1000, "wall_s": 0.5},
        **{"first_error": "ended early", "latency_us": None},
        "first_token_us": {"p50": 1500.0, "p99": 2500.0},
    }

    run = measurement(json.dumps(report), cpu_s=0.01, peak_rss=4096)

    assert run.tokens_per_s == 2000
    assert run.cpu_us_per_token == pytest.approx(10)
    assert run.failed == 3
    assert run.first_token == Percentiles(p50=1.5, p99=2.5)
    assert run.latency is None


@pytest.mark.parametrize(
    "pace", [Pace(1, tokens=20, answers=5, ramp_ms=0), Pace(500), Pace(2000, delay_ms=200)]
)
def test_an_overloaded_server_has_several_times_the_time_to_finish(pace: Pace) -> None:
    load = paced_load(pace)

    in_time_s = pace.tokens * pace.delay_ms / 1000 * load.answers / load.streams
    assert load.timeout_s > 3 * (in_time_s + load.ramp_ms / 1000)


def _run(tokens_per_s: float, *, load_cores: float = 0.0) -> Measurement:
    run = measurement(
        json.dumps(
            {
                **{"answers": 1, "errors": 0, "unfinished": 0, "tokens": tokens_per_s},
                **{"wall_s": 1.0, "first_error": "", "latency_us": None, "first_token_us": None},
            }
        ),
        cpu_s=1.0,
        peak_rss=0,
    )
    return replace(run, load_cpu_s=load_cores)


@pytest.mark.parametrize("load_cores", [TOO_BUSY - 0.1, TOO_BUSY + 0.1])
def test_a_load_that_is_too_busy_to_measure_with_says_so(load_cores: float) -> None:
    pace = Pace(500)
    runs = {
        ("ours", 500): [Paced(_run(1, load_cores=load_cores), _run(1), pace, idle_rss=0)],
        ("theirs", 500): [Paced(_run(1, load_cores=0.1), _run(1), pace, idle_rss=0)],
    }

    (sentence,) = share_of_the_load(pace, runs)

    assert f"{load_cores:.0%} of their core (beside ours)" in sentence
    assert ("Too busy" in sentence) == (load_cores > TOO_BUSY)


# Several workers


def test_the_load_has_its_own_cores_where_there_are_more_than_two() -> None:
    assert two_cores([4, 5, 6, 7]).server == {4, 5}
    assert two_cores([4, 5, 6, 7]).load == {6, 7}
    assert two_cores([0, 1]).server == two_cores([0, 1]).load == {0, 1}


def test_what_the_load_took_of_shared_cores_is_computed_out() -> None:
    busy_load = _run(90.0, load_cores=0.2)

    assert rate_alone(Run(2, busy_load, shares_cores=True)) == pytest.approx(90 * 2 / 1.8)
    # One worker leaves the load a core; and where the load has its own there is nothing to compute.
    assert rate_alone(Run(1, busy_load, shares_cores=True)) == 90
    assert rate_alone(Run(2, busy_load, shares_cores=False)) == 90


def test_the_capacity_of_workers_counts_their_cpu_time_only() -> None:
    half_idle = replace(_run(90.0), cpu_s=0.5)

    assert capacity(Run(1, half_idle, shares_cores=True)) == 180
    assert capacity(Run(2, half_idle, shares_cores=True)) == 360


# Contenders


def test_a_contender_is_measured_where_its_places_say() -> None:
    everywhere = Contender("x", ("x",), "data", Path())
    some = replace(everywhere, places=("A.16", "B"))

    assert everywhere.is_in("C")
    assert everywhere.is_in("A", 1)
    assert [level for level in (1, 16, 128) if some.is_in("A", level)] == [16]
    assert [section for section in "ABCD" if some.is_in(section)] == ["A", "B"]
    assert some.is_in("B", 60)


def test_a_setting_costs_one_line_to_measure() -> None:
    contender = ours("Deltaline, SQLite", "data", CHAT_STORE="sqlite:{tmp}/chat.db")

    assert contender.env["CHAT_STORE"] == "sqlite:{tmp}/chat.db"
    assert contender.is_in("A", 16)
    assert contender.is_in("B", 60)
    assert not contender.is_in("D")
    # By default 1000 of 2,000 streams would be turned away.
    assert int(contender.env["CHAT_RUNNING_TURNS"]) > 2000


def test_contenders_have_names_of_their_own() -> None:
    names = [contender.name for contender in all_contenders()]

    assert len(names) == len(set(names))


# Tables


def test_each_figure_stands_beside_its_ratios() -> None:
    speed = Figure("speed", "tokens/s", {"ours": 3000.0, "theirs": 200.0, "limit": 12_000.0})
    lost = Figure("lost", "failed", {"ours": 0.0, "theirs": 1.0}, compared=False)

    table = side_by_side(
        [speed, lost],
        ["ours", "theirs", "limit", "absent"],
        {"T": "theirs", "L": "limit", "gone": "absent"},
    )

    assert table == (
        "| one core | tokens/s | × T / L | failed |\n"
        "| --- | ---: | ---: | ---: |\n"
        "| ours | 3,000 | 15.0 / 0.250 | 0 |\n"
        "| theirs | 200 | 1.00 / 0.017 | 1 |\n"
        "| limit | 12,000 | 60.0 / 1.00 | – |\n"
    )


def test_a_section_is_its_method_its_tables_and_its_remarks() -> None:
    block = Block("16 streams", [Figure("speed", "tokens/s", {"ours": 3.0})])
    section = Section("A. Title", "How.", [block], ["A remark."])

    text = render(section, ["ours"], {})

    assert text == (
        "### A. Title\n\nHow.\n\n"
        "**16 streams**\n\n| one core | tokens/s |\n| --- | ---: |\n| ours | 3 |\n\n"
        "- A remark.\n"
    )
    assert section.figures() == {"speed": block.figures[0]}


# Targets

FASTER = Target("speed", "speed", "ours", ["a", "b"], at_least=2)
LIGHTER = Target("memory", "memory", "ours", at_most=1)


@pytest.mark.parametrize(
    ("target", "values", "found"),
    [
        (FASTER, {"ours": 6.0, "a": 2.0, "b": 3.0}, 3.0),  # the lowest reference counts
        (FASTER, {"ours": 6.0, "b": 3.0}, 2.0),
        (FASTER, {"ours": 6.0}, None),
        (FASTER, {"a": 2.0}, None),
        (LIGHTER, {"ours": 0.5}, 0.5),
    ],
)
def test_a_target_is_held_against_the_best_of_its_references(
    target: Target, values: dict[str, float | None], found: float | None
) -> None:
    assert value_of(target, Figure("key", "label", values)) == found


def test_a_bound_is_reached_on_the_right_side_only() -> None:
    assert reached(FASTER, 2.0)
    assert not reached(FASTER, 1.99)
    assert reached(LIGHTER, 1.0)
    assert not reached(LIGHTER, 1.01)


def test_only_targets_that_were_measured_are_listed() -> None:
    speed = {OURS_DATA: 240.0, AI_SDK_4: 10.0, TYPED_STREAM: 6.0}
    key = "unpaced.16.tokens_per_s"

    rows = render_targets({key: Figure(key, "tokens/s", speed)}).splitlines()[4:]

    assert [row.split(" | ")[1:] for row in rows] == [
        ["≥ 22", "30", "24.0", "yes |"],
        ["≥ 42", "52", "40.0", "**no** |"],
    ]
    assert render_targets({}) == ""


# Imports

IMPORT_LOG = """\
import time: self [us] | cumulative | imported package
import time:       400 |        400 |   pydantic.main
import time:       100 |        500 | pydantic
{"event":"request"}
import time:       250 |        250 | aiohttp
"""


def test_import_times_are_read_from_a_log_with_other_lines() -> None:
    assert import_times_us(IMPORT_LOG) == {"pydantic.main": 400, "pydantic": 100, "aiohttp": 250}


def test_the_dearest_packages_come_first() -> None:
    assert dearest(IMPORT_LOG.replace("00 |", "0000 |")).startswith("pydantic 50")


# The two C programs and a server, together


@pytest.fixture
def ground() -> Iterator[Bench]:
    if shutil.which("cc") is None and shutil.which("gcc") is None:
        pytest.skip("no C compiler")
    plan = Plan(1, unpaced_streams=(1,), unpaced_s=0.1, paces=(Pace(1, tokens=5),))
    with bench(plan, all_contenders()) as ground:
        yield ground


@pytest.mark.real
@pytest.mark.timeout(180)
def test_the_load_generator_counts_what_the_mock_says(ground: Bench) -> None:
    load = Load(streams=4, answers=8, tokens=20, latency=True)

    run = ground.put_directly(load, delay_us=1000)

    assert (run.answers, run.failed, run.tokens) == (8, 0, 160)
    assert run.latency is not None
    assert 0 <= run.latency.p50 <= run.latency.p99


@pytest.mark.real
@pytest.mark.timeout(180)
@pytest.mark.parametrize("name", [BARE_LOOP, FLOOR_ASGI, FLOOR_PUSH])
def test_a_server_whose_text_is_the_models_passes_the_check(ground: Bench, name: str) -> None:
    (loop,) = (contender for contender in ground.contenders if contender.name == name)

    with ground.start(loop) as server:
        ground.check(server)
        run = ground.put(server, Load(streams=4, answers=8, tokens=30))
        paced = ground.put(server, Load(streams=4, answers=8, tokens=3), delay_us=1000)

    assert (run.failed, run.tokens) == (0, 240)
    assert (paced.failed, paced.tokens) == (0, 24)
    assert run.cpu_s > 0
    assert run.busiest_cpu_s <= run.cpu_s
    assert run.load_cpu_s > 0
    assert run.peak_rss > 0


@pytest.mark.real
@pytest.mark.timeout(180)
def test_the_work_of_two_workers_is_counted_for_each(ground: Bench) -> None:
    both = ours(OURS_BOTH, "data", CHAT_WORKERS="2")

    with ground.with_cores(two_cores(ground.available)) as shared, shared.start(both) as server:
        shared.check(server)
        run = shared.put(server, Load(streams=16, answers=64, tokens=20))

    assert (run.failed, run.tokens) == (0, 64 * 20)
    assert 0 < run.busiest_cpu_s < run.cpu_s


@pytest.mark.real
@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    "name", [OURS_MEMORY, OURS_SQLITE, pytest.param(OURS_REDIS, marks=needs_redis)]
)
def test_the_rows_with_a_store_keep_every_answer(ground: Bench, name: str) -> None:
    (kept,) = (contender for contender in ground.contenders if contender.name == name)

    with ground.start(kept) as server:
        runs = [ground.put(server, Load(streams=4, answers=8, tokens=20)) for _ in range(2)]
        with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/api/chats?limit=200") as page:
            chats = json.load(page)["chats"]

    assert [(run.failed, run.tokens) for run in runs] == [(0, 160)] * 2
    assert len(chats) == 16


@pytest.mark.real
@pytest.mark.timeout(180)
def test_each_request_of_the_row_with_a_token_has_it(ground: Bench) -> None:
    (signed,) = (contender for contender in ground.contenders if contender.name == OURS_JWT)
    load = Load(streams=4, answers=8, tokens=20)

    with ground.start(signed) as server:
        ground.check(server)
        run = ground.put(server, load)
    with ground.start(replace(signed, header="authorization: Bearer x")) as server:
        refused = ground.put(server, load)

    assert (run.failed, run.tokens) == (0, 160)
    assert refused.tokens == 0


@pytest.mark.real
@pytest.mark.timeout(180)
def test_the_row_of_the_old_opener_is_opened_by_aiohttp(ground: Bench) -> None:
    (old,) = (contender for contender in ground.contenders if contender.name == OURS_AIOHTTP)

    with ground.start(old) as server:
        ground.check(server)
        loaded = Path(f"/proc/{server.pid}/maps").read_text()

    assert "/aiohttp/_http_parser" in loaded


@pytest.mark.real
@pytest.mark.timeout(180)
def test_a_server_that_changes_the_text_fails_the_check(ground: Bench, tmp_path: Path) -> None:
    (loop,) = (contender for contender in ground.contenders if contender.name == BARE_LOOP)
    source = (loop.cwd / "bare_loop.py").read_text()
    (tmp_path / "bare_loop.py").write_text(source.replace("encode(text)", "encode(text.upper())"))

    with (
        ground.start(replace(loop, cwd=tmp_path)) as server,
        pytest.raises(WrongAnswer, match="not the model's text"),
    ):
        ground.check(server)


@pytest.mark.real
@pytest.mark.timeout(180)
def test_answers_with_too_few_tokens_are_failures(ground: Bench) -> None:
    load = Load(streams=2, answers=4, tokens=10)
    body = request_body("raw", tokens=9)

    run = ground.generator.run(
        load, port=ground.upstream_port, path="/v1/chat/completions", body=body
    )

    assert run.failed == 4
    assert run.why.startswith("wrong number of tokens")
