"""An `authenticate` of the application's own: a plain function, or a dependency of FastAPI.

A plain one takes the request and nothing else, and is called by us. Anything else is a dependency,
with parameters as FastAPI reads them; FastAPI calls it before our endpoint.
"""

import inspect
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypeAlias

from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request

from app.errors import Forbidden, RequestError, Unauthorized
from app.owners.authentication import Authenticate

# Returns the owner; sync or async. Raises `HTTPException` or a `RequestError` for who may not ask.
OwnAuthenticate: TypeAlias = Callable[..., str | Awaitable[str]]

_KINDS: Any = {401: Unauthorized, 403: Forbidden}


def is_plain(own: OwnAuthenticate) -> bool:
    """Return whether ``own`` takes the request and nothing else."""
    parameters = list(inspect.signature(own, eval_str=True).parameters.values())
    if len(parameters) != 1 or parameters[0].default is not parameters[0].empty:
        return False
    kind = parameters[0].annotation
    return kind is inspect.Parameter.empty or (
        inspect.isclass(kind) and issubclass(Request, kind) and issubclass(kind, HTTPConnection)
    )


def plain(own: OwnAuthenticate) -> Authenticate:
    """Return a plain ``own`` as our endpoints call it."""

    async def authenticate(request: Request) -> str:
        try:
            owner = own(request)
            if inspect.isawaitable(owner):
                owner = await owner
        except HTTPException as error:
            raise _ours(error) from error
        return _checked(owner)

    return authenticate


def dependent(own: OwnAuthenticate) -> tuple[Callable[..., Any], Authenticate]:
    """Return a dependency that has FastAPI call ``own``, and who hands over what it returned."""
    from fastapi import Depends

    async def keep(request: Request, owner: Annotated[Any, Depends(own)]) -> None:
        request.state.owner = _checked(owner)

    async def authenticate(request: Request) -> str:
        owner = getattr(request.state, "owner", None)
        if owner is None:
            # `GET /?chatId=` serves the page too, which everybody may see.
            raise Unauthorized("Please ask at /api/chat: nobody is signed in at this address.")
        return str(owner)

    return keep, authenticate


def _ours(error: HTTPException) -> Exception:
    kind: type[RequestError] | None = _KINDS.get(error.status_code)
    return error if kind is None else kind(str(error.detail))


def _checked(owner: object) -> str:
    """Return ``owner`` if it names somebody. That it does not is a defect of the application."""
    if not isinstance(owner, str) or not owner:
        raise TypeError(f"authenticate returned {type(owner).__name__}, not the name of an owner")
    return owner
