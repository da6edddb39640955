"""The zip file for Lambda: what is in it, and that it runs, also under AWS's own emulator."""

import asyncio
import contextlib
import json
import platform
import re
import subprocess
import sys
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from infra.own_code import own_lock
from tests.function_zip import VERSION, environment, unzip
from tests.lambda_events import function_url
from tests.lambda_runtime.recording_runtime_api import RecordingRuntimeApi
from tests.ports import free_port
from tests.rie import rie

_ROOT = Path(__file__).parent.parent
_ARCH = {"x86_64": "x86_64", "aarch64": "arm64"}

pytestmark = [pytest.mark.real, pytest.mark.timeout(360)]


def _build(output: Path, *options: str) -> str:
    """Build for the Python that runs this test, so that the result can be run too."""
    arguments = ["--output", str(output), "--python", VERSION, *options]
    if "--arch" not in options:
        arguments += ["--arch", _ARCH[platform.machine()]]
    done = subprocess.run(
        [sys.executable, "-m", "infra.package_zip", *arguments],
        capture_output=True,
        text=True,
        check=True,
        cwd=_ROOT,
    )
    return done.stdout


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("package") / "function.zip"
    _build(output)
    return output


@pytest.fixture(scope="module")
def lean_build(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Return the lean package and what its build reported."""
    output = tmp_path_factory.mktemp("lean") / "function.zip"
    return output, _build(output, "--lean")


@pytest.fixture(scope="module")
def lean_package(lean_build: tuple[Path, str]) -> Path:
    package, _ = lean_build
    return package


def test_bootstrap_is_executable_at_the_top(package: Path) -> None:
    with zipfile.ZipFile(package) as archive:
        modes = {entry.filename: entry.external_attr >> 16 & 0o777 for entry in archive.infolist()}

    assert modes.pop("bootstrap") == 0o755
    assert set(modes.values()) == {0o644}
    assert {
        "app/main.py",
        "app/lambda_runtime/runtime.py",
        "examples/words.py",
        "h11/__init__.py",
    } <= set(modes)


def test_nothing_is_in_it_that_only_developers_need(package: Path) -> None:
    with zipfile.ZipFile(package) as archive:
        names = archive.namelist()

    assert not [name for name in names if name.endswith((".pyi", ".c"))]
    assert not [name for name in names if "/tests/" in name]
    modules = {name for name in names if name.endswith(".py")}
    kept = {name for name in names if "__pycache__" in name}
    assert kept == {_byte_code(module) for module in modules}
    # Nor does this checkout's own code need one of them.
    needed = set(re.findall(r"^([\w-]+)==", own_lock(), re.MULTILINE))
    packages = {name.partition("/")[0] for name in names} - needed
    assert not packages & {"pytest", "boto3", "mypy", "tests", "bench", "uvloop", "bin"}


def _byte_code(module: str) -> str:
    """Return where Python looks for the byte code of ``app/main.py``."""
    folder, _, name = module.rpartition("/")
    cached = f"__pycache__/{name.removesuffix('.py')}.{sys.implementation.cache_tag}.pyc"
    return f"{folder}/{cached}" if folder else cached


def test_without_byte_code_it_is_smaller_and_says_what_that_costs(
    lean_package: Path, tmp_path: Path
) -> None:
    report = _build(tmp_path / "plain.zip", "--lean", "--no-bytecode")

    with zipfile.ZipFile(tmp_path / "plain.zip") as archive:
        names = archive.namelist()
    assert not [name for name in names if name.endswith(".pyc") or "__pycache__" in name]
    assert "byte code none: every cold start compiles all modules" in report
    assert (tmp_path / "plain.zip").stat().st_size < lean_package.stat().st_size


def test_the_same_source_gives_the_same_bytes(lean_build: tuple[Path, str], tmp_path: Path) -> None:
    once, report = lean_build
    again = tmp_path / "again.zip"

    _build(again, "--lean")

    assert again.read_bytes() == once.read_bytes()
    assert "unzipped" in report
    assert "biggest parts" in report
    assert f"byte code of Python {VERSION}." in report


def test_the_other_architecture_gets_its_own_wheels(tmp_path: Path) -> None:
    output = tmp_path / "arm.zip"

    _build(output, "--arch", "arm64", "--python", "3.13")

    with zipfile.ZipFile(output) as archive:
        compiled = [name for name in archive.namelist() if name.endswith(".so")]
    assert compiled
    assert all("aarch64" in name or ".abi3." in name for name in compiled)


async def test_the_lean_package_answers_a_chat_by_its_byte_code_alone(
    lean_package: Path, tmp_path: Path, model: str
) -> None:
    task_root = unzip(lean_package, tmp_path / "task")
    # Byte code of this kind is not compared with its source, so only it can be what runs.
    for source in task_root.rglob("*.py"):
        source.write_text("raise SystemExit('compiled anew')")
    async with RecordingRuntimeApi().listen() as api:
        process = await asyncio.create_subprocess_exec(
            task_root / "bootstrap",
            env={
                **environment(tmp_path),
                "LAMBDA_TASK_ROOT": str(task_root),
                "AWS_LAMBDA_RUNTIME_API": api.address,
                "_HANDLER": "app.main:create_app",
                "OPENAI_BASE_URL": model,
            },
        )
        try:
            await _ready(api, process)
            direct = await api.invoke({"action": "chat", "payload": {"text": "Hello"}}).completed()
            http = await api.invoke(function_url(body='{"prompt":"Hello"}')).completed()
        finally:
            await _end(process)

    assert direct.route == http.route == "response"
    assert b'\nd:{"finishReason":"stop"' in direct.body
    assert http.http()[0].status_code == 200
    assert process.returncode == 0


@contextlib.asynccontextmanager
async def _emulated(task_root: Path, tmp_path: Path, handler: str) -> AsyncIterator[str]:
    front, inner = free_port(), free_port()
    process = await asyncio.create_subprocess_exec(
        rie(),
        *("--runtime-interface-emulator-address", f"127.0.0.1:{front}"),
        *("--runtime-api-address", f"127.0.0.1:{inner}"),
        *("--log-level", "error"),
        task_root / "bootstrap",
        handler,
        env={
            **environment(tmp_path),
            "LAMBDA_TASK_ROOT": str(task_root),
            "AWS_LAMBDA_FUNCTION_TIMEOUT": "20",
        },
        cwd=task_root,
        stdout=asyncio.subprocess.DEVNULL,
    )
    try:
        yield f"http://127.0.0.1:{front}/2015-03-31/functions/function/invocations"
    finally:
        await _end(process)


async def _end(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):  # it has ended by itself
        process.terminate()
    await process.wait()


async def _ready(api: RecordingRuntimeApi, process: asyncio.subprocess.Process) -> None:
    """Wait until the runtime asks for its first event."""
    waiting = asyncio.ensure_future(api.waiting.wait())
    ended = asyncio.ensure_future(process.wait())
    await asyncio.wait({waiting, ended}, timeout=30, return_when=asyncio.FIRST_COMPLETED)
    ended.cancel()
    assert waiting.done(), "the function does not start"


async def _invoke(url: str, event: object) -> httpx2.Response:
    """Invoke once the emulator listens: it does not say when, so asking is the only way."""
    async with asyncio.timeout(30), httpx2.AsyncClient(timeout=30) as http:
        while True:
            try:
                return await http.post(url, json=event)
            except httpx2.ConnectError:
                await asyncio.sleep(0.05)


async def test_awss_own_emulator_runs_the_package(package: Path, tmp_path: Path) -> None:
    task_root = unzip(package, tmp_path / "task")

    async with _emulated(task_root, tmp_path, "examples.words.handler") as url:
        answer = await _invoke(url, {"delay": 0, "format": "text"})

    assert answer.status_code == 200
    assert answer.text == "Hello this is a streaming Lambda function response"


async def test_awss_own_emulator_runs_the_chat_of_the_package(
    package: Path, tmp_path: Path
) -> None:
    task_root = unzip(package, tmp_path / "task")

    async with _emulated(task_root, tmp_path, "app.main:create_app") as url:
        answer = await _invoke(url, {"action": "chat", "payload": {"text": "Hi"}})

    assert json.loads(answer.text) == {"success": False, "error": "OpenAI API key not configured"}
