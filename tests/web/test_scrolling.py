"""A chat follows its end while it grows, and lets go as soon as somebody wants to read above."""

from typing import Any

import pytest
from playwright.async_api import expect

from tests.web.chat_page import ChatPage
from tests.web.conftest import Open

_SMALL: dict[str, Any] = {"viewport": {"width": 600, "height": 420}}
_LONG = "scenario: text tokens=3000 delay=0.01"


async def grows(page: ChatPage) -> None:
    """Ask for a long answer and wait until it is higher than the box."""
    await page.send(_LONG)
    await expect(page.answers).to_contain_text("word200 ")


async def distance(page: ChatPage) -> float:
    """Return how far the box is from its end, in pixels."""
    left: float = await page.page.evaluate(
        """() => {
          const box = document.querySelector('.messages');
          return box.scrollHeight - box.scrollTop - box.clientHeight;
        }"""
    )
    return left


async def lines_later(page: ChatPage, *, until: str) -> float:
    """Return the distance from the end once the answer has grown by many lines."""
    await expect(page.answers).to_contain_text(until)
    return await distance(page)


async def test_the_end_is_followed_while_it_grows(open_page: Open) -> None:
    page = await open_page(fresh=True, **_SMALL)

    await grows(page)

    assert await lines_later(page, until="word400 ") < 60
    await expect(page.button("To the end")).to_have_count(0)


@pytest.mark.parametrize("way", ["wheel", "touch", "key", "scrollbar"])
async def test_the_smallest_step_up_lets_go_of_the_end(open_page: Open, way: str) -> None:
    touch = {"has_touch": True} if way == "touch" else {}
    page = await open_page(fresh=True, **_SMALL, **touch)
    await grows(page)
    box = page.page.locator(".messages")
    await box.hover()

    if way == "wheel":
        await page.page.mouse.wheel(0, -10)
    elif way == "touch":
        session = await page.page.context.new_cdp_session(page.page)
        # The browser keeps the first 15 pixels to itself.
        for y in range(200, 228, 7):
            kind = "touchStart" if y == 200 else "touchMove"
            event = {"type": kind, "touchPoints": [{"x": 300, "y": y}]}
            await session.send("Input.dispatchTouchEvent", event)
        await session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    elif way == "key":
        await box.focus()
        await page.page.keyboard.press("ArrowUp")
    else:
        # What a drag of the scroll bar does, between two renders.
        await box.evaluate("box => { box.scrollTop -= 10; }")

    await expect(page.button("To the end")).to_be_visible()
    assert await lines_later(page, until="word450 ") > 150
    await page.button("To the end").click()
    assert await lines_later(page, until="word650 ") < 60
    await expect(page.button("To the end")).to_have_count(0)
    await expect(box).to_be_focused()


async def test_who_scrolls_down_again_follows_again(open_page: Open) -> None:
    page = await open_page(fresh=True, **_SMALL)
    await grows(page)
    await page.page.locator(".messages").hover()
    await page.page.mouse.wheel(0, -30)
    await expect(page.button("To the end")).to_be_visible()

    await page.page.mouse.wheel(0, 30_000)

    await expect(page.button("To the end")).to_have_count(0)
    assert await lines_later(page, until="word450 ") < 60


async def test_what_fits_into_the_window_is_not_let_go(open_page: Open) -> None:
    page = await open_page(fresh=True, **_SMALL)
    await page.send(_LONG)
    await expect(page.answers).to_contain_text("word3 ")
    await page.page.locator(".messages").hover()

    await page.page.mouse.wheel(0, -10)

    assert await lines_later(page, until="word300 ") < 60
