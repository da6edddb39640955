"""Limits of those who ask, over real sockets: what is refused, counted, shown and given back."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.requests import Request

from app.main import create_lean_app
from app.scripted_model.control import Control
from app.settings import Settings, SettingsError
from app.tools import tool
from tests.chatting import NOWHERE, Chat, Reader, chatting, data_body, logged, ui_body
from tests.turns.stores import Shaky

SAY_HI = "scenario: say text='Hi there.'"
STALL = "scenario: stall after=2 gate=go"
ADA, BOB = {"x-name": "ada"}, {"x-name": "bob"}


def _named(request: Request) -> str:
    return request.headers["x-name"]


def _asked(text: str = SAY_HI, chat: str = "c1", message: str = "u1", **more: Any) -> Any:
    body = ui_body(text, **more)
    body["id"] = chat
    body["messages"][0]["id"] = message
    return body


async def _me(chat: Chat, headers: dict[str, str] | None = None, **query: str) -> Any:
    response = await chat.http.get("/api/me", headers=headers or {}, params=query)
    assert response.status_code == 200, response.text
    assert response.headers["cache-control"] == "no-store"
    return response.json()


async def _running(chat: Chat) -> int:
    return int((await _me(chat))["limits"]["runningTurns"]["used"])


async def _until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Return once it holds: what a turn has used is told just after its end."""
    async with asyncio.timeout(15):
        while not await holds():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def _none_runs(chat: Chat) -> None:
    async def none() -> bool:
        return await _running(chat) == 0

    await _until(none)


async def _tokens(chat: Chat) -> Any:
    """Return the tokens of the day, once there are some."""
    found: dict[str, int] = {}

    async def some() -> bool:
        found.update((await _me(chat))["limits"]["tokensPerDay"])
        return found["used"] > 0

    await _until(some)
    return found


def _refused(response: httpx2.Response) -> int:
    """Return the seconds that a refusal names, which are the same in all places."""
    body = response.json()
    assert response.status_code == 429, response.text
    assert set(body) == {"success", "error", "retryAfter"}
    assert body["success"] is False
    seconds = int(response.headers["retry-after"])
    assert body["retryAfter"] == seconds > 0
    assert re.search(rf"\b{seconds} seconds?\b", body["error"]), body["error"]
    assert body["error"].endswith(".")
    return seconds


@pytest.fixture(params=["off", "memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return f"sqlite:{tmp_path / 'chats.db'}" if request.param == "sqlite" else request.param


async def test_so_many_turns_begin_in_a_minute(model: str, store: str) -> None:
    async with chatting(model, store=store, turns_per_minute=3) as chat:
        responses = [await chat.post(_asked(chat=f"c{number}")) for number in range(5)]

    assert [response.status_code for response in responses] == [200, 200, 200, 429, 429]
    names = ("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset")
    told = [[int(response.headers[name]) for name in names] for response in responses]
    assert [one[:2] for one in told] == [[3, 2], [3, 1], [3, 0], [3, 0], [3, 0]]
    assert all(50 < reset <= 60 for _, _, reset in told)
    for refused in responses[3:]:
        assert _refused(refused) == int(refused.headers["x-ratelimit-reset"])
        assert refused.json()["error"].startswith("You may send 3 messages a minute; ")


async def test_so_many_turns_run_at_once(model: str, control: Control, store: str) -> None:
    async with chatting(model, store=store, running_turns_per_owner=1) as chat:
        async with chat.stream(_asked(STALL)) as response:
            reader = Reader(response)
            await reader.until(b"word1")
            refused = await chat.post(_asked(chat="c2"))
            assert await _running(chat) == 1
            control.gate("go").open()
            await reader.rest()
        await _none_runs(chat)
        admitted = await chat.post(_asked(chat="c2", message="u9"))

    assert _refused(refused) == 5
    assert refused.json()["error"].startswith("You may have 1 answer at once; please wait")
    assert "x-ratelimit-limit" not in refused.headers
    assert admitted.status_code == 200


async def test_a_day_has_so_many_tokens(model: str, store: str) -> None:
    async with chatting(model, store=store, tokens_per_day=1) as chat:
        first = await chat.post(_asked())
        used = await _tokens(chat)
        refused = await chat.post(_asked(message="u2"))

    assert first.status_code == 200
    counted = re.search(rb'"totalTokens":(\d+)', first.content)
    assert counted is not None
    # However many: what the last turn of a day takes is known only at its end.
    assert used["used"] == int(counted[1]) > 1
    assert used["remaining"] == 0
    assert 0 < _refused(refused) <= 86_400
    assert used["resetS"] - _refused(refused) in (0, 1)
    assert "of today" in refused.json()["error"]
    assert "00:00 UTC" in refused.json()["error"]


@pytest.mark.parametrize("ending", ["stopped", "failed"])
async def test_tokens_of_a_turn_that_does_not_finish_count(model: str, ending: str) -> None:
    @tool
    async def wait() -> str:
        """Wait."""
        await asyncio.Event().wait()
        return "never"

    # The usage of the first step is known then.
    script = "scenario: call tool=wait"
    longest_s = 60.0 if ending == "stopped" else 0.5
    async with chatting(
        model, wait, store="memory", tokens_per_day=10_000, max_turn_s=longest_s
    ) as chat:
        async with chat.stream(_asked(script)) as response:
            reader = Reader(response)
            await reader.until(b"tool-input-available")
            if ending == "stopped":
                await chat.post({}, "/api/chat/c1/stop")
            wire = await reader.rest()
        await _tokens(chat)

    assert (b'"abort"' if ending == "stopped" else b"time limit") in wire


async def test_who_is_refused_takes_nothing_and_loses_nothing(model: str, control: Control) -> None:
    async with chatting(
        model, store="memory", running_turns_per_owner=1, turns_per_minute=3
    ) as chat:
        async with chat.stream(_asked(STALL)) as response:
            reader = Reader(response)
            await reader.until(b"word1")
            for _ in range(5):
                _refused(await chat.post(_asked(chat="c2")))
            assert (await chat.http.get("/api/chats/c2")).status_code == 404
            assert (await _me(chat))["limits"]["turnsPerMinute"]["used"] == 1
            control.gate("go").open()
        await _none_runs(chat)
        # As the page tries again.
        assert (await chat.post(_asked(chat="c2"))).status_code == 200
        stored = (await chat.http.get("/api/chats/c2")).json()

    assert [message["role"] for message in stored["messages"]] == ["user", "assistant"]


async def test_a_refused_message_leaves_the_running_turn_alone(model: str) -> None:
    async with (
        chatting(model, store="memory", turns_per_minute=1) as chat,
        chat.stream(_asked(STALL)) as response,
    ):
        reader = Reader(response)
        await reader.until(b"word1")
        _refused(await chat.post(_asked(message="u2")))

        stored = (await chat.http.get("/api/chats/c1")).json()
        await chat.post({}, "/api/chat/c1/stop")
    assert stored["turn"]["state"] == "running"
    assert [message["id"] for message in stored["messages"]] == ["u1"]


async def test_a_retry_that_joins_is_no_turn(model: str, control: Control) -> None:
    async with chatting(
        model, store="memory", running_turns_per_owner=1, turns_per_minute=1
    ) as chat:
        async with chat.stream(_asked(STALL)) as response:
            reader = Reader(response)
            await reader.until(b"word1")
            async with chat.stream(_asked(STALL)) as again:
                joined = Reader(again)
                await joined.until(b"word1")
                assert await _running(chat) == 1
                control.gate("go").open()
                assert b'"finish"' in await joined.rest()
        assert (await _me(chat))["limits"]["turnsPerMinute"]["used"] == 1
        # Nor is one that comes after the end.
        assert (await chat.post(_asked(STALL))).status_code == 200


async def test_two_that_are_posted_at_once_count_as_one(model: str) -> None:
    async with chatting(
        model, store="memory", running_turns_per_owner=1, turns_per_minute=2
    ) as chat:
        both = await asyncio.gather(chat.post(_asked()), chat.post(_asked()))
        await _none_runs(chat)
        used = (await _me(chat))["limits"]["turnsPerMinute"]["used"]

    assert [one.status_code for one in both] == [200, 200]
    assert len({one.headers["x-chat-turn-id"] for one in both}) == 1
    assert used == 1


@pytest.mark.parametrize("store", ["memory", "sqlite"], indirect=True)
async def test_a_turn_that_is_superseded_makes_room(model: str, store: str) -> None:
    async with chatting(model, store=store, running_turns_per_owner=1) as chat:
        async with chat.stream(_asked(STALL)) as response:
            reader = Reader(response)
            await reader.until(b"word1")
            second = await chat.post(_asked(message="u2"))
            assert b'"abort"' in await reader.rest()
        await _none_runs(chat)

    assert second.status_code == 200


async def test_a_turn_whose_client_has_left_counts_as_running(model: str, control: Control) -> None:
    async with chatting(model, store="memory", running_turns_per_owner=1) as chat:
        async with chat.stream(_asked(STALL)) as response:
            reader = Reader(response)
            await reader.until(b"word1")
        assert await _running(chat) == 1
        _refused(await chat.post(_asked(chat="c2")))
        control.gate("go").open()
        await _none_runs(chat)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/chat", data_body(SAY_HI)),
        ("/api/chat?stream=false", data_body(SAY_HI)),
        ("/", {"action": "chat", "payload": {"text": SAY_HI}}),
        ("/events", {"action": "chat", "payload": {"text": SAY_HI}}),
        ("/api/completion", {"prompt": SAY_HI}),
        ("/api/object/recipe", "soup"),
    ],
)
async def test_whatever_asks_the_model_counts(model: str, path: str, body: Any) -> None:
    async with chatting(model, turns_per_minute=1, running_turns_per_owner=5) as chat:
        first = await chat.post(body, path)
        second = await chat.post(body, path)
        await _none_runs(chat)

    assert first.status_code == 200, first.text
    assert first.headers["x-ratelimit-remaining"] == "0"
    _refused(second)


async def test_what_does_not_ask_the_model_does_not_count(model: str) -> None:
    @tool
    def add(a: int) -> int:
        """Add."""
        return a

    async with chatting(model, add, store="memory", turns_per_minute=1) as chat:
        await chat.post(_asked())
        for response in (
            await chat.post({"args": {"a": 1}}, "/api/tools/add/invoke"),
            await chat.post({}, "/api/chat/c1/stop"),
            await chat.http.get("/api/chat/c1/stream"),
            await chat.http.get("/api/chats"),
            await chat.http.get("/api/chats/c1"),
        ):
            assert response.status_code in (200, 204)
            assert "x-ratelimit-limit" not in response.headers
        # Nor does what is refused anyway.
        bodies: list[Any] = [{}, {"messages": []}, _asked(model="gpt-9")]
        for body in bodies:
            assert (await chat.post(body)).status_code == 400
        assert (await _me(chat))["limits"]["turnsPerMinute"]["used"] == 1


async def test_a_turn_that_fails_before_its_first_word_counts_and_gives_its_place_back() -> None:
    async with chatting(NOWHERE, turns_per_minute=5, running_turns_per_owner=5) as chat:
        assert (await chat.post(data_body("Hi"))).status_code == 502
        await _none_runs(chat)
        assert (await _me(chat))["limits"]["turnsPerMinute"]["used"] == 1


async def test_a_turn_for_which_the_server_has_no_room_does_not_count(
    model: str, control: Control
) -> None:
    async with (
        chatting(model, turns_per_minute=5, running_turns=1) as chat,
        chat.stream(data_body(STALL)) as response,
    ):
        reader = Reader(response)
        await reader.until(b"word1")
        assert (await chat.post(data_body(SAY_HI))).status_code == 503
        assert (await _me(chat))["limits"]["turnsPerMinute"]["used"] == 1


async def test_owners_have_limits_of_their_own(model: str, store: str) -> None:
    async with chatting(model, authenticate=_named, store=store, turns_per_minute=1) as chat:
        responses = [
            await chat.post(_asked(chat=f"c{number}"), headers=who)
            for number, who in enumerate((ADA, BOB, ADA, BOB))
        ]
        me = await _me(chat, ADA)

    assert [response.status_code for response in responses] == [200, 200, 429, 429]
    assert me["owner"] == "ada"


@pytest.mark.parametrize(
    ("first", "second", "is_same"),
    [
        ("203.0.113.7", "203.0.113.7", True),
        ("203.0.113.7", "203.0.113.8", False),
        ("2001:db8:1:2::3", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::3", "2001:db8:1:3::3", False),
        ("::ffff:203.0.113.7", "203.0.113.7", True),
        # What a client sends itself stands before what the proxy adds.
        ("1.1.1.1, 203.0.113.7", "2.2.2.2, 203.0.113.7", True),
    ],
)
async def test_where_nobody_is_known_addresses_have_limits(
    model: str, first: str, second: str, is_same: bool
) -> None:
    """The test's own server trusts proxies on this machine, as uvicorn does."""
    async with chatting(model, turns_per_minute=1) as chat:
        statuses = [
            (await chat.post(data_body(SAY_HI), headers={"x-forwarded-for": at})).status_code
            for at in (first, second)
        ]

    assert statuses == [200, 429 if is_same else 200]


async def test_who_asks_is_told_what_he_may(model: str) -> None:
    limits: dict[str, Any] = {
        "turns_per_minute": 3,
        "running_turns_per_owner": 2,
        "tokens_per_day": 1000,
    }
    async with chatting(model, authenticate=_named, **limits) as chat:
        before = await _me(chat, ADA)
        async with chat.stream(data_body(STALL), headers=ADA) as response:
            reader = Reader(response)
            await reader.until(b"word1")
            after = await _me(chat, ADA)
        nobody = await chat.http.get("/api/me")

    day = before["limits"]["tokensPerDay"].pop("resetS")
    assert before == {
        "owner": "ada",
        "limits": {
            "turnsPerMinute": {"limit": 3, "used": 0, "remaining": 3, "resetS": 60},
            "runningTurns": {"limit": 2, "used": 0, "remaining": 2},
            "tokensPerDay": {"limit": 1000, "used": 0, "remaining": 1000},
        },
    }
    assert 0 < day <= 86_400
    assert after["limits"]["turnsPerMinute"]["used"] == 1
    assert after["limits"]["runningTurns"] == {"limit": 2, "used": 1, "remaining": 1}
    assert nobody.status_code == 500  # `_named` finds no header; it is asked, at any rate


async def test_what_is_not_limited_is_null(model: str) -> None:
    nothing = {"turnsPerMinute": None, "runningTurns": None, "tokensPerDay": None}
    async with chatting(model, auth_token="secret-token") as chat:
        assert (await chat.http.get("/api/me")).status_code == 401
        me = await _me(chat, {"authorization": "Bearer secret-token"})
    assert me == {"owner": None, "limits": nothing}

    async with chatting(model, running_turns_per_owner=1) as chat:
        me = await _me(chat)
        response = await chat.post(data_body(SAY_HI))
    assert me["limits"] == {**nothing, "runningTurns": {"limit": 1, "used": 0, "remaining": 1}}
    assert not [name for name in response.headers if name.startswith("x-ratelimit")]


async def test_pages_of_other_origins_may_read_the_headers(model: str) -> None:
    page = "https://page.example"
    async with chatting(model, allowed_origins=(page,), turns_per_minute=1) as chat:
        responses = [await chat.post(data_body(SAY_HI), headers={"origin": page}) for _ in range(2)]

    for response in responses:
        exposed = response.headers["access-control-expose-headers"].split(", ")
        names = {"x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", "retry-after"}
        assert names <= set(exposed)


async def test_a_refusal_is_a_line_of_the_log_without_a_name(model: str) -> None:
    with logged() as log:
        async with chatting(model, authenticate=_named, turns_per_minute=1) as chat:
            for _ in range(2):
                await chat.post(data_body(SAY_HI), headers=ADA)
        line = await log.request(2)

    assert (line["status"], line["error_code"]) == (429, "turns_per_minute")
    assert "ada" not in str(line)


@pytest.fixture
async def shaky() -> AsyncIterator[Shaky]:
    yield Shaky()


@pytest.mark.parametrize("how", ["is_down", "hangs"])
async def test_while_the_store_is_down_everybody_is_admitted_or_nobody(
    model: str, shaky: Shaky, how: str
) -> None:
    setattr(shaky, how, True)
    async with chatting(model, store=shaky, turns_per_minute=1) as chat:
        statuses = [(await chat.post(_asked(chat=f"c{number}"))).status_code for number in range(3)]
        me = await chat.http.get("/api/me")
        assert me.status_code == 503
    assert statuses == [200, 200, 200]

    async with chatting(model, store=shaky, turns_per_minute=1, limits_fail="closed") as chat:
        for body in (_asked(), data_body(SAY_HI), {"prompt": SAY_HI}):
            path = "/api/completion" if "prompt" in body else "/api/chat"
            refused = await chat.post(body, path)
            assert refused.status_code == 503, refused.text
            assert int(refused.headers["retry-after"]) > 0
        setattr(shaky, how, False)

        async def is_admitted() -> bool:
            return (await chat.post(_asked())).status_code == 200

        await _until(is_admitted)


async def test_that_the_store_is_down_is_logged_once(model: str, shaky: Shaky) -> None:
    shaky.is_down = True
    with logged() as log:
        async with chatting(model, store=shaky, turns_per_minute=1) as chat:
            for _ in range(5):
                await chat.post({"prompt": SAY_HI}, "/api/completion")
    lines = [record.getMessage() for record in log.records if record.name == "deltaline.limits"]

    assert lines == ["limits cannot be counted (out of order): every turn is admitted"]


async def test_tokens_are_counted_once_the_store_is_back(
    model: str, shaky: Shaky, control: Control
) -> None:
    async with chatting(model, store=shaky, tokens_per_day=1000) as chat:
        async with chat.stream({"prompt": STALL}, "/api/completion") as response:
            reader = Reader(response)
            await reader.until(b"word1")
            shaky.is_down = True
            control.gate("go").open()
            await reader.rest()
        shaky.is_down = False
        await _tokens(chat)


async def test_no_way_out_of_a_turn_keeps_its_place(model: str, control: Control) -> None:
    async with chatting(model, store="memory", running_turns_per_owner=50) as chat:
        for number, script in enumerate(
            (SAY_HI, "scenario: error status=429", "scenario: error-inside after=2")
        ):
            await chat.post(_asked(script, chat=f"c{number}"))
            await chat.post(_asked(script, chat=f"d{number}"), "/api/chat?stream=false")
        async with chat.stream({"prompt": STALL}, "/api/completion"):
            pass  # leaves at once
        await control.client_left()
        async with chat.stream(_asked(STALL, chat="e")) as response:
            reader = Reader(response)
            await reader.until(b"word1")
            await chat.http.delete("/api/chats/e")
        await _none_runs(chat)


@pytest.mark.parametrize("workers", [2, "auto"])
def test_several_workers_need_a_store_that_they_share(workers: Any) -> None:
    settings = Settings(provider="scripted", turns_per_minute=1, workers=workers)
    with pytest.raises(SettingsError, match="Limits need a store with CHAT_WORKERS above 1"):
        create_lean_app(settings)


def test_on_lambda_limits_need_a_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "chat")
    settings = Settings(provider="scripted", tokens_per_day=1)
    with pytest.raises(SettingsError, match="Limits need a store on Lambda"):
        create_lean_app(settings)
