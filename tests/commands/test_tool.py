"""``deltaline tool`` in the terminal."""

import asyncio
import json
import sys
from pathlib import Path

import pytest

from app.cli import main
from app.main import create_app
from app.settings import Settings
from app.tools import ToolContext, tool
from tests.mcp import real
from tests.serving import served


@tool
async def count(to: int, ctx: ToolContext) -> dict[str, int]:
    """Count."""
    for number in range(1, to + 1):
        ctx.send_status(f"At {number}")
    return {"counted": to}


def test_statuses_go_to_standard_error_and_the_result_to_standard_output(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHAT_TOOL_MODULES", __name__)

    status = main(["tool", "count", "--args", '{"to": 2}'])

    out, err = capsys.readouterr()
    assert status == 0
    assert err.splitlines() == ["At 1", "At 2"]
    assert json.loads(out)["data"] == {"counted": 2}


def test_a_tool_that_fails_ends_with_status_1(capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["tool", "get_weather", "--args", '{"city": 5}'])

    assert status == 1
    assert json.loads(capsys.readouterr().out)["error_code"] == "INVALID_ARGUMENTS"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nope"], "There is no tool 'nope'"),
        (["get_location"], "The tool 'get_location' runs in the chat client, not here."),
    ],
)
def test_a_tool_that_cannot_run_here_is_refused_in_a_sentence(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status = main(["tool", *arguments])

    assert status == 2
    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize("text", ["x", "[1]"])
def test_arguments_have_to_be_a_json_object(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["tool", "get_weather", "--args", text])

    assert caught.value.code == 2
    assert "argument --args" in capsys.readouterr().err


def test_a_tool_that_only_the_app_of_chat_app_has_is_listed_and_runs(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHAT_APP", "tests.commands.own_apps:two_with_tools")
    monkeypatch.setenv("CHAT_TOOL_MODULES", __name__)

    statuses = [main(["tool"]), main(["tool", "find_order", "--args", '{"number": 7}'])]
    found = capsys.readouterr().out
    missing = main(["tool", "nope"])

    assert (statuses, missing) == ([0, 0], 2)
    assert [name for name in ("count  Count.", "find_order  Look", "press") if name in found] == [
        "count  Count.",
        "find_order  Look",
        "press",
    ]
    assert json.loads(found[found.index("{") :])["data"] == {"result": "order 7"}


def test_an_app_of_chat_app_that_cannot_be_made_is_said_in_a_sentence(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHAT_APP", "tests.commands.own_apps:failing")

    status = main(["tool", "find_order"])

    assert status == 2
    assert "deltaline: CHAT_APP is tests.commands.own_apps:failing, " in capsys.readouterr().err


async def test_a_remote_tool_reports_from_where_it_runs() -> None:
    app = create_app(Settings(provider="scripted"), tools=[count])
    async with served(app) as url:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "app", "tool", "count", "--args", '{"to": 2}'),
            *("--url", f"{url}/api/tools/count"),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()

    assert err.decode().splitlines() == ["Tool execution started", "At 1", "At 2"]
    assert json.loads(out)["data"] == {"counted": 2}


def test_without_a_name_the_tools_are_listed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHAT_TOOL_MODULES", __name__)

    assert main(["tool"]) == 0

    out, _ = capsys.readouterr()
    assert "count  Count." in out.splitlines()
    assert any(line.startswith("get_weather  ") for line in out.splitlines())
    assert any(
        line.startswith("get_location (runs in the chat client)  ") for line in out.splitlines()
    )


def test_there_is_no_list_of_the_tools_elsewhere(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tool", "--url", "https://host/"]) == 2

    assert "Name the tool" in capsys.readouterr().err


@pytest.fixture
def mcp_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of two real servers: one of the Python package, and one that cannot be started."""
    pytest.importorskip("mcp")
    address = real.growing().address
    program, *arguments = address.command
    described = {
        "command": program,
        "args": arguments,
        "cwd": address.cwd,
        "env": dict(address.env),
    }
    file = tmp_path / "servers.json"
    broken = {"command": str(tmp_path / "no-such-program")}
    file.write_text(json.dumps({"mcpServers": {"growing": described, "broken": broken}}))
    monkeypatch.setenv("CHAT_MCP_SERVERS", str(file))
    return file


@pytest.mark.usefixtures("mcp_file")
@pytest.mark.timeout(120)
def test_the_tools_of_mcp_servers_are_listed_and_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tool"]) == 0
    listed = capsys.readouterr().out.splitlines()
    assert "growing_grow  Add a tool." in listed
    assert any(line.startswith("get_weather  ") for line in listed)

    assert main(["tool", "growing_huge", "--args", '{"count": 3}']) == 0
    assert "xxx" in json.dumps(json.loads(capsys.readouterr().out))

    assert main(["tool", "growing_huge", "--args", '{"count": "many"}']) == 1
    assert json.loads(capsys.readouterr().out)["status"] == "error"

    assert main(["tool", "growing_nope"]) == 2
    assert "There is no tool 'growing_nope'; the tools are: " in (told := capsys.readouterr().err)
    assert "growing_grow" in told


def test_a_tool_of_ours_waits_for_no_server(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = tmp_path / "started"
    file = tmp_path / "servers.json"
    program = {"command": "touch", "args": [str(started)]}
    file.write_text(json.dumps({"mcpServers": {"files": program}}))
    monkeypatch.setenv("CHAT_MCP_SERVERS", str(file))

    assert main(["tool", "get_weather", "--args", '{"city": "Oslo"}']) == 0

    assert json.loads(capsys.readouterr().out)["status"] == "success"
    assert not started.exists()


def test_a_file_of_servers_that_cannot_be_read_is_a_complaint(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHAT_MCP_SERVERS", "/nowhere/servers.json")

    assert main(["tool"]) == 2

    assert "CHAT_MCP_SERVERS names /nowhere/servers.json" in capsys.readouterr().err
