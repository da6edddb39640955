"""The runtime as Lambda starts it: a process of its own, through ``bootstrap``."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.chatting import ui_body
from tests.lambda_events import function_url
from tests.lambda_runtime.recording_runtime_api import RecordingRuntimeApi, soon

_ROOT = Path(__file__).parent.parent.parent
_START_S = 10.0

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]


@contextlib.asynccontextmanager
async def _function(
    api: RecordingRuntimeApi, handler: str, folder: Path, **environ: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Start ``bootstrap`` for a handler in ``folder``; kill it at the end if it still runs."""
    process = await asyncio.create_subprocess_exec(
        _ROOT / "bootstrap",
        "/var/lang/bin/python3.13",
        "/var/runtime/bootstrap.py",
        env={
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(folder),
            "PYTHONDONTWRITEBYTECODE": "1",
            "AWS_LAMBDA_RUNTIME_API": api.address,
            "AWS_LAMBDA_FUNCTION_NAME": "chat",
            "LAMBDA_TASK_ROOT": str(_ROOT),
            "_HANDLER": handler,
            **environ,
        },
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def _exit(process: asyncio.subprocess.Process) -> tuple[int, str]:
    async with asyncio.timeout(_START_S):
        _, errors = await process.communicate()
    assert process.returncode is not None
    return process.returncode, errors.decode()


async def _ready(api: RecordingRuntimeApi) -> None:
    async with asyncio.timeout(_START_S):
        await api.waiting.wait()


_APP = """
import contextlib, pathlib
from starlette.applications import Starlette
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route

@contextlib.asynccontextmanager
async def lifespan(app):
    yield
    pathlib.Path(__file__).with_name("stopped").touch()

async def endless():
    import asyncio
    yield b"one"
    await asyncio.Event().wait()

async def events(request):
    return StreamingResponse(endless())

app = Starlette(routes=[Route("/events", events, methods=["POST"])], lifespan=lifespan)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_stop_signal_ends_an_idle_function_in_order(
    tmp_path: Path, number: signal.Signals
) -> None:
    (tmp_path / "chatapp.py").write_text(_APP)
    async with (
        RecordingRuntimeApi().listen() as api,
        _function(api, "chatapp:app", tmp_path) as process,
    ):
        await _ready(api)
        process.send_signal(number)
        status, errors = await _exit(process)

    assert (status, errors) == (0, "")
    assert (tmp_path / "stopped").exists()


async def test_a_stop_signal_ends_a_running_response_in_order(tmp_path: Path) -> None:
    (tmp_path / "chatapp.py").write_text(_APP)
    async with (
        RecordingRuntimeApi().listen() as api,
        _function(api, "chatapp:app", tmp_path) as process,
    ):
        await _ready(api)
        sent = api.invoke({})
        assert await sent.next_chunk() == b"one"
        process.terminate()
        posted = await sent.completed()
        status, _ = await _exit(process)

    assert posted.error_type == "Deltaline.Shutdown"
    assert status == 0
    assert (tmp_path / "stopped").exists()


async def test_a_stop_signal_ends_a_turn_with_its_error_part(tmp_path: Path) -> None:
    async with (
        RecordingRuntimeApi().listen() as api,
        _function(api, "app.main:create_lean_app", tmp_path, CHAT_PROVIDER="scripted") as process,
    ):
        await _ready(api)
        sent = api.invoke(ui_body("scenario: stall after=2 gate=never"))
        await sent.next_chunk()
        process.terminate()
        posted = await sent.completed()
        status, _ = await _exit(process)

    assert b"The server is restarting" in posted.body
    assert posted.body.endswith(b"data: [DONE]\n\n")
    assert posted.error_type == "Deltaline.shutdown"
    assert status == 0


async def test_bad_settings_are_said_in_one_sentence(tmp_path: Path) -> None:
    async with (
        RecordingRuntimeApi().listen() as api,
        _function(api, "app.main:create_lean_app", tmp_path, CHAT_TOOL_MODULES="nope") as process,
    ):
        status, errors = await _exit(process)

    (line,) = [json.loads(line) for line in errors.splitlines()]
    sentence = "The module nope of CHAT_TOOL_MODULES cannot be imported"
    assert line["message"].startswith(f"the function cannot start: {sentence}")
    assert "exception" not in line
    assert status == 1


@pytest.mark.parametrize("handler", ["", "app.main.create_lean_app", "app.main:create_app"])
@pytest.mark.parametrize(("name", "path"), [("with_a_route", ""), ("mounting", "/ai")])
async def test_the_app_that_chat_app_names_is_served_instead_of_ours(
    tmp_path: Path, handler: str, name: str, path: str
) -> None:
    own = {"CHAT_PROVIDER": "scripted", "CHAT_APP": f"tests.commands.own_apps:{name}"}
    async with (
        RecordingRuntimeApi().listen() as api,
        _function(api, handler, tmp_path, **own) as process,
    ):
        await _ready(api)
        orders = await api.invoke(function_url("GET", "/orders")).completed()
        body = json.dumps(ui_body("scenario: stall after=2 gate=never"))
        sent = api.invoke(function_url("POST", f"{path}/api/chat", body=body))
        await sent.next_chunk()
        process.terminate()
        posted = await sent.completed()
        status, _ = await _exit(process)

    assert orders.body.endswith(b'["order 7"]')
    assert b"The server is restarting" in posted.body
    assert posted.body.endswith(b"data: [DONE]\n\n")
    assert status == 0


async def test_a_handler_of_ones_own_goes_before_chat_app(tmp_path: Path) -> None:
    own = {"CHAT_APP": "tests.commands.own_apps:with_a_route"}
    async with (
        RecordingRuntimeApi().listen() as api,
        _function(api, "examples.words.handler", tmp_path, **own) as process,
    ):
        await _ready(api)
        posted = await api.invoke({"delay": 0, "format": "text"}).completed()
        process.terminate()
        await _exit(process)

    assert b"Hello this is" in posted.body


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("no_app:create", "CHAT_APP is no_app:create, but there is no module no_app in "),
        (
            "tests.commands.own_apps:failing",
            "CHAT_APP is tests.commands.own_apps:failing, which failed in line ",
        ),
    ],
)
async def test_an_app_that_cannot_be_made_is_said_in_one_sentence(
    tmp_path: Path, name: str, sentence: str
) -> None:
    async with (
        RecordingRuntimeApi().listen() as api,
        _function(api, "", tmp_path, CHAT_APP=name) as process,
    ):
        status, errors = await _exit(process)

    (line,) = [json.loads(line) for line in errors.splitlines()]
    assert line["message"].startswith(f"the function cannot start: {sentence}")
    assert "exception" not in line
    assert status == 1


async def test_a_runtime_api_that_fails_ends_the_process(tmp_path: Path) -> None:
    async with RecordingRuntimeApi().listen() as api:
        api.next_status = 500
        async with _function(api, "examples.words.handler", tmp_path) as process:
            status, errors = await _exit(process)

    assert status == 1
    assert "HTTP 500" in errors


_CANNOT_START = """
async def app(scope, receive, send):
    await send({"type": "lifespan.startup.failed", "message": "no model"})
"""


@pytest.mark.parametrize(
    ("source", "handler", "environ", "code", "reason"),
    [
        ("raise LookupError('no model')", "broken.handler", {}, "Runtime.InitError", "no model"),
        ("raise SystemExit('bye')", "broken.handler", {}, "Runtime.InitError", "bye"),
        ("import nowhere", "broken.handler", {}, "Runtime.ImportModuleError", "nowhere"),
        ("", "broken.handler", {}, "Runtime.HandlerNotFound", "broken has no handler"),
        (
            "",
            "examples.words.handler",
            {"AWS_LAMBDA_MAX_CONCURRENCY": "many"},
            "Runtime.InitError",
            "AWS_LAMBDA_MAX_CONCURRENCY is 'many'",
        ),
        (
            "",
            "examples.words.handler",
            {"AWS_LWA_INVOKE_MODE": "stream"},
            "Runtime.InitError",
            "must be buffered or response_stream",
        ),
        (
            _CANNOT_START,
            "broken:app",
            {},
            "Runtime.InitError",
            "no model",
        ),
    ],
)
async def test_a_function_that_cannot_start_says_so_and_ends(
    tmp_path: Path, source: str, handler: str, environ: dict[str, str], code: str, reason: str
) -> None:
    (tmp_path / "broken.py").write_text(source)
    async with (
        RecordingRuntimeApi().listen() as api,
        _function(api, handler, tmp_path, **environ) as process,
    ):
        status, _ = await _exit(process)
        posted = await soon(api.init_error)

    assert status == 1
    assert api.polls == 0
    assert posted.headers["lambda-runtime-function-error-type"] == code
    assert reason in posted.json()["errorMessage"]


async def test_without_a_runtime_api_the_process_says_what_is_missing(tmp_path: Path) -> None:
    nowhere = {"AWS_LAMBDA_RUNTIME_API": ""}
    async with (
        RecordingRuntimeApi().listen() as api,
        _function(api, "examples.words.handler", tmp_path, **nowhere) as process,
    ):
        status, errors = await _exit(process)

    assert status == 1
    assert "AWS_LAMBDA_RUNTIME_API" in errors


_MODULES = """
import json, sys
def handler(event, context):
    return sorted({name.partition(".")[0] for name in sys.modules})
"""


async def test_a_plain_handler_is_started_with_next_to_nothing(tmp_path: Path) -> None:
    (tmp_path / "modules.py").write_text(_MODULES)
    async with (
        RecordingRuntimeApi().listen() as api,
        _function(api, "modules.handler", tmp_path),
    ):
        await _ready(api)
        posted = await api.invoke({}).completed()

    foreign = set(posted.json()) - sys.stdlib_module_names - {"__main__", "modules"}
    # msgspec looks for typing_extensions by itself.
    foreign = {name for name in foreign if not name.startswith("_")} - {"typing_extensions"}
    assert foreign == {"app", "h11", "msgspec"}


_CHAT = """
import json, sys
from app.main import create_app
inner = create_app()

async def app(scope, receive, send):
    if scope.get("path") == "/modules":
        body = json.dumps(sorted(sys.modules)).encode()
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": body})
    else:
        await inner(scope, receive, send)
"""


async def test_a_chat_needs_no_aws_sdk_no_web_server_and_no_openai(
    tmp_path: Path, model: str
) -> None:
    (tmp_path / "chat.py").write_text(_CHAT)
    async with (
        RecordingRuntimeApi().listen() as api,
        _function(api, "chat:app", tmp_path, OPENAI_BASE_URL=model),
    ):
        await _ready(api)
        chat = await api.invoke(ui_body("Hello")).completed()
        posted = await api.invoke(function_url("GET", "/modules")).completed()

    assert b'"type":"text-delta"' in chat.body
    modules = set(json.loads(posted.http()[1]))
    assert not modules & {"boto3", "botocore", "uvicorn", "sse_starlette", "openai"}


async def test_a_direct_invoke_without_a_key_says_what_is_missing(
    tmp_path: Path,
) -> None:
    async with (
        RecordingRuntimeApi().listen() as api,
        _function(api, "app.main:create_app", tmp_path),
    ):
        await _ready(api)
        event: Any = {"action": "chat", "payload": {"text": "Hi"}}
        posted = await api.invoke(event).completed()

    assert posted.route == "response"
    assert posted.body == b'{"success":false,"error":"OpenAI API key not configured"}'


_COLLECTING = """
import gc, json

while_loading = gc.isenabled()

def handler(event, context):
    yield json.dumps([while_loading, gc.isenabled(), gc.get_freeze_count() > 0]).encode()
"""


async def test_garbage_is_looked_for_once_the_function_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "collecting.py").write_text(_COLLECTING)
    async with (
        RecordingRuntimeApi().listen() as api,
        _function(api, "collecting.handler", tmp_path),
    ):
        posted = await api.invoke({}).completed()

    assert posted.json() == [False, True, True]
