"""Chats as files: saved, sent to somebody, and opened again, whoever has written them."""

import asyncio
import json
from typing import Any

import pytest
from playwright.async_api import FilePayload, expect

from tests.web.chat_page import ChatPage, Generation
from tests.web.chromium import AXE
from tests.web.conftest import Open
from tests.web.site import Site, backend
from tests.web.test_files import PICTURE, attach

WEATHER = "What is the weather in Bergen?"


async def save(page: ChatPage, way: str) -> tuple[str, str]:
    """Save the chat, and return the file's name and what is in it."""
    await page.button("Menu").click()
    async with page.page.expect_download() as downloading:
        await page.page.get_by_role("button", name=way).click()
    download = await downloading.value
    text = await asyncio.to_thread((await download.path()).read_text, encoding="utf-8")
    return download.suggested_filename, text


async def open_saved(page: ChatPage, text: str) -> None:
    """Give a file to the page."""
    await page.button("Menu").click()
    await page.button("Open a saved chat").click()
    content = text.encode("utf-8", "surrogatepass")
    file = FilePayload(name="chat.json", mimeType="application/json", buffer=content)
    await page.choose(file)


def saved(*messages: Any, **more: Any) -> str:
    return json.dumps({"format": "deltaline-chat", "version": 1, "messages": messages, **more})


def message(*parts: Any, role: str = "assistant", **more: Any) -> dict[str, Any]:
    return {"id": "m", "role": role, "parts": parts, **more}


async def test_a_chat_is_saved_to_be_read_and_to_be_opened_again(
    open_page: Open, generation: Generation, home: Site
) -> None:
    page = await open_page(generation, fresh=True)
    await page.ask(WEATHER)
    await attach(page, "paste", PICTURE)
    await expect(page.button("Remove dot.png")).to_be_visible()
    await page.ask("What is this?")

    name, markdown = await save(page, "Save as Markdown")
    other_name, document = await save(page, "Save as JSON")

    assert name == "what-is-the-weather-in-bergen.md"
    assert other_name == "what-is-the-weather-in-bergen.json"
    assert markdown.startswith(f"# {WEATHER}\n\n## You\n\n{WEATHER}\n\n## gpt-4o-mini\n\n")
    assert "## You\n\n*File: dot.png*\n\nWhat is this?\n\n## gpt-4o-mini\n\n" in markdown
    assert 'Tool `get_weather`:\n\n```json\n{\n  "city": "Bergen"' in markdown

    other = await open_page(fresh=True)
    await open_saved(other, document)

    await expect(other.questions.first).to_contain_text(WEATHER)
    await expect(other.questions.get_by_role("img", name="dot.png")).to_be_visible()
    await expect(other.tool("get_weather")).to_contain_text("done")
    # It goes on like any chat, and is there after a reload.
    await other.ask("What did I say first?")
    roles = [each["role"] for each in home.control.requests[-1].body["messages"]]
    assert roles == ["user", "assistant", "tool", "assistant", "user", "assistant", "user"]
    await other.page.reload()
    await expect(other.questions).to_have_count(3)


async def test_where_the_server_keeps_chats_a_saved_one_is_to_be_read(
    open_page: Open, home: Site
) -> None:
    chat = saved(
        message({"type": "text", "text": "A question"}, role="user"),
        message({"type": "text", "text": "An answer"}),
    )
    async with backend(home.model, store="memory") as url:
        page = await open_page(address=url, fresh=True)
        await expect(page.page.get_by_text("Chats are kept by the server.")).to_be_visible()

        await open_saved(page, chat)

        await expect(page.answers).to_contain_text("An answer")
        await expect(page.page.get_by_role("region", name="A saved chat")).to_be_visible()
        await expect(page.field).to_have_count(0)
        for name in ("Edit", "Regenerate"):
            await expect(page.button(name)).to_be_disabled()
        assert await page.axe(str(AXE)) == []
        await page.page.get_by_role("main").get_by_role("button", name="New chat").click()
        await page.ask("A new one")
        await expect(page.questions).to_have_count(1)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("not JSON", "This file is not a saved chat."),
        ("[]", "This file is not a saved chat."),
        (json.dumps({"messages": []}), "This file is not a saved chat."),
        (saved(version=2), "A newer version of this page has saved this chat."),
        (saved(), "This chat is empty."),
        (saved(*[message()] * 2001), "This chat has too many messages."),
        (saved(message(*[{"type": "text", "text": "x"}] * 10_001)), "This chat has too many parts"),
        (saved("text"), "Message 1 of this file is no message."),
        (saved(message(role="system")), "Message 1 of this file is of nobody who talks here."),
        (saved({"role": "user", "parts": "text"}), "Message 1 of this file has no parts."),
    ],
)
async def test_what_is_no_saved_chat_is_refused_in_a_sentence(
    open_page: Open, text: str, problem: str
) -> None:
    page = await open_page()

    await open_saved(page, text)

    await expect(page.failure).to_contain_text(problem)
    await expect(page.questions).to_have_count(0)


async def test_a_chat_from_a_stranger_runs_and_fetches_nothing(open_page: Open) -> None:
    page = await open_page(fresh=True)
    theirs = "https://elsewhere.example"
    asked: list[str] = []
    page.page.on("request", lambda request: asked.append(request.url))
    file = {"type": "file", "filename": "a.png", "mediaType": "image/png"}
    call = {"type": "dynamic-tool", "toolCallId": "c1", "toolName": "send_email"}
    source = {"type": "source-url", "sourceId": "s"}
    odd = [
        {**file, "url": f"{theirs}/pixel.png"},
        {**file, "url": "data:text/html,<script>window.ran = true</script>"},
        {**file, "url": "data:image/svg+xml,<svg onload='window.ran = true'/>"},
        {**source, "url": "javascript:window.ran = true", "title": "Click"},
        {**source, "url": 7},
        {**call, "state": "asking", "input": {"to": "ada@example.com"}, "approval": {"id": "a"}},
        {**call, "toolName": "get_location", "state": "running"},
        {**call, "toolName": {"toString": 1}, "state": "done", "output": {"__proto__": {"x": 1}}},
        {"type": "text", "text": {"$$typeof": "react.element"}},
        {"type": "text", "text": f"<img src={theirs}/1.png onerror='window.ran = true'>"},
        {"type": "text", "text": f"![picture]({theirs}/2.png) and the end"},
        {"type": "data-status", "data": None},
        None,
        "text",
    ]
    about = {"model": {"not": "a name"}, "usage": {"outputTokens": {"not": "a number"}}}
    chat = saved(
        message({"type": "text", "text": "A question"}, role="user", id={"an": "object"}),
        message(*odd, metadata=about),
        message({"type": "text", "text": "The same id twice"}),
    )

    await open_saved(page, chat)

    await expect(page.answers.first).to_contain_text("and the end")
    await expect(page.tool("send_email")).to_contain_text("It had no result")
    for name in ("Allow", "Share my location"):
        await expect(page.button(name)).to_have_count(0)
    await expect(page.page.get_by_text("(a file that is not in the saved chat)")).to_have_count(3)
    await expect(page.page.get_by_role("link", name="Click")).to_have_count(0)
    assert await page.page.evaluate("window.ran") is None
    assert not [url for url in asked if url.startswith(theirs)]
    await page.page.reload()
    await expect(page.answers.first).to_contain_text("and the end")
