"""`app.commands.own_app`: a factory of the user's, served as our own app is."""

import contextlib
import logging
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from app.aws.asgi_extensions import AFTERWARDS
from app.commands.own_app import OwnApp, own_app
from app.http.own_server import is_bare
from app.settings import Settings, SettingsError
from app.setup.serving import Serving
from tests.chatting import Reader, data_body, logged
from tests.commands import own_apps
from tests.server_process import serving
from tests.serving import served

ROOT = Path(__file__).parents[2]
APPS = "tests.commands.own_apps"
EVIL = {"host": "evil.example"}
EVIL_PAGE = {"origin": "https://evil.example"}
RESTARTING = b"The server is restarting; please send your message again."


def _server(**options: Any) -> Serving:
    return Serving(Settings(provider="scripted", allowed_hosts="127.0.0.1"), **options)


@contextlib.asynccontextmanager
async def _asking(app: ASGIApp) -> AsyncIterator[httpx2.AsyncClient]:
    async with served(app) as url, httpx2.AsyncClient(base_url=url, timeout=30) as http:
        yield http


def _words(answer: str) -> list[str]:
    return [line for line in answer.splitlines() if line.startswith("0:")]


@pytest.mark.parametrize("name", ["with_a_route", "lean", "Site.make"])
async def test_what_create_app_made_is_served_as_it_is(name: str) -> None:
    server = _server(facts={"worker": 1}, refuse_other_sites=True)
    app = own_app(f"{APPS}:{name}", server)

    async with _asking(app) as http:
        orders = await http.get("/orders")
        answer = await http.post("/api/chat", json=data_body("scenario: text tokens=3"))
        health = (await http.get("/health")).json()
        evil = await http.get("/orders", headers=EVIL)
        evil_page = await http.post("/api/chat", json=data_body("Hi"), headers=EVIL_PAGE)

    assert app is server.made[0].app
    assert is_bare(app)
    assert orders.json() == ["order 7"]
    assert _words(answer.text) == ['0:"word0"', '0:" word1"', '0:" word2"']
    assert health["worker"] == 1
    assert health["provider"] == "scripted"
    assert list(server.made[0].tools.of("")) == ["find_order"]
    assert (evil.status_code, evil_page.status_code) == (421, 403)


@pytest.mark.parametrize("name", ["compressing", "wrapped"])
async def test_what_stands_around_it_gets_every_piece(name: str) -> None:
    app = own_app(f"{APPS}:{name}", _server())

    async with _asking(app) as http:
        answer = await http.post("/api/chat", json=data_body("scenario: text tokens=30"))

    assert not is_bare(app)
    assert answer.headers["content-encoding"] == "gzip"
    assert len(_words(answer.text)) == 30
    assert '\nd:{"finishReason":"stop"' in answer.text


async def test_settings_of_its_own_have_the_servers_share() -> None:
    def share(settings: Settings) -> Settings:
        return settings.model_copy(update={"running_turns": settings.running_turns - 1})

    server = _server(share=share)
    own_app(f"{APPS}:with_settings_of_its_own", server)

    (made,) = server.made
    assert (made.settings.model, made.settings.running_turns) == ("of-its-own", 1)


@pytest.mark.parametrize(
    ("name", "path"), [("mounting", "/ai"), ("including", "/ai"), ("bare_asgi", "")]
)
async def test_an_app_with_ours_in_it_is_guarded_as_a_whole(name: str, path: str) -> None:
    server = _server(refuse_other_sites=True)
    app = own_app(f"{APPS}:{name}", server)

    async with _asking(app) as http:
        answer = await http.post(f"{path}/api/chat", json=data_body("scenario: text tokens=3"))
        evil = [await http.get(each, headers=EVIL) for each in ("/orders", f"{path}/api/chat")]
        page = await http.post("/orders", headers=EVIL_PAGE)
        health = await http.get("/health", headers=EVIL)

    assert isinstance(app, OwnApp)
    assert not is_bare(app)
    assert len(_words(answer.text)) == 3
    assert [response.status_code for response in evil] == [421, 421]
    assert page.status_code == 403
    assert health.status_code != 421


@pytest.mark.parametrize("name", ["mounting", "bare_asgi", "returning_asgi", "two", "including"])
async def test_each_of_ours_is_begun_and_closed_once(name: str) -> None:
    server = _server()
    app = own_app(f"{APPS}:{name}", server)

    with logged() as log:
        async with _asking(app) as http:
            path = "/ai/health" if name in ("mounting", "including") else "/health"
            await http.get(path)
            begun = [made.lifespan.has_begun for made in server.made]

    assert begun == [True] * len(server.made)
    said = [record.getMessage() for record in log.records]
    assert not [line for line in said if "the lifespan of this app does not run" in line]


async def test_ours_ends_before_what_the_outer_app_holds_open() -> None:
    own_apps.LIVES.clear()
    server = _server()
    app = own_app(f"{APPS}:told", server)

    async with _asking(app) as http:
        body = data_body("scenario: stall after=2 gate=never")
        async with http.stream("POST", "/ai/api/chat", json=body) as response:
            reader = Reader(response)
            await reader.until(b"word1")
            server.stop_all()
            whole = await reader.rest()

    assert RESTARTING in whole
    assert own_apps.LIVES == ["outer begins", "a turn ends", "the store closes", "outer ends"]


async def test_ours_is_begun_once_where_what_is_around_it_does_that() -> None:
    own_apps.LIVES.clear()
    app = own_app(f"{APPS}:wrapped_with_a_store", _server())

    async with _asking(app) as http:
        await http.get("/health")

    assert own_apps.LIVES == ["the store closes"]


async def test_on_lambda_the_end_of_a_turn_comes_before_the_next_event(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    own_apps.LIVES.clear()
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "chat")
    app = own_app(f"{APPS}:including_and_told", _server())
    afterwards: list[Callable[[], Awaitable[None]]] = []

    async def as_in_our_runtime(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope["extensions"] = {AFTERWARDS: afterwards}
        await app(scope, receive, send)

    async with _asking(as_in_our_runtime) as http:
        await http.post("/api/chat", json=data_body("Hello"))
        for call_back in afterwards:
            await call_back()

        assert own_apps.LIVES == ["a turn ends"]
    assert len(afterwards) == 1


async def test_an_app_that_cannot_begin_is_not_served() -> None:
    app = own_app(f"{APPS}:that_cannot_begin", _server())
    messages: list[str] = []

    async def receive() -> dict[str, Any]:
        return {"type": "lifespan.startup"}

    async def send(message: Any) -> None:
        messages.append(message["type"])

    with pytest.raises(ValueError, match="no database"):
        await app({"type": "lifespan"}, receive, send)

    assert messages == ["lifespan.startup.failed"]


@pytest.mark.parametrize("name", ["without_ours", "plain"])
async def test_an_app_without_ours_is_served_and_named_in_the_log(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        app = own_app(f"{APPS}:{name}", _server())

    async with _asking(app) as http:
        response = await http.get("/orders")
        evil = await http.get("/orders", headers=EVIL)

    assert response.text in ('["order 7"]', "plain")
    assert evil.status_code == 421
    assert f"CHAT_APP is {APPS}:{name}, which makes no app with create_app" in caplog.text


async def test_where_the_app_asks_who_asks_the_server_knows_it() -> None:
    asking, open_to_all = _server(), _server()

    own_app(f"{APPS}:asking", asking)
    own_app(f"{APPS}:with_a_route", open_to_all)

    assert (asking.asks_who_asks, open_to_all.asks_who_asks) == (True, False)


HERE = "tests/commands/own_apps.py"


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("no_app:create", f"but there is no module no_app in {ROOT}, nor among the installed"),
        ("tests.no_app:create", "but there is no module tests.no_app in "),
        (f"{APPS}:creat", f"but {APPS} has no creat."),
        (f"{APPS}:Site.mak", f"but {APPS} has no Site.mak."),
        (f"{APPS}:is_async", "which is async; it must return the app at once."),
        (f"{APPS}:nothing", "which gives nothing; it must be a function without arguments that"),
        (f"{APPS}:number", "which gives an object of the type int; it must be"),
        (f"{APPS}:EVERY", "but"),
        (
            f"{APPS}:failing",
            f"of {HERE}: LookupError: there is no table orders. See the log.",
        ),
        (f"{APPS}:leaving", f"of {HERE}: SystemExit: 3."),
        (
            f"{APPS}:needing_a_package",
            "; a package of yours belongs into requirements.txt beside it.",
        ),
        (f"{APPS}:failing_in_a_library", f"of {HERE}: FileNotFoundError: "),
    ],
)
def test_what_cannot_be_served_is_said_in_one_sentence(name: str, sentence: str) -> None:
    with pytest.raises(SettingsError) as raised:
        own_app(name, _server())

    said = str(raised.value)
    assert said.startswith(f"CHAT_APP is {name}, ")
    assert sentence in said
    assert "\n" not in said


def test_the_place_is_the_last_line_of_the_users_own_code() -> None:
    with pytest.raises(SettingsError) as raised:
        own_app(f"{APPS}:failing_in_a_library", _server())

    lines = (ROOT / HERE).read_text().splitlines()
    number = next(n for n, line in enumerate(lines, 1) if "/no/such/file" in line)
    assert f"which failed in line {number} of {HERE}: " in str(raised.value)


def test_an_app_that_its_module_makes_when_it_is_imported_is_made_for_the_server(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "at_import.py").write_text("from app.main import create_app\napp = create_app()\n")
    monkeypatch.syspath_prepend(tmp_path)
    server = _server(facts={"worker": 1})

    app = own_app("at_import:app", server)

    assert [made.app for made in server.made] == [app]
    assert server.made[0].settings.allowed_hosts == ("127.0.0.1",)


def test_a_setting_that_is_none_is_said_as_everywhere() -> None:
    with pytest.raises(SettingsError) as raised:
        own_app(f"{APPS}:with_a_typo", _server())

    assert str(raised.value) == "modle is not a setting; did you mean model?"


def test_a_secret_in_what_the_factory_raises_is_masked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "telling.py").write_text(
        "from app.known_secrets import remember\n"
        "remember('sk-1234567890')\n"
        "def create(): raise ValueError('the key sk-1234567890 is no good')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)

    with pytest.raises(SettingsError, match=r"the key \[secret\] is no good") as raised:
        own_app("telling:create", _server())

    assert "sk-1234567890" not in str(raised.value)


def _start(*options: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "app", "serve", "--port", "0", *options],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.real
@pytest.mark.timeout(180)
@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"CHAT_APP": "my_app"}, "CHAT_APP has a bad value: must be like my_app:create, not "),
        ({"CHAT_APP": "no_app:create"}, "CHAT_APP is no_app:create, but there is no module no_app"),
        ({"CHAT_APP": f"{APPS}:failing"}, f"CHAT_APP is {APPS}:failing, which failed in line "),
        (
            {"CHAT_APP": f"{APPS}:without_ours", "CHAT_METRICS_PORT": "1"},
            f"CHAT_METRICS_PORT has nothing to show: {APPS}:without_ours makes no app",
        ),
    ],
)
def test_a_server_that_cannot_make_it_says_so_once(
    workers: str, variables: dict[str, str], sentence: str
) -> None:
    started = _start("--workers", workers, **variables)

    assert started.returncode == 2
    said = [line for line in started.stderr.splitlines() if not line.startswith("{")]
    assert len(said) == 1
    assert said[0].startswith(f"deltaline: {sentence}")


@pytest.mark.real
@pytest.mark.timeout(180)
@pytest.mark.parametrize("name", ["with_a_route", "compressing", "mounting", "including"])
@pytest.mark.parametrize("workers", ["1", "2"])
async def test_a_server_that_stops_ends_the_turns_in_it(name: str, workers: str) -> None:
    path = "/ai" if name in ("mounting", "including") else ""
    options = ("--workers", workers, "--shutdown-grace", "0.2")
    async with serving(*options, CHAT_APP=f"{APPS}:{name}") as server:
        async with httpx2.AsyncClient(base_url=server.url, timeout=60) as http:
            orders = await http.get("/orders")
            body = data_body("scenario: stall after=2 gate=never")
            async with http.stream("POST", f"{path}/api/chat", json=body) as response:
                reader = Reader(response)
                await reader.more()
                server.process.send_signal(signal.SIGTERM)
                whole = await reader.rest()
        status, log = await server.ended()

    assert orders.json() == ["order 7"]
    assert RESTARTING in whole
    assert whole.splitlines()[-1].startswith(b'd:{"finishReason":"error"')
    assert status == 0
    assert [line.get("error_code") for line in log] == ["shutdown"]


@pytest.mark.real
@pytest.mark.timeout(180)
async def test_workers_divide_what_the_app_itself_has_set() -> None:
    app = f"{APPS}:with_settings_of_its_own"
    async with contextlib.AsyncExitStack() as stack:
        server = await stack.enter_async_context(serving("--workers", "2", CHAT_APP=app))
        http = await stack.enter_async_context(httpx2.AsyncClient(timeout=60))
        body = data_body("scenario: stall after=2 gate=never")
        stalled = [
            await stack.enter_async_context(
                http.stream("POST", f"{server.url}/api/chat", json=body)
            )
            for _ in range(4)
        ]
        statuses = [response.status_code for response in stalled]

    # Each of the two has a place; with two each, all four would run.
    assert statuses.count(200) <= 2
    assert set(statuses) <= {200, 503}


@pytest.mark.real
@pytest.mark.timeout(180)
async def test_the_demo_leaves_the_tools_to_the_app() -> None:
    async with (
        serving(CHAT_APP=f"{APPS}:with_a_route") as server,
        httpx2.AsyncClient(base_url=server.url, timeout=60) as http,
    ):
        own = await http.post("/api/tools/find_order/invoke", json={"args": {"number": 7}})
        example = await http.post("/api/tools/get_weather/invoke", json={"args": {"city": "Oslo"}})

    assert "order 7" in own.text
    assert example.status_code == 404


@pytest.mark.real
@pytest.mark.timeout(180)
@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize(("name", "warnings"), [("asking", 0), ("with_a_route", 1)])
async def test_an_open_address_is_warned_of_unless_the_app_asks(
    name: str, warnings: int, workers: str
) -> None:
    options = ("--host", "0.0.0.0", "--workers", workers)
    async with serving(*options, CHAT_APP=f"{APPS}:{name}") as server:
        server.process.send_signal(signal.SIGTERM)
        _, log = await server.ended()

    said = [line for line in log if "without authentication" in line.get("message", "")]
    assert len(said) == warnings
