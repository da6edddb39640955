"""Two owners at three server processes on one store: what one does never reaches the other.

Both use the same chat ids, know each other's ids of turns, messages and approvals, and ask at once.
Each knows what he has himself; whatever a server says to him has to be that, and nothing else.
"""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from typing import Any

import httpx2
import pytest
import pytest_asyncio
from starlette.routing import Route

from app.main import create_app
from app.settings import Settings
from tests.chatting import NOWHERE, Reader, ui_body
from tests.owners.issuer import Issuer, running_issuer
from tests.redis_server import needs_redis, redis_server
from tests.server_process import serving

pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(240),
    pytest.mark.asyncio(loop_scope="module"),  # the servers are those of all tests
]

_CHATS = ("c1", "c2", "c3")
_STEPS = 45
# Open to everybody, or about nothing that anybody has.
_NOBODYS = {
    *("/health", "/docs", "/docs/oauth2-redirect", "/redoc", "/openapi.json"),
    *("/assets/{name}", "/minimal{path:path}"),
}
_LONG = 120  # words of an answer that goes on, half a second each


class Known:
    """The ids that somebody has, and everybody knows."""

    def __init__(self) -> None:
        self.turns: list[str] = []
        self.messages: list[str] = []
        self.approvals: list[dict[str, Any]] = []


class Owner:
    """One who asks, what he has, and what he knows of the other.

    Args:
        name: appears in all that he says, and so in all that he is told.
        token: says who he is.
        servers: clients of the processes; he meets any of them.
        seed: of what he does.
    """

    def __init__(self, name: str, token: str, servers: Sequence[httpx2.AsyncClient], seed: str):
        self.name = name
        self.own = Known()
        self.chats: dict[str, list[str]] = {}
        self.running: dict[str, str] = {}
        self.other: Owner
        self.done: set[str] = set()
        self._headers = {"authorization": f"Bearer {token}"}
        self._servers = servers
        self._random = random.Random(seed)
        self._said = 0

    async def ask(self, method: str, path: str, **options: Any) -> httpx2.Response:
        """Send a request to any server, and see that nothing of the other comes back."""
        server = self._random.choice(self._servers)
        response = await server.request(method, path, headers=self._headers, **options)
        self.sees(response.text + str(response.headers))
        assert response.status_code < 500, (method, path, response.text)
        return response

    def sees(self, text: str) -> None:
        """See that a response holds nothing of the other."""
        other = self.other
        assert other.name not in text, text
        for turn in other.own.turns:
            assert turn not in text, text

    async def step(self) -> None:
        """Do something."""
        chat = self._random.choice(_CHATS)
        steps = [self._say, self._begin, self._follow, self._stop, self._delete, self._meddle]
        steps += [self._check, self._let_approve, self._meddle]
        await self._random.choice(steps)(chat)

    def _words(self) -> str:
        self._said += 1
        return f"{self.name}-{self._said}"

    def _body(self, text: str, chat: str) -> dict[str, Any]:
        body = ui_body(text, id=chat)
        foreign = [one for one in self.other.own.messages if one not in self.own.messages]
        # A retry has the id of a message that is there: the other's is not.
        is_foreign = foreign and self._random.random() < 0.5
        message = self._random.choice(foreign) if is_foreign else f"u-{self._random.random()}"
        body["messages"][0]["id"] = message
        self.own.messages.append(message)
        return body

    async def _say(self, chat: str) -> None:
        words = self._words()
        text = f"scenario: say text='{words}'"
        response = await self.ask("POST", "/api/chat", json=self._body(text, chat))
        self.chats.setdefault(chat, []).append(text)
        self.running.pop(chat, None)
        self.own.turns.append(response.headers["x-chat-turn-id"])
        assert words in "".join(_deltas(response.text))

    async def _begin(self, chat: str) -> None:
        words = self._words()
        text = f"scenario: say delay=0.5 text='{' '.join([words] * _LONG)}'"
        server = self._random.choice(self._servers)
        body = self._body(text, chat)
        async with server.stream("POST", "/api/chat", json=body, headers=self._headers) as response:
            self.chats.setdefault(chat, []).append(text)
            self.running[chat] = response.headers["x-chat-turn-id"]
            self.own.turns.append(self.running[chat])
            await Reader(response).until(b"text-delta")

    async def _follow(self, chat: str) -> None:
        path = self._random.choice(
            [f"/api/chat/{chat}/stream", f"/{chat}/stream", f"/api/chat?chatId={chat}"]
        )
        if chat not in self.running:
            response = await self.ask("GET", path)
            assert response.status_code in (200, 204)
            if chat not in self.chats:
                assert response.text.strip() == ""
            return
        server = self._random.choice(self._servers)
        async with server.stream("GET", path, headers=self._headers) as response:
            assert response.status_code == 200
            text = b'0:"' if "?" in path else b"text-delta"
            self.sees((await Reader(response).until(text)).decode())

    async def _stop(self, chat: str) -> None:
        wanted = self._random.choice([chat, self.running.get(chat, chat)])
        response = await self.ask("POST", f"/api/chat/{wanted}/stop")
        assert response.status_code == 204
        if self.running.pop(chat, None):
            await self.ask("GET", f"/api/chat/{chat}/stream")  # until it has ended

    async def _delete(self, chat: str) -> None:
        response = await self.ask("DELETE", f"/api/chats/{chat}")
        assert response.status_code == (204 if chat in self.chats else response.status_code)
        self.chats.pop(chat, None)
        self.running.pop(chat, None)

    async def _let_approve(self, chat: str) -> None:
        """Have a tool ask, in a chat whose id the other learns."""
        chat = f"ask-{self._random.random()}"
        text = f"Send an email to {self.name}@example.com about tea"
        response = await self.ask("POST", "/api/chat", json=self._body(text, chat))
        self.chats[chat] = [text]
        self.own.turns.append(response.headers["x-chat-turn-id"])
        events = _events(response.text)
        asked = next(event for event in events if event["type"] == "tool-approval-request")
        message = next(event["messageId"] for event in events if event["type"] == "start")
        called = next(event for event in events if event["type"] == "tool-input-available")
        self.own.approvals.append(
            {
                "chat": chat,
                "message": {
                    "id": message,
                    "role": "assistant",
                    "parts": [
                        {
                            "type": "tool-send_email",
                            "toolCallId": asked["toolCallId"],
                            "state": "approval-responded",
                            "input": called["input"],
                            "approval": {"id": asked["approvalId"], "approved": True},
                        }
                    ],
                },
            }
        )
        if self._random.random() < 0.5:
            return
        await asyncio.sleep(0)  # the other's turn
        assert await self._approve(self.own.approvals[-1])
        self.own.approvals.pop()

    async def _approve(self, approval: dict[str, Any]) -> bool:
        """Return whether the tool ran."""
        body = {"id": approval["chat"], "message": approval["message"]}
        body["trigger"] = "submit-message"
        server = self._random.choice(self._servers)
        response = await server.post("/api/chat", json=body, headers=self._headers)
        self.sees(response.text)
        assert response.status_code < 500, response.text
        return "tool-output-available" in response.text

    async def _meddle(self, chat: str) -> None:
        """Use what the other has, by its ids, at every route that takes one."""
        theirs = self.other.own
        if theirs.turns:
            turn = self._random.choice(theirs.turns)
            for path in (f"/api/chat/{turn}/stream", f"/{turn}/stream"):
                # Whoever writes an address may be told it again; nothing else of it.
                response = await self._servers[0].get(path, headers=self._headers)
                assert (response.status_code, response.text) == (204, "")
            for wanted, body in ((turn, None), (chat, {"turnId": turn})):
                response = await self.ask("POST", f"/api/chat/{wanted}/stop", json=body)
                assert response.status_code == 204
            deleted = await self.ask("DELETE", f"/api/chats/{turn}")
            assert deleted.status_code in (204, 404)
        if theirs.approvals:
            approval = self._random.choice(theirs.approvals)
            assert not await self._approve(approval)
            self.done.add("stolen approval")
            # He may have a chat of this id now, and takes away his own only.
            await self.ask("DELETE", f"/api/chats/{approval['chat']}")

    async def _check(self, chat: str) -> None:
        del chat
        await self.check()

    async def check(self) -> None:
        """See that he has what he has made, whatever the other did."""
        listed = (await self.ask("GET", "/api/chats?limit=200")).json()["chats"]
        assert {found["id"] for found in listed} == set(self.chats)
        for chat, texts in self.chats.items():
            kept = (await self.ask("GET", f"/api/chats/{chat}")).json()
            said = [
                part["text"]
                for message in kept["messages"]
                if message["role"] == "user"
                for part in message["parts"]
            ]
            assert said == texts
            turn = self.running.get(chat)
            assert kept["turn"] == (turn and {"id": turn, "state": "running"})
        for chat in {*self.other.chats} - {*self.chats}:
            assert (await self.ask("GET", f"/api/chats/{chat}")).status_code == 404


def _events(text: str) -> list[dict[str, Any]]:
    lines = [line.removeprefix("data: ") for line in text.splitlines()]
    return [json.loads(line) for line in lines if line.startswith("{")]


def _deltas(text: str) -> list[str]:
    return [event["delta"] for event in _events(text) if event["type"] == "text-delta"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def issuer() -> AsyncIterator[Issuer]:
    async with running_issuer() as running:
        yield running


_REDIS = pytest.param("redis", marks=needs_redis)


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["sqlite", _REDIS])
async def fleet(
    request: pytest.FixtureRequest, issuer: Issuer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[list[httpx2.AsyncClient]]:
    """Run three processes on one store; give a client of each."""
    async with AsyncExitStack() as stack:
        if request.param == "redis":
            store = (await stack.enter_async_context(redis_server())).url
        else:
            store = f"sqlite:{tmp_path_factory.mktemp('fleet') / 'chats.db'}"
        settings = {
            "CHAT_APPROVAL_SECRET": "of all processes, of these tests",
            **{f"CHAT_{name.upper()}": value for name, value in issuer.settings.items()},
            "CHAT_STORE": store,
        }
        servers = await asyncio.gather(
            *(stack.enter_async_context(serving(**settings)) for _ in range(3))
        )
        yield [
            await stack.enter_async_context(httpx2.AsyncClient(base_url=server.url, timeout=30))
            for server in servers
        ]


def _two(issuer: Issuer, servers: Sequence[httpx2.AsyncClient], seed: int) -> tuple[Owner, Owner]:
    """Return two who have nothing yet: nobody else has used the seed."""
    ada = Owner(f"ada{seed}ada", issuer.sign(f"ada{seed}"), servers, f"ada {seed}")
    bob = Owner(f"bob{seed}bob", issuer.sign(f"bob{seed}"), servers, f"bob {seed}")
    ada.other, bob.other = bob, ada
    return ada, bob


@pytest.mark.parametrize("seed", [1])
async def test_whatever_two_owners_do_at_once_each_has_his_own(
    fleet: list[httpx2.AsyncClient], issuer: Issuer, seed: int
) -> None:
    owners = _two(issuer, fleet, seed)

    async def use(owner: Owner) -> None:
        for _ in range(_STEPS):
            await owner.step()
        await owner.check()

    async with asyncio.TaskGroup() as group:
        for owner in owners:
            group.create_task(use(owner))
    for owner in owners:
        await owner.check()

    # Or it would have shown nothing.
    assert any(owner.chats for owner in owners)
    assert any("stolen approval" in owner.done for owner in owners)


def _routes() -> list[tuple[str, str]]:
    """Return the method and path of every route that serves what somebody has."""
    app = create_app(Settings(openai_base_url=NOWHERE, store="memory"))
    routes = [route for route in app.routes if isinstance(route, Route)]
    return sorted(
        (method, route.path)
        for route in routes
        if route.path not in _NOBODYS
        for method in (route.methods or ())
        if method != "HEAD"
    )


async def test_no_route_shows_or_changes_what_another_has(
    fleet: list[httpx2.AsyncClient], issuer: Issuer
) -> None:
    """Also those that come later: each is asked for with the ids of another owner."""
    ada, bob = _two(issuer, fleet, 0)
    await ada._say("c1")
    await ada._begin("c2")
    kept = [(await ada.ask("GET", f"/api/chats/{chat}")).json() for chat in ("c1", "c2")]
    ids = ["c1", "c2", *ada.own.turns, kept[0]["messages"][1]["id"], ada.own.messages[0]]
    routes = _routes()

    for method, path in routes:
        for number, named in enumerate(ids):
            filled = path.format(chat_id=named, name="get_weather", schema="recipe")
            query = {"chatId": named, "chat_id": named, "id": named, "user_id": "ada0"}
            text = "scenario: say text=Hello"  # at once; the demo takes its time
            body = ui_body(text, id=named, chatId=named, turnId=named, user_id="ada0")
            # Otherwise he is told his own text, in which it is.
            body["messages"][0]["id"] = f"b{number}"
            response = await bob._servers[number % 3].request(
                method,
                filled,
                params=query,
                headers=bob._headers,
                json=None if method == "GET" else body,
            )
            assert ada.name not in response.text, (method, filled)
            assert response.status_code < 500, (method, filled, response.text)

    assert len(routes) > 12
    await ada.check()
    assert [
        (await ada.ask("GET", f"/api/chats/{chat}")).json()["messages"] for chat in ("c1", "c2")
    ] == [found["messages"] for found in kept]


@pytest.mark.parametrize("fleet", ["sqlite"], indirect=True)
async def test_without_a_token_every_such_route_is_401(fleet: list[httpx2.AsyncClient]) -> None:
    found = {}
    for method, path in _routes():
        filled = path.format(chat_id="c1", name="get_weather", schema="recipe")
        query = {"chatId": "c1"}  # without it, `GET /` is the page
        found[method, path] = (await fleet[0].request(method, filled, params=query)).status_code

    assert set(found.values()) == {401}, found
