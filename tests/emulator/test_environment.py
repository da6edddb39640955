"""An environment and its extensions: start, events, shutdown, failures."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from app.aws.event_stream import InvokeComplete
from tests.emulator.emulation import (
    FUNCTIONS,
    INVOKE,
    STREAM,
    emulator,
    events_of,
    post,
)

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]


def install_extension(folder: Path, name: str = "companion") -> tuple[Path, ...]:
    path = folder / name
    shutil.copy(FUNCTIONS / "extension.py", path)
    path.write_text(f"#!{shutil.which('python3')}\n{path.read_text()}")
    path.chmod(0o755)
    return (path,)


async def test_an_extension_gets_its_events_and_says_goodbye(tmp_path: Path) -> None:
    variables = {"EXTENSION_EVENTS": '["INVOKE", "SHUTDOWN"]', "_HANDLER": "x:y"}
    extensions = install_extension(tmp_path)
    async with emulator(extensions=extensions, variables=variables) as running:
        response = await post(running, INVOKE, {"chunks": ["x"]})
        await running.logged("END RequestId")
        second = await post(running, INVOKE, {"chunks": ["y"]})
        await running.logged("END RequestId", 2)

    log = running.log
    assert (response.text, second.text) == ("x", "y")
    known = "{'functionName': 'function', 'functionVersion': '$LATEST', 'handler': 'x:y'}"
    assert f"extension: registered {known}" in log
    assert "extension: telemetry Telemetry.NotSupported" in log
    assert log.count("extension: INVOKE") == 2
    assert "extension: SHUTDOWN spindown" in log
    assert "extension: goodbye" in log


async def test_an_extension_is_told_of_a_time_out(tmp_path: Path) -> None:
    variables = {"EXTENSION_EVENTS": '["SHUTDOWN"]'}
    extensions = install_extension(tmp_path)
    async with emulator(extensions=extensions, variables=variables, timeout_s=0.5) as running:
        events = await events_of(await post(running, STREAM, {"then": "hang"}))
        await running.logged("extension: goodbye")

    assert isinstance(events[-1], InvokeComplete)
    assert events[-1].error_code == "Sandbox.Timedout"
    assert "extension: SHUTDOWN timeout" in running.log


async def test_an_extension_may_poll_for_a_command_that_is_no_runtime(tmp_path: Path) -> None:
    extensions = install_extension(tmp_path, "lambda-adapter")
    web_server = ("sleep", "3600")
    async with emulator(
        web_server, extensions=extensions, variables={"EXTENSION": "polls"}
    ) as running:
        response = await post(running, INVOKE, {"a": 1})

    assert response.json() == {"answered by": "lambda-adapter", "event": {"a": 1}}


@pytest.mark.parametrize(
    ("how", "code"),
    [("dies", "Extension.Crash"), ("init error", "Extension.InitError")],
)
async def test_an_extension_that_fails_fails_the_invocation(
    tmp_path: Path, how: str, code: str
) -> None:
    extensions = install_extension(tmp_path)
    async with emulator(extensions=extensions, variables={"EXTENSION": how}) as running:
        events = await events_of(await post(running, STREAM, {"then": "hang"}))

    assert isinstance(events[-1], InvokeComplete)
    assert events[-1].error_code == code


async def test_an_extension_that_never_registers_is_named(tmp_path: Path) -> None:
    options: dict[str, Any] = {"init_timeout_s": 0.3, "timeout_s": 0.3}
    options["extensions"] = install_extension(tmp_path)
    async with emulator(variables={"EXTENSION": "silent"}, **options) as running:
        events = await events_of(await post(running, STREAM, {}))

    assert isinstance(events[-1], InvokeComplete)
    assert events[-1].error_code == "Sandbox.Timedout"
    assert "these extensions had not asked for an event: companion" in running.log


async def test_an_extension_that_cannot_be_executed_is_named(tmp_path: Path) -> None:
    path = tmp_path / "broken"
    path.write_text("#!/nonexistent/interpreter\n")
    path.chmod(0o755)
    async with emulator(extensions=(path,)) as running:
        events = await events_of(await post(running, STREAM, {}))

    assert isinstance(events[-1], InvokeComplete)
    assert events[-1].error_code == "Extension.LaunchError"
    assert "broken" in (events[-1].error_details or "")
