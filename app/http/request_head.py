"""What stands before the body of a request, read without the objects that Starlette makes of it."""

from starlette.datastructures import QueryParams
from starlette.requests import Request

_NO_QUERY = QueryParams()


def header(request: Request, name: bytes) -> str | None:
    """Return the first header called ``name``, which is in lower case."""
    for known, value in request.scope["headers"]:
        if known == name:
            text: str = value.decode("latin-1")
            return text
    return None


def query(request: Request) -> QueryParams:
    """Return the query string; most requests have none."""
    return request.query_params if request.scope.get("query_string") else _NO_QUERY
