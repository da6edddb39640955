"""The page to begin with (`web/minimal`), as it is served: everything that it is there to show."""

import asyncio
from collections.abc import AsyncIterator

import httpx2
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.web.chat_page import ChatPage
from tests.web.chromium import AXE, MINIMAL
from tests.web.site import Site, backend

_MOST_BYTES = 130_000  # of the whole page, as it comes over the network
_MOST_LINES = 70  # of the file that is there to be copied


class MinimalPage(ChatPage):
    """The small page: it has the roles of the other one, and names of its own."""

    def __init__(self, page: Page) -> None:
        super().__init__(page)
        self.questions = page.get_by_role("article", name="user")
        self.answers = page.get_by_role("article", name="assistant")

    async def is_ready(self) -> None:
        """Wait until nothing is under way."""
        await expect(self.button("Send")).to_be_enabled()

    async def begin(self, home: Site, gate: str) -> None:
        """Send a message whose answer waits after its third word until ``gate`` is open."""
        await self.send(f"scenario: stall after=3 gate={gate}")
        await expect(self.answers.last).to_contain_text("word0 word1 word2")
        await home.control.gate(gate).reached()


@pytest.fixture(params=["off", "memory"])
def store(request: pytest.FixtureRequest) -> str:
    """Whether the server keeps chats."""
    name: str = request.param
    return name


@pytest_asyncio.fixture(loop_scope="session")
async def url(home: Site, store: str) -> AsyncIterator[str]:
    """Serve an app with that store."""
    async with backend(home.model, store=store) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def page(browser: Browser, url: str) -> AsyncIterator[MinimalPage]:
    """Open the page; at the end its console has to hold no error."""
    context = await browser.new_context()
    opened = MinimalPage(await context.new_page())
    await opened.page.goto(f"{url}/minimal")
    await expect(opened.field).to_be_visible()
    yield opened
    await context.close()
    opened.assert_quiet()


async def test_it_chats_and_shows_what_tools_gave(page: MinimalPage) -> None:
    first = await page.ask("What is the weather in Bergen and Lisbon?")
    second = await page.ask("My first words")

    tools = first.get_by_role("region", name="get_weather")
    await expect(tools).to_have_count(2)
    await expect(tools.first).to_contain_text("output-available")
    await expect(tools.first).to_contain_text('"city": "Bergen"')
    await expect(second).to_contain_text('You said: "My first words"')
    await expect(page.questions).to_have_count(2)
    assert page.page.url.partition("#")[0].endswith("/minimal/")


@pytest.mark.parametrize(("button", "state"), [("Allow", "output-available"), ("Deny", "denied")])
async def test_a_tool_asks_and_the_turn_goes_on_with_the_reply(
    page: MinimalPage, button: str, state: str
) -> None:
    await page.ask("Send an email to ada@example.com about tea")
    call = page.page.get_by_role("region", name="send_email")
    await expect(call).to_contain_text("approval-requested")

    await page.button(button).click()

    await expect(call).to_contain_text(state)
    await expect(page.button("Deny")).to_have_count(0)
    await page.is_ready()
    await expect(page.answers).to_have_count(1)
    await expect(page.answers.locator("p").last).to_contain_text("send_email")


async def test_stop_ends_the_turn_and_not_only_the_reading(
    page: MinimalPage, home: Site, store: str
) -> None:
    left = home.control.left_by_client
    await page.begin(home, f"minimal-stop-{store}")

    await page.button("Stop").click()

    async with asyncio.timeout(10):
        await home.control.until(lambda seen: seen.left_by_client > left)
    await page.is_ready()
    await expect(page.answers).to_contain_text("word0 word1 word2")
    await expect(page.page.get_by_role("alert")).to_have_count(0)
    answer = await page.ask("My next words")
    await expect(answer).to_contain_text("My next words")


@pytest.mark.parametrize("store", ["memory"], indirect=True)
async def test_a_reload_in_the_middle_goes_on_with_the_answer(
    page: MinimalPage, home: Site
) -> None:
    await page.ask("My first words")
    await page.begin(home, "minimal-reload")

    await page.page.reload()

    await expect(page.answers.last).to_contain_text("word0 word1 word2")
    await expect(page.questions).to_have_count(2)
    home.control.gate("minimal-reload").open()
    await expect(page.answers.last).to_contain_text("word11 word12")
    await page.is_ready()
    assert (await page.answers.last.inner_text()).count("word0 ") == 1
    await page.page.reload()
    await expect(page.answers).to_have_count(2)
    await expect(page.answers.last).to_contain_text("word11 word12")
    await page.is_ready()


@pytest.mark.parametrize("store", ["off"], indirect=True)
async def test_where_nothing_is_kept_a_reload_begins_anew(page: MinimalPage) -> None:
    page.expect_no_such_chat()
    await page.ask("My first words")

    await page.page.reload()

    await expect(page.answers).to_have_count(0)
    await expect(await page.ask("My next words")).to_contain_text("My next words")


@pytest.mark.parametrize("store", ["off"], indirect=True)
async def test_what_fails_is_said_and_can_be_tried_again(page: MinimalPage) -> None:
    await page.send("Fail in the middle")
    await expect(page.page.get_by_role("alert")).to_contain_text("Try again")

    await page.button("Try again").click()

    await expect(page.page.get_by_role("alert")).to_contain_text("Try again")
    await expect(page.questions).to_have_count(1)


@pytest.mark.parametrize("store", ["off"], indirect=True)
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_everybody_can_use_it(page: MinimalPage, scheme: str) -> None:
    await page.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    await page.page.set_viewport_size({"width": 320, "height": 640})
    await page.ask("Send an email to ada@example.com about tea")

    await expect(page.button("Allow")).to_be_in_viewport()
    assert await page.axe(str(AXE)) == []
    assert await page.overflow() == 0


async def test_it_is_small_in_code_and_in_bytes(home: Site) -> None:
    lines = (MINIMAL / "src" / "App.tsx").read_text(encoding="utf-8").splitlines()
    files = [path for path in (MINIMAL / "dist").rglob("*") if path.suffix in (".html", ".br")]

    async with httpx2.AsyncClient(base_url=home.url) as http:
        page = await http.get("/minimal/")

    assert len(lines) < _MOST_LINES
    assert sum(path.stat().st_size for path in files) < _MOST_BYTES
    assert page.headers["content-security-policy"].startswith("default-src 'none'; ")
