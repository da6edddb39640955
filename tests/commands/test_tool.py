"""``deltaline tool`` in the terminal."""

import asyncio
import json
import sys

import pytest

from app.cli import main
from app.main import create_app
from app.settings import Settings
from app.tools import ToolContext, tool
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
