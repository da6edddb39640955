"""The backend that serves the page: our app in front of a scripted model."""

import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec

from app.main import create_app
from app.scripted_model.control import Control
from app.scripted_model.serving import serve_scripted
from app.settings import Settings
from app.store.store import Store
from app.tools import Tool
from app.tools.loading import EXAMPLES
from tests.serving import served


class Site(msgspec.Struct, frozen=True):
    """A running backend. ``model`` is the base URL of its model, ``control`` watches that."""

    url: str
    model: str
    control: Control


@contextlib.asynccontextmanager
async def site(*, delay_s: float = 0.002) -> AsyncIterator[Site]:
    """Serve the page, the app with the example tools, and a model of its own."""
    control = Control()
    async with (
        serve_scripted(control, delay_s=delay_s) as model,
        backend(model) as url,
    ):
        yield Site(url, model, control)


@contextlib.asynccontextmanager
async def backend(
    model: str, *, app_store: Store | None = None, app_tools: Sequence[Tool] = (), **more: Any
) -> AsyncIterator[str]:
    """Serve the app on a port, and so an origin, of its own; gives its URL."""
    settings: dict[str, Any] = {"openai_base_url": model, "tools": tuple(EXAMPLES), **more}
    async with served(create_app(Settings(**settings), store=app_store, tools=app_tools)) as url:
        yield url
