"""`infra.own_code`, and the zip file and the planned stack of a clone that has code of its own."""

import asyncio
import json
import platform
import subprocess
import sys
import zipfile
from pathlib import Path

import httpx2
import pytest

from infra.own_code import OwnCodeError, own_files, own_lock, write_lock
from tests.chatting import data_body
from tests.function_zip import VERSION, environment, unzip
from tests.infra.cloud import Cloud
from tests.infra.deploying import run_program
from tests.lambda_events import function_url
from tests.lambda_runtime.recording_runtime_api import RecordingRuntimeApi
from tests.own_clone import ADA, QUESTION, ROOT, SETTINGS, STATE, make_clone
from tests.ports import free_port

_ARCH = {"x86_64": "x86_64", "aarch64": "arm64"}[platform.machine()]
_PATIENCE_S = 60


def _own(root: Path, **files: str) -> Path:
    """Make a checkout with these files in ``my_app/``; ``_`` for a dot."""
    (root / "my_app").mkdir()
    ours = "pydantic==2.14.3 \\\n    --hash=sha256:0\n"
    (root / "requirements.lock").write_text(ours)
    (root / "requirements-dev.lock").write_text(f"{ours}flask==3.1.2\n")
    for name, text in files.items():
        (root / "my_app" / name.replace("_", ".")).write_text(text)
    return root


def test_everything_ships_but_tests_byte_code_and_what_is_hidden(tmp_path: Path) -> None:
    names = (
        *("__init__.py", "prompts/hello.txt", "data.json", "orders/tests/cases.py", ".env"),
        *("tests/test_orders.py", "__pycache__/__init__.cpython-313.pyc", "orders/.cache/x"),
        *("web/node_modules/a/index.js", "old.pyc", "requirements.txt"),
    )
    for name in names:
        (tmp_path / "my_app" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "my_app" / name).touch()

    assert [name for name, _ in own_files(tmp_path)] == [
        "my_app/__init__.py",
        "my_app/data.json",
        "my_app/orders/tests/cases.py",
        "my_app/prompts/hello.txt",
        "my_app/requirements.txt",
    ]


def test_the_image_is_given_what_ships() -> None:
    """The rest is in `tests/container/check_image.py`."""
    ignored = (ROOT / ".dockerignore").read_text().splitlines()

    # The last pattern that fits decides.
    places = [ignored.index(line) for line in ("*", "!my_app", "my_app/tests", "**/.*")]
    assert places == sorted(places)


def test_who_needs_no_package_needs_no_lock_file(tmp_path: Path) -> None:
    assert own_lock(_own(tmp_path)) == ""


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ({"requirements_txt": "a\n"}, "my_app/requirements.txt has no lock file yet: run `make "),
        (
            {"requirements_txt": "a\n", "requirements_lock": "# of 1234\na==1\n"},
            "my_app/requirements.txt has changed since my_app/requirements.lock was made: run",
        ),
        ({"requirements_lock": "a==1\n"}, "my_app/requirements.lock has no my_app/requirements.tx"),
        (
            {
                "requirements_txt": "a\n",
                "requirements_lock": (
                    # The digest of "a" and a line end.
                    "# 87428fc522803d31065e7bce3cf03fe475096631e5e07bbd7a0fde60c4cf25c7\n"
                    "pydantic==2.13.0 ; python_version < '4' \\\n    --hash=sha256:0\n"
                ),
            },
            "my_app/requirements.lock has pydantic 2.13.0, and requirements.lock has 2.14.3: run",
        ),
        (
            {
                "requirements_txt": "a\n",
                "requirements_lock": (
                    "# 87428fc522803d31065e7bce3cf03fe475096631e5e07bbd7a0fde60c4cf25c7\n"
                    "flask==2.0.0 \\\n    --hash=sha256:0\n"
                ),
            },
            "my_app/requirements.lock has flask 2.0.0, and requirements-dev.lock has 3.1.2: run `m",
        ),
    ],
)
def test_a_lock_file_that_is_not_of_now_is_refused_with_what_to_do(
    tmp_path: Path, files: dict[str, str], sentence: str
) -> None:
    with pytest.raises(OwnCodeError) as raised:
        own_lock(_own(tmp_path, **files))

    assert str(raised.value).startswith(sentence)


@pytest.mark.real
@pytest.mark.timeout(180)
def test_what_contradicts_our_own_packages_is_said_with_uvs_reason(tmp_path: Path) -> None:
    clone = make_clone(tmp_path)
    requirements = clone / "my_app" / "requirements.txt"
    before = (clone / "my_app" / "requirements.lock").read_text()
    requirements.write_text("humanize\npydantic<2\n")

    with pytest.raises(OwnCodeError) as raised:
        write_lock(clone)

    assert "cannot be locked together with what Deltaline needs" in str(raised.value)
    assert "you require pydantic<2 and pydantic==2." in str(raised.value)
    assert (clone / "my_app" / "requirements.lock").read_text() == before


@pytest.mark.real
@pytest.mark.timeout(180)
def test_a_package_that_both_need_is_locked_in_our_version(tmp_path: Path) -> None:
    clone = make_clone(tmp_path)
    (clone / "my_app" / "requirements.txt").write_text("humanize\nhttpx2\n")

    write_lock(clone)

    ours = (clone / "requirements.lock").read_text().splitlines()
    lock = own_lock(clone)
    (line,) = [line for line in lock.splitlines() if line.startswith("httpx2==")]
    assert line in ours
    assert "\nhumanize==" in lock
    assert "--hash=sha256:" in lock
    assert "://" not in lock


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    clone = make_clone(tmp_path_factory.mktemp("zip"))
    (clone / "my_app" / "greeting.txt").write_text("Hello")
    return clone


@pytest.fixture(scope="module")
def package(clone: Path) -> Path:
    """Build the zip file of the clone as `make zip` does, for the Python that runs this test."""
    output = clone / "dist" / "function.zip"
    subprocess.run(
        [
            *(sys.executable, "-m", "infra.package_zip", "--lean", "--output", str(output)),
            *("--python", VERSION, "--arch", _ARCH),
        ],
        cwd=clone,
        stdout=subprocess.DEVNULL,
        check=True,
    )
    return output


@pytest.mark.real
@pytest.mark.timeout(360)
def test_the_zip_file_has_its_code_its_packages_and_their_byte_code(package: Path) -> None:
    with zipfile.ZipFile(package) as archive:
        names = set(archive.namelist())

    tag = sys.implementation.cache_tag
    assert {
        "my_app/__init__.py",
        "my_app/greeting.txt",
        f"my_app/__pycache__/tools.{tag}.pyc",
        "humanize/__init__.py",
        f"humanize/__pycache__/__init__.{tag}.pyc",
    } <= names
    assert not [name for name in names if name.startswith("my_app/tests")]


@pytest.mark.real
@pytest.mark.timeout(360)
def test_a_zip_file_is_not_built_with_an_old_lock_file(tmp_path: Path) -> None:
    clone = make_clone(tmp_path)
    with (clone / "my_app" / "requirements.txt").open("a") as requirements:
        requirements.write("idna\n")
    done = subprocess.run(
        [sys.executable, "-m", "infra.package_zip", "--output", str(tmp_path / "function.zip")],
        cwd=clone,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert done.stderr.startswith("deltaline: my_app/requirements.txt has changed since ")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "function.zip").exists()


@pytest.mark.real
@pytest.mark.timeout(360)
async def test_the_zip_file_is_called_in_the_local_lambda(package: Path, tmp_path: Path) -> None:
    task_root = unzip(package, tmp_path / "task")
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "app", "emulate", "--port", str(port), "--"),
        # The emulator's own interpreter goes before on the path of a function.
        *("/usr/bin/env", f"--chdir={task_root}", f"LAMBDA_TASK_ROOT={task_root}"),
        *(f"PATH={environment(tmp_path)['PATH']}", str(task_root / "bootstrap")),
        # Of this checkout: a lean package holds no local Lambda.
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", **SETTINGS, "CHAT_PROVIDER": "openai"},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with (
            asyncio.timeout(_PATIENCE_S),
            httpx2.AsyncClient(timeout=_PATIENCE_S) as http,
        ):
            while True:
                try:
                    stranger = await http.get(f"http://127.0.0.1:{port}/orders/7")
                    break
                except httpx2.ConnectError:  # nothing but the port tells from outside
                    await asyncio.sleep(0.05)
            order = await http.get(f"http://127.0.0.1:{port}/orders/7", headers=ADA)
    finally:
        process.terminate()
        await process.wait()

    assert stranger.status_code == 401
    assert order.json() == {"number": "7", "state": STATE}


@pytest.mark.real
@pytest.mark.timeout(360)
async def test_the_planned_stack_calls_it(
    cloud: Cloud, package: Path, tmp_path: Path, model: str
) -> None:
    own = [f"{name}={value}" for name, value in SETTINGS.items() if name != "CHAT_PROVIDER"]
    config = {
        "packaging": "zip",
        "zipFile": str(package),
        "architecture": _ARCH,
        # The app asks who asks; the stack cannot know that.
        "allowAnonymous": True,
        "environment": [f"OPENAI_BASE_URL={model}", *own],
    }
    run_program(cloud, config)
    function = cloud.client("lambda").get_function(FunctionName="deltaline-dev")["Configuration"]
    task_root = unzip(package, tmp_path / "task")
    variables = dict(function["Environment"]["Variables"])
    assert variables.pop("AWS_LAMBDA_EXEC_WRAPPER") == "/var/task/bootstrap"
    async with RecordingRuntimeApi().listen() as api:
        process = await asyncio.create_subprocess_exec(
            task_root / "bootstrap",
            env={
                **environment(tmp_path),
                **variables,
                "LAMBDA_TASK_ROOT": str(task_root),
                "AWS_LAMBDA_RUNTIME_API": api.address,
                "AWS_LAMBDA_FUNCTION_NAME": "deltaline-dev",
                "AWS_ACCESS_KEY_ID": "test",
                "AWS_SECRET_ACCESS_KEY": "test",
                "AWS_REGION": "eu-west-1",
                "AWS_ENDPOINT_URL": cloud.endpoint_url,
                "_HANDLER": function["Handler"],
            },
        )
        try:
            async with asyncio.timeout(_PATIENCE_S):
                await api.waiting.wait()
            stranger = await api.invoke(function_url(body=json.dumps(data_body("Hi")))).completed()
            event = function_url(body=json.dumps(data_body(QUESTION)))
            event["headers"] |= ADA
            answer = await api.invoke(event).completed()
            event = function_url("GET", "/orders/7")
            event["headers"] |= ADA
            order = await api.invoke(event).completed()
        finally:
            process.terminate()
            await process.wait()

    assert stranger.http()[0].status_code == 401
    assert STATE.encode() in answer.body
    assert STATE.encode() in order.body
