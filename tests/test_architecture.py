"""The rules of docs/architecture.md that a machine can check."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sans_io import OWN_TESTS, TESTED_ELSEWHERE, mirror

APP = Path(__file__).parent.parent / "app"
MODULES = sorted(path.relative_to(APP.parent) for path in APP.rglob("*.py"))

IO_PACKAGES = {
    *("aiohttp", "anyio", "asyncio", "boto3", "fastapi", "http", "httpx2", "multiprocessing"),
    *("openai", "os", "pathlib", "requests", "select", "signal", "socket", "sqlite3", "ssl"),
    *("starlette", "subprocess", "threading", "tempfile", "uvicorn"),
}

# From the top down, packages and the modules beside them. A module may import from its own package
# and from what stands below it, nothing from beside it.
LAYERS = [
    ["app.__main__"],
    ["app.cli"],
    ["app.commands"],
    ["app.main"],
    ["app.setup"],
    ["app.http", "app.emulator", "app.lambda_runtime", "app.examples", "app.scripted_model"],
    ["app.workers"],
    ["app.telemetry", "app.limits"],
    ["app.turns"],
    ["app.mcp"],
    ["app.tools"],
    ["app.chats"],
    ["app.store"],
    ["app.providers"],
    ["app.owners"],
    ["app.requests", "app.protocols", "app.aws"],
    ["app.tracing"],
    ["app.grammar", "app.messages"],
    [
        *("app.at_once", "app.callables", "app.cancelling", "app.causes", "app.content_coding"),
        *("app.events", "app.forbidden_keys", "app.growing_text", "app.peer_http", "app.received"),
        *("app.seldom_warning", "app.settings", "app.threads"),
    ],
    ["app.errors", "app.known_secrets", "app.setting_checks", "app.setting_kinds"],
]
ENTRY_POINTS = ("app/commands/", "app/emulator/", "app/lambda_runtime/runtime.py")
# What tracing libraries of the handler read there.
TRACE_ENVIRONMENT = ("app/lambda_runtime/invocation_loops.py",)
# What every AWS SDK takes from the environment by itself: credentials, regions and addresses.
AWS_ENVIRONMENT = ("app/aws/credentials.py", "app/aws/endpoint.py", "app/tools/remote.py")
# What every program that OpenTelemetry watches takes from there.
OTEL_ENVIRONMENT = ("app/setup/telemetry.py",)
# What every HTTP client takes from there.
PROXY_ENVIRONMENT = ("app/providers/openers/proxy_environment.py",)


def _module(path: Path) -> str:
    """Return the dotted name of ``app/….py``."""
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


def _below_app(path: Path) -> str:
    """Return ``turns/step`` for ``app/turns/step.py``."""
    return path.relative_to("app").with_suffix("").as_posix()


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _place(module: str) -> tuple[str, int]:
    """Return the name in `LAYERS` that ``module`` belongs to, and the number of its layer."""
    package = ".".join(module.split(".")[:2])
    for number, names in enumerate(LAYERS):
        if package in names:
            return package, number
    raise AssertionError(f"{module} has no layer")


@pytest.mark.parametrize("module", OWN_TESTS)
def test_a_sans_io_module_does_no_io(module: str) -> None:
    tree = _tree(APP / f"{module}.py")

    assert {name.split(".")[0] for name in _imports(tree)} & IO_PACKAGES == set()
    assert [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.AsyncFunctionDef | ast.Await | ast.AsyncFor | ast.AsyncWith)
    ] == []


def _does_io(tree: ast.Module) -> bool:
    return bool({name.split(".")[0] for name in _imports(tree)} & IO_PACKAGES) or any(
        isinstance(node, ast.AsyncFunctionDef | ast.Await | ast.AsyncFor | ast.AsyncWith)
        for node in ast.walk(tree)
    )


def _has_code(tree: ast.Module) -> bool:
    """Return whether there is a function with more than a docstring or an ellipsis."""
    return any(
        isinstance(node, ast.FunctionDef)
        and any(not isinstance(line, ast.Expr) for line in node.body)
        for node in ast.walk(tree)
    )


def test_each_module_that_does_no_io_is_in_the_table() -> None:
    trees = {_below_app(path): _tree(APP.parent / path) for path in MODULES}
    pure = {
        name
        for name, tree in trees.items()
        # What reads the settings builds the parts that do I/O.
        if _has_code(tree) and not _does_io(tree) and "app.settings" not in set(_imports(tree))
    }

    assert pure - set(OWN_TESTS) == set()
    assert set(OWN_TESTS) - set(trees) == set()


def test_tests_mirror_the_modules() -> None:
    modules = {_below_app(path) for path in MODULES if path.name != "__init__.py"}

    without = {module for module in modules if not mirror(module).exists()}

    assert without == set(TESTED_ELSEWHERE)
    assert [
        test for test in TESTED_ELSEWHERE.values() if not (APP.parent / "tests" / test).exists()
    ] == []


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_imports_point_down_only(path: Path) -> None:
    module = _module(path)
    if module == "app":
        return  # the version, which anybody may read
    own, layer = _place(module)

    wrong = {
        name
        for name in _imports(_tree(APP.parent / path))
        if name.startswith("app.") and not name.startswith("app.__version__")
        for package, number in [_place(name)]
        if package != own and number <= layer
    }

    assert wrong == set()


def test_the_house_is_drawn_as_it_is() -> None:
    page = (APP.parent / "docs" / "architecture.md").read_text(encoding="utf-8")
    _, _, drawing = page.partition("## The house\n")[2].partition("```\n")
    rows = drawing.partition("```")[0].splitlines()
    # Two blanks stand between the names of a row, more before what it says about them.
    drawn = [f"app.{name.rstrip('/')}" for row in rows for name in row.split("   ")[0].split()]

    layers = [_place(name)[1] for name in drawn]

    assert layers == sorted(layers)
    assert sorted(drawn) == sorted(name for names in LAYERS for name in names)


def test_the_package_imports_nothing_that_is_not_installed_with_it() -> None:
    folders = {"bench", "examples", "infra", "tests"}

    assert {
        f"{path}: {name}"
        for path in MODULES
        for name in _imports(_tree(APP.parent / path))
        if name.split(".")[0] in folders
    } == set()


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
        if not path.startswith(
            (
                "app/settings.py",
                *ENTRY_POINTS,
                *AWS_ENVIRONMENT,
                *OTEL_ENVIRONMENT,
                *TRACE_ENVIRONMENT,
                *PROXY_ENVIRONMENT,
            )
        )
    } == set()


def test_only_entry_points_import_the_settings() -> None:
    importing = {
        str(path) for path in MODULES if "app.settings" in set(_imports(_tree(APP.parent / path)))
    }

    assert {
        path
        for path in importing
        if not path.startswith(("app/main.py", "app/setup/", *ENTRY_POINTS))
    } == set()


def _loaded_by(statement: str) -> set[str]:
    """Return the packages that a new interpreter has loaded after ``statement``."""
    code = f"import sys\n{statement}\nprint(*sys.modules)"
    ran = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=APP.parent
    )
    return set(ran.stdout.split())


@pytest.mark.real
@pytest.mark.timeout(180)
def test_the_server_starts_without_what_only_some_need() -> None:
    loaded = _loaded_by(
        "from app.main import create_app\n"
        "from app.settings import Settings\n"
        "create_app(Settings(openai_api_key='x'))"
    )

    heavy = {
        "aiohttp",
        "openai",
        "boto3",
        "botocore",
        "sse_starlette",
        "httpx",
        "httpx2",
        "redis",
        "jinja2",
    }
    assert loaded & heavy == set()
    assert {name for name in loaded if name.startswith("app.scripted_model")} == set()
    assert {name for name in loaded if name.startswith("app.emulator")} == set()


@pytest.mark.real
@pytest.mark.timeout(180)
def test_help_does_not_load_the_server() -> None:
    loaded = _loaded_by("import app.cli\ntry: app.cli.main(['--help'])\nexcept SystemExit: pass")

    assert loaded & {"fastapi", "starlette", "uvicorn", "aiohttp", "pydantic"} == set()
