"""One browser and one backend for all tests of the page; each test has a context of its own."""

import contextlib
import inspect
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext

from tests.web.chat_page import ChatPage, Generation
from tests.web.chromium import IS_READY, profiled_chromium
from tests.web.development import build_for_development
from tests.web.site import Site, site

# Opens the page: its client generation, and what `Browser.new_context` takes.
Open: TypeAlias = Callable[..., Awaitable[ChatPage]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this folder: all of them need the browser and the built page."""
    needs = "needs chromium (apt-get install chromium) and `make web`"
    here = f"{Path(__file__).parent}{os.sep}"
    for item in items:
        if not str(item.path).startswith(here):
            continue
        item.add_marker(pytest.mark.real)
        item.add_marker(pytest.mark.timeout(240))
        item.add_marker(pytest.mark.skipif(not IS_READY, reason=needs))
        if isinstance(item, pytest.Function) and inspect.iscoroutinefunction(item.function):
            # The browser lives in one event loop for all tests; this mark has to come first.
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def shared_context(
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[BrowserContext]:
    """Run Chromium. Its own context is for tests that want nothing special."""
    async with profiled_chromium(tmp_path_factory.mktemp("profile")) as context:
        yield context


@pytest.fixture(scope="session")
def browser(shared_context: BrowserContext) -> Browser:
    """Return what makes further contexts, half a second each."""
    assert shared_context.browser is not None
    return shared_context.browser


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def home() -> AsyncIterator[Site]:
    """Serve the page and its backend."""
    async with site() as running:
        yield running


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the page as its developers run it."""
    return build_for_development(tmp_path_factory.mktemp("page"))


@pytest.fixture(params=["7", "4"], ids=["sdk7", "sdk4"])
def generation(request: pytest.FixtureRequest) -> Generation:
    """Both client generations, one after the other."""
    chosen: Generation = request.param
    return chosen


@pytest_asyncio.fixture(loop_scope="session")
async def open_page(
    browser: Browser, shared_context: BrowserContext, home: Site
) -> AsyncIterator[Open]:
    """Open the page; at the end its console has to hold no error.

    ``options`` of `Browser.new_context`, or ``fresh``, give it a browser of its own.
    """
    async with contextlib.AsyncExitStack() as stack:
        pages: list[ChatPage] = []

        async def open_page(
            generation: Generation = "7", *, address: str = "", fresh: bool = False, **options: Any
        ) -> ChatPage:
            context = shared_context
            if fresh or options:
                context = await browser.new_context(reduced_motion="reduce", **options)
                stack.push_async_callback(context.close)
            page = ChatPage(await context.new_page())
            stack.push_async_callback(page.page.close)
            pages.append(page)
            await page.open(address or home.url, generation)
            return page

        yield open_page
        for page in pages:
            page.assert_quiet()
