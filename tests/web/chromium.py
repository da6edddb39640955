"""A real browser, and our page in it."""

import contextlib
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

from playwright.async_api import Browser, BrowserContext, async_playwright

_WEB = Path(__file__).parents[2] / "web"
DEMO = _WEB / "useChat-demo"
MINIMAL = _WEB / "minimal"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
AXE = DEMO / "node_modules" / "axe-core" / "axe.min.js"
_PAGES = [folder / "dist" / "index.html" for folder in (DEMO, MINIMAL)]
IS_READY = CHROMIUM is not None and all(page.is_file() for page in (*_PAGES, AXE))

_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@contextlib.asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Run the machine's Chromium without a window."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(_FLAGS))
        try:
            yield browser
        finally:
            await browser.close()


@contextlib.asynccontextmanager
async def profiled_chromium(profile: Path) -> AsyncIterator[BrowserContext]:
    """Run it with the one context that may keep files; its `browser` makes others.

    What it keeps of the page's script is that already compiled: a page costs a third less.
    """
    async with async_playwright() as playwright:
        context = await playwright.chromium.launch_persistent_context(
            profile,
            executable_path=CHROMIUM,
            args=list(_FLAGS),
            # Without a graphics card, what moves costs the processor that the answers need.
            reduced_motion="reduce",
        )
        try:
            yield context
        finally:
            await context.close()
