"""Answers that are not what one expects, and questions of tools that nobody replied to."""

import pytest
from playwright.async_api import expect

from tests.web.chat_page import Generation
from tests.web.conftest import Open
from tests.web.site import Site, backend


@pytest.mark.parametrize(
    ("scenario", "words"),
    [("length", "the model may not write more"), ("content-filter", "content filter")],
)
async def test_an_answer_says_that_it_was_cut_off_or_withheld(
    open_page: Open, generation: Generation, scenario: str, words: str
) -> None:
    page = await open_page(generation)

    answer = await page.ask(f"scenario: {scenario}")

    await expect(answer).to_contain_text(words)
    whole = await page.ask("Hello")
    await expect(whole.locator(".ending")).to_have_count(0)


async def test_a_failed_answer_looks_so_once_another_one_follows(
    open_page: Open, generation: Generation
) -> None:
    page = await open_page(generation)
    await page.send("scenario: error-inside after=3")
    await expect(page.failure).to_be_visible()

    await page.ask("Hello")

    await expect(page.answers.first).to_contain_text("Not complete: it failed on the way.")
    await expect(page.answers.last.locator(".ending")).to_have_count(0)


async def test_of_a_kept_chat_too(open_page: Open, generation: Generation, home: Site) -> None:
    async with backend(home.model, store="memory") as url:
        page = await open_page(generation, address=url, fresh=True)
        await page.send("scenario: error-inside after=3")
        await expect(page.failure).to_be_visible()
        await page.ask("Where am I?")
        await page.button("Do not tell").click()
        await page.is_ready()

        await page.page.reload()

        await expect(page.answers.first.locator(".ending")).to_have_text("Not complete.")
        await expect(page.answers.last.locator(".ending")).to_have_count(0)


async def test_who_goes_on_without_a_reply_has_no_buttons_left(
    open_page: Open, generation: Generation
) -> None:
    page = await open_page(generation)
    await page.ask("Where am I?")
    if generation == "7":
        await page.ask("Send an email to ada@example.com about tea")

    await page.ask("Hello")

    await expect(page.tool("get_location")).to_contain_text("passed over")
    await expect(page.button("Share my location")).to_have_count(0)
    await expect(page.button("Allow")).to_have_count(0)
    if generation == "7":
        await expect(page.tool("send_email")).to_contain_text("passed over")


async def test_who_is_offline_is_told_so(open_page: Open, generation: Generation) -> None:
    page = await open_page(generation, fresh=True)
    page.expect_no_server()
    await page.page.context.set_offline(True)

    await page.send("Hello")

    await expect(page.failure).to_contain_text("You are offline.")
    await page.page.context.set_offline(False)
    await page.button("Try again").click()
    await expect(page.answers).to_contain_text("I am the scripted model")
