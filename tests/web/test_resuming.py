"""The connection of a running answer breaks: it goes on by itself, and the wire view says where."""

import asyncio
import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Locator, Route, expect

from tests.turns.stores import Shaky
from tests.web.chat_page import ChatPage, Generation
from tests.web.conftest import Open
from tests.web.relay import relay
from tests.web.site import Site, backend
from tests.web.test_kept import FIRST, begin

WHOLE = re.compile(r"^word0 word1 word2 word3 .*word12$")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def url(home: Site) -> AsyncIterator[str]:
    """Serve the page with a store."""
    async with backend(home.model, store="memory") as running:
        yield running


def notice(page: ChatPage) -> Locator:
    return page.page.get_by_text("The connection broke. The answer goes on")


async def is_whole(page: ChatPage) -> None:
    """Wait for the whole answer, which has to be there once."""
    await page.is_ready()
    await expect(page.answers.last.locator("p").first).to_have_text(WHOLE)
    await expect(page.failure).to_have_count(0)
    await expect(notice(page)).to_have_count(0)
    await expect(page.questions).to_have_count(1)


async def test_the_answer_goes_on_in_the_same_view_and_the_wire_says_where(
    open_page: Open, generation: Generation, home: Site, url: str
) -> None:
    async with relay(url) as between:
        page = await open_page(generation, address=between.url, fresh=True)
        page.expect_no_server()
        gate = f"goes-on-{generation}"
        await begin(page, home, gate)
        asked = home.control.received
        # It would be gone if the page had opened the chat anew.
        await page.answers.last.evaluate("answer => { answer.dataset.kept = 'yes'; }")
        has = {"7": 6, "4": 4}[generation]

        between.cut()
        broke = page.wire.get_by_role("listitem").filter(has_text="connection broke")
        went_on = page.wire.get_by_role("listitem").filter(has_text="went on")
        await expect(broke).to_contain_text(re.compile(rf"after chunk {has}, byte \d+"))
        await expect(went_on).to_contain_text(re.compile(rf"with chunk {has} · \d+\.\d s later"))
        home.control.gate(gate).open()

        await is_whole(page)
        await expect(page.answers.last).to_have_attribute("data-kept", "yes")
        assert home.control.received == asked
        await expect(page.wire).to_contain_text("1 of 1")
        await page.page.reload()
        await is_whole(page)


async def test_it_goes_on_as_often_as_it_breaks(
    open_page: Open, generation: Generation, home: Site, url: str
) -> None:
    async with relay(url) as between:
        page = await open_page(generation, address=between.url, fresh=True)
        page.expect_no_server()
        await page.send("scenario: text tokens=400 delay=0.02")
        for words in (40, 120, 200):
            await expect(page.answers.last).to_contain_text(f"word{words} ")
            between.cut()
        # Then as a page that was loaded in the middle, which follows a replay.
        await expect(page.answers.last).to_contain_text("word240 ")
        await page.page.reload()
        for words in (260, 320):
            await expect(page.answers.last).to_contain_text(f"word{words} ")
            between.cut()

        await expect(page.answers.last).to_contain_text("word399")
        await page.is_ready()
        said = (await page.answers.last.locator("p").first.inner_text()).split()
        assert said == [f"word{number}" for number in range(400)]
        await expect(page.failure).to_have_count(0)


async def test_it_goes_on_when_the_network_comes_back(
    open_page: Open, generation: Generation, home: Site, url: str
) -> None:
    async with relay(url) as between:
        page = await open_page(generation, address=between.url, fresh=True)
        page.expect_no_server()
        gate = f"offline-{generation}"
        await begin(page, home, gate)

        await page.page.context.set_offline(True)
        between.cut()
        await expect(notice(page)).to_be_visible()
        home.control.gate(gate).open()
        await expect(page.answers.last).to_contain_text(FIRST)
        await page.page.context.set_offline(False)

        await is_whole(page)


async def test_it_waits_for_a_store_that_is_away(
    open_page: Open, generation: Generation, home: Site
) -> None:
    store = Shaky()
    async with backend(home.model, app_store=store) as target, relay(target) as between:
        page = await open_page(generation, address=between.url, fresh=True)
        page.expect_no_store()
        gate = f"away-{generation}"
        await begin(page, home, gate)
        # The words have to be in the log before it is away.
        await page.page.reload()
        await expect(page.answers.last).to_contain_text(FIRST)

        store.is_down = True
        async with page.page.expect_response(lambda response: response.status == 503):
            between.cut()
        await expect(notice(page)).to_be_visible()
        store.is_down = False
        home.control.gate(gate).open()

        await is_whole(page)


async def test_an_answer_that_has_ended_meanwhile_is_read_from_the_chat(
    open_page: Open, generation: Generation, home: Site, url: str
) -> None:
    async with relay(url) as between:
        page = await open_page(generation, address=between.url, fresh=True)
        page.expect_no_server()
        gate = f"gone-{generation}"
        await begin(page, home, gate)

        async def gone(route: Route) -> None:
            await route.fulfill(status=204)

        await page.page.route("**/stream?*", gone)
        home.control.gate(gate).open()
        between.cut()

        await is_whole(page)


async def test_stop_ends_the_answer_after_it_has_gone_on(
    open_page: Open, generation: Generation, home: Site, url: str
) -> None:
    async with relay(url) as between:
        page = await open_page(generation, address=between.url, fresh=True)
        page.expect_no_server()
        left = home.control.left_by_client
        await begin(page, home, f"stopped-later-{generation}")
        between.cut()
        went_on = page.wire.get_by_role("listitem").filter(has_text="went on")
        await expect(went_on).to_have_count(1)

        await page.button("Stop").click()

        async with asyncio.timeout(10):
            await home.control.until(lambda seen: seen.left_by_client > left)
        await page.is_ready()
        await expect(page.answers.last).to_contain_text(FIRST)
        await expect(page.failure).to_have_count(0)


@pytest.mark.parametrize("store", ["off"])
async def test_without_a_store_a_break_is_an_error_as_before(
    open_page: Open, generation: Generation, home: Site, store: str
) -> None:
    async with backend(home.model, store=store) as target, relay(target) as between:
        page = await open_page(generation, address=between.url, fresh=True)
        page.expect_no_server()
        await begin(page, home, f"off-{generation}")

        between.cut()

        await expect(page.failure).to_contain_text("The connection broke before the answer was")
        await expect(page.button("Try again")).to_be_visible()
