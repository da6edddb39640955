"""Takes the pictures of the demo page: ``python -m tests.web.screenshots [FOLDER]``.

Each picture is checked before it is kept: what it is about can be read, nothing sticks out of the
window, the contrast is enough (axe-core), and the file is small.
"""

import asyncio
import base64
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec
from playwright.async_api import Browser, expect

from tests.web.chat_page import ChatPage, Generation
from tests.web.chromium import AXE, DEMO, IS_READY, chromium
from tests.web.site import site

FOLDER = DEMO / "screenshots"
MOST_BYTES = 120_000

_DESKTOP: dict[str, Any] = {"viewport": {"width": 1280, "height": 800}}
_PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "has_touch": True}
# As much as a whole conversation needs.
_HERO: dict[str, Any] = {"viewport": {"width": 1280, "height": 920}}
_DARK: dict[str, Any] = {"color_scheme": "dark"}


class Picture(msgspec.Struct, frozen=True):
    """What leads to a picture, and the words that have to be in it."""

    name: str
    act: Callable[[ChatPage], Awaitable[object]]
    words: tuple[str, ...]
    options: Mapping[str, Any] = MappingProxyType(_DESKTOP)
    generation: Generation = "7"


class BadPicture(Exception):
    """A picture is not good enough to be shown."""


async def _midway(page: ChatPage) -> None:
    await page.send("What can you do?")
    await expect(page.answers).to_contain_text("a tool that runs in your browser")


async def _tools(page: ChatPage) -> None:
    await page.ask("What is the weather in Bergen and Lisbon?")


async def _conversation(page: ChatPage) -> None:
    await page.ask("What is the weather in Bergen?")
    await page.ask("Send an email to ada@example.com about tea")
    # All of it, from the first word.
    await expect(page.questions.first).to_be_in_viewport(ratio=1)


async def _working(page: ChatPage) -> None:
    await page.send('Run the slow process "tea" with 5 steps')
    await expect(page.tool("slow_process")).to_contain_text("Step 2/5 complete")


async def _approval(page: ChatPage) -> None:
    await page.ask("Send an email to ada@example.com about tea")


async def _error(page: ChatPage) -> None:
    await page.send("Fail in the middle")
    await expect(page.failure).to_be_visible()


async def _nothing(page: ChatPage) -> None:
    await page.is_ready()


_HERO_WORDS = ("What is the weather", "get_weather", "send_email", "Allow", "tool-")

PICTURES = (
    Picture("hero", _conversation, _HERO_WORDS, _HERO),
    Picture("hero-dark", _conversation, _HERO_WORDS, {**_HERO, **_DARK}),
    Picture("desktop", _tools, ("get_weather", "Lisbon", "tokens/s", "text-delta")),
    Picture("start", _nothing, ("The Python backend", "Where am I?")),
    Picture("mid-stream", _midway, ("The scripted model", "Open", "text-delta")),
    Picture("tool-call", _working, ("slow_process", "running", "Step 2/5"), generation="4"),
    Picture("approval", _approval, ("send_email", "asks you first", "Allow", "Deny")),
    Picture("error", _error, ("word5", "Try again", "Failed")),
    Picture("dark", _tools, ("get_weather", "Lisbon", "tokens/s"), {**_DESKTOP, **_DARK}),
    Picture(
        "phone", lambda page: page.ask("Show me Markdown"), ("A little of everything",), _PHONE
    ),
    Picture("phone-dark", _approval, ("send_email", "Allow"), {**_PHONE, **_DARK}),
)


async def take(picture: Picture, browser: Browser, url: str) -> bytes:
    """Return one picture as WebP.

    Raises:
        BadPicture: says what is wrong with it.
    """
    async with _opened(picture, browser, url) as page:
        await picture.act(page)
        # The screen follows a frame or two later.
        await page.page.wait_for_function("new Promise((resolve) => setTimeout(resolve, 120, 1))")
        seen = await page.page.locator("body").inner_text()
        picture_file = await _webp(page)
        missing = [words for words in picture.words if words not in seen]
        if missing:
            raise BadPicture(f"{missing} cannot be read")
        if await page.overflow():
            raise BadPicture("something is wider than the window")
        if complaints := await page.axe(str(AXE)):
            raise BadPicture(f"{complaints}")
    if len(picture_file) > MOST_BYTES:
        raise BadPicture(f"{len(picture_file):,} bytes are too many")
    return picture_file


async def _webp(page: ChatPage) -> bytes:
    # Half of what a PNG takes, and Playwright's own screenshots know no WebP.
    await page.page.evaluate("document.activeElement?.blur()")
    devtools = await page.page.context.new_cdp_session(page.page)
    taken = await devtools.send("Page.captureScreenshot", {"format": "webp", "quality": 88})
    return base64.b64decode(taken["data"])


@asynccontextmanager
async def _opened(picture: Picture, browser: Browser, url: str) -> AsyncIterator[ChatPage]:
    context = await browser.new_context(reduced_motion="reduce", **picture.options)
    try:
        page = ChatPage(await context.new_page())
        await page.open(url, picture.generation)
        yield page
    finally:
        await context.close()


async def take_all() -> dict[str, bytes]:
    """Return every picture by its name.

    Raises:
        BadPicture: names the first that is not good enough.
    """
    async with site(delay_s=0.02) as home, chromium() as browser:
        pictures = {}
        for picture in PICTURES:
            try:
                pictures[picture.name] = await take(picture, browser, home.url)
            except (BadPicture, AssertionError) as error:
                raise BadPicture(f"{picture.name}: {error}") from error
        return pictures


def main(folder: Path) -> int:
    """Take all pictures into ``folder``; return the exit status."""
    if not IS_READY:
        sys.stderr.write("This needs chromium and the built page: make web\n")
        return 1
    try:
        pictures = asyncio.run(take_all())
    except BadPicture as error:
        sys.stderr.write(f"{error}\n")
        return 1
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in pictures.items():
        (folder / f"{name}.webp").write_bytes(content)
        sys.stdout.write(f"{name}.webp: {len(content):,} bytes\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER))
