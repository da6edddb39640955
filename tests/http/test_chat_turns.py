"""`app.http.chat_turns`: what kind of turn each kind of request makes."""

from typing import Any

import pytest

from app.tools import tool
from tests.chatting import chatting, data_body, ui_body

SAY_HI = "scenario: say text='Hi there.'"


@pytest.mark.parametrize("store", ["off", "memory"])
async def test_what_is_left_to_a_store_needs_one(model: str, store: str) -> None:
    async with chatting(model, store=store) as chat:
        await chat.post(ui_body(SAY_HI))
        again = await chat.post({"id": "chat-1", "trigger": "regenerate-message", "messages": []})

    assert again.status_code == (400 if store == "off" else 200)


@pytest.mark.parametrize("path", ["/api/chat", "/api/chat?stream=false"])
@pytest.mark.parametrize("store", ["off", "memory"])
async def test_whoever_wants_the_message_gets_it(model: str, store: str, path: str) -> None:
    """`on_finish`, an answer in one piece, and a store."""
    told: list[Any] = []
    finish = told.append
    async with chatting(
        model, store=store, on_finish=lambda chat_id, message, usage: finish(message)
    ) as chat:
        said = await chat.post(data_body(SAY_HI), path)

    assert said.status_code == 200
    assert [message["parts"][-1]["text"] for message in told] == ["Hi there."]


@pytest.mark.parametrize("path", ["/api/object/recipe", "/api/object/recipe?stream=false"])
async def test_an_object_is_checked_and_knows_no_tools(model: str, path: str) -> None:
    @tool
    def look(at: str) -> str:
        """Look."""
        return at

    async with chatting(model, look) as chat:
        good = await chat.post("soup", path)
        bad = await chat.post(
            "scenario: schema-violation",
            path + "&protocol=ndjson" if "?" in path else path + "?protocol=ndjson",
        )

    assert '"steps"' in good.text
    assert "does not fit the schema" in bad.text
