"""What belongs to one owner does not exist for another."""

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.requests import Request

from app.tools import ToolContext, tool
from tests.chatting import NOWHERE, Chat, Reader, chatting, ui_body

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
