import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from app.lambda_runtime.asgi_call import AsgiHandler
from app.lambda_runtime.handler_loading import HandlerNotFound, load_handler
from app.lambda_runtime.lambda_call import FunctionConfig
from app.lambda_runtime.plain_handler import PlainHandler

_CONFIG = FunctionConfig()
_SOURCE = """
    from types import SimpleNamespace
    from starlette.applications import Starlette

    app = Starlette()
    inner = SimpleNamespace(app=app)

    def create_app(settings=None, *, on_finish=None):
        return app

    class App:
        async def __call__(self, scope, receive, send): ...

    def handler(event, context):
        yield b"x"

    def lenient(event=None, context=None): ...

    def nonsense(a): ...

    def makes_nonsense():
        return 5

    number = 5
"""


@pytest.fixture(autouse=True)
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "loading"
    folder.mkdir()
    (folder / "shapes.py").write_text(textwrap.dedent(_SOURCE))
    (folder / "broken.py").write_text("import no_such_package\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in [name for name in sys.modules if name.partition(".")[0] == "loading"]:
        monkeypatch.delitem(sys.modules, name)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("loading.shapes:app", AsgiHandler),
        ("loading.shapes:inner.app", AsgiHandler),
        ("loading.shapes:create_app", AsgiHandler),
        ("loading.shapes:App", AsgiHandler),
        ("loading.shapes.app", AsgiHandler),
        ("loading.shapes.handler", PlainHandler),
        ("loading/shapes.handler", PlainHandler),
        ("loading.shapes:handler", PlainHandler),
        ("loading.shapes.lenient", PlainHandler),
    ],
)
def test_a_name_becomes_the_handler_that_it_means(name: str, kind: type[Any]) -> None:
    assert isinstance(load_handler(name, _CONFIG), kind)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "it must be like"),
        ("handler", "it must be like"),
        ("loading.shapes:", "it must be like"),
        ("loading.shape.handler", "no module loading.shape "),
        ("nowhere:app", "no module nowhere "),
        ("loading.shapes.missing", "loading.shapes has no missing"),
        ("loading.shapes:nonsense", "is neither"),
        ("loading.shapes:makes_nonsense", "is neither"),
        ("loading.shapes:number", "is neither"),
    ],
)
def test_a_name_that_means_no_handler_is_refused_with_a_reason(name: str, reason: str) -> None:
    with pytest.raises(HandlerNotFound, match=reason):
        load_handler(name, _CONFIG)


def test_a_package_that_the_handler_misses_is_named_by_python() -> None:
    with pytest.raises(ModuleNotFoundError, match="no_such_package"):
        load_handler("loading.broken:app", _CONFIG)
