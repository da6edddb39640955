"""``GET /metrics``: real servers, read with Prometheus' own parser."""

import asyncio
import os
import signal
from collections.abc import Mapping

import httpx2
import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families

from app.events import Error, Usage
from app.telemetry.prometheus import PrometheusMetrics
from app.turns.outcome import TurnLabels, TurnOutcome
from tests.chatting import Reader
from tests.ports import free_port
from tests.server_process import Running, serving
from tests.telemetry.traced_server import user

TOKEN = "a token for metrics"
WELL = TurnOutcome(
    status=200,
    finish_reason="stop",
    error=None,
    usage=Usage(3, 2),
    steps=1,
    first_token_ms=100.0,
    duration_ms=200.0,
    client_left=False,
)
LABELS = TurnLabels(request_id="r1", model="m")

Samples = Mapping[tuple[str, tuple[str, ...]], float]


def _samples(text: str) -> Samples:
    """Return values by name and labels (in the order of their names), but for the buckets."""
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if not sample.name.endswith(("_bucket", "_created"))
    }


def _shown(metrics: PrometheusMetrics) -> Samples:
    return _samples(metrics.shown("text/plain")[0].decode())


def test_a_turn_is_counted_by_how_it_ended() -> None:
    metrics = PrometheusMetrics()
    failed = {"finish_reason": "error", "error": Error("answer_too_long", ""), "usage": Usage()}
    cut = {"finish_reason": None, "first_token_ms": None}

    for changes in ({}, failed, cut, {**cut, "client_left": True}):
        metrics.put(LABELS, msgspec.structs.replace(WELL, **changes))

    shown = _shown(metrics)
    endings = {key[1][0]: n for key, n in shown.items() if key[0] == "deltaline_turns_total"}
    assert endings == {"stop": 1, "error": 1, "stopped": 1, "client-left": 1}
    assert shown["deltaline_turn_errors_total", ("answer_too_long",)] == 1
    assert shown["deltaline_limits_hit_total", ("answer_too_long",)] == 1
    assert shown["deltaline_turn_duration_seconds_count", ("m",)] == 4
    assert shown["deltaline_turn_duration_seconds_sum", ("m",)] == pytest.approx(0.8)
    assert shown["deltaline_time_to_first_token_seconds_count", ("m",)] == 2
    assert shown["deltaline_tokens_total", ("m", "input")] == 9
    assert shown["deltaline_tokens_total", ("m", "output")] == 6


def test_an_error_that_is_no_limit_is_none() -> None:
    metrics = PrometheusMetrics()

    metrics.put(LABELS, msgspec.structs.replace(WELL, error=Error("provider_error", "")))

    assert ("deltaline_limits_hit_total", ("provider_error",)) not in _shown(metrics)


def test_what_runs_and_what_the_store_takes_is_measured() -> None:
    metrics = PrometheusMetrics()

    metrics.running(3)
    metrics.store_write(0.25)

    shown = _shown(metrics)
    assert shown["deltaline_running_turns", ()] == 3
    assert shown["deltaline_store_flush_seconds_sum", ()] == 0.25


def test_the_form_is_the_readers_choice() -> None:
    openmetrics = "application/openmetrics-text; version=1.0.0"

    assert PrometheusMetrics().shown(openmetrics)[1].startswith("application/openmetrics-text")
    assert PrometheusMetrics().shown("*/*")[1].startswith("text/plain")


def test_an_empty_folder_shows_nothing(tmp_path: "os.PathLike[str]") -> None:
    assert _shown(PrometheusMetrics(os.fspath(tmp_path))) == {}


# ---- real servers -----------------------------------------------------------------------------


@pytest.mark.real
@pytest.mark.timeout(120)
async def test_the_chats_port_shows_them_to_who_has_the_token(model: str) -> None:
    settings = {"CHAT_METRICS": "true", "CHAT_AUTH_TOKEN": TOKEN, "CHAT_STORE": "memory"}
    async with (
        serving(OPENAI_BASE_URL=model, OPENAI_API_KEY="x", **settings) as server,
        httpx2.AsyncClient(base_url=server.url) as http,
    ):
        headers = {"authorization": f"Bearer {TOKEN}"}
        await http.post("/api/chat", json=user("scenario: say text=Hi"), headers=headers)
        without = await http.get("/metrics")
        wrong = await http.get("/metrics", headers={"authorization": "Bearer nobody"})
        shown = await http.get("/metrics", headers=headers)

    assert (without.status_code, wrong.status_code) == (401, 401)
    assert "deltaline" not in without.text
    assert shown.headers["content-type"].startswith("text/plain; version=")
    samples = _samples(shown.text)
    assert samples["deltaline_turns_total", ("stop", "gpt-4o-mini")] == 1
    assert samples["deltaline_running_turns", ()] == 0
    assert samples["deltaline_store_flush_seconds_count", ()] >= 1


@pytest.mark.real
@pytest.mark.timeout(120)
async def test_without_them_there_is_no_such_route(model: str) -> None:
    async with (
        serving(OPENAI_BASE_URL=model, OPENAI_API_KEY="x") as server,
        httpx2.AsyncClient(base_url=server.url) as http,
    ):
        response = await http.get("/metrics")

    assert response.status_code == 404


async def _pids(server: Running, http: httpx2.AsyncClient, count: int) -> set[int]:
    """Ask until all workers have answered: a new connection each time."""
    pids: set[int] = set()
    while len(pids) < count:
        health = await http.get(f"{server.url}/health", headers={"connection": "close"})
        pids.add(health.json()["pid"])
    return pids


@pytest.mark.real
@pytest.mark.timeout(180)
async def test_a_port_of_their_own_shows_those_of_all_workers(model: str) -> None:
    port = str(free_port())
    async with (
        serving(
            "--workers", "3", OPENAI_BASE_URL=model, OPENAI_API_KEY="x", CHAT_METRICS_PORT=port
        ) as server,
        httpx2.AsyncClient(timeout=30) as http,
    ):

        async def shown() -> Samples:
            return _samples((await http.get(f"http://127.0.0.1:{port}/metrics")).text)

        async def post(number: int) -> None:
            body = user("scenario: say text=Hi", f"c{number}")
            close = {"connection": "close"}
            response = await http.post(f"{server.url}/api/chat", json=body, headers=close)
            assert response.status_code == 200

        pids = await _pids(server, http, 3)
        for number in range(12):
            await post(number)
        turns = ("deltaline_turns_total", ("stop", "gpt-4o-mini"))
        assert (await shown())[turns] == 12

        stall = user("scenario: stall after=1 gate=never", "c99")
        async with http.stream("POST", f"{server.url}/api/chat", json=stall) as response:
            reader = Reader(response)
            await reader.until(b"word0")
            assert (await shown())["deltaline_running_turns", ()] == 1

        # A worker that dies takes along what it ran, and nothing of what it had counted.
        os.kill(max(pids), signal.SIGKILL)
        while max(pids) in await _pids(server, http, 3):
            pass
        await post(100)
        async with asyncio.timeout(30):
            while True:  # worker 1, which shows them, may be the one that has died
                try:
                    samples = await shown()
                    break
                except httpx2.HTTPError:
                    await asyncio.sleep(0.05)
        assert samples[turns] == 13
        assert samples["deltaline_running_turns", ()] == 0


@pytest.mark.real
@pytest.mark.timeout(60)
@pytest.mark.parametrize("workers", ["1", "2"])
async def test_a_port_that_is_taken_stops_the_start_with_a_sentence(
    workers: str, model: str
) -> None:
    taken = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = str(taken.sockets[0].getsockname()[1])

    with pytest.raises(AssertionError) as refused:
        async with serving(
            "--workers", workers, OPENAI_BASE_URL=model, OPENAI_API_KEY="x", CHAT_METRICS_PORT=port
        ):
            pass
    taken.close()

    assert f"CHAT_METRICS_PORT: cannot listen on port {port}" in str(refused.value)
