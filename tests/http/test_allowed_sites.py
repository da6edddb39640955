"""What other hosts and other sites' pages may do: nothing, and before anything runs."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from starlette.types import Message, Receive, Scope, Send

from app.aws.asgi_extensions import DIRECT
from app.http.allowed_sites import AllowedSites
from app.main import create_app, create_lean_app
from app.requests.sites import Sites
from app.settings import Settings
from app.setup.serving import Serving
from app.tools import tool
from tests.chatting import NOWHERE, chatting, data_body, logged
from tests.serving import served

EVIL = "https://evil.example"
RUNS = [
    ("POST", "/api/chat"),
    ("POST", "/"),
    ("POST", "/events"),
    ("POST", "/invoke"),
    ("POST", "/api/tools/press/invoke"),
    ("POST", "/api/completion"),
    ("POST", "/api/object/recipe"),
    ("POST", "/api/chat/c1/stop"),
    ("GET", "/api/chat/c1/stream"),
    ("GET", "/api/chat"),
]
# What a page may send without a preflight.
CALL = b'{"args":{}}'
PLAIN = {"content-type": "text/plain"}


class Button:
    """A tool, and how often it ran."""

    def __init__(self) -> None:
        self.pressed = 0

        @tool
        def press() -> str:
            """Press the button."""
            self.pressed += 1
            return "pressed"

        self.tool = press


@contextlib.asynccontextmanager
async def front(button: Button, **settings: Any) -> AsyncIterator[httpx2.AsyncClient]:
    """Serve the app as ``python -m app serve`` makes it."""
    with Serving(refuse_other_sites=True).making():
        app = create_lean_app(Settings(openai_base_url=NOWHERE, **settings), tools=[button.tool])
    async with served(app) as url, httpx2.AsyncClient(base_url=url, timeout=15) as http:
        yield http


@pytest.mark.parametrize("path", ["/", "/docs", "/openapi.json", "/nothing", "/assets/x.js"])
async def test_a_host_that_is_not_allowed_gets_nothing(path: str) -> None:
    async with chatting(NOWHERE, allowed_hosts=("127.0.0.1",)) as chat:
        refused = await chat.http.get(path, headers={"host": "evil.example:9000"})
        served_here = await chat.http.get(path)

    assert refused.status_code == 421
    assert refused.json() == {
        "success": False,
        "error": (
            "This server does not serve that host; CHAT_ALLOWED_HOSTS names those that it does."
        ),
    }
    assert refused.headers["x-request-id"]
    assert served_here.status_code in (200, 404)


async def test_by_a_host_that_is_not_allowed_nothing_runs() -> None:
    button = Button()
    with logged() as log:
        async with front(button, allowed_hosts=("localhost", "127.0.0.1:80")) as http:
            # What a page sends whose name was made to point here: it is its own origin.
            evil = {"host": "evil.example", "origin": "http://evil.example", **PLAIN}
            for method, path in RUNS:
                response = await http.request(method, path, content=CALL, headers=evil)

                assert (path, response.status_code) == (path, 421)
            assert button.pressed == 0
            assert {line["error_code"] for line in log.requests} == {"misdirected_request"}
            assert len(log.requests) == len(RUNS)

            for host in ("localhost:1", "LOCALHOST", "127.0.0.1"):
                await http.post("/invoke", content=CALL, headers={"host": host})
    assert button.pressed == 3


async def test_health_is_open_to_whoever_balances_load() -> None:
    async with front(Button(), allowed_hosts=("chat.example",)) as http:
        response = await http.get("/health", headers={"host": "10.0.0.7:8080", "origin": EVIL})

    assert response.status_code == 200


async def test_without_the_setting_every_host_is_served() -> None:
    async with front(Button()) as http:
        response = await http.get("/", headers={"host": "anything.example"})

    assert response.status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": EVIL},
        {"origin": EVIL, "sec-fetch-site": "cross-site"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:1", "sec-fetch-site": "same-site"},
    ],
)
async def test_the_page_of_another_site_runs_nothing(headers: dict[str, str]) -> None:
    button = Button()
    async with front(button) as http:
        for method, path in RUNS:
            response = await http.request(method, path, content=CALL, headers={**PLAIN, **headers})

            assert (path, response.status_code) == (path, 403)
            assert response.json()["error"].startswith("Pages of that site may not call this ")
    assert button.pressed == 0


async def test_a_cross_site_post_without_an_origin_runs_nothing() -> None:
    button = Button()
    async with front(button) as http:
        response = await http.post(
            "/invoke", content=CALL, headers={"sec-fetch-site": "cross-site"}
        )

    assert response.status_code == 403
    assert button.pressed == 0


async def test_our_own_page_and_programs_may_call() -> None:
    button = Button()
    async with front(button) as http:
        own = f"http://{http.base_url.host}:{http.base_url.port}"
        for headers in (
            {},
            {"origin": own},
            {"origin": own, "sec-fetch-site": "same-origin"},
            # Behind a proxy that changes the host.
            {"origin": "https://chat.example", "sec-fetch-site": "same-origin"},
            # curl --data
            {"content-type": "application/x-www-form-urlencoded"},
        ):
            response = await http.post("/invoke", content=CALL, headers=headers)

            assert (headers, response.status_code) == (headers, 200)
    assert button.pressed == 5


async def test_allowed_pages_may_call() -> None:
    button = Button()
    async with front(button, allowed_origins=("localhost", "https://shop.example")) as http:
        for origin in ("http://localhost:5173", "https://shop.example"):
            response = await http.post("/invoke", content=CALL, headers={"origin": origin})

            assert response.status_code == 200
            assert response.headers["access-control-allow-origin"] == origin
        refused = await http.post("/invoke", content=CALL, headers={"origin": EVIL, **PLAIN})
    assert refused.status_code == 403
    assert button.pressed == 2


async def test_a_preflight_of_an_allowed_page_is_answered() -> None:
    asking = {"origin": "https://shop.example", "access-control-request-method": "POST"}
    async with front(Button(), allowed_origins=("https://shop.example",)) as http:
        response = await http.options("/api/chat", headers=asking)

    assert response.status_code == 200


async def test_an_app_of_your_own_checks_what_its_settings_name_and_no_more(model: str) -> None:
    async with (
        chatting(model) as unasked,
        chatting(model, allowed_origins=("https://shop.example",)) as asked,
    ):
        body = data_body("scenario: say text=Yes.")
        served_here = await unasked.post(body, headers={"origin": EVIL, "host": "any.example"})
        refused = await asked.post(body, headers={"origin": EVIL})

    assert served_here.status_code == 200
    assert refused.status_code == 403


async def test_inside_another_app_that_app_decides() -> None:
    button = Button()
    chat = create_app(
        Settings(openai_base_url=NOWHERE, allowed_hosts=("chat.example",)), tools=[button.tool]
    )
    outer = FastAPI()
    outer.include_router(chat.router, prefix="/ai")
    async with served(outer) as url, httpx2.AsyncClient(base_url=url, timeout=15) as http:
        response = await http.post("/ai/invoke", content=CALL, headers={"origin": EVIL})

    assert response.status_code == 200
    assert button.pressed == 1


async def test_a_direct_invocation_has_no_host() -> None:
    asked: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        asked.append(scope)

    async def receive() -> Message:
        raise AssertionError("nothing is read")

    async def send(message: Message) -> None:
        raise AssertionError("nothing is refused")

    checked = AllowedSites(app, sites=Sites(frozenset({"chat.example"})), are_origins_checked=True)
    scope = {"type": "http", "method": "POST", "path": "/events", "headers": []}
    await checked({**scope, "extensions": {DIRECT: {}}}, receive, send)
    await checked({"type": "lifespan"}, receive, send)

    assert [seen["type"] for seen in asked] == ["http", "lifespan"]
