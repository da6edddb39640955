"""The server is killed while it answers, and started again: what the user sees of it."""

from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.ports import free_port
from tests.server_process import serving
from tests.web.chat_page import Generation
from tests.web.conftest import Open

_LONG = "scenario: text tokens=2000 delay=0.03"


@pytest.mark.parametrize("is_open", [True, False], ids=["reloaded", "left-open"])
async def test_what_was_said_and_why_it_ended_are_there_and_the_chat_goes_on(
    open_page: Open, generation: Generation, tmp_path: Path, is_open: bool
) -> None:
    environment = {"CHAT_STORE": f"sqlite:{tmp_path}/chats.db", "CHAT_PROVIDER": "scripted"}
    port = ("--port", str(free_port()))
    async with serving(*port, **environment) as first:
        page = await open_page(generation, address=first.url, fresh=True)
        await page.send(_LONG)
        await expect(page.answers).to_contain_text("word20 ")
        await page.page.reload()
        await expect(page.answers).to_contain_text("word20 ")
        await expect(page.answers).to_contain_text("word40 ")

        page.expect_no_server()
        first.process.kill()
        await first.process.wait()
        await expect(
            page.page.get_by_text("The connection broke. The answer goes on")
        ).to_be_visible()
        await expect(page.answers).to_contain_text("word40 ")

    async with serving(*port, **environment):
        if is_open:
            await page.page.reload()
        # The server takes its time before it declares a turn lost.
        await expect(page.failure).to_contain_text("was interrupted")
        await expect(page.answers).to_contain_text("word20 ")
        assert (await page.answers.inner_text()).count("word20 ") == 1
        await page.page.reload()
        await expect(page.answers).to_contain_text("word20 ")
        await expect(page.page.get_by_text("This answer ended before")).to_be_visible()

        answer = await page.ask("What did I say first?")

        await expect(answer).to_contain_text("tokens=2000")
        await expect(page.questions).to_have_count(2)
