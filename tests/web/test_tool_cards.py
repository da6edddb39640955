"""Tool cards: one for a tool that is known, JSON for all others, and files."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any

import pytest_asyncio
from playwright.async_api import expect
from pydantic import Field

from app.tools import DataObject, ToolResult, tool
from tests.web.chat_page import Generation
from tests.web.chromium import AXE
from tests.web.conftest import Open
from tests.web.site import Site, backend

# One pixel.
_GIF = bytes.fromhex(
    "47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002024401003b"
)


@tool
def make_files(note: str) -> ToolResult:
    """Make a picture and a text."""
    return ToolResult.ok(
        "Made.",
        {"note": note},
        [
            DataObject(name="dot.gif", content=_GIF, mime_type="image/gif"),
            DataObject(name="notes.txt", content="Über #1 & <b>?", mime_type="text/plain"),
        ],
    )


@tool
def list_rows(count: Annotated[int, Field(description="How many")]) -> dict[str, Any]:
    """List rows."""
    return {"rows": [{"number": number, "name": f"row {number}"} for number in range(count)]}


_may_end = asyncio.Event()


@tool
async def count_up() -> AsyncIterator[dict[str, int]]:
    """Say how far it has come, twice."""
    yield {"counted": 1}
    await _may_end.wait()
    yield {"counted": 2}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def url(home: Site) -> AsyncIterator[str]:
    """Serve the page with tools of which it knows nothing."""
    own = [make_files, list_rows, count_up]
    names = tuple(each.name for each in own)
    async with backend(home.model, tools=names, app_tools=own) as running:
        yield running


async def test_an_unknown_tools_result_is_json_that_opens(
    open_page: Open, generation: Generation, url: str
) -> None:
    page = await open_page(generation, address=url)

    await page.ask("scenario: call tool=list_rows arguments='{\"count\": 60}'")

    output = page.tool("list_rows").get_by_role("group", name="Output")
    await expect(output).to_contain_text("Output 1.8 kB")
    await expect(output.locator("pre")).to_have_count(0)
    await output.locator("summary").click()
    await expect(output.locator("pre")).to_contain_text('"name": "row 59"')
    await expect(output.locator("pre .code-string").first).to_be_visible()
    assert await page.axe(str(AXE)) == []
    assert await page.overflow() == 0


async def test_a_tools_files_are_shown_and_can_be_saved(
    open_page: Open, generation: Generation, url: str
) -> None:
    page = await open_page(generation, address=url)

    await page.ask('scenario: call tool=make_files arguments=\'{"note": "two"}\'')

    call = page.tool("make_files")
    picture = call.get_by_role("img", name="dot.gif")
    await expect(picture).to_be_visible()
    assert await picture.evaluate("picture => picture.decode().then(() => picture.naturalWidth)")
    async with page.page.expect_download() as saved:
        await call.get_by_role("link", name="Save notes.txt").click()
    download = await saved.value
    assert download.suggested_filename == "notes.txt"
    assert (await download.path()).read_text() == "Über #1 & <b>?"
    await expect(call.get_by_role("group", name="Output")).not_to_contain_text("data_objects")


async def test_a_preliminary_result_is_shown_until_the_last_one(open_page: Open, url: str) -> None:
    page = await open_page(address=url)
    _may_end.clear()
    call = page.tool("count_up")

    await page.send("scenario: call tool=count_up arguments='{}'")

    await expect(call).to_contain_text("running")
    await expect(call.get_by_role("group", name="Output so far")).to_contain_text('{"counted":1}')
    _may_end.set()
    await expect(call.get_by_role("group", name="Output")).to_contain_text('{"counted":2}')
    await expect(call).to_contain_text("done")
    await page.is_ready()


async def test_a_known_tool_with_another_result_is_shown_as_json(
    open_page: Open, home: Site
) -> None:
    @tool
    def get_weather(city: str) -> dict[str, Any]:
        """Say it otherwise."""
        return {"weather": f"fine in {city}"}

    async with backend(home.model, tools=("get_weather",), app_tools=[get_weather]) as url:
        page = await open_page(address=url)

        await page.ask("What is the weather in Bergen?")

        call = page.tool("get_weather")
        await expect(call.locator(".weather")).to_have_count(0)
        await expect(call.get_by_role("group", name="Output")).to_contain_text("fine in Bergen")
