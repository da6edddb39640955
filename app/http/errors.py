"""Errors before the first byte, as ``{"success": false, "error": "…"}``.

Each of our endpoints makes its own error responses, so that they are the same in whatever app it
is included. The errors of other people's routes are theirs: nothing here touches them.
"""

import functools
import logging
from collections.abc import Awaitable, Callable, Collection, Coroutine
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Match

from app.causes import or_lack_of_descriptors
from app.errors import ChatError
from app.http.admission import request_id
from app.http.responses import failure
from app.telemetry.log import RequestLine, log_request

logger = logging.getLogger("deltaline")


def with_error_responses(
    endpoint: Callable[[Request], Awaitable[Response]],
) -> Callable[[Request], Coroutine[Any, Any, Response]]:
    """Return ``endpoint``, with a response for whatever it raises.

    An app that has a handler of its own for the exception gets it: `ChatError` or a subclass for
    an error of ours, ``Exception`` or 500 for a defect.
    """

    @functools.wraps(endpoint)
    async def respond(request: Request) -> Response:
        try:
            return await endpoint(request)
        except HTTPException:
            raise
        except Exception as met:
            error = or_lack_of_descriptors(met)
            if isinstance(error, ChatError) and error is not met:
                # There was no turn, which would have written the lines.
                logger.warning("a request failed: %s: %s", type(error).__name__, error.log_text)
                line = RequestLine(
                    request_id=request_id(request), status=error.status, error_code=error.code
                )
                log_request(line)
            response = _response_to(error, request)
            if response is not None:
                return response
            if error is met:
                raise
            raise error from met

    return respond


def _response_to(error: Exception, request: Request) -> Response | None:
    """Return the response in our form; ``None`` if the app makes its own."""
    headers = {"x-request-id": request_id(request)}
    if isinstance(error, ChatError):
        known_until = type(error).__mro__.index(ChatError) + 1
        if _is_handled(request, type(error).__mro__[:known_until]):
            return None
        return failure(
            error.public_message, error.status, {**error.headers(), **headers}, **error.details()
        )
    if request.app.debug or _is_handled(request, (500, *type(error).__mro__)):
        return None
    logger.error("a request failed by a defect", exc_info=error)
    return failure(ChatError.public_message, ChatError.status, headers)


def _is_handled(request: Request, keys: Collection[int | type]) -> bool:
    handlers = request.app.exception_handlers
    return any(key in handlers for key in keys)


def add_not_found(app: Starlette, endpoints: Collection[object]) -> None:
    """Let ``app`` say in our form that there is nothing at a path, or nothing for a method.

    Args:
        endpoints: ours. What the routes of others raise gets the response that it had before.
    """
    theirs = app.exception_handlers.get(HTTPException)

    async def http_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        endpoint = request.scope.get("endpoint")
        if endpoint is not None and endpoint not in endpoints:
            if theirs is not None:
                response: Response = await theirs(request, error)
                return response
            return PlainTextResponse(error.detail, error.status_code, error.headers)
        path = request.scope["path"]
        sentences = {
            404: f"There is nothing at {path[:200]}.",
            405: f"{request.method} is not allowed at {path[:200]}.",
        }
        message = sentences.get(error.status_code, str(error.detail))
        headers = {**(error.headers or {}), "x-request-id": request_id(request)}
        if error.status_code == 405:
            # Starlette names the methods of the first route at this path only.
            headers["Allow"] = ", ".join(sorted(_methods(request)))
        return failure(message, error.status_code, headers)

    app.add_exception_handler(HTTPException, http_error)


def _methods(request: Request) -> set[str]:
    """Return the methods that all routes together have for the request's path."""
    return {
        method
        for route in request.app.routes
        if route.matches(request.scope)[0] is not Match.NONE
        for method in getattr(route, "methods", None) or ()
    }
