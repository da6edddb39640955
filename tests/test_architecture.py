"""The rules of docs/architecture.md that a machine can check."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

APP = Path(__file__).parent.parent / "app"
MODULES = sorted(path.relative_to(APP.parent) for path in APP.rglob("*.py"))

# Events in, bytes out, or the other way round: what one can test without a loop or a socket.
SANS_IO = [
    *("errors.py", "events.py", "grammar.py", "messages.py", "transcript.py"),
    *("openapi.py", "openapi_bodies.py"),
    *("protocols/*.py", "requests/*.py"),
    *(
        f"providers/{name}.py"
        for name in (
            "failures",
            "joining",
            "openai_chat_body",
            "openai_chat_chunks",
            "openai_chat_decoder",
            "openai_responses_body",
            "openai_responses_chunks",
            "openai_responses_decoder",
            "openai_responses_items",
            "retries",
            "sse",
            "tool_calls",
        )
    ),
    *(
        f"providers/scripted/{name}.py"
        for name in ("chat_wire", "conversation", "demo", "directive", "scenarios", "script")
    ),
    *(
        f"aws/{name}.py"
        for name in (
            "event_stream",
            "http_integration",
            "lambda_events",
            "prelude_stripper",
            "sigv4",
        )
    ),
]
IO_PACKAGES = {
    *("aiohttp", "anyio", "asyncio", "boto3", "fastapi", "http", "httpx2", "multiprocessing"),
    *("openai", "os", "pathlib", "requests", "select", "signal", "socket", "ssl", "starlette"),
    *("subprocess", "threading", "tempfile", "uvicorn"),
}

# From the top down; a module may import from its own layer and from those below.
LAYERS = [
    ["app.__main__", "app.cli", "app.commands", "app.aws.emulator", "app.aws.invoke"],
    ["app.serve", "app.aws.runtime", "app.aws.handler_loading"],
    ["app.main"],
    ["app.documentation", "app.lean"],
    ["app.routes", "app.tool_answers", "app.error_answers"],
    ["app.answers"],
    ["app.responses", "app.turns"],
    ["app.live_turn", "app.turn"],
    ["app.step", "app.recipe"],
    ["app.tools"],
    ["app.providers"],
    ["app.transcript"],
    ["app.aws", "app.requests", "app.protocols", "app.openapi", "app.openapi_bodies"],
    ["app.grammar", "app.messages", "app.events", "app.errors", "app.outbox"],
    ["app.metrics"],
    ["app.telemetry"],
]
ENTRY_POINTS = ("app/commands/", "app/aws/emulator/", "app/aws/runtime.py", "app/aws/invoke.py")
# What every AWS SDK takes from the environment by itself: credentials, and Lambda's address.
AWS_ENVIRONMENT = ("app/aws/credentials.py", "app/tools/remote.py")


def _sans_io() -> list[Path]:
    return sorted({path for pattern in SANS_IO for path in APP.glob(pattern)})


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _layer(module: str) -> int | None:
    """Return the number of the layer that names ``module`` or the longest prefix of it."""
    named = [
        (len(name), number)
        for number, names in enumerate(LAYERS)
        for name in names
        if module == name or module.startswith(f"{name}.")
    ]
    return max(named)[1] if named else None


def test_every_pattern_of_the_list_names_a_module() -> None:
    assert [pattern for pattern in SANS_IO if not list(APP.glob(pattern))] == []


@pytest.mark.parametrize("path", _sans_io(), ids=lambda path: str(path.relative_to(APP)))
def test_a_sans_io_module_does_no_io(path: Path) -> None:
    tree = _tree(path)

    assert {name.split(".")[0] for name in _imports(tree)} & IO_PACKAGES == set()
    assert [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.AsyncFunctionDef | ast.Await | ast.AsyncFor | ast.AsyncWith)
    ] == []


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_imports_point_down_only(path: Path) -> None:
    module = ".".join(path.with_suffix("").parts).removesuffix(".__init__")
    own = _layer(module)
    if own is None:
        return  # such as `app.settings`, which knows nobody; see the next test

    upward = {
        name
        for name in _imports(_tree(APP.parent / path))
        if (layer := _layer(name)) is not None and layer < own
    }

    assert upward == set()


def test_every_module_has_its_layer() -> None:
    names = {".".join(path.with_suffix("").parts).removesuffix(".__init__") for path in MODULES}

    assert {name for name in names if _layer(name) is None} == {
        "app",
        "app.http_options",
        "app.incoming",
        "app.objects",
        "app.settings",
    }


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_a_module_has_less_than_300_lines_and_says_what_it_is(path: Path) -> None:
    text = (APP.parent / path).read_text(encoding="utf-8")

    assert len(text.splitlines()) < 300
    assert ast.get_docstring(ast.parse(text)) or not text


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_nothing_is_called_by_a_word_that_says_nothing(path: Path) -> None:
    empty = {"utils", "helpers", "common", "base", "core", "manager", "service"}

    assert empty.isdisjoint({*path.with_suffix("").parts, *path.stem.split("_")})


def test_only_entry_points_read_the_environment() -> None:
    reads = set()
    for path in MODULES:
        for node in ast.walk(_tree(APP.parent / path)):
            names = isinstance(node, ast.Attribute) and node.attr in (
                "environ",
                "environb",
                "getenv",
            )
            if names:
                reads.add(str(path))

    assert {
        path
        for path in reads
        if not path.startswith(("app/settings.py", *ENTRY_POINTS, *AWS_ENVIRONMENT))
    } == set()


def test_only_entry_points_import_the_settings() -> None:
    importing = {
        str(path) for path in MODULES if "app.settings" in set(_imports(_tree(APP.parent / path)))
    }

    assert {
        path
        for path in importing
        if not path.startswith(("app/main.py", "app/serve.py", *ENTRY_POINTS))
    } == set()


def _loaded_by(statement: str) -> set[str]:
    """Return the packages that a new interpreter has loaded after ``statement``."""
    code = f"import sys\n{statement}\nprint(*sys.modules)"
    ran = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=APP.parent
    )
    return set(ran.stdout.split())


@pytest.mark.real
@pytest.mark.timeout(60)
def test_the_server_starts_without_what_only_some_need() -> None:
    loaded = _loaded_by(
        "from app.main import create_app\n"
        "from app.settings import Settings\n"
        "create_app(Settings(openai_api_key='x'))"
    )

    heavy = {"openai", "boto3", "botocore", "sse_starlette", "httpx", "httpx2", "redis", "jinja2"}
    assert loaded & heavy == set()
    assert {name for name in loaded if name.startswith("app.providers.scripted")} == set()
    assert {name for name in loaded if name.startswith("app.aws.emulator")} == set()


@pytest.mark.real
@pytest.mark.timeout(60)
def test_help_does_not_load_the_server() -> None:
    loaded = _loaded_by("import app.cli\ntry: app.cli.main(['--help'])\nexcept SystemExit: pass")

    assert loaded & {"fastapi", "starlette", "uvicorn", "aiohttp", "pydantic"} == set()
