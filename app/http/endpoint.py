"""A route, as whoever makes an app of it has to know it."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal, NamedTuple, TypeAlias

from starlette.requests import Request
from starlette.responses import Response

Serve: TypeAlias = Callable[[Request], Awaitable[Response]]

# The description of a route that is not documented.
HIDDEN: Mapping[str, Any] = {"include_in_schema": False}


class Endpoint(NamedTuple):
    """One route: ``respond`` serves it, and ``description`` is what FastAPI is told about it.

    One that ``is_open`` does not ask who asks.
    """

    path: str
    method: Literal["GET", "HEAD", "POST", "DELETE"]
    respond: Serve
    description: Mapping[str, Any]
    is_open: bool = False
