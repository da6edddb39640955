"""A link that names a server elsewhere: the page asks before it sends anything."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Dialog, Route, expect
from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route as HttpRoute

from tests.serving import served
from tests.web.chat_page import ChatPage
from tests.web.chromium import AXE
from tests.web.conftest import Open
from tests.web.relay import Relay, relay
from tests.web.site import Site, backend

_PHONE: dict[str, Any] = {"viewport": {"width": 320, "height": 640}, "has_touch": True}
_DARK: dict[str, Any] = {"color_scheme": "dark"}


@pytest_asyncio.fixture(loop_scope="session")
async def elsewhere(home: Site) -> AsyncIterator[Relay]:
    """Serve the app at another origin, and remember what comes."""
    async with backend(home.model, allowed_origins=("localhost",)) as url, relay(url) as running:
        yield running


def _link(home: Site, elsewhere: Relay) -> str:
    return f"{home.url}/?api={elsewhere.url}/api/chat"


async def _asked(page: ChatPage, address: str) -> None:
    """Follow a link and see the question."""
    await page.page.goto(address)
    await expect(page.page.get_by_role("heading", name="Chat with another server?")).to_be_visible()


async def test_nothing_is_sent_elsewhere_before_the_user_agrees(
    open_page: Open, home: Site, elsewhere: Relay
) -> None:
    page = await open_page(fresh=True)
    await _asked(page, _link(home, elsewhere))

    # Who types on, waits or reloads does not agree by it.
    await page.page.keyboard.type("Hello")
    await page.page.keyboard.press("Enter")
    await page.page.reload(wait_until="networkidle")

    await expect(page.page.get_by_text(elsewhere.url, exact=True)).to_be_visible()
    await expect(page.field).to_have_count(0)
    assert elsewhere.received == []

    await page.agree()
    answer = await page.ask("Hello")
    await expect(answer).to_contain_text("scripted model")
    assert b"POST /api/chat" in elsewhere.bytes


async def test_who_stays_uses_the_pages_own_server(
    open_page: Open, home: Site, elsewhere: Relay
) -> None:
    page = await open_page(fresh=True)
    await _asked(page, _link(home, elsewhere))

    await page.page.get_by_role("button", name=re.compile("^Stay with 127")).click()
    answer = await page.ask("Hello")

    await expect(answer).to_contain_text("scripted model")
    assert "api=" not in page.page.url
    assert elsewhere.received == []


async def test_an_agreement_is_for_one_server_and_one_tab(
    open_page: Open, home: Site, elsewhere: Relay
) -> None:
    page = await open_page(fresh=True)
    await _asked(page, _link(home, elsewhere))
    await page.agree()
    await expect(page.field).to_be_visible()

    await page.page.reload()
    await expect(page.field).to_be_visible()

    # Another port is another server, and `localhost` another name.
    await _asked(page, f"{home.url}/?api=http://127.0.0.1:9/api/chat")
    await _asked(
        page, _link(home, elsewhere).replace("api=http://127.0.0.1", "api=http://localhost")
    )
    second = ChatPage(await page.page.context.new_page())
    await _asked(second, _link(home, elsewhere))
    await second.page.close()


async def test_chats_and_tokens_of_one_server_are_not_for_another(
    open_page: Open, home: Site, elsewhere: Relay
) -> None:
    page = await open_page(fresh=True)
    await page.page.evaluate(
        "url => sessionStorage.setItem(`deltaline.token ${url}`, 'my-secret-token')",
        f"{home.url}/api/chat",
    )
    await page.page.reload()
    chats = page.page.get_by_role("navigation", name="Chats").get_by_role("listitem")
    await page.ask("My secret words")
    chat_id = page.page.url.partition("#")[2]
    # As if its answer had been under way when the page was left: it would be asked for again.
    await page.in_database(
        """async ({chats: [[, chat]]}, change) => await change('chats', {...chat, isOpen: true})"""
    )

    await _asked(page, f"{_link(home, elsewhere)}#{chat_id}")
    await page.agree()
    await expect(page.field).to_be_visible()
    await expect(page.questions).to_have_count(0)
    await expect(chats).to_have_count(0)
    await page.ask("Words for the others")
    await expect(chats).to_have_count(1)

    sent = elsewhere.bytes
    assert b"Words for the others" in sent
    assert b"secret" not in sent
    assert b"/stream" not in sent
    assert chat_id.encode() not in sent
    await page.page.goto(home.url)
    await expect(chats).to_have_count(1)
    await expect(chats).to_contain_text("My secret words")


@pytest.mark.parametrize(
    ("api", "problem"),
    [
        ("javascript:alert(1)", "Only http and https addresses will do."),
        ("%20jAvAsCrIpT:alert(1)", "Only http and https addresses will do."),
        ("data:text/plain,hello", "Only http and https addresses will do."),
        ("file:///etc/passwd", "Only http and https addresses will do."),
        ("ws://127.0.0.1:9/api/chat", "Only http and https addresses will do."),
        ("http://", "This is not an address."),
        ("{home}@127.0.0.1:9/api/chat", "The address must not hold a name or a password."),
    ],
)
async def test_what_is_no_server_is_refused_and_the_own_one_offered(
    open_page: Open, home: Site, api: str, problem: str
) -> None:
    page = await open_page(fresh=True)
    dialogs: list[Dialog] = []
    page.page.on("dialog", lambda dialog: dialogs.append(dialog))

    await page.page.goto(f"{home.url}/?api={api.replace('{home}', home.url)}")

    await expect(page.failure).to_have_text(problem)
    await expect(page.page.get_by_role("button", name=re.compile("^Use "))).to_have_count(0)
    await page.page.get_by_role("button", name=re.compile("^Stay with ")).click()
    await expect(page.field).to_be_visible()
    assert not dialogs


@pytest.mark.parametrize(
    "spelling", ["//127.0.0.1:{port}/api/chat", "\\\\127.0.0.1:{port}/x", "/\t/127.0.0.1:{port}/x"]
)
async def test_an_origin_elsewhere_is_seen_in_every_spelling(
    open_page: Open, home: Site, elsewhere: Relay, spelling: str
) -> None:
    port = elsewhere.url.rpartition(":")[2]
    page = await open_page(fresh=True)

    await page.page.evaluate(
        "api => location.replace(`/?${new URLSearchParams({api})}`)", spelling.format(port=port)
    )

    await expect(page.page.get_by_text(elsewhere.url, exact=True)).to_be_visible()
    assert elsewhere.received == []


@asynccontextmanager
async def _framing(address: str) -> AsyncIterator[str]:
    """Serve the page of another site, with a frame that shows ``address``; gives its URL."""
    html = f'<!doctype html><link rel="icon" href="data:,"><iframe src="{address}"></iframe>'

    async def prizes(_: HttpRequest) -> Response:
        return HTMLResponse(html)

    async with served(Starlette(routes=[HttpRoute("/", prizes)])) as url:
        yield url


async def test_no_other_site_can_frame_the_page(open_page: Open, home: Site) -> None:
    page = await open_page(fresh=True)
    page.expect_refusals()

    async with (
        _framing(home.url) as site,
        page.page.expect_console_message(lambda said: "frame-ancestors" in said.text),
    ):
        await page.page.goto(site)

    await expect(page.page.frame_locator("iframe").get_by_role("main")).to_have_count(0)


async def test_in_the_frame_of_another_site_nobody_can_agree(open_page: Open, home: Site) -> None:
    # Over its button the other site could lay what its visitors want to click. Not every server
    # that the page may be put on sends the header that keeps it out of frames.
    page = await open_page(fresh=True)

    async def without_policy(route: Route) -> None:
        response = await route.fetch()
        headers = {**response.headers}
        del headers["content-security-policy"]
        await route.fulfill(response=response, headers=headers)

    await page.page.route(re.compile(re.escape(f"{home.url}/?api=")), without_policy)
    async with _framing(f"{home.url}/?api=http://127.0.0.1:9/api/chat") as site:
        await page.page.goto(site)

        inside = page.page.frame_locator("iframe")
        await expect(inside.get_by_role("alert")).to_contain_text("uses its own server only")
        await expect(inside.get_by_role("button", name=re.compile("^Use "))).to_have_count(0)


async def test_who_writes_the_address_himself_is_not_asked(
    open_page: Open, elsewhere: Relay
) -> None:
    page = await open_page(fresh=True)
    await page.page.get_by_role("button", name=re.compile("^Endpoint")).click()
    dialog = page.page.get_by_role("dialog", name="Endpoint")

    await dialog.get_by_label("Address").fill(f"{elsewhere.url}/api/chat")
    await dialog.get_by_role("button", name="Use it").click()

    answer = await page.ask("Hello")
    await expect(answer).to_contain_text("scripted model")
    assert b"POST /api/chat" in elsewhere.bytes


async def test_an_address_of_the_page_s_own_server_needs_no_question(
    open_page: Open, home: Site
) -> None:
    page = await open_page(fresh=True)

    await page.page.goto(f"{home.url}/?api=/api/chat")

    await expect(page.field).to_be_visible()


@pytest.mark.parametrize("options", [{}, _PHONE, _DARK, {**_PHONE, **_DARK}], ids=str)
async def test_the_question_can_be_read_on_every_screen(
    browser: Browser, home: Site, options: dict[str, Any]
) -> None:
    host = f"{'long-name-of-a-server.' * 6}example"
    context = await browser.new_context(**options)
    page = ChatPage(await context.new_page())

    await _asked(page, f"{home.url}/?api=https://{host}/api/chat")

    assert await page.axe(str(AXE)) == []
    assert await page.overflow() == 0
    await expect(page.page.get_by_text(f"https://{host}", exact=True)).to_be_in_viewport()
    await expect(page.page.get_by_role("button", name=re.compile("^Stay with "))).to_be_visible()
    await context.close()
