"""The ways to find out who asks that are built in, and which of them the settings choose."""

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from starlette.requests import Request

from app.aws.asgi_extensions import DIRECT
from app.errors import Unauthorized
from app.owners.lambda_caller import REQUEST_CONTEXT, caller
from app.requests.bearer import HOW_TO_SEND_IT, SharedTokens, sent_token

# Returns the owner of what is asked for, `""` if everybody is the same; raises a `RequestError`.
Authenticate: TypeAlias = Callable[[Request], Awaitable[str]]

_MAX_NAME_CHARS = 512


def shared(tokens: SharedTokens | None) -> Authenticate:
    """Return who lets everybody in who sends one of the tokens; everybody if there are none."""

    async def authenticate(request: Request) -> str:
        _ask_for(tokens, request)
        return ""

    return authenticate


def on_lambda(tokens: SharedTokens | None) -> Authenticate:
    """Return who takes from Lambda's event whom the front has let in.

    With ``tokens`` one of them is asked for too.
    """

    async def authenticate(request: Request) -> str:
        _ask_for(tokens, request)
        return caller(request.headers.get(REQUEST_CONTEXT))

    return authenticate


def trusted_header(name: str, tokens: SharedTokens | None) -> Authenticate:
    """Return who believes a proxy that says who asks in the header ``name``.

    With ``tokens`` one of them is asked for too, so that nobody gets past the proxy.
    """

    async def authenticate(request: Request) -> str:
        _ask_for(tokens, request)
        said = [value.strip() for value in request.headers.getlist(name)]
        # Two of them: one may be the client's own.
        if len(said) != 1 or not 0 < len(said[0]) <= _MAX_NAME_CHARS:
            raise Unauthorized("Please sign in: the proxy does not say who you are.")
        return said[0]

    return authenticate


def signed_in(
    owner_of: Callable[[str], Awaitable[str]], tokens: SharedTokens | None
) -> Authenticate:
    """Return who asks for a JSON Web Token, or for one of the ``tokens`` instead.

    Args:
        owner_of: returns whom a JSON Web Token stands for.
    """

    async def authenticate(request: Request) -> str:
        token = _sent(request)
        if tokens is not None and tokens.hold(token):
            return ""
        return await owner_of(token)

    return authenticate


def or_direct(authenticate: Authenticate) -> Authenticate:
    """Return ``authenticate`` for all but direct invocations of a Lambda function.

    IAM has admitted whoever invokes it so, and he cannot send headers.
    """

    async def check(request: Request) -> str:
        if DIRECT in request.scope.get("extensions", {}):
            return ""
        return await authenticate(request)

    return check


def _ask_for(tokens: SharedTokens | None, request: Request) -> None:
    if tokens is not None and not tokens.hold(_sent(request)):
        raise Unauthorized(HOW_TO_SEND_IT)


def _sent(request: Request) -> str:
    return sent_token(
        authorization=request.headers.get("authorization", ""),
        x_chat_token=request.headers.get("x-chat-token", ""),
    )
