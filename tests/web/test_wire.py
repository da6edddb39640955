"""The panel with what goes over the network."""

import re

from playwright.async_api import expect

from tests.web.chat_page import ChatPage, Generation
from tests.web.conftest import Open


async def fact(page: ChatPage, name: str) -> str:
    """Return one of the panel's figures."""
    pair = page.wire.locator("dl > div").filter(has=page.page.get_by_text(name, exact=True))
    return await pair.get_by_role("definition").inner_text()


async def test_every_part_is_there_with_its_time(open_page: Open, generation: Generation) -> None:
    page = await open_page(generation)
    rows = page.wire.get_by_role("listitem")

    await page.ask("scenario: text tokens=20 delay=0.02")

    shown = {"7": 'text-delta " word7"', "4": '0 text " word7"'}[generation]
    exact = {
        "7": 'data: {"type":"text-delta","id":"t1","delta":" word7"}',
        "4": '0:" word7"',
    }[generation]
    await expect(rows.filter(has_text=shown)).to_have_count(1)
    await page.wire.get_by_label("Exact text").check()
    await expect(rows.get_by_text(exact, exact=True)).to_have_count(1)
    times = [float(text) for text in await rows.locator("time").all_inner_texts() if text]
    assert times == sorted(times)
    assert times[-1] - times[0] >= 0.2
    overhead = {"7": 7, "4": 4}[generation]  # start … [DONE]; f, e, 8, d
    assert int((await fact(page, "Parts / reads")).split(" / ")[0]) == 20 + overhead


async def test_the_figures_are_those_of_the_model(open_page: Open, generation: Generation) -> None:
    page = await open_page(generation)

    await page.ask("scenario: text tokens=40 delay=0.02")

    assert await fact(page, "Status") == "200"
    assert await fact(page, "Tokens") == "40"
    assert float(await fact(page, "Tokens/s")) > 0  # how many is the machine's affair
    assert re.fullmatch(r"\d+ ms|\d\.\d+ s", await fact(page, "First token"))
    assert re.fullmatch(r"\d+ ms|\d\.\d+ s", await fact(page, "Complete"))


async def test_parts_appear_while_the_answer_streams(
    open_page: Open, generation: Generation
) -> None:
    page = await open_page(generation)

    await page.send("scenario: stall after=3 seconds=30")

    await expect(page.wire.get_by_role("listitem").filter(has_text="word2")).to_have_count(1)
    assert await fact(page, "Open") == "…"
    await page.button("Stop").click()
    assert re.search("ms|s", await fact(page, "Stopped"))


async def test_the_request_can_be_read(open_page: Open, generation: Generation) -> None:
    page = await open_page(generation)
    await page.ask("Read me")

    await page.wire.get_by_text("POST /api/chat").click()

    request = page.wire.locator(".request pre")
    await expect(request).to_contain_text('"Read me"')
    marker = {"7": '"trigger": "submit-message"', "4": '"content": "Read me"'}[generation]
    await expect(request).to_contain_text(marker)


async def test_an_answer_leads_to_its_own_request(open_page: Open) -> None:
    page = await open_page()
    first = await page.ask("scenario: say text=Earlier")
    await page.ask("scenario: say text=Later")
    await expect(page.wire).to_contain_text("2 of 2")

    await first.get_by_role("button", name="Show this answer on the wire").click()

    await expect(page.wire).to_contain_text("1 of 2")
    await expect(page.wire.get_by_role("listitem").filter(has_text="Earlier")).to_have_count(1)
    await page.wire.get_by_role("button", name="Later request").click()
    await page.ask("scenario: say text=Latest")
    await expect(page.wire).to_contain_text("3 of 3")


async def test_an_error_answer_is_shown_as_it_is(open_page: Open) -> None:
    page = await open_page()
    page.expect_complaint()

    await page.send("scenario: error status=400")

    await expect(page.wire.get_by_role("listitem")).to_contain_text('{"success":false,"error":')
    assert await fact(page, "Status") == "400"
