"""A server with a store: answers go on without the page, and chats are the server's."""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
import pytest_asyncio
from playwright.async_api import Page, Route, expect

from tests.turns.stores import Shaky
from tests.web.chat_page import ChatPage, Generation
from tests.web.conftest import Open
from tests.web.relay import relay
from tests.web.site import Site, backend

FIRST = "word0 word1 word2"
WHOLE = re.compile(r"word0 word1 word2 word3 .*word12")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def url(home: Site) -> AsyncIterator[str]:
    """Serve the page with a store."""
    async with backend(home.model, store="memory") as running:
        yield running


async def history(url: str, page: ChatPage) -> dict[str, Any]:
    """Return what the server keeps of the chat that is shown."""
    chat_id = page.page.url.partition("#")[2]
    async with httpx2.AsyncClient() as http:
        kept: dict[str, Any] = (await http.get(f"{url}/api/chats/{chat_id}")).json()
        return kept


def said(kept: dict[str, Any]) -> list[str]:
    """Return the texts of a kept chat's messages."""
    return [
        "".join(part.get("text", "") for part in message["parts"]) for message in kept["messages"]
    ]


async def begin(page: ChatPage, home: Site, gate: str) -> None:
    """Ask for an answer that says three words and waits at a gate."""
    # The tests of a session share the model, and what one has opened stays open.
    assert not home.control.gate(gate).is_open
    await page.send(f"scenario: stall after=3 gate={gate}")
    await expect(page.answers.last).to_contain_text(FIRST)


def chats_of(page: Page) -> Any:
    return page.get_by_role("navigation", name="Chats").get_by_role("listitem")


async def test_stop_ends_the_answer_itself(
    open_page: Open, generation: Generation, home: Site, url: str
) -> None:
    page = await open_page(generation, address=url, fresh=True)
    left = home.control.left_by_client
    await begin(page, home, f"stop-{generation}")

    await page.button("Stop").click()

    async with asyncio.timeout(10):
        await home.control.until(lambda seen: seen.left_by_client > left)
    await page.is_ready()
    await expect(page.failure).to_have_count(0)
    await expect(page.field).to_be_focused()
    await expect(page.answers).to_contain_text(FIRST)
    kept = await history(url, page)
    assert kept["turn"] is None
    assert said(kept)[1:] == [FIRST]
    answer = await page.ask("What did I say last?")
    await expect(answer).to_contain_text("stall after=3")


async def test_stop_before_the_first_word_ends_the_answer_and_it_can_be_asked_for_again(
    open_page: Open, generation: Generation, home: Site, url: str
) -> None:
    page = await open_page(generation, address=url, fresh=True)
    left = home.control.left_by_client
    gate = home.control.gate(f"early-{generation}")
    await page.send(f"scenario: hang gate=early-{generation}")
    await gate.reached()
    asked: list[str] = []
    page.page.on("request", lambda sent: asked.append(sent.url))

    await page.button("Stop").click()

    async with asyncio.timeout(10):
        await home.control.until(lambda seen: seen.left_by_client > left)
    await page.is_ready()
    # An answer without a word has an end all the same: nobody looks for the rest of it.
    assert not any("/stream" in url for url in asked)
    gate.open()
    await page.button("Ask again").click()
    await expect(page.answers.last).to_contain_text(re.compile(r"\w"))
    await page.is_ready()
    await expect(page.questions).to_have_count(1)


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        (None, "The server cannot be reached."),
        (401, "It wants a token."),
        (503, "The store is away."),
    ],
)
async def test_a_stop_that_fails_is_told_and_the_answer_goes_on(
    open_page: Open,
    generation: Generation,
    home: Site,
    url: str,
    status: int | None,
    sentence: str,
) -> None:
    page = await open_page(generation, address=url, fresh=True)
    page.expect_complaint()
    gate = f"unstopped-{generation}-{status}"
    await begin(page, home, gate)

    async def fail(route: Route) -> None:
        if status is None:
            await route.abort()
        else:
            await route.fulfill(status=status, json={"success": False, "error": sentence})

    await page.page.route("**/stop", fail)
    await page.button("Stop").click()

    await expect(page.failure).to_contain_text(f"The answer could not be stopped. {sentence}")
    await expect(page.answers).to_contain_text(FIRST)
    home.control.gate(gate).open()
    await expect(page.answers).to_contain_text(WHOLE)
    await page.is_ready()
    await expect(page.failure).to_have_count(0)


async def test_who_leaves_a_chat_finds_its_answer(
    open_page: Open, generation: Generation, home: Site, url: str
) -> None:
    page = await open_page(generation, address=url, fresh=True)
    left = home.control.left_by_client
    gate = f"left-{generation}"
    await begin(page, home, gate)

    await page.button("New chat").click()
    await expect(page.answers).to_have_count(0)
    home.control.gate(gate).open()
    await page.ask("Something else")
    await chats_of(page.page).get_by_role("button", name=re.compile(f" gate={gate} ")).click()

    await expect(page.answers).to_contain_text(WHOLE)
    assert home.control.left_by_client == left


async def test_a_reload_in_the_middle_goes_on_with_the_answer(
    open_page: Open, generation: Generation, home: Site, url: str
) -> None:
    page = await open_page(generation, address=url, fresh=True)
    gate = f"reload-{generation}"
    await begin(page, home, gate)
    asked = home.control.received

    await page.page.reload()
    await expect(page.answers).to_contain_text(FIRST)
    await expect(page.button("Stop")).to_be_visible()
    home.control.gate(gate).open()

    await expect(page.answers).to_contain_text(WHOLE)
    await page.is_ready()
    await expect(page.questions).to_have_count(1)
    await expect(page.answers).to_have_count(1)
    await expect(page.failure).to_have_count(0)
    assert (await page.answers.inner_text()).count("word0") == 1
    assert home.control.received == asked
    answer = await page.ask("What did I say first?")
    await expect(answer).to_contain_text(gate)
    # The hook has not gone over to the other client.
    chosen = page.page.get_by_role("radio", name=re.compile(f"AI SDK {generation}"))
    await expect(chosen).to_be_checked()


@pytest.mark.parametrize("way", ["tab", "device"])
async def test_another_page_shows_the_answer_and_stops_it(
    open_page: Open, generation: Generation, home: Site, url: str, way: str
) -> None:
    page = await open_page(generation, address=url, fresh=True)
    left = home.control.left_by_client
    await begin(page, home, f"other-{generation}-{way}")
    if way == "tab":
        other = ChatPage(await page.page.context.new_page())
        await other.page.goto(page.page.url)
    else:
        # By the list; a device that has never been here begins with the latest client.
        other = await open_page("7", address=url, fresh=True)
        await chats_of(other.page).first.get_by_role("button").first.click()
    await expect(other.answers).to_contain_text(FIRST)

    await other.button("Stop").click()

    async with asyncio.timeout(10):
        await home.control.until(lambda seen: seen.left_by_client > left)
    for shown in (page, other):
        await shown.is_ready()
        await expect(shown.answers).to_contain_text(FIRST)
        await expect(shown.questions).to_have_count(1)
    assert said(await history(url, page))[1:] == [FIRST]


async def test_the_list_the_titles_and_the_messages_are_the_server_s(
    open_page: Open, generation: Generation, url: str
) -> None:
    page = await open_page(generation, address=url, fresh=True)
    name = f"Kept for {generation}"
    await page.ask(name)
    await expect(chats_of(page.page).first).to_contain_text(name)
    assert name not in await page.kept()
    device = await open_page("7", address=url, fresh=True)
    await expect(page.page.get_by_text("Chats are kept by the server.")).to_be_visible()

    chats = chats_of(device.page)
    await chats.get_by_role("button", name=re.compile(f"^{name}")).click()
    await expect(device.answers).to_contain_text(name)
    await device.button(f"Delete the chat “{name}”").click()

    await expect(chats.filter(has_text=name)).to_have_count(0)
    await expect(device.answers).to_have_count(0)
    page.expect_complaint()  # the reload finds nothing
    await page.page.reload()
    await expect(page.field).to_be_visible()
    await expect(page.questions).to_have_count(0)
    await expect(chats_of(page.page).filter(has_text=name)).to_have_count(0)


async def test_a_chat_that_cannot_be_deleted_stays_and_the_user_is_told(
    open_page: Open, url: str
) -> None:
    page = await open_page(address=url, fresh=True)
    page.expect_complaint()
    await page.ask("Not to be deleted")

    async def fail(route: Route) -> None:
        if route.request.method == "DELETE":
            await route.fulfill(status=503, json={"success": False, "error": "Not now."})
        else:
            await route.fallback()

    await page.page.route("**/api/chats/*", fail)
    await page.button("Delete the chat “Not to be deleted”").click()

    await expect(page.failure).to_have_text("Not now.")
    await expect(page.answers).to_contain_text("Not to be deleted")
    await expect(chats_of(page.page).filter(has_text="Not to be deleted")).to_have_count(1)


async def test_what_is_repeated_and_edited_is_so_in_the_history(
    open_page: Open, generation: Generation, url: str
) -> None:
    page = await open_page(generation, address=url, fresh=True)
    await page.ask("My first words")
    await page.button("Regenerate").click()
    await expect(page.answers).to_contain_text("My first words")
    await page.is_ready()
    await page.ask("And some more")
    assert len(said(await history(url, page))) == 4

    await page.questions.first.get_by_role("button", name="Edit").click()
    await page.page.get_by_role("textbox", name="Your message").fill("My better words")
    await page.button("Ask again").click()
    await expect(page.answers).to_contain_text('You said: "My better words"')
    await page.is_ready()

    question, answer = said(await history(url, page))
    assert question == "My better words"
    assert answer.startswith('You said: "My better words"')
    await page.page.reload()
    await expect(page.answers).to_contain_text('You said: "My better words"')
    await expect(page.questions).to_have_count(1)


async def test_a_tool_of_the_browser_is_answered_after_a_reload(
    open_page: Open, generation: Generation, url: str
) -> None:
    page = await open_page(generation, address=url, fresh=True, timezone_id="Europe/Oslo")
    await page.ask("Where am I?")

    await page.page.reload()
    await page.button("Only my time zone").click()

    await expect(page.answers).to_contain_text("timeZone: Europe/Oslo")
    await page.is_ready()
    await expect(page.answers).to_have_count(1)


@pytest.mark.parametrize("pressed", ["Allow", "Deny"])
async def test_an_approval_is_given_after_a_reload(open_page: Open, url: str, pressed: str) -> None:
    page = await open_page("7", address=url, fresh=True)
    await page.ask("Send an email to ada@example.com about tea")

    await page.page.reload()
    await page.button(pressed).click()

    expected = {"Allow": "done", "Deny": "denied"}[pressed]
    await expect(page.tool("send_email")).to_contain_text(expected)
    await page.is_ready()
    await expect(page.answers).to_have_count(1)


async def test_a_cut_connection_is_mended_and_nothing_is_shown_twice(
    open_page: Open, generation: Generation, home: Site, url: str
) -> None:
    async with relay(url) as between:
        page = await open_page(generation, address=between.url, fresh=True)
        page.expect_complaint()
        gate = f"cut-{generation}"
        await begin(page, home, gate)
        await page.field.fill("What I was writing")
        asked = home.control.received

        between.cut()

        await expect(page.button("Stop")).to_be_visible()
        home.control.gate(gate).open()
        await expect(page.answers).to_contain_text(WHOLE)
        await page.is_ready()
        assert (await page.answers.inner_text()).count("word0") == 1
        await expect(page.questions).to_have_count(1)
        await expect(page.failure).to_have_count(0)
        await expect(page.field).to_have_value("What I was writing")
        assert home.control.received == asked


async def test_a_page_that_comes_to_the_front_shows_what_was_said_elsewhere(
    open_page: Open, generation: Generation, url: str
) -> None:
    page = await open_page(generation, address=url, fresh=True)
    await page.ask("Said here")
    other = ChatPage(await page.page.context.new_page())
    await other.page.goto(page.page.url)
    await expect(other.answers).to_have_count(1)
    await other.ask("Said there")
    await expect(page.answers).to_have_count(1)

    await page.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")

    await expect(page.answers).to_have_count(2)
    await expect(page.answers.last).to_contain_text("Said there")


async def test_back_leads_to_the_chat_before(open_page: Open, url: str) -> None:
    page = await open_page(address=url, fresh=True)
    await page.ask("The first chat")
    await page.button("New chat").click()
    await expect(page.answers).to_have_count(0)
    await page.ask("The second chat")

    await page.page.go_back()
    await expect(page.answers).to_contain_text("The first chat")
    await page.page.go_forward()
    await expect(page.answers).to_contain_text("The second chat")


async def test_while_the_store_is_down_a_chat_can_be_opened_later(
    open_page: Open, generation: Generation, home: Site
) -> None:
    store = Shaky()
    async with backend(home.model, app_store=store) as address:
        page = await open_page(generation, address=address, fresh=True)
        await page.ask("Kept all the same")
        store.is_down = True
        page.expect_complaint()
        await page.page.reload()
        await expect(page.failure).to_contain_text("This chat cannot be opened now.")

        store.is_down = False
        await page.button("Try again").click()

        await expect(page.answers).to_contain_text("Kept all the same")
        await expect(page.failure).to_have_count(0)
