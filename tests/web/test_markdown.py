"""Markdown whose parts belong together, runs in other directions, or must not lead anywhere.

The scripted model repeats what it does not understand.
"""

from playwright.async_api import expect

from tests.web.chat_page import Generation
from tests.web.chromium import AXE
from tests.web.conftest import Open

_FOOTNOTES = (
    "Alpha[^1] and beta[^b].\n\nGamma.\n\n[^1]: The note of alpha.\n[^b]: Of beta.\n\nOmega."
)
_REFERENCES = "See [the page][p] and [p].\n\nGamma.\n\n[p]: https://ai-sdk.dev/p\n\nOmega."


async def test_links_find_their_addresses_in_other_blocks(
    open_page: Open, generation: Generation
) -> None:
    page = await open_page(generation)

    answer = await page.ask(_REFERENCES)

    for name in ("the page", "p"):
        link = answer.get_by_role("link", name=name, exact=True)
        await expect(link).to_have_attribute("href", "https://ai-sdk.dev/p")
    assert "[" not in await answer.inner_text()


async def test_footnotes_find_their_notes_and_lead_there_and_back(open_page: Open) -> None:
    page = await open_page(fresh=True)
    await page.ask(_FOOTNOTES)
    # Notes of another answer have the same names.
    answer = await page.ask(_FOOTNOTES)
    address = page.page.url

    notes = answer.get_by_role("region").or_(answer.locator("section")).get_by_role("listitem")
    await expect(notes).to_contain_text(["The note of alpha.", "Of beta."])
    await answer.get_by_role("link", name="2", exact=True).click()

    await expect(notes.nth(1).get_by_role("link")).to_be_focused()
    assert page.page.url == address
    await notes.nth(1).get_by_role("link").click()
    await expect(answer.get_by_role("link", name="2", exact=True)).to_be_focused()
    assert "[^" not in await answer.inner_text()
    assert await page.axe(str(AXE)) == []


async def test_each_paragraph_runs_in_its_own_direction(
    open_page: Open, generation: Generation
) -> None:
    page = await open_page(generation)
    hebrew = "שלום, this is a test."

    answer = await page.ask(f"Left.\n\n{hebrew}\n\n- {hebrew}\n\nRight.")

    async def direction(text: str, tag: str) -> str:
        found = answer.locator(tag).filter(has_text=text).first
        value: str = await found.evaluate("element => getComputedStyle(element).direction")
        return value

    assert await direction("Left.", "p") == "ltr"
    assert await direction(hebrew, "p") == "rtl"
    assert await direction(hebrew, "li") == "rtl"
    await page.field.fill(hebrew)
    assert await page.field.evaluate("field => getComputedStyle(field).direction") == "rtl"


async def test_a_blocked_address_is_no_link(open_page: Open) -> None:
    page = await open_page()

    answer = await page.ask("[press](javascript:alert(1)) and ![look](javascript:alert(1))")

    await expect(answer).to_contain_text("press and look")
    await expect(answer.locator("a")).to_have_count(0)


async def test_code_is_copied_over_plain_http_too(open_page: Open) -> None:
    page = await open_page(fresh=True, permissions=["clipboard-read", "clipboard-write"])
    answer = await page.ask("Look.\n\n```\nfirst\nsecond\n```\n\nDone.")
    # Browsers have it on https pages and on this machine's addresses only.
    await page.page.evaluate(
        """() => {
          window.kept = navigator.clipboard;
          Object.defineProperty(navigator, 'clipboard', {value: undefined, configurable: true});
        }"""
    )

    await answer.get_by_role("button", name="Copy", exact=True).click()

    await expect(answer.get_by_role("button", name="Copied")).to_be_visible()
    assert await page.page.evaluate("window.kept.readText()") == "first\nsecond\n"
