"""The page as its developers run it: React mounts everything twice (StrictMode)."""

import asyncio
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.web.chat_page import Generation
from tests.web.conftest import Open
from tests.web.development import open_built
from tests.web.site import Site, backend


@pytest.mark.parametrize("store", ["off", "memory"])
async def test_a_chat_is_there_after_a_reload_and_its_answer_goes_on(
    open_page: Open, generation: Generation, home: Site, built: Path, store: str
) -> None:
    async with backend(home.model, store=store) as url:
        page = await open_page(address=url, fresh=True)
        await open_built(page, url, built, generation)
        await page.ask("My first words")
        await page.page.reload()
        await expect(page.answers).to_contain_text('You said: "My first words"')
        await expect(page.questions).to_have_count(1)

        gate = f"strict-{generation}-{store}"
        await page.send(f"scenario: stall after=3 gate={gate}")
        await expect(page.answers.last).to_contain_text("word0 word1 word2")
        await page.page.reload()
        await expect(page.answers.last).to_contain_text("word0 word1 word2")
        home.control.gate(gate).open()
        if store == "off":
            await page.button("Ask again").click()

        await expect(page.answers.last).to_contain_text("word11 word12")
        await page.is_ready()
        await expect(page.answers).to_have_count(2)
        assert (await page.answers.last.inner_text()).count("word0 ") == 1
        await page.page.reload()
        await expect(page.answers.last).to_contain_text("word11 word12")


async def test_a_tool_is_approved_and_an_answer_is_stopped(
    open_page: Open, home: Site, built: Path
) -> None:
    async with backend(home.model, store="memory") as url:
        page = await open_page(address=url, fresh=True)
        await open_built(page, url, built, "7")
        await page.ask("Send an email to ada@example.com about tea")
        await page.button("Allow").click()
        await expect(page.tool("send_email")).to_contain_text("done")
        await page.is_ready()

        left = home.control.left_by_client
        await page.send("scenario: stall after=3 seconds=30")
        await expect(page.answers.last).to_contain_text("word0 word1 word2")
        await page.button("Stop").click()

        async with asyncio.timeout(10):
            await home.control.until(lambda seen: seen.left_by_client > left)
        await page.is_ready()
