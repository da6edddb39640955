"""For everybody: by keyboard alone, by ear, in any light, on any screen."""

import re
from typing import Any

import pytest
from playwright.async_api import expect

from tests.web.chat_page import ChatPage, Generation
from tests.web.chromium import AXE
from tests.web.conftest import Open

PHONE: dict[str, Any] = {"viewport": {"width": 360, "height": 740}, "has_touch": True}


async def tab_to(page: ChatPage, name: str, *, back: bool = False) -> None:
    """Press Tab until the control of this name has the focus."""
    seen: list[str] = []
    for _ in range(40):
        await page.page.keyboard.press("Shift+Tab" if back else "Tab")
        said: str = await page.page.evaluate(
            """() => document.activeElement.ariaLabel
                 ?? document.activeElement.closest('label')?.innerText
                 ?? document.activeElement.innerText ?? ''"""
        )
        if said.strip().startswith(name):
            return
        seen.append(said)
    raise AssertionError(f"Tab does not reach {name!r}: {seen}")


async def test_a_chat_needs_no_mouse(open_page: Open, generation: Generation) -> None:
    page = await open_page(fresh=True)
    keyboard = page.page.keyboard
    await expect(page.field).to_be_focused()
    await tab_to(page, "AI SDK 7", back=True)
    if generation == "4":
        await keyboard.press("ArrowRight")
        await expect(page.page.get_by_role("radio", name=re.compile("AI SDK 4"))).to_be_checked()
        await expect(page.field).to_be_visible()
    await tab_to(page, "Message")
    await keyboard.type("scenario: stall after=3 seconds=30")
    await keyboard.press("Enter")
    await expect(page.answers).to_contain_text("word2")

    await keyboard.press("Escape")
    await page.is_ready()
    await tab_to(page, "Edit", back=True)
    await keyboard.press("Enter")
    await keyboard.press("Control+A")
    await keyboard.type("Where am I?")
    await tab_to(page, "Ask again")
    await keyboard.press("Enter")
    await expect(page.tool("get_location")).to_be_visible()
    await page.is_ready()
    await tab_to(page, "Only my time zone")
    await keyboard.press("Enter")

    await expect(page.answers).to_contain_text("timeZone:")
    await page.is_ready()


async def test_a_starter_and_an_approval_need_no_mouse(open_page: Open) -> None:
    page = await open_page(fresh=True)
    await tab_to(page, "Send an email", back=True)
    await page.page.keyboard.press("Enter")
    await expect(page.button("Allow")).to_be_enabled()
    await page.is_ready()

    await tab_to(page, "Allow")
    await page.page.keyboard.press("Enter")

    await expect(page.tool("send_email")).to_contain_text("done")


async def test_drawers_of_a_phone_open_and_close_by_keyboard(open_page: Open) -> None:
    page = await open_page(**PHONE)
    await expect(page.wire).to_be_hidden()

    await tab_to(page, "Wire", back=True)
    await page.page.keyboard.press("Enter")
    await expect(page.wire).to_be_visible()
    await expect(page.button("Close the wire panel")).to_be_focused()
    await page.page.keyboard.press("Escape")

    await expect(page.wire).to_be_hidden()
    await expect(page.button("Wire")).to_be_focused()


async def test_a_drawer_of_a_phone_closes_on_what_is_beside_it(open_page: Open) -> None:
    page = await open_page(**PHONE)
    await page.button("Chats").click()
    chats = page.page.get_by_role("navigation", name="Chats")
    await expect(chats).to_be_visible()

    await page.page.mouse.click(350, 400)

    await expect(chats).to_be_hidden()


async def test_the_answer_is_announced_once_it_is_whole(
    open_page: Open, generation: Generation
) -> None:
    page = await open_page(generation)
    announced = page.page.get_by_role("status")
    await expect(announced).to_be_empty()

    await page.send("scenario: text tokens=20 delay=0.03")

    await expect(announced).to_have_text("The answer is being written.")
    await expect(announced).to_contain_text("Answer: word0 word1")
    await page.ask("Where am I?")
    await expect(announced).to_have_text("The tool get_location waits for you.")


async def test_a_long_answer_is_announced_by_its_beginning(
    open_page: Open, generation: Generation
) -> None:
    page = await open_page(generation)

    await page.send("scenario: text tokens=1000")

    announced = page.page.get_by_role("status")
    await expect(announced).to_contain_text("The rest is in the chat.")
    assert len(await announced.inner_text()) < 500


async def test_the_focus_stays_in_the_chat_when_its_button_goes(
    open_page: Open, generation: Generation
) -> None:
    page = await open_page(generation)
    chat = page.page.locator(".messages")

    async def press(name: str) -> None:
        await page.button(name).focus()
        await page.page.keyboard.press("Enter")

    await page.ask("Where am I?")
    await press("Only my time zone")
    await expect(page.answers).to_contain_text("timeZone:")
    await page.is_ready()
    await expect(chat).to_be_focused()
    await page.field.focus()
    await press("Regenerate")
    await page.is_ready()
    await expect(chat).to_be_focused()

    await press("Edit")
    await expect(page.page.get_by_role("textbox", name="Your message")).to_be_focused()
    await page.page.keyboard.press("Escape")
    await expect(page.button("Edit")).to_be_focused()

    await page.send("scenario: error-inside after=3")
    await expect(page.failure).to_be_visible()
    await press("Try again")
    await expect(page.failure).to_be_visible()
    await expect(chat).to_be_focused()


@pytest.mark.parametrize("pressed", ["Allow", "Deny"])
async def test_the_focus_stays_in_the_chat_after_an_approval(open_page: Open, pressed: str) -> None:
    page = await open_page()
    await page.ask("Send an email to ada@example.com about tea")

    await page.button(pressed).focus()
    await page.page.keyboard.press("Enter")

    await expect(page.button(pressed)).to_have_count(0)
    await page.is_ready()
    await expect(page.page.locator(".messages")).to_be_focused()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", ["desktop", "phone"])
async def test_axe_finds_nothing_serious(open_page: Open, scheme: str, size: str) -> None:
    options = PHONE if size == "phone" else {}
    page = await open_page(color_scheme=scheme, **options)

    async def check(state: str) -> None:
        assert await page.axe(str(AXE)) == [], state
        assert await page.overflow() == 0, state

    await check("the beginning")
    await page.ask("Show me Markdown")
    await check("Markdown")
    await page.ask("Send an email to ada@example.com about tea")
    await check("an approval")
    await page.send("scenario: error-inside after=6")
    await expect(page.failure).to_be_visible()
    await check("an error")
    if size == "phone":
        await page.button("Wire").click()
        await check("the wire over the chat")
        await page.button("Close the wire panel").click()
        await page.button("Chats").click()
        await check("the chats over the chat")
    else:
        await page.page.get_by_role("button", name=re.compile("^Endpoint")).click()
        await check("the endpoint")


async def test_long_words_and_wide_tables_stay_in_the_window(open_page: Open) -> None:
    page = await open_page(**PHONE)

    await page.ask("scenario: say text='" + "long" * 60 + "'")
    await page.ask(f"Look: {'unbroken' * 40}")
    await page.ask("What can you do?")

    assert await page.overflow() == 0
