"""What the image is made of, and what it says of itself."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest

from tests.container import stand_ins
from tests.container.conftest import WITH_STAND_INS
from tests.container.docker import ROOT, Container, Docker, DockerError

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]

# Prints the modules whose byte code is missing, or would be held against its source at each start.
_WITHOUT_BYTE_CODE = """
import importlib.util, pathlib, re, sysconfig
stdlib = sysconfig.get_path("stdlib")
left_out = re.compile("/(ensurepip|idlelib|pydoc_data|site-packages|test|tkinter|turtledemo)/")
modules = [path for root in ("/opt/python/lib", "/var/task", stdlib)
           for path in map(str, pathlib.Path(root).rglob("*.py"))
           if root != stdlib or not left_out.search(path)]
print(len(modules))
for module in modules:
    code = pathlib.Path(importlib.util.cache_from_source(module))
    if not code.exists() or code.read_bytes()[4:8] != bytes([1, 0, 0, 0]):
        print(module)
"""


def test_every_locked_package_has_a_wheel_for_arm64(tmp_path: Path) -> None:
    command = [
        sys.executable, "-m", "uv", "pip", "install", "--dry-run", "--target", str(tmp_path),
        "--no-build", "--python-version", "3.13", "--python-platform", "aarch64-manylinux_2_28",
        "--require-hashes", "--requirement", "requirements.lock",
    ]  # fmt: skip
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert " + pydantic-core==" in done.stderr


def test_what_an_engine_is_told_of_it(docker: Docker, images: dict[str, str], target: str) -> None:
    config = docker.config(images[target])
    variables = dict(line.split("=", 1) for line in config["Env"])

    python = "/opt/python/bin/python"
    assert config["Entrypoint"] == [python, "-m", "app.commands.container", target]
    assert config["User"] == "10001:10001"
    assert config["WorkingDir"] == "/var/task"
    assert (variables["PORT"], config["ExposedPorts"]) == ("8080", {"8080/tcp": {}})
    assert variables["AWS_LWA_INVOKE_MODE"] == "response_stream"


def test_it_says_what_it_is_and_where_it_comes_from(
    docker: Docker, images: dict[str, str], target: str
) -> None:
    prefix = "org.opencontainers.image."
    labels = docker.config(images[target])["Labels"]

    assert labels[f"{prefix}title"] == "Deltaline"
    assert labels[f"{prefix}licenses"] == "MIT"
    assert re.fullmatch(r"\d+\.\d+\.\d+", labels[f"{prefix}version"])
    assert f"{prefix}source" in labels
    if (ROOT / ".git").exists():
        assert re.fullmatch(r"[0-9a-f]{40}(-changed)?", labels[f"{prefix}revision"])
        assert re.match(r"\d{4}-\d\d-\d\dT", labels[f"{prefix}created"])


def test_nobody_in_it_is_root_and_nothing_in_it_can_be_changed(
    docker: Docker, images: dict[str, str], target: str
) -> None:
    # Without --read-only, so that permissions are all that protects.
    find = "find / -xdev -writable ! -type l ! -path '/proc/*' ! -path '/dev/*' 2>/dev/null"
    run = ("run", "--rm", "--entrypoint", "sh", images[target], "-c")
    user, *writable = docker.run(*run, f"id -u; {find} | sort").split()

    assert user == "10001"
    assert set(writable) <= {"/tmp", "/var/tmp", "/run/lock", "/run/lock/subsys"}


def test_everybody_may_read_all_of_it(docker: Docker, images: dict[str, str]) -> None:
    run = ("run", "--rm", "--user", "12345:12345", "--entrypoint", "sh", images["runtime"], "-c")
    find = "find /var/task /opt ( ! -readable -o -type d ! -executable )"

    assert docker.run(*run, find.replace("(", "\\(").replace(")", "\\)")).split() == []


def test_every_module_has_byte_code_that_is_taken_as_it_is(container: Container) -> None:
    count, *without = container.execute("python", "-c", _WITHOUT_BYTE_CODE).split()

    assert int(count) > 1500
    assert without == []


def test_it_holds_no_build_tools(container: Container, target: str) -> None:
    def found(*expression: str) -> list[str]:
        return container.execute("find", "/opt", "/var/task", *expression).split()

    assert found("(", "-name", "pip", "-o", "-name", "setuptools", ")") == []
    tools = container.execute("sh", "-c", "command -v gcc cc make cargo git npm || echo none")
    assert tools.split() == ["none"]
    assert container.execute("ls", "-A", "/var/task").split() == [
        "LICENSE", "app", "bootstrap", "my_app", "web",
    ]  # fmt: skip
    extensions = ["/opt/extensions/lambda-adapter"] if target == "web-adapter" else []
    assert found("-path", "/opt/extensions/*") == extensions


def test_its_start_compiles_nothing(container: Container, target: str) -> None:
    modules = "app.commands.serve, app.lambda_runtime.runtime, app.main"
    said = container.execute("sh", "-c", f"python -v -c 'import {modules}' 2>&1")

    loaded = [line for line in said.splitlines() if line.startswith("# code object from ")]
    assert len(loaded) > 100
    assert [line for line in loaded if not line.endswith(".pyc'")] == []


def _copy(checkout: Path, folder: Path) -> Path:
    return Path(shutil.copytree(checkout, folder / "clone"))


def test_a_change_of_the_app_leaves_the_packages_as_they_are(
    docker: Docker,
    images: dict[str, str],
    arguments: dict[str, str],
    checkout: Path,
    tmp_path: Path,
) -> None:
    """What is pushed and pulled again is a twentieth."""
    base, stdlib, packages, app = docker.layers(images["runtime"])[:4]
    clone = _copy(checkout, tmp_path)
    with (clone / "app" / "causes.py").open("a") as file:
        file.write("# Changed.\n")

    said = docker.build("deltaline-check:changed", "runtime", arguments, clone)

    *below, changed_app = docker.layers("deltaline-check:changed")[:4]
    assert below == [base, stdlib, packages]
    assert changed_app != app
    assert "pip --python /opt/python/bin/python install" in said
    assert "Successfully installed" not in said


@pytest.mark.parametrize(
    ("hashes", "error"),
    [
        (f"sha256:{'0' * 64}", "DO NOT MATCH THE HASHES"),
        # Not even where the lock has no hashes at all.
        ("", "Hashes are required in --require-hashes mode"),
    ],
)
def test_a_package_that_is_not_the_locked_one_stops_the_build(
    docker: Docker,
    arguments: dict[str, str],
    checkout: Path,
    tmp_path: Path,
    hashes: str,
    error: str,
) -> None:
    clone = _copy(checkout, tmp_path)
    (package,) = re.findall(r"(?m)^idna==.*\n(?: .*\n)+", (clone / "requirements.lock").read_text())
    changed = re.sub(r"sha256:[0-9a-f]{64}", hashes, package)
    lock = changed if hashes else re.sub(r" \\\n    --hash=", "", changed)
    (clone / "requirements.lock").write_text(lock)

    with pytest.raises(DockerError, match=error):
        docker.build("deltaline-check:spoiled", "dependencies", arguments, clone)


def test_the_page_comes_along_if_it_is_asked_for(
    docker: Docker, arguments: dict[str, str], checkout: Path
) -> None:
    if WITH_STAND_INS:
        arguments = {**arguments, "NODE_IMAGE": stand_ins.node_image(docker)}
    tag = "deltaline-check:page"
    docker.build(tag, "runtime", {**arguments, "WEB": "page"}, checkout)
    for variables in ({}, {"CHAT_DIRECT": "true"}):
        with docker.container(tag, CHAT_PROVIDER="scripted", **variables) as container:
            container.wait_until_healthy()
            page = httpx2.get(container.url + "/", timeout=30)
            assets = re.findall(r'(?:src|href)="\.?(/[^"]+\.(?:js|css))"', page.text)
            fetched = [httpx2.get(container.url + path, timeout=30) for path in assets]

        assert page.headers["content-type"].startswith("text/html")
        assert len(fetched) >= 2
        assert {response.status_code for response in fetched} == {200}


def test_no_stage_is_built_that_the_target_does_not_need(
    docker: Docker, arguments: dict[str, str], checkout: Path
) -> None:
    nowhere = {"NODE_IMAGE": "nowhere.invalid/node:1", "ADAPTER_IMAGE": "nowhere.invalid/lwa:1"}

    docker.build("deltaline-check:runtime", "runtime", {**arguments, **nowhere}, checkout)
