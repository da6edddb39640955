"""Branches: what a retry or an edit replaces can be seen again, and gone on from."""

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Locator, expect

from tests.web.chat_page import ChatPage, Generation
from tests.web.conftest import Open
from tests.web.site import Site, backend
from tests.web.test_kept import history, said


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def kept_url(home: Site) -> AsyncIterator[str]:
    """Serve the page with a store."""
    async with backend(home.model, store="memory") as running:
        yield running


async def edit(page: ChatPage, number: int, text: str) -> None:
    """Ask another question in the place of this one."""
    await page.questions.nth(number).get_by_role("button", name="Edit").click()
    await page.page.get_by_role("textbox", name="Your message").fill(text)
    await page.button("Ask again").click()
    await expect(page.answers.nth(number)).to_contain_text(f'You said: "{text}"')
    await page.is_ready()


async def step(message: Locator, name: str, expected: str) -> None:
    """Show another version of a message, which then says which one it is."""
    await message.get_by_role("button", name=f"{name} version").click()
    await expect(message.get_by_role("img", name=re.compile("^Version"))).to_have_text(expected)


def versions(page: ChatPage) -> Locator:
    return page.page.get_by_role("group", name="Versions")


def texts_sent(home: Site) -> list[Any]:
    """Return what the model was asked last, without the system prompt."""
    messages = home.control.requests[-1].body["messages"]
    return [message["content"] for message in messages if message["role"] != "system"]


async def test_an_edited_question_keeps_its_earlier_version_and_goes_on_from_it(
    open_page: Open, generation: Generation, home: Site
) -> None:
    page = await open_page(generation, fresh=True)
    await page.ask("First")
    await page.ask("Second")
    await edit(page, 1, "Other")
    await expect(versions(page)).to_have_count(1)
    await edit(page, 1, "Third way")
    await expect(page.questions.nth(1).get_by_role("img", name="Version 3 of 3")).to_be_visible()

    await step(page.questions.nth(1), "Earlier", "2/3")
    await step(page.questions.nth(1), "Earlier", "1/3")
    await expect(page.answers.nth(1)).to_contain_text('You said: "Second"')
    await page.ask("And on")

    sent = texts_sent(home)
    assert sent[0] == "First"
    assert sent[2] == "Second"
    assert sent[-1] == "And on"
    assert not [text for text in sent if "Other" in str(text) or "Third" in str(text)]
    # What was said on the way is still there when one comes back.
    await step(page.questions.nth(1), "Later", "2/3")
    await expect(page.answers).to_have_count(2)
    await expect(page.answers.nth(1)).to_contain_text('You said: "Other"')
    await step(page.questions.nth(1), "Earlier", "1/3")
    await expect(page.answers).to_have_count(3)
    await expect(page.questions.last).to_contain_text("And on")


async def test_an_answer_that_was_asked_for_again_keeps_its_earlier_version(
    open_page: Open, generation: Generation
) -> None:
    page = await open_page(generation, fresh=True)
    await page.ask("scenario: say text='Same again'")
    await page.ask("And on")

    # Not the last one: what follows it goes, and comes back with it.
    await page.answers.first.get_by_role("button", name="Regenerate").click()
    await expect(page.questions).to_have_count(1)
    await page.is_ready()

    await step(page.answers.first, "Earlier", "1/2")
    await expect(page.questions).to_have_count(2)
    await expect(page.answers.last).to_contain_text('You said: "And on"')
    await step(page.answers.first, "Later", "2/2")
    await expect(page.questions).to_have_count(1)
    await expect(page.answers.first).to_contain_text("Same again")


async def test_versions_within_versions(open_page: Open) -> None:
    page = await open_page(fresh=True)
    await page.ask("A")
    await page.ask("A2")
    await edit(page, 1, "A2 other")
    await edit(page, 0, "B")
    await expect(page.questions).to_have_count(1)
    await page.ask("B2")

    await step(page.questions.first, "Earlier", "1/2")
    await expect(page.questions.nth(1)).to_contain_text("A2 other")
    await step(page.questions.nth(1), "Earlier", "1/2")
    await expect(page.questions.nth(1).locator("p")).to_have_text("A2")
    await step(page.questions.first, "Later", "2/2")

    await expect(page.questions.nth(1)).to_contain_text("B2")
    await expect(versions(page)).to_have_count(1)


async def test_a_reload_keeps_versions(open_page: Open, generation: Generation) -> None:
    page = await open_page(generation, fresh=True)
    await page.ask("First")
    await edit(page, 0, "Other")
    await step(page.questions.first, "Earlier", "1/2")

    await page.page.reload()

    await expect(page.answers.first).to_contain_text('You said: "First"')
    await step(page.questions.first, "Later", "2/2")
    await expect(page.answers.first).to_contain_text('You said: "Other"')


async def test_the_server_holds_the_latest_version_and_earlier_ones_can_be_read(
    open_page: Open, generation: Generation, kept_url: str
) -> None:
    page = await open_page(generation, address=kept_url, fresh=True)
    await page.ask("First")
    await page.ask("Second")
    await edit(page, 1, "Other")
    await step(page.questions.nth(1), "Earlier", "1/2")
    await expect(page.answers.nth(1)).to_contain_text('You said: "Second"')

    # Nothing can be asked of what the server does not have any more.
    await expect(page.field).to_be_hidden()
    await expect(page.questions.first.get_by_role("button", name="Edit")).to_be_disabled()
    await expect(page.answers.last.get_by_role("button", name="Regenerate")).to_be_disabled()
    await page.button("Show the latest").click()
    await expect(page.answers.nth(1)).to_contain_text('You said: "Other"')
    await page.ask("And on")

    texts = said(await history(kept_url, page))
    assert [texts[0], texts[2], texts[4]] == ["First", "Other", "And on"]
    await page.page.reload()
    await expect(page.questions.nth(1)).to_contain_text("Other")
    await step(page.questions.nth(1), "Earlier", "1/2")
    await step(page.questions.nth(1), "Later", "2/2")
    await expect(page.field).to_be_visible()
    await expect(page.questions.last).to_contain_text("And on")


async def test_an_earlier_answer_is_asked_for_again_at_the_server_too(
    open_page: Open, generation: Generation, kept_url: str
) -> None:
    page = await open_page(generation, address=kept_url, fresh=True)
    await page.ask("First")
    await page.ask("Second")

    await page.answers.first.get_by_role("button", name="Regenerate").click()
    await expect(page.questions).to_have_count(1)
    await page.is_ready()

    texts = said(await history(kept_url, page))
    assert len(texts) == 2
    assert texts[0] == "First"
    await expect(page.answers.first.get_by_role("img", name="Version 2 of 2")).to_be_visible()


async def test_a_failed_answer_is_a_version_and_its_error_stays_with_it(
    open_page: Open, generation: Generation
) -> None:
    page = await open_page(generation, fresh=True)
    await page.ask("First")
    await page.send("scenario: error-inside after=3")
    await expect(page.failure).to_be_visible()
    await edit(page, 1, "Better")

    await step(page.questions.nth(1), "Earlier", "1/2")

    await expect(page.answers.nth(1)).to_contain_text("word0 word1 word2")
    await expect(page.answers.nth(1)).to_contain_text("Not complete: it failed on the way.")
    await edit(page, 1, "Best")
    await expect(page.questions.nth(1).get_by_role("img", name="Version 3 of 3")).to_be_visible()


@pytest.mark.parametrize("place", ["browser", "server"])
async def test_a_deleted_chat_leaves_no_versions(
    open_page: Open, kept_url: str, place: str
) -> None:
    page = await open_page(address=kept_url if place == "server" else "", fresh=True)
    await page.ask("Something private")
    await edit(page, 0, "Something else")
    stored = "Object.values(sessionStorage).filter((text) => text.includes('private')).length"
    assert await page.page.evaluate(stored) == 1

    await page.page.get_by_role("button", name=re.compile("^Delete the chat “Something")).click()

    await expect(page.questions).to_have_count(0)
    assert await page.page.evaluate(stored) == 0


async def test_the_focus_stays_on_the_step(open_page: Open) -> None:
    page = await open_page(fresh=True)
    await page.ask("First")
    await edit(page, 0, "Other")

    await page.button("Earlier version").focus()
    await page.page.keyboard.press("Enter")

    await expect(page.answers.first).to_contain_text('You said: "First"')
    await expect(page.button("Earlier version")).to_be_focused()
    # It is at its end, and still there.
    await page.page.keyboard.press("Enter")
    await expect(page.button("Earlier version")).to_be_focused()
    await expect(page.answers.first).to_contain_text('You said: "First"')
