"""`examples/my_app`, copied into a clone and called there in every way but image and zip.

The zip is in `tests/infra/test_own_code.py`, the image in `tests/container/check_own_code.py`.
"""

import asyncio
import contextlib
import json
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from tests.own_clone import (
    ADA,
    ROOT,
    SETTINGS,
    call_everything,
    environment,
    install_packages,
    make_clone,
)
from tests.ports import free_port
from tests.server_process import serving

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]

_PATIENCE_S = 60


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install what the example needs, in a folder of its own."""
    folder = tmp_path_factory.mktemp("my-app")
    return install_packages(make_clone(folder), folder)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    return make_clone(tmp_path)


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_make_run_serves_it(clone: Path, packages: Path, workers: str) -> None:
    variables = {**SETTINGS, "PYTHONPATH": str(packages), "CHAT_WORKERS": workers}
    async with serving(cwd=clone, **variables) as server:
        await call_everything(server.url)


@contextlib.asynccontextmanager
async def _started(
    clone: Path, packages: Path, *module: str, **variables: str
) -> AsyncIterator[str]:
    """Run ``python -m module`` in the clone; gives its URL as soon as it listens."""
    port = str(free_port())
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", *(word.replace("PORT", port) for word in module)),
        cwd=clone,
        env=environment(packages, PORT=port, **variables),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(_PATIENCE_S):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", int(port))
                    break
                except OSError:  # nothing but the port tells from outside
                    assert process.returncode is None, "it did not start"
                    await asyncio.sleep(0.05)
        writer.close()
        yield f"http://127.0.0.1:{port}"
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def test_the_local_lambda_runs_it_and_notices_its_changes(
    clone: Path, packages: Path
) -> None:
    emulate = ("app", "emulate", "--port", "PORT", "--watch")
    async with _started(clone, packages, *emulate) as url:
        await call_everything(url)
        tools = clone / "my_app" / "tools.py"
        tools.write_text(tools.read_text().replace("sent {", "left {"))
        async with asyncio.timeout(_PATIENCE_S), httpx2.AsyncClient(timeout=_PATIENCE_S) as http:
            while True:  # a new environment comes with the first request after the next look
                order = await http.get(f"{url}/orders/7", headers=ADA)
                if order.json()["state"] == "left a day ago":
                    break
                await asyncio.sleep(0.1)


@pytest.mark.parametrize(
    ("chain", "direct"),
    # What is left needs the adapter, which the image has: `make image-test`.
    [("runtime", "true"), ("runtime", "false"), ("web-adapter", "true")],
)
async def test_the_images_entry_point_starts_it(
    clone: Path, packages: Path, chain: str, direct: str
) -> None:
    entry = ("app.commands.container", chain, "--host", "127.0.0.1")
    async with _started(clone, packages, *entry, CHAT_DIRECT=direct) as url:
        await call_everything(url)


def test_its_tool_runs_in_the_terminal(clone: Path, packages: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "app", "tool", "find_order", "--args", '{"number": 7}'],
        cwd=clone,
        env=environment(packages, CHAT_TOOL_MODULES="my_app.tools"),
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert done.stderr == "Looking for order 7\n"
    # In the terminal nobody is ada.
    assert json.loads(done.stdout)["data"] == {"number": "7", "state": "there is none"}


def test_its_own_tests_run_with_ours(clone: Path, packages: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--no-header"],
        cwd=clone,
        env=environment(packages),
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout
    assert "3 passed" in done.stdout


@pytest.mark.parametrize("target", [".venv/.ready-run", ".venv/.ready-dev"])
def test_make_installs_its_packages_together_with_ours(clone: Path, target: str) -> None:
    def asked(*arguments: str) -> str:
        command = ["make", "--dry-run", "--assume-old", ".venv/.uv", *arguments, target]
        return subprocess.run(command, cwd=clone, capture_output=True, text=True, check=True).stdout

    with_own = asked()
    (clone / "my_app" / "requirements.txt").unlink()
    (clone / "my_app" / "requirements.lock").unlink()
    without = asked()

    lock = "requirements-dev.lock" if target.endswith("dev") else "requirements.lock"
    assert f"--require-hashes -r {lock} --requirement my_app/requirements.lock" in with_own
    assert "-m infra.own_code check" in with_own
    assert "my_app/requirements.lock" not in without


def test_the_lock_file_of_the_example_is_of_this_checkout(clone: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "infra.own_code", "check"],
        cwd=clone,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")


def test_the_page_about_it_names_targets_that_exist() -> None:
    page = (ROOT / "docs" / "make-it-yours.md").read_text(encoding="utf-8")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")

    named = set(re.findall(r"^\$ (?:[A-Z_]+=\S+ )?make ([a-z-]+)", page, re.MULTILINE))
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    assert {"run", "lock-my-app", "test", "image", "image-run", "zip", "emulate"} <= named
    assert named - targets == set()


def test_a_fresh_clone_has_a_folder_for_it() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "my_app"], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert "my_app/README.md" in listed.stdout.split()
