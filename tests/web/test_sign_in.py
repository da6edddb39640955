"""Who is signed in on the page: by a pasted token, in this tab only, and never somebody else."""

import contextlib
import re
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web
from playwright.async_api import Locator, Request, expect

from tests.owners.issuer import Issuer, running_issuer
from tests.web.chat_page import ChatPage, Generation
from tests.web.chromium import AXE
from tests.web.conftest import Open
from tests.web.relay import relay
from tests.web.site import Site, backend

SHARED = "for everybody"
_LOOKS: list[dict[str, Any]] = [
    {"color_scheme": "light"},
    {"color_scheme": "dark"},
    {"viewport": {"width": 320, "height": 640}, "has_touch": True},
]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def issuer() -> AsyncIterator[Issuer]:
    async with running_issuer() as running:
        yield running


@contextlib.asynccontextmanager
async def serving(home: Site, issuer: Issuer, **settings: Any) -> AsyncIterator[str]:
    """Serve the page and an API that asks who asks."""
    async with backend(
        home.model, **{**issuer.settings, "auth_token": SHARED, **settings}
    ) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def url(home: Site, issuer: Issuer) -> AsyncIterator[str]:
    async with serving(home, issuer) as running:
        yield running


def dialog(page: ChatPage) -> Locator:
    return page.page.get_by_role("dialog", name=re.compile("^Sign(ed)? in$"))


def notice(page: ChatPage) -> Locator:
    return page.page.get_by_role("region", name="Not signed in")


def chats(page: ChatPage) -> Locator:
    return page.page.get_by_role("navigation", name="Chats").get_by_role("listitem")


async def show_dialog(page: ChatPage) -> Locator:
    await page.page.locator(".sign-in-button").click()
    await expect(dialog(page)).to_be_visible()
    return dialog(page)


async def give(page: ChatPage, token: str) -> Locator:
    """Paste a token into the dialog, and use it."""
    shown = await show_dialog(page)
    await shown.get_by_label(re.compile("token", re.IGNORECASE)).fill(token)
    await shown.get_by_role("button", name=re.compile("^(Sign in|Use it)$")).click()
    return shown


async def sign_in(page: ChatPage, token: str, name: str) -> None:
    """Sign in as ``name``, and see that it worked."""
    await give(page, token)
    await expect(page.button(f"Signed in: {name}")).to_be_visible()
    await expect(dialog(page)).to_be_hidden()


async def test_every_request_of_the_page_says_who_asks(
    open_page: Open, generation: Generation, home: Site, issuer: Issuer, url: str
) -> None:
    page = await open_page(generation, address=url, fresh=True)
    await expect(notice(page)).to_contain_text("Please sign in: send a token")
    token = issuer.sign("ada")
    await sign_in(page, token, "ada")
    await expect(notice(page)).to_have_count(0)
    seen: list[Request] = []
    page.page.on("request", lambda request: seen.append(request))

    await page.ask("My first words")
    await expect(chats(page)).to_have_count(1)
    gate = home.control.gate(f"signed-{generation}")
    await page.send(f"scenario: stall after=3 gate=signed-{generation}")
    await expect(page.answers.last).to_contain_text("word0 word1 word2")
    await page.page.reload()
    await expect(page.answers.last).to_contain_text("word0 word1 word2")
    await page.button("Stop").click()
    await page.is_ready()
    gate.open()
    await page.page.get_by_role("button", name=re.compile("^Delete the chat")).click()
    await expect(chats(page)).to_have_count(0)

    sent = [request for request in seen if "/api/" in request.url]
    asked = {
        f"{request.method} {re.sub(r'chat-[a-z0-9]{12,}', 'ID', request.url.removeprefix(url))}"
        for request in sent
    }
    resumed = {"7": "GET /api/chat/ID/stream", "4": "GET /api/chat?chatId=ID"}[generation]
    assert {
        "POST /api/chat",
        resumed,
        "POST /api/chat/ID/stop",
        "GET /api/chats?limit=200",
        "DELETE /api/chats/ID",
    } <= asked
    said = {await request.header_value("authorization") for request in sent}
    assert said == {f"Bearer {token}"}
    assert not [request.url for request in sent if token[:20] in request.url]
    assert token[:20] not in page.page.url
    kept = await page.kept()
    assert token[:20] not in kept


async def test_the_dialog_shows_what_a_token_says_before_and_after(
    open_page: Open, issuer: Issuer, url: str
) -> None:
    page = await open_page(address=url, fresh=True)
    shown = await show_dialog(page)
    token = issuer.sign("Ada Lovelace ✓")
    # As it comes from a terminal, or from a header.
    pasted = f" Authorization: Bearer {token[:40]}\n{token[40:]} "

    await shown.get_by_label("Token").fill(pasted)
    await expect(shown).to_contain_text("Ada Lovelace ✓")
    await expect(shown).to_contain_text(issuer.url)
    await shown.get_by_role("button", name="Sign in").click()

    await expect(shown).to_be_hidden()
    await show_dialog(page)
    await expect(shown).to_contain_text("Ada Lovelace ✓")
    await expect(shown).to_contain_text(re.compile(r"Until\s*\d"))
    assert await shown.get_by_label("Another token").input_value() == ""


@pytest.mark.parametrize(
    ("claims", "sentence"),
    [
        ({"exp": 1_700_000_000}, "The token has expired; please sign in again. It counted until"),
        ({"aud": "somebody"}, "The token is for somebody else; check its audience."),
        ({"nbf": 4_000_000_000}, "The token is not valid yet; please check the clock."),
    ],
    ids=["expired", "audience", "early"],
)
async def test_a_token_that_the_server_refuses_is_told_and_not_kept(
    open_page: Open, issuer: Issuer, url: str, claims: dict[str, Any], sentence: str
) -> None:
    page = await open_page(address=url, fresh=True)

    shown = await give(page, issuer.sign("ada", **claims))

    await expect(shown.get_by_role("alert")).to_contain_text(sentence)
    await shown.get_by_role("button", name="Cancel").click()
    await expect(page.button("Sign in").first).to_be_visible()
    assert await page.page.evaluate("JSON.stringify(sessionStorage)") == "{}"


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("", "Paste a token first."),
        ("señor", "This is no token"),
        ("eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJh", "This JSON Web Token is not whole."),
        ("eyJhbGciOiJFUzI1NiJ9.bm8.x", "This JSON Web Token is not whole."),
        ("wrong", "The token is not a JSON Web Token; please sign in."),
    ],
    ids=["nothing", "letters", "half", "no-claims", "wrong"],
)
async def test_what_is_no_token_is_told(
    open_page: Open, url: str, given: str, sentence: str
) -> None:
    page = await open_page(address=url, fresh=True)

    shown = await give(page, given)

    await expect(shown.get_by_role("alert")).to_contain_text(sentence)
    assert await page.page.evaluate("JSON.stringify(sessionStorage)") == "{}"


async def test_what_failed_without_a_token_is_answered_with_it(
    open_page: Open, generation: Generation, issuer: Issuer, url: str
) -> None:
    page = await open_page(generation, address=url, fresh=True)
    page.expect_complaint()
    await page.send("My early words")
    await expect(page.failure).to_contain_text("Please sign in")
    await page.page.evaluate("window.isSame = true")

    await sign_in(page, issuer.sign(f"early-{generation}"), f"early-{generation}")
    await page.button("Try again").click()

    await expect(page.answers).to_contain_text('You said: "My early words"')
    await expect(chats(page)).to_have_count(1)
    assert await page.page.evaluate("window.isSame")


async def test_a_new_token_of_the_same_person_goes_on_where_the_old_one_ended(
    open_page: Open, generation: Generation, issuer: Issuer, url: str
) -> None:
    page = await open_page(generation, address=url, fresh=True)
    name = f"again-{generation}"
    await sign_in(page, issuer.sign(name, jti="old"), name)
    await page.ask("My first words")
    await page.page.route(
        "**/api/**",
        lambda route: route.fulfill(
            status=401, json={"success": False, "error": "The token has expired; please sign in."}
        ),
    )
    page.expect_complaint()
    await page.send("My second words")
    await expect(page.failure).to_contain_text("The token has expired; please sign in.")
    await expect(notice(page)).to_contain_text("The token has expired; please sign in.")
    await page.page.evaluate("window.isSame = true")
    await page.page.unroute("**/api/**")
    seen: list[Request] = []
    page.page.on("request", lambda request: seen.append(request))

    newer = issuer.sign(name, jti="new")
    await sign_in(page, newer, name)
    await page.button("Try again").click()

    await expect(page.answers).to_have_count(2)
    await expect(page.answers.last).to_contain_text('You said: "My second words"')
    await page.is_ready()
    await expect(page.questions).to_have_count(2)
    posts = [request for request in seen if request.method == "POST"]
    assert {await request.header_value("authorization") for request in posts} == {f"Bearer {newer}"}
    assert await page.page.evaluate("window.isSame")


@pytest.mark.parametrize("store", ["memory", "off"])
async def test_nothing_of_one_is_shown_to_another(
    open_page: Open, generation: Generation, home: Site, issuer: Issuer, store: str
) -> None:
    async with serving(home, issuer, store=store) as url:
        page = await open_page(generation, address=url, fresh=True)
        carla, bob = issuer.sign("carla"), issuer.sign("bob")
        await sign_in(page, carla, "carla")
        await page.ask("Words of Carla")
        of_carla = page.page.url
        await expect(chats(page)).to_have_count(1)
        await page.button("New chat").click()
        await page.field.fill("What Carla is about to say")

        await sign_in(page, bob, "bob")

        await expect(page.field).to_have_value("")
        await page.button("Wire").click()  # nothing of hers is there either
        await expect(page.wire).to_contain_text("What goes over the network appears here")
        await page.page.wait_for_load_state("networkidle")
        await expect(chats(page)).to_have_count(0)
        if store == "memory":
            page.expect_no_such_chat()  # her address asks for a chat that is not his
        await page.page.go_back()
        await expect(page.field).to_be_visible()
        await page.page.wait_for_load_state("networkidle")
        await page.page.goto(of_carla)
        await page.page.reload()
        await expect(page.field).to_be_visible()
        await page.page.wait_for_load_state("networkidle")
        body = await page.page.locator("body").inner_text()
        assert "Carla" not in body and "carla" not in body.replace("load", "")
        await page.ask("Words of Bob")
        await expect(chats(page)).to_have_count(1)

        await sign_in(page, carla, "carla")
        await expect(chats(page)).to_have_count(1)
        await expect(chats(page)).to_contain_text("Words of Carla")
        await show_dialog(page)
        await dialog(page).get_by_role("button", name="Sign out").click()

        await expect(page.button("Sign in").first).to_be_visible()
        await expect(notice(page)).to_be_visible()
        await expect(chats(page)).to_have_count(0)
        assert (
            await page.page.evaluate(
                "Object.keys(sessionStorage).filter((key) => key.includes('token')).length"
            )
            == 0
        )


async def test_a_shared_token_lets_in_and_has_chats_of_its_own_in_the_browser(
    open_page: Open, generation: Generation, home: Site
) -> None:
    async with backend(home.model, auth_token=f"{SHARED},another one") as url:
        page = await open_page(generation, address=url, fresh=True)
        await sign_in(page, SHARED, "with a token")
        await page.ask("Words of everybody")
        await expect(chats(page)).to_have_count(1)

        await sign_in(page, "another one", "with a token")
        await expect(page.questions).to_have_count(0)
        await expect(chats(page)).to_have_count(0)
        await sign_in(page, SHARED, "with a token")

        await expect(chats(page)).to_have_count(1)
        kept = await page.kept()
        assert SHARED not in kept


async def test_a_token_stays_in_its_tab(open_page: Open, issuer: Issuer, url: str) -> None:
    page = await open_page(address=url, fresh=True)
    await sign_in(page, issuer.sign("ada"), "ada")
    await page.page.reload()
    await expect(page.button("Signed in: ada")).to_be_visible()

    second = ChatPage(await page.page.context.new_page())
    await second.page.goto(url)

    await expect(second.button("Sign in").first).to_be_visible()
    await expect(notice(second)).to_be_visible()
    await second.page.close()


async def test_the_page_says_when_a_token_expires(
    open_page: Open, issuer: Issuer, url: str
) -> None:
    page = await open_page(address=url, fresh=True)
    await page.page.clock.install(time=time.time())
    await page.page.reload()
    await sign_in(page, issuer.sign("ada", exp=int(time.time()) + 3600), "ada")
    await expect(notice(page)).to_have_count(0)

    await page.page.clock.fast_forward("01:00:01")

    await expect(notice(page)).to_contain_text(re.compile(r"Your token has expired, at \d+.\d\d"))
    await expect(page.page.locator(".sign-in-button")).to_have_attribute("data-trouble", "true")


@pytest.mark.parametrize("token", [SHARED, "a person's"])
async def test_a_redirect_takes_the_token_nowhere(
    open_page: Open, home: Site, issuer: Issuer, token: str
) -> None:
    async with (
        backend(home.model, allowed_origins=("localhost",)) as target,
        relay(target) as elsewhere,
        _redirecting(elsewhere.url) as api,
    ):
        page = await open_page(address=f"{home.url}/?api={api}/api/chat", fresh=True)
        await sign_in(
            page,
            token if token == SHARED else issuer.sign("ada"),
            "with a token" if token == SHARED else "ada",
        )
        page.expect_complaint()

        await page.send("Hello")

        await expect(page.failure).to_contain_text("The server cannot be reached.")
        assert elsewhere.received == []


@contextlib.asynccontextmanager
async def _redirecting(target: str) -> AsyncIterator[str]:
    """Serve an API that takes any token, and sends its chats elsewhere."""
    allowed = {
        "access-control-allow-origin": "*",
        "access-control-allow-headers": "content-type, authorization, x-chat-token, user-agent",
    }

    async def answer(request: web.Request) -> web.Response:
        if request.method == "POST":
            return web.Response(
                status=307, headers={**allowed, "location": f"{target}{request.path_qs}"}
            )
        return web.json_response({"error": "none"}, status=404, headers=allowed)

    async def preflight(_: web.Request) -> web.Response:
        return web.Response(status=204, headers=allowed)

    app = web.Application()
    app.router.add_route("OPTIONS", "/{path:.*}", preflight)
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@pytest.mark.parametrize("look", _LOOKS, ids=["light", "dark", "phone"])
async def test_everybody_can_sign_in_with_the_keyboard_alone(
    open_page: Open, issuer: Issuer, url: str, look: dict[str, Any]
) -> None:
    page = await open_page(address=url, **look)
    await expect(notice(page)).to_be_visible()
    assert await page.axe(str(AXE)) == []
    await page.page.locator(".sign-in-button").focus()
    await page.page.keyboard.press("Enter")
    await expect(dialog(page)).to_be_visible()
    await page.page.keyboard.press("Tab") if not await _is_in_field(page) else None
    await page.page.keyboard.insert_text(issuer.sign("a" * 200, exp=int(time.time()) + 60))
    assert await page.axe(str(AXE)) == []
    await page.page.keyboard.press("Enter")
    await expect(page.button(f"Signed in: {'a' * 200}")).to_be_focused()

    await page.page.keyboard.press("Enter")
    await expect(dialog(page)).to_contain_text("Until")
    assert await page.axe(str(AXE)) == []
    assert await page.overflow() == 0
    await page.page.keyboard.press("Escape")
    await expect(dialog(page)).to_be_hidden()


async def _is_in_field(page: ChatPage) -> bool:
    found: bool = await page.page.evaluate("document.activeElement.matches('dialog input')")
    return found
