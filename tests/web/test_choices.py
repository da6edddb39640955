"""What the user may choose: the model, instructions for it, and the page's theme."""

import json
from typing import Any

import pytest
from playwright.async_api import Route, expect

from tests.owners.issuer import running_issuer
from tests.web.chat_page import ChatPage, Generation
from tests.web.chromium import AXE
from tests.web.conftest import Open
from tests.web.site import Site, backend

INSTRUCTIONS = "Answer in verse."
_BACKGROUND = "getComputedStyle(document.documentElement).backgroundColor"
DARK, LIGHT = "rgb(16, 21, 19)", "rgb(246, 248, 247)"


async def instruct(page: ChatPage, text: str) -> None:
    await page.page.get_by_role("button", name="Instructions").click()
    dialog = page.page.get_by_role("dialog", name="Instructions")
    await dialog.get_by_role("textbox", name="Instructions").fill(text)
    await dialog.get_by_role("button", name="Done").click()
    await expect(dialog).to_be_hidden()


@pytest.mark.parametrize("store", ["off", "memory"])
async def test_the_chosen_model_and_the_instructions_reach_the_model(
    open_page: Open, generation: Generation, home: Site, store: str
) -> None:
    settings: dict[str, Any] = {"allowed_models": ("large",), "allow_client_system": True}
    async with backend(home.model, store=store, **settings) as url:
        page = await open_page(generation, address=url, fresh=True)
        picker = page.page.get_by_role("combobox", name="Model")
        await expect(picker).to_have_value("gpt-4o-mini")

        await picker.select_option("large")
        await instruct(page, INSTRUCTIONS)
        answer = await page.ask("Hello")
        await page.page.reload()
        await expect(picker).to_have_value("large")
        await page.ask("And again")

        await expect(answer).to_contain_text("large")
        asked = home.control.requests[-1].body
        assert asked["model"] == "large"
        assert asked["messages"][0] == {"role": "system", "content": INSTRUCTIONS}
        assert [message["role"] for message in asked["messages"]].count("system") == 1
        # They are not part of the chat.
        await expect(page.questions).to_have_count(2)
        assert await page.overflow() == 0
        assert await page.axe(str(AXE)) == []

        await picker.select_option("gpt-4o-mini")
        await page.page.get_by_role("button", name="Instructions: on").click()
        await page.button("Clear").click()
        await page.button("Done").click()
        await page.ask("Without")
        asked = home.control.requests[-1].body
        assert asked["model"] == "gpt-4o-mini"
        assert "system" not in [message["role"] for message in asked["messages"]]


async def test_what_the_server_does_not_offer_is_not_shown(open_page: Open, home: Site) -> None:
    page = await open_page()
    async with page.page.expect_response("**/api/models"):
        await page.page.reload()
    await page.ask("Hello")

    await expect(page.page.get_by_role("combobox", name="Model")).to_have_count(0)
    await expect(page.page.get_by_role("button", name="Instructions")).to_have_count(0)
    assert "system" not in json.dumps(home.control.requests[-1].body)


async def choose_theme(page: ChatPage, name: str) -> None:
    await page.button("Menu").click()
    await page.page.get_by_role("radio", name=name).check(force=True)
    await page.page.keyboard.press("Escape")
    await expect(page.page.get_by_role("radio", name=name)).to_be_hidden()


async def test_the_theme_is_chosen_and_is_there_before_anything_is_drawn(
    open_page: Open, home: Site
) -> None:
    page = await open_page(color_scheme="light")
    assert await page.page.evaluate(_BACKGROUND) == LIGHT

    await choose_theme(page, "Dark")

    assert await page.page.evaluate(_BACKGROUND) == DARK
    assert await page.axe(str(AXE)) == []

    # The page's own script comes last, or here never.
    async def hold(route: Route) -> None:
        await route.abort()

    await page.page.route("**/assets/index-*.js", hold)
    page.expect_no_server()
    await page.page.reload()
    assert await page.page.evaluate(_BACKGROUND) == DARK

    await page.page.unroute("**/assets/index-*.js", hold)
    await page.page.reload()
    await choose_theme(page, "System")
    assert await page.page.evaluate(_BACKGROUND) == LIGHT


async def test_who_is_signed_in_sees_what_is_left_of_his_limits(
    open_page: Open, home: Site
) -> None:
    limits: dict[str, Any] = {"turns_per_minute": 20, "tokens_per_day": 100_000}
    async with running_issuer() as issuer, backend(home.model, **issuer.settings, **limits) as url:
        page = await open_page(address=url, fresh=True)
        await page.page.get_by_role("button", name="Sign in", exact=True).last.click()
        await page.page.get_by_label("Token", exact=True).fill(issuer.sign("ada"))
        await page.page.get_by_role("dialog").get_by_role("button", name="Sign in").click()
        await expect(page.button("Signed in: ada")).to_be_visible()
        await page.ask("Hello")

        await page.button("Signed in: ada").click()

        left = page.page.get_by_role("dialog", name="Signed in")
        await expect(left).to_contain_text("Messages this minute19 of 20 left, all again in")
        await expect(left).to_contain_text("Tokens today")
        await expect(left).not_to_contain_text("Answers at once")


async def test_the_wire_opens_with_the_first_message_unless_it_was_closed(
    open_page: Open,
) -> None:
    page = await open_page(viewport={"width": 1280, "height": 720})
    await expect(page.wire).to_be_hidden()

    await page.ask("Hello")
    await expect(page.wire).to_be_visible()
    await page.button("Close the wire panel").click()
    await page.ask("And again")

    await expect(page.wire).to_be_hidden()
    phone = await open_page(viewport={"width": 390, "height": 800}, has_touch=True)
    await phone.ask("Hello")
    await expect(phone.wire).to_be_hidden()
