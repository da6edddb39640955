"""What belongs to one owner does not exist for another."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.requests import Request

from app.main import create_app
from app.settings import Settings, SettingsError
from app.tools import ToolContext, tool
from tests.chatting import NOWHERE, Chat, Reader, chatting, ui_body
from tests.owners.issuer import Issuer, running_issuer

SAY_HI = "scenario: say text='Hi there.'"
BEGIN = "scenario: stall after=2 seconds=60"
ADA, BOB = {"x-name": "ada"}, {"x-name": "bob"}


def _named(request: Request) -> str:
    return request.headers["x-name"]


def _events(response: httpx2.Response) -> list[dict[str, Any]]:
    lines = [line.removeprefix("data: ") for line in response.text.splitlines()]
    return [json.loads(line) for line in lines if line.startswith("{")]


def _text(response: httpx2.Response) -> str:
    return "".join(event["delta"] for event in _events(response) if event["type"] == "text-delta")


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return "memory" if request.param == "memory" else f"sqlite:{tmp_path / 'chats.db'}"


async def _seen(chat: Chat, chat_id: str, headers: dict[str, str]) -> list[Any]:
    """Return what every route that reads says of a chat."""
    seen: list[Any] = []
    for path in (
        f"/api/chat/{chat_id}/stream",
        f"/{chat_id}/stream",
        f"/api/chat/{chat_id}/stream?startIndex=0",
        f"/api/chat?chatId={chat_id}",
        f"/?chatId={chat_id}",
        f"/api/chats/{chat_id}",
        "/api/chats",
    ):
        response = await chat.http.get(path, headers=headers)
        seen.append((path, response.status_code, response.text))
    return seen


async def test_another_owners_chat_is_like_one_that_never_was(model: str, store: str) -> None:
    async with chatting(model, authenticate=_named, store=store) as chat:
        nothing = await _seen(chat, "chat-1", BOB)
        body = ui_body(BEGIN)
        async with chat.stream(body, headers=ADA) as response:
            turn = response.headers["x-chat-turn-id"]
            reader = Reader(response)
            await reader.until(b"text-delta")

            assert await _seen(chat, "chat-1", BOB) == nothing
            by_turn = await chat.http.get(f"/api/chat/{turn}/stream", headers=BOB)
            stops = [
                await chat.post({}, f"/api/chat/{chat_or_turn}/stop", headers=BOB)
                for chat_or_turn in ("chat-1", turn)
            ]
            deleted = await chat.http.delete("/api/chats/chat-1", headers=BOB)
            # Her turn goes on: what she has is hers.
            mine = await chat.http.get("/api/chats/chat-1", headers=ADA)

            assert mine.json()["turn"] == {"id": turn, "state": "running"}
            await chat.post({}, "/api/chat/chat-1/stop", headers=ADA)
            assert b'"abort"' in await reader.rest()

        assert by_turn.status_code == 204
        assert [stop.status_code for stop in stops] == [204, 204]
        assert deleted.status_code in (204, 404)
        assert await _seen(chat, "chat-1", BOB) == nothing


async def test_a_chat_of_the_same_id_is_another_chat(model: str, store: str) -> None:
    async with chatting(model, authenticate=_named, store=store) as chat:
        for headers, text in ((ADA, "'I am Ada.'"), (BOB, "'I am Bob.'")):
            await chat.post(ui_body(f"scenario: say text={text}"), headers=headers)

        found = {
            name: (await chat.http.get("/api/chats/chat-1", headers=headers)).text
            for name, headers in (("ada", ADA), ("bob", BOB))
        }
        lists = [(await chat.http.get("/api/chats", headers=h)).json()["chats"] for h in (ADA, BOB)]
        await chat.http.delete("/api/chats/chat-1", headers=ADA)
        left = await chat.http.get("/api/chats/chat-1", headers=BOB)

    assert "I am Ada" in found["ada"] and "Bob" not in found["ada"]
    assert "I am Bob" in found["bob"] and "Ada" not in found["bob"]
    assert [len(chats) for chats in lists] == [1, 1]
    assert left.text == found["bob"]


async def test_a_retry_of_another_owner_does_not_join(model: str, store: str) -> None:
    async with (
        chatting(model, authenticate=_named, store=store) as chat,
        chat.stream(ui_body(BEGIN), headers=ADA) as response,
    ):
        await Reader(response).until(b"text-delta")
        # The same chat and the same message, but somebody else's.
        other = await chat.post(ui_body(SAY_HI), headers=BOB)

        assert _text(other) == "Hi there."
        mine = await chat.http.get("/api/chats/chat-1", headers=ADA)
        assert mine.json()["turn"]["state"] == "running"
        await chat.post({}, "/api/chat/chat-1/stop", headers=ADA)


async def test_an_approval_is_for_who_was_asked(model: str) -> None:
    """Without a store the client brings the history, and could bring somebody else's."""
    sent: list[str | None] = []

    @tool(needs_approval=True)
    def send_money(amount: int, ctx: ToolContext) -> str:
        """Send money."""
        sent.append(ctx.user_id)
        return "sent"

    text = "scenario: call tool=send_money arguments='{\"amount\":5}'"
    async with chatting(model, send_money, authenticate=_named) as chat:
        asked = await chat.post(ui_body(text), headers=ADA)
        request = next(
            event for event in _events(asked) if event["type"] == "tool-approval-request"
        )
        part = {
            "type": "tool-send_money",
            "toolCallId": request["toolCallId"],
            "state": "approval-responded",
            "input": {"amount": 5},
            "approval": {**request, "id": request["approvalId"], "approved": True},
        }
        body = ui_body(text)
        body["messages"].append({"id": "m2", "role": "assistant", "parts": [part]})

        of_another = await chat.post(body, headers=BOB)
        assert sent == []
        await chat.post(body, headers=ADA)

    assert "not the one that was approved" in of_another.text
    assert sent == ["ada"]


@pytest.mark.parametrize(("headers", "expected"), [(ADA, "ada"), (BOB, "bob")])
async def test_a_tool_is_told_who_asks_and_not_who_the_client_says(
    headers: dict[str, str], expected: str
) -> None:
    @tool
    def whoami(ctx: ToolContext) -> str:
        """Say who asks."""
        return str(ctx.user_id)

    async with chatting(NOWHERE, whoami, authenticate=_named) as chat:
        body = {"args": {}, "context": {"user_id": "somebody else"}}
        response = await chat.post(body, "/api/tools/whoami/invoke?stream=false", headers=headers)

    assert response.json()["data"] == {"result": expected}


async def test_owners_at_once_see_only_their_own(model: str, store: str) -> None:
    async with chatting(model, authenticate=_named, store=store) as chat:

        async def use(name: str) -> list[str]:
            headers = {"x-name": name}
            for number in range(3):
                body = ui_body(f"scenario: say text='{name} {number}'", id=f"c{number}")
                answer = await chat.post(body, headers=headers)
                assert _text(answer) == f"{name} {number}"
            listed = (await chat.http.get("/api/chats", headers=headers)).json()["chats"]
            return [
                (await chat.http.get(f"/api/chats/{found['id']}", headers=headers)).text
                for found in listed
            ]

        names = [f"owner-{number}" for number in range(6)]
        found = await asyncio.gather(*map(use, names))

    for name, texts in zip(names, found, strict=True):
        assert len(texts) == 3
        for text in texts:
            assert {other for other in names if other in json.dumps(text)} == {name}


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    async with running_issuer() as running:
        yield running


PROGRAMS = "for programs"


async def test_a_token_of_the_issuer_says_who_asks(model: str, issuer: Issuer) -> None:
    async with chatting(model, auth_token=PROGRAMS, **issuer.settings) as chat:
        for token, status in (
            (issuer.sign("ada"), 200),
            (issuer.sign("bob"), 200),
            (PROGRAMS, 200),
            ("for progams", 401),
            (issuer.sign("ada", exp=1), 401),
            ("x", 401),
        ):
            headers = {"authorization": f"Bearer {token}"}
            response = await chat.post(ui_body(SAY_HI), headers=headers)
            assert (token[:20], response.status_code) == (token[:20], status)

        lists = [
            (await chat.http.get("/api/chats", headers={"x-chat-token": token})).json()["chats"]
            for token in (
                issuer.sign("ada"),
                issuer.sign("bob"),
                PROGRAMS,
                issuer.sign("eve"),
            )
        ]
        health = await chat.http.get("/health")

    assert [len(chats) for chats in lists] == [1, 1, 1, 0]
    assert health.status_code == 200


async def test_without_the_issuers_keys_nobody_is_let_in(issuer: Issuer) -> None:
    del issuer.documents["/keys"]
    async with chatting(NOWHERE, **issuer.settings) as chat:
        headers = {"authorization": f"Bearer {issuer.sign('ada')}"}
        response = await chat.post(ui_body(SAY_HI), headers=headers)

    assert response.status_code == 503
    assert response.headers["retry-after"] == "5"
    assert response.json()["error"].startswith("Nobody can be signed in at the moment")


async def test_a_proxy_is_believed_only_if_the_settings_say_so(model: str) -> None:
    async with chatting(model, store="memory") as chat:
        for name in ("ada", "bob"):
            await chat.post(ui_body(SAY_HI), headers={"x-forwarded-user": name})
        together = (await chat.http.get("/api/chats")).json()["chats"]
    trusting: dict[str, Any] = {"trusted_user_header": "X-Forwarded-User", "store": "memory"}
    async with chatting(model, auth_token="the proxy", **trusting) as chat:
        token = ("x-chat-token", "the proxy")
        statuses = {}
        for headers in (
            [token, ("x-forwarded-user", "ada")],
            [token],
            [token, ("x-forwarded-user", "")],
            [token, ("x-forwarded-user", "x" * 513)],
            [token, ("x-forwarded-user", "eve"), ("x-forwarded-user", "ada")],
            [("x-forwarded-user", "ada")],
        ):
            response = await chat.http.post("/api/chat", json=ui_body(SAY_HI), headers=headers)
            statuses[str(headers)[:200]] = response.status_code
        apart = [
            (await chat.http.get("/api/chats", headers=[token, ("x-forwarded-user", name)])).json()
            for name in ("ada", "bob")
        ]

    assert len(together) == 1
    assert list(statuses.values()) == [200, 401, 401, 401, 401, 401]
    assert [len(found["chats"]) for found in apart] == [1, 0]


@pytest.mark.parametrize("token", ["old", "new"])
async def test_two_tokens_count_while_one_follows_the_other(model: str, token: str) -> None:
    async with chatting(model, auth_token="old, new") as chat:
        response = await chat.post(ui_body(SAY_HI), headers={"x-chat-token": token})

    assert response.status_code == 200


async def test_on_lambda_the_front_says_who_asks(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "x-amzn-request-context"
    store = f"sqlite:{tmp_path / 'chats.db'}"
    contexts = [
        {name: json.dumps({"authorizer": {"jwt": {"claims": {"sub": who}}}})}
        for who in ("ada", "bob")
    ]
    found = {}
    for is_on_lambda in (False, True):
        if is_on_lambda:
            monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "chat")
            monkeypatch.setenv("CHAT_APPROVAL_SECRET", "x" * 32)
            monkeypatch.setattr("app.store.opening._MOUNTED", tmp_path)
        async with chatting(model, store=store) as chat:
            await chat.post(ui_body(SAY_HI), headers=contexts[0])
            found[is_on_lambda] = [
                len((await chat.http.get("/api/chats", headers=context)).json()["chats"])
                for context in (*contexts, {name: "null"})
            ]

    # Elsewhere the header is any client's own.
    assert found == {False: [1, 1, 1], True: [1, 0, 1]}


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"jwt_issuer": "https://x"}, "CHAT_JWT_ISSUER needs CHAT_JWT_AUDIENCE"),
        ({"jwt_issuer": "x", "jwt_audience": "y"}, "set CHAT_JWT_JWKS_URL, where its keys are"),
        ({"jwt_audience": "y"}, "CHAT_JWT_AUDIENCE has a bad value: needs CHAT_JWT_ISSUER too"),
        (
            {"jwt_jwks_url": "https://x/k"},
            "CHAT_JWT_JWKS_URL has a bad value: needs CHAT_JWT_ISSUER",
        ),
        (
            {"jwt_issuer": "x", "jwt_audience": "y", "jwt_jwks_url": "http://x/k"},
            "CHAT_JWT_JWKS_URL has a bad value: must start with https://",
        ),
        ({"trusted_user_header": "x y"}, "must be the name of a header"),
        ({"trusted_user_header": "Cookie"}, "must be a header that only the proxy sets"),
        (
            {"jwt_issuer": "x", "trusted_user_header": "x-user"},
            "is set beside CHAT_JWT_ISSUER; keep one of the two",
        ),
    ],
)
def test_settings_that_find_nobody_stop_the_start(settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(sentence)):
        create_app(Settings(openai_base_url=NOWHERE, **settings))
