"""Where the page may find its backend: other origins, a token, CloudFront, a local Lambda."""

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Request, Route, expect

from app.tools.loading import EXAMPLES
from tests.emulator.emulation import INVOKE, OURS, Running, emulator
from tests.web.chat_page import Generation
from tests.web.conftest import Open
from tests.web.site import Site, backend

_FUNCTION_URL = ""  # the emulator's root


async def test_a_backend_elsewhere_is_reached(
    open_page: Open, generation: Generation, home: Site
) -> None:
    async with backend(home.model, allowed_origins=("localhost",)) as url:
        page = await open_page(generation, address=f"{home.url}/?api={url}/api/chat")

        answer = await page.ask("Show me Markdown")

        await expect(answer).to_contain_text("A little of everything")
        # The headers tell the protocol only if CORS lets the page read them.
        stream = {"7": "UI message stream", "4": "Data stream"}[generation]
        await expect(page.wire).to_contain_text(stream)


async def test_the_headers_of_every_hook_pass_the_preflight(open_page: Open, home: Site) -> None:
    async with backend(home.model, allowed_origins=("localhost",)) as url:
        page = await open_page()

        text = await page.page.evaluate(
            """async (url) => {
              const response = await fetch(url, {
                method: 'POST',
                headers: {
                  'content-type': 'application/json',
                  'user-agent': 'ai-sdk/7.0.173', // useCompletion
                  'authorization': 'Bearer none',
                  'x-chat-token': 'none',
                  'x-amz-content-sha256': 'none',
                },
                body: JSON.stringify({prompt: 'Hello'}),
              });
              return await response.text();
            }""",
            f"{url}/api/completion",
        )

        assert '"type":"text-delta"' in text


async def test_a_backend_that_does_not_allow_the_page_is_explained(
    open_page: Open, home: Site
) -> None:
    async with backend(home.model) as url:
        page = await open_page(address=f"{home.url}/?api={url}/api/chat")
        page.expect_complaint()  # the preflight
        page.expect_complaint()  # the request

        await page.send("Hello")

        await expect(page.failure).to_contain_text("does it allow this page’s origin (CORS)?")


async def test_a_token_is_asked_for_kept_and_sent(open_page: Open, home: Site) -> None:
    async with backend(home.model, auth_token="let me in") as url:
        page = await open_page(address=url, fresh=True)
        dialog = page.page.get_by_role("dialog", name="Endpoint")
        for token in ("a wrong one", "let me in"):
            page.expect_complaint()
            await page.send("Hello")
            await expect(page.failure).to_contain_text(re.compile("token", re.IGNORECASE))
            await page.page.get_by_role("button", name=re.compile("^Endpoint")).click()
            await dialog.get_by_label("Token").fill(token)
            await dialog.get_by_role("button", name="Use it").click()
            await expect(dialog).to_be_hidden()

        await page.button("New chat").click()
        answer = await page.ask("Hello")
        await expect(answer).to_contain_text("scripted model")
        assert "let" not in page.page.url


async def test_a_token_is_for_its_own_address_only(open_page: Open, home: Site) -> None:
    page = await open_page(fresh=True)
    await page.page.evaluate(
        "url => sessionStorage.setItem(`deltaline.token ${url}`, 's')", home.url
    )
    seen: list[str | None] = []

    async def listen(route: Route) -> None:
        seen.append(await route.request.header_value("x-chat-token"))
        await route.fulfill(status=204)

    await page.page.route(re.compile("^[^?]*/strange$"), listen)
    await page.page.goto(f"{home.url}/?api=/strange")
    await page.send("Hello")

    await expect(page.wire).to_contain_text("Complete")
    assert seen == [None]


async def test_an_address_that_is_none_is_refused(open_page: Open) -> None:
    page = await open_page()
    await page.page.get_by_role("button", name=re.compile("^Endpoint")).click()
    dialog = page.page.get_by_role("dialog", name="Endpoint")

    await dialog.get_by_label("Address").fill("javascript:alert(1)")
    await dialog.get_by_role("button", name="Use it").click()

    await expect(dialog.get_by_role("alert")).to_have_text("Only http and https addresses will do.")


_CLOUDFRONT = "https://d111111abcdef8.cloudfront.net/api/chat"


@pytest.mark.parametrize(
    ("api", "generation"), [(_CLOUDFRONT, "7"), (_CLOUDFRONT, "4"), ("/api/chat", "7")]
)
async def test_the_hash_of_the_body_goes_to_cloudfront_only(
    open_page: Open, home: Site, api: str, generation: Generation
) -> None:
    requests: list[Request] = []

    async def answer(route: Route) -> None:
        if route.request.method == "POST":
            requests.append(route.request)
        allowed = {"access-control-allow-origin": "*", "access-control-allow-headers": "*"}
        await route.fulfill(status=200, headers=allowed, body="")

    page = await open_page(generation, fresh=True)
    await page.page.route(re.compile("^[^?]*/api/chat$"), answer)
    await page.open(f"{home.url}/?api={api}", generation)
    await page.send("Hello – ünïcode")
    await expect(page.wire).to_contain_text("Complete")

    [request] = requests
    body = request.post_data_buffer
    assert body is not None
    expected = hashlib.sha256(body).hexdigest() if api == _CLOUDFRONT else None
    assert await request.header_value("x-amz-content-sha256") == expected


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def local_lambda(home: Site) -> AsyncIterator[Running]:
    """Run our app in the local Lambda, in front of the same model."""
    variables = {
        "OPENAI_BASE_URL": home.model,
        "CHAT_TOOLS": ",".join(EXAMPLES),
        "CHAT_APPROVAL_SECRET": "of the tests",
        "CHAT_ALLOWED_ORIGINS": "localhost",
    }
    async with emulator(OURS, variables=variables) as running:
        yield running


@pytest.mark.parametrize("path", [INVOKE, _FUNCTION_URL], ids=["invocations", "function-url"])
async def test_a_local_lambda_streams_to_the_page(
    open_page: Open, generation: Generation, home: Site, local_lambda: Running, path: str
) -> None:
    address = f"{home.url}/?api={local_lambda.url}{path}"
    page = await open_page(generation, address=address)
    await page.sample_lengths()

    answer = await page.ask("scenario: text tokens=50 delay=0.02")

    await expect(answer).to_contain_text("word48 word49")
    lengths = await page.sampled_lengths()
    assert len(lengths) >= 10, lengths
    stream = {"7": "UI message stream", "4": "Data stream"}[generation]
    await expect(page.wire).to_contain_text(stream)


async def test_a_tool_of_a_local_lambda_is_approved(
    open_page: Open, home: Site, local_lambda: Running
) -> None:
    page = await open_page(address=f"{home.url}/?api={local_lambda.url}{INVOKE}")
    await page.ask("Send an email to ada@example.com about tea")

    await page.button("Allow").click()

    await expect(page.tool("send_email")).to_contain_text("done")
    await page.is_ready()


async def test_on_lambda_a_stopped_turn_runs_to_its_end(
    open_page: Open, generation: Generation, home: Site, local_lambda: Running
) -> None:
    """Lambda tells a function nothing of a client that leaves, so neither does the emulator."""
    page = await open_page(generation, address=f"{home.url}/?api={local_lambda.url}{INVOKE}")
    left = home.control.left_by_client
    gate = home.control.gate(f"stopped-{generation}")
    await page.send(f"scenario: stall after=3 gate=stopped-{generation}")
    await expect(page.answers).to_contain_text("word0 word1 word2")

    await page.button("Stop").click()
    await page.is_ready()
    gate.open()

    async with asyncio.timeout(10):
        await home.control.until(lambda seen: seen.open_streams == 0)
    assert home.control.left_by_client == left
    await expect(page.answers).not_to_contain_text("word3")
