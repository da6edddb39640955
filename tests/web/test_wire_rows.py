"""The rows of the wire panel: thousands of parts, of which only those in view are in the page."""

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import CDPSession, Locator, expect

from tests.web.chat_page import ChatPage, Generation
from tests.web.chromium import AXE
from tests.web.conftest import Open
from tests.web.development import open_built
from tests.web.site import Site

_DESKTOP: dict[str, Any] = {"viewport": {"width": 1280, "height": 800}}
# Those that fit into the panel, and some above and below.
_MOST_ROWS = 60


def rows_of(page: ChatPage) -> Locator:
    return page.wire.get_by_role("listitem")


def box_of(page: ChatPage) -> Locator:
    return page.wire.get_by_role("group", name="Parts of the answer, as they came")


async def distance(page: ChatPage) -> float:
    """Return how far the rows are from their end, in pixels."""
    left: float = await box_of(page).evaluate(
        "box => box.scrollHeight - box.scrollTop - box.clientHeight"
    )
    return left


async def test_only_the_rows_in_view_are_in_the_page(
    open_page: Open, generation: Generation
) -> None:
    page = await open_page(generation, **_DESKTOP)

    await page.ask("scenario: text tokens=2000 delay=0")

    rows = rows_of(page)
    first, last = {"7": ("start", "[DONE]"), "4": ("f start step", "d finish message")}[generation]
    total = {"7": 2007, "4": 2004}[generation]
    await expect(rows.filter(has_text=last)).to_be_in_viewport()
    assert await rows.count() <= _MOST_ROWS
    await expect(rows.last).to_have_attribute("aria-posinset", str(total))
    await expect(rows.last).to_have_attribute("aria-setsize", str(total))

    await box_of(page).evaluate("box => { box.scrollTop = 0; }")
    await expect(rows.filter(has_text=first).first).to_be_in_viewport()
    await expect(rows.filter(has_text=last)).to_have_count(0)
    assert await rows.count() <= _MOST_ROWS
    await box_of(page).evaluate("box => { box.scrollTop = box.scrollHeight / 2; }")
    await expect(rows.filter(has_text=re.compile(r'" word100\d"')).nth(9)).to_be_in_viewport()
    assert await rows.count() <= _MOST_ROWS


async def test_who_reads_above_stays_there_and_finds_the_end_again(open_page: Open) -> None:
    page = await open_page(**_DESKTOP)
    await page.send("scenario: text tokens=3000 delay=0.01")
    await expect(page.answers).to_contain_text("word200 ")
    assert await distance(page) < 2

    await box_of(page).hover()
    await page.page.mouse.wheel(0, -10)
    await expect(page.wire.get_by_role("button", name="To the end")).to_be_visible()
    top = await box_of(page).evaluate("box => box.scrollTop")
    await expect(page.answers).to_contain_text("word400 ")
    assert await box_of(page).evaluate("box => box.scrollTop") == top
    assert await distance(page) > 1000

    await page.wire.get_by_role("button", name="To the end").click()
    await expect(page.answers).to_contain_text("word500 ")
    assert await distance(page) < 2
    await page.button("Stop").click()


async def test_a_row_is_found_by_its_words(open_page: Open) -> None:
    page = await open_page(**_DESKTOP)
    await page.ask("scenario: text tokens=2000 delay=0")
    field = page.wire.get_by_role("searchbox", name="Find a part")
    matches = page.wire.locator("[aria-live]")

    await field.fill("WORD1777")
    await expect(matches).to_have_text("1 found")
    await field.press("Enter")

    found = rows_of(page).filter(has_text="word1777")
    await expect(found).to_be_in_viewport()
    await expect(found).to_have_attribute("data-found", "true")
    await expect(matches).to_have_text("1 of 1")
    await expect(field).to_be_focused()
    await field.fill("word19")
    await field.press("Enter")
    # The next one below, and from the last one on to the first.
    await expect(rows_of(page).filter(has_text=re.compile('" word1900"'))).to_be_in_viewport()
    await expect(matches).to_have_text("12 of 111")
    for _ in range(11):
        await field.press("Shift+Enter")
    await expect(matches).to_have_text("1 of 111")
    await expect(rows_of(page).filter(has_text=re.compile('" word19"'))).to_be_in_viewport()
    await field.press("Shift+Enter")
    await expect(matches).to_have_text("111 of 111")
    await field.fill("no such thing")
    await expect(matches).to_have_text("none")


_SCROLLED = """box => new Promise(resolve => {
  let last = -1;
  const look = () => {
    if (box.scrollTop > 0 && box.scrollTop === last) return resolve();
    last = box.scrollTop;
    setTimeout(look, 200);
  };
  look();
})"""


async def test_rows_are_walked_and_opened_with_the_keyboard(open_page: Open) -> None:
    page = await open_page(**_DESKTOP)
    await page.ask("scenario: text tokens=2000 delay=0")
    row = page.page.locator(":focus")

    await box_of(page).focus()
    await page.page.keyboard.press("Tab")
    await expect(row).to_contain_text("[DONE]")
    await page.page.keyboard.press("ArrowUp")
    await expect(row).to_contain_text("finish")
    await page.page.keyboard.press("Enter")
    await expect(row).to_have_attribute("aria-expanded", "true")
    exact = page.wire.get_by_label("Exact bytes")
    await expect(exact).to_contain_text('data: {"type":"finish","finishReason":"stop"')
    await expect(exact).to_be_in_viewport()
    await page.page.keyboard.press("Enter")
    await expect(exact).to_have_count(0)
    await page.page.keyboard.press("Home")
    await expect(row).to_contain_text("start")
    await expect(row).to_be_in_viewport()
    for _ in range(60):
        await page.page.keyboard.press("ArrowDown")
    await expect(row).to_contain_text('" word57"')
    await expect(row).to_be_in_viewport()

    # The focus stays where it is, wherever the rows are scrolled.
    await box_of(page).hover()
    await page.page.mouse.wheel(0, 20_000)
    # Chromium scrolls for a while, and would go on after the next key.
    await box_of(page).evaluate(_SCROLLED)
    await expect(row).not_to_be_in_viewport()
    await expect(row).to_contain_text('" word57"')
    await page.page.keyboard.press("ArrowDown")
    await expect(row).to_contain_text('" word58"')
    await expect(row).to_be_in_viewport()
    assert await page.axe(str(AXE)) == []


async def test_an_opened_row_moves_those_below_and_none_above(open_page: Open) -> None:
    page = await open_page(**_DESKTOP)
    await page.ask("What is the weather in Bergen and Lisbon?")
    field = page.wire.get_by_role("searchbox", name="Find a part")
    await field.fill("tool-output-available")
    await field.press("Enter")
    opened = page.wire.locator("[data-found=true]")
    before = await opened.bounding_box()

    await opened.get_by_role("button").click()

    exact = page.wire.get_by_label("Exact bytes")
    await expect(exact).to_contain_text('"temperature_celsius"')
    after, pre = await opened.bounding_box(), await exact.bounding_box()
    assert before is not None and after is not None and pre is not None
    assert after["y"] == before["y"]
    below = await opened.locator("xpath=following-sibling::li[1]").bounding_box()
    assert below is not None
    assert abs(below["y"] - (pre["y"] + pre["height"])) < 1


async def counted_work(session: CDPSession, built: Path) -> tuple[int, int]:
    """Return how often any piece of the wire's code has run since the last time, and was drawn."""
    scripts = {path.name: path.read_text() for path in (built / "assets").glob("*.js")}
    coverage = await session.send("Profiler.takePreciseCoverage")
    total = drawn = 0
    for script in coverage["result"]:
        source = scripts.get(script["url"].rpartition("/")[2], "")
        regions = [match.span() for match in _REGION.finditer(source)]
        for function in script["functions"]:
            start = function["ranges"][0]["startOffset"]
            if any(begin <= start < end for begin, end in regions):
                total += sum(piece["count"] for piece in function["ranges"])
                if function["functionName"] == "Facts":
                    drawn += function["ranges"][0]["count"]
    return total, drawn


# The bundler says which file a piece of the script is from.
_REGION = re.compile(
    r"^(?://#region|//) src/wire/\S+$.*?(?=^(?://#region|//) (?:src|node_modules|\.\./)\S*$|\Z)",
    re.DOTALL | re.MULTILINE,
)


async def test_the_work_for_a_part_does_not_grow_with_their_number(
    open_page: Open, home: Site, built: Path
) -> None:
    page = await open_page(fresh=True, **_DESKTOP)
    await open_built(page, home.url, built, "7")
    session = await page.page.context.new_cdp_session(page.page)
    await session.send("Profiler.enable")
    await session.send("Profiler.startPreciseCoverage", {"callCount": True, "detailed": True})

    await page.send("scenario: text tokens=4000 delay=0.004")
    before = 0
    for words in (1000, 2000, 3000, 4000):
        await expect(page.answers).to_contain_text(f"word{words - 1}")
        work, drawn = await counted_work(session, built)
        # As many runs for each part, and for each time that it is drawn, as at the beginning; how
        # often it is drawn is the machine's affair.
        assert 10_000 < work < 25 * (words - before + 500) + 4000 * drawn, (words, work, drawn)
        before = words
    await page.is_ready()


@pytest.mark.parametrize("is_open", [True, False], ids=["open", "closed"])
async def test_each_part_is_parsed_once(
    open_page: Open, generation: Generation, is_open: bool
) -> None:
    page = await open_page(generation, fresh=True, **_DESKTOP)
    if not is_open:
        # It opens with the first message unless it has been closed.
        await page.button("Wire").click()
        await page.button("Close the wire panel").click()
    await page.page.evaluate(
        """() => {
          const {parse} = JSON;
          window.parsed = {};
          JSON.parse = (text, ...more) => {
            const [word] = /word\\d+(?=")/.exec(text) ?? [];
            if (word && text.length < 100) window.parsed[word] = (window.parsed[word] ?? 0) + 1;
            return parse(text, ...more);
          };
        }"""
    )

    await page.ask("scenario: text tokens=300 delay=0.005")

    parsed: dict[str, int] = await page.page.evaluate("window.parsed")
    # By the client, and by the recorder.
    assert set(parsed.values()) == {2}
    assert len(parsed) == 300
