"""Our results as agents of Solace Agent Mesh read them: by their own model, from their package."""

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path
from types import ModuleType

import pytest

from app.protocols.tool_result import DISPOSITIONS, DataObject, ToolResult, to_json
from app.protocols.tool_result_reader import read_result

_VERSION = "1.28.8"
_CACHE = Path(__file__).parent.parent.parent / ".cache" / f"solace-agent-mesh-{_VERSION}"

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def theirs() -> ModuleType:
    """Return the module of their results alone: the package itself needs half a gigabyte."""
    path = _CACHE / "solace_agent_mesh" / "agent" / "tools" / "tool_result.py"
    if not path.exists():
        uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
        assert uv is not None, "uv is missing"
        _CACHE.parent.mkdir(exist_ok=True)
        # Whole or not at all: other processes run other tests of this file.
        made = tempfile.mkdtemp(dir=_CACHE.parent)
        command = [uv, "pip", "install", "--quiet", "--no-deps", "--target", made]
        subprocess.run([*command, f"solace-agent-mesh=={_VERSION}"], check=True, timeout=90)
        try:
            os.rename(made, _CACHE)
        except OSError:
            shutil.rmtree(made)  # another one was first
    spec = importlib.util.spec_from_file_location("solace_tool_result", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of pydantic, about how they use it
        spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("content", ["text", b"\xff\x00"])
@pytest.mark.parametrize("mime_type", [None, "", "text/csv"])
@pytest.mark.parametrize("disposition", [*sorted(DISPOSITIONS), "elsewhere"])
def test_no_file_is_lost(
    theirs: ModuleType, content: str | bytes, mime_type: str | None, disposition: str
) -> None:
    """What does not fit their model is left out of a result that is read as a success."""
    file = DataObject(name="f", content=content, mime_type=mime_type, disposition=disposition)

    read = theirs.ToolResult.from_serialized(to_json(ToolResult.ok("M", {"n": 1}, [file])))

    assert (read.status, read.message, read.data) == ("success", "M", {"n": 1})
    assert [(item.name, item.content) for item in read.data_objects] == [("f", content)]


@pytest.mark.parametrize(
    "result",
    [
        ToolResult.ok(),
        ToolResult.ok("Done", {"a": [1, None, {"b": "c"}]}),
        ToolResult.error("No.", error_code="X"),
        ToolResult.partial("Half", None, [DataObject(name="a", content="x", preview="p")]),
        ToolResult(status="queued", message="Later"),
    ],
)
def test_a_result_comes_back_from_them_as_it_was(theirs: ModuleType, result: ToolResult) -> None:
    read = theirs.ToolResult.from_serialized(to_json(result))

    again = read_result(read.to_serializable())

    assert to_json(again) == to_json(result)
