"""Both generations of the client on one prompt, side by side."""

import re
from typing import Any

import pytest
from playwright.async_api import CDPSession, Locator, Page, expect

from tests.web.chat_page import ChatPage
from tests.web.chromium import AXE
from tests.web.conftest import Open
from tests.web.site import Site, backend

_DESKTOP: dict[str, Any] = {"viewport": {"width": 1280, "height": 800}}
_PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "has_touch": True}
_PROMPT = "What is the weather in Bergen and Lisbon?"


class Network:
    """What the browser's own network log counts of the bodies of POSTs to the chat."""

    def __init__(self, session: CDPSession) -> None:
        self._urls: dict[str, str] = {}
        self._bytes: dict[str, int] = {}
        self._types: dict[str, str] = {}
        session.on("Network.requestWillBeSent", self._sent)
        session.on("Network.responseReceived", self._responded)
        session.on("Network.dataReceived", self._received)

    def _sent(self, event: dict[str, Any]) -> None:
        if event["request"]["method"] == "POST" and event["request"]["url"].endswith("/api/chat"):
            self._urls[event["requestId"]] = event["request"]["url"]

    def _responded(self, event: dict[str, Any]) -> None:
        headers = {name.lower() for name in event["response"]["headers"]}
        is_ui = "x-vercel-ai-ui-message-stream" in headers
        self._types[event["requestId"]] = "7" if is_ui else "4"

    def _received(self, event: dict[str, Any]) -> None:
        request = event["requestId"]
        self._bytes[request] = self._bytes.get(request, 0) + event["dataLength"]

    @property
    def by_client(self) -> dict[str, int]:
        return {self._types[request]: self._bytes[request] for request in self._urls}


async def opened(open_page: Open, url: str, **options: Any) -> ChatPage:
    page = await open_page(fresh=True, address=url, **options)
    await page.page.get_by_role("link", name="Compare both clients").click()
    await expect(page.page.get_by_role("heading", name="One prompt, two clients")).to_be_visible()
    return page


def column(page: Page, client: str) -> Locator:
    return page.get_by_role("region", name=f"AI SDK {client}", exact=True)


async def ask_both(page: Page, text: str) -> None:
    field = page.get_by_role("textbox", name="Message to both")
    await field.fill(text)
    await field.press("Enter")


async def figure(page: Page, client: str, name: str) -> str:
    pair = column(page, client).locator("dl > div").filter(has=page.get_by_text(name, exact=True))
    return await pair.get_by_role("definition").inner_text()


@pytest.mark.parametrize("store", ["off", "memory"])
async def test_both_have_the_same_answer_and_the_bytes_that_the_network_brought(
    open_page: Open, home: Site, store: str
) -> None:
    async with backend(home.model, store=store) as url:
        page = await opened(open_page, url, **_DESKTOP)
        session = await page.page.context.new_cdp_session(page.page)
        await session.send("Network.enable")
        network = Network(session)

        await ask_both(page.page, _PROMPT)

        summary = page.page.locator("p[role=status]")
        await expect(summary).to_contain_text("Both have the same answer.")
        said = [
            await column(page.page, client).locator(".markdown, p").all_inner_texts()
            for client in ("7", "4")
        ]
        assert "Lisbon" in "".join(said[0])
        shown = {
            client: int((await figure(page.page, client, "Bytes")).replace(",", ""))
            for client in ("7", "4")
        }
        assert shown == network.by_client
        times = shown["7"] / shown["4"]
        assert times > 1.5
        await expect(summary).to_contain_text(f"takes {times:.1f} times the bytes")
        for client in ("7", "4"):
            assert re.fullmatch(
                r"\d+ ms|\d+\.\d+ s", await figure(page.page, client, "First token")
            )
            assert re.fullmatch(r"\d+ ms|\d+\.\d+ s", await figure(page.page, client, "Total"))
            await expect(
                column(page.page, client).get_by_role("region", name="Tool get_weather")
            ).to_have_count(2)
        rows = {"7": "text-delta", "4": "0 text"}
        for client, name in rows.items():
            wire = column(page.page, client).get_by_role("region", name="Wire")
            await expect(wire.get_by_role("listitem").filter(has_text=name).first).to_be_visible()

            # The answer is kept in view, above its wire.
            answer = column(page.page, client).get_by_role("article", name="Answer")
            await expect(answer.get_by_role("listitem").last).to_be_in_viewport()

        # The next prompt goes on with both chats.
        await ask_both(page.page, "What did I say first?")
        await expect(summary).to_contain_text("Both have the same answer.")
        for client in ("7", "4"):
            answers = column(page.page, client).get_by_role("article", name="Answer")
            await expect(answers).to_have_count(2)
            await expect(answers.last).to_contain_text("Bergen and Lisbon")


async def test_both_are_asked_at_once_and_stopped_together(open_page: Open, home: Site) -> None:
    page = await opened(open_page, home.url, **_DESKTOP)
    left = home.control.left_by_client
    await ask_both(page.page, "scenario: stall after=3 seconds=60")
    for client in ("7", "4"):
        await expect(column(page.page, client)).to_contain_text("word0 word1 word2")

    await page.page.get_by_role("button", name="Stop both").click()

    await home.control.until(lambda seen: seen.left_by_client >= left + 2)
    await expect(page.page.get_by_role("button", name="Send to both")).to_be_visible()


async def test_an_error_is_shown_in_both_columns(open_page: Open, home: Site) -> None:
    page = await opened(open_page, home.url, **_DESKTOP)

    await ask_both(page.page, "Fail in the middle")

    for client in ("7", "4"):
        await expect(column(page.page, client).get_by_role("alert")).to_be_visible()
    await expect(page.page.locator("p[role=status]")).to_have_text("")


@pytest.mark.parametrize("color_scheme", ["light", "dark"])
@pytest.mark.parametrize("screen", ["desktop", "phone"])
async def test_it_is_readable_on_every_screen(
    open_page: Open, home: Site, screen: str, color_scheme: str
) -> None:
    options = {"desktop": _DESKTOP, "phone": _PHONE}[screen]
    page = await opened(open_page, home.url, **options, color_scheme=color_scheme)
    await ask_both(page.page, _PROMPT)
    await expect(page.page.locator("p[role=status]")).to_contain_text("same answer")

    assert await page.overflow() == 0
    assert await page.axe(str(AXE)) == []
    boxes = [await column(page.page, client).bounding_box() for client in ("7", "4")]
    assert boxes[0] is not None and boxes[1] is not None
    if screen == "phone":
        assert boxes[1]["y"] >= boxes[0]["y"] + boxes[0]["height"]
    else:
        assert boxes[1]["x"] >= boxes[0]["x"] + boxes[0]["width"]
        assert boxes[1]["y"] == boxes[0]["y"]


async def test_the_chat_loads_nothing_of_it_and_is_found_again(open_page: Open, home: Site) -> None:
    page = await open_page(fresh=True, address=home.url, **_DESKTOP)
    loaded = "performance.getEntriesByType('resource').map(({name}) => name).join()"
    assert "Compare" not in await page.page.evaluate(loaded)

    await page.page.get_by_role("link", name="Compare both clients").click()
    await expect(column(page.page, "7")).to_be_visible()
    assert "Compare" in await page.page.evaluate(loaded)
    await page.page.get_by_role("link", name="Back to the chat").click()

    await expect(page.field).to_be_visible()
    assert "compare" not in page.page.url
