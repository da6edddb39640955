"""The places of running turns are never lost and never doubled, however turns end."""

import asyncio
import random
from contextlib import suppress

import httpx2
import pytest

from app.main import create_lean_app
from app.scripted_model.control import Control
from app.settings import Settings
from app.tools import tool
from app.turns.errors import TooManyTurns
from app.turns.places import Places
from tests.chatting import Reader, chatting, data_body, logged, ui_body
from tests.serving import served


def test_a_place_that_was_given_back_is_free_again() -> None:
    places = Places(1)

    places.check()
    places.take()
    with pytest.raises(TooManyTurns):
        places.check()
    places.give_back()

    places.check()


def test_a_watcher_is_told_how_many_are_taken() -> None:
    places, told = Places(2), list[int]()
    places.watcher = told.append

    with places.taking():
        places.take()
        places.give_back()

    assert told == [1, 2, 1, 0]


def test_a_place_is_given_back_by_whatever_ends_the_block() -> None:
    places = Places(1)

    with suppress(KeyError), places.taking():
        assert places.taken == 1
        raise KeyError

    assert places.taken == 0


def test_the_warning_comes_once_a_minute() -> None:
    times = iter((100.0, 130.0, 160.0))
    places = Places(1, clock=lambda: next(times))
    places.take()
    with logged() as log:
        for _ in range(3):
            with suppress(TooManyTurns):
                places.check()

    assert [record.getMessage() for record in log.records] == [
        "1 turns run, more are refused; CHAT_RUNNING_TURNS allows more"
    ] * 2


WAITS = "scenario: stall after=2 gate=never"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/chat", ui_body("Hello")),
        ("/api/chat", data_body("Hello", stream=False)),
        ("/api/completion", {"prompt": "Hello"}),
        ("/api/object/recipe", "soup"),
        ("/api/tools/wait/invoke", {"args": {}}),
        ("/api/tools/wait/invoke?stream=false", {"args": {}}),
    ],
)
async def test_beyond_the_limit_each_route_says_503_and_when_to_come_back(
    model: str, path: str, body: object
) -> None:
    @tool
    async def wait() -> str:
        """Wait."""
        await asyncio.Event().wait()
        return ""

    with logged() as log:
        async with chatting(
            model, wait, running_turns=2, allowed_origins=("https://page.test",)
        ) as chat:
            headers = {"origin": "https://page.test"}
            async with (
                chat.stream(data_body(WAITS)) as first,
                chat.stream({"args": {}}, "/api/tools/wait/invoke") as second,
            ):
                readers = Reader(first), Reader(second)
                await readers[0].until(b"word1")
                await readers[1].until(b"started")
                health = (await chat.http.get("/health")).json()

                refused = await chat.post(body, path, headers=headers)
            await log.until(lambda: len(log.requests) >= 3)
            again = await chat.post(data_body("scenario: say text=Hi"))

    assert health["runningTurns"] == 2
    assert refused.status_code == 503
    assert refused.json() == {"success": False, "error": TooManyTurns.public_message}
    assert int(refused.headers["retry-after"]) > 0
    assert refused.headers["access-control-allow-origin"] == "https://page.test"
    assert "retry-after" in refused.headers["access-control-expose-headers"].lower()
    assert log.requests[0]["error_code"] == "too_many_turns"
    assert log.requests[0]["status"] == 503
    assert '0:"Hi"' in again.text


async def test_connections_are_no_turns(model: str) -> None:
    async with chatting(model, running_turns=1) as chat:
        url = chat.http.base_url
        idle = [await asyncio.open_connection(url.host, url.port) for _ in range(20)]

        answers = [await chat.post(data_body("scenario: say text=Hi")) for _ in range(3)]

        for _, writer in idle:
            writer.close()
    assert [answer.status_code for answer in answers] == [200] * 3


@pytest.mark.timeout(180)
@pytest.mark.parametrize("seed", range(3))
async def test_no_way_out_of_a_turn_keeps_its_place(
    model: str, control: Control, seed: int
) -> None:
    """Many at once, of every kind, that end, fail, are left, are cut and are refused."""
    chance = random.Random(seed)

    @tool
    async def odd(how: str) -> str:
        """End in some way."""
        match how:
            case "raise":
                raise RuntimeError("odd")
            case "exit":
                raise SystemExit
            case "cancel":
                raise asyncio.CancelledError
            case "hang":
                await asyncio.Event().wait()
        return how

    requests: list[tuple[str, object]] = [
        ("/api/chat", data_body("scenario: text tokens=20")),
        ("/api/chat", ui_body("scenario: text tokens=20", stream=False)),
        ("/api/chat", data_body("scenario: error status=401")),
        ("/api/chat", ui_body("scenario: error-inside after=2")),
        ("/api/chat", data_body("scenario: cut after=2")),
        ("/api/chat", ui_body(WAITS)),
        ("/api/chat", {"messages": "nonsense"}),
        ("/api/object/recipe", "scenario: text tokens=5"),
        *(("/invoke", {"args": {"how": how}}) for how in ("raise", "exit", "cancel", "hang")),
        ("/invoke?stream=false", {"args": {"how": "hang"}}),
        ("/invoke", {"args": {"what": 1}}),
    ]
    app = create_lean_app(
        Settings(openai_base_url=model, running_turns=12, max_turn_s=2.0, status_wait_s=0.2),
        tools=[odd],
    )
    places_over = 0

    async def ask(http: httpx2.AsyncClient) -> None:
        nonlocal places_over
        path, body = chance.choice(requests)
        patience = chance.choice([0.0, 0.01, 0.05, 5.0])
        with suppress(TimeoutError, httpx2.HTTPError):
            async with asyncio.timeout(patience):
                answer = await http.post(path, json=body)
                places_over += answer.status_code == 503

    async with served(app) as url:
        for _ in range(3):
            limits = httpx2.Limits(max_connections=40)
            async with httpx2.AsyncClient(base_url=url, timeout=30, limits=limits) as http:
                await asyncio.gather(*(ask(http) for _ in range(60)))
        async with httpx2.AsyncClient(base_url=url, timeout=30) as http, asyncio.timeout(30):
            while "runningTurns" in (await http.get("/health")).json():
                pass  # some are still being left
        assert len(app.state.turns) == 0
    assert places_over > 0
