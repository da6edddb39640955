"""Every error before the first byte, as ``{"success": false, "error": "…"}``."""

from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route

from app.errors import ChatError
from app.http.incoming import request_id
from app.http.responses import failure


def add_error_answers(app: Starlette, routes: Sequence[Route]) -> None:
    """Let ``app`` answer errors so; ``routes`` are those whose methods a 405 names."""

    async def chat_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, ChatError)
        headers = {**error.headers(), "x-request-id": request_id(request)}
        return failure(error.public_message, error.status, headers)

    async def http_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        path = request.scope["path"]
        sentences = {
            404: f"There is nothing at {path[:200]}.",
            405: f"{request.method} is not allowed at {path[:200]}.",
        }
        message = sentences.get(error.status_code, str(error.detail))
        headers = {**(error.headers or {}), "x-request-id": request_id(request)}
        if error.status_code == 405:
            # Starlette names the methods of the first route at this path only.
            headers["Allow"] = ", ".join(sorted(_methods(request, routes)))
        return failure(message, error.status_code, headers)

    async def defect(request: Request, error: Exception) -> Response:
        headers = {"x-request-id": request_id(request)}
        return failure(ChatError.public_message, ChatError.status, headers)

    app.add_exception_handler(ChatError, chat_error)
    app.add_exception_handler(HTTPException, http_error)
    app.add_exception_handler(Exception, defect)


def _methods(request: Request, routes: Sequence[Route]) -> set[str]:
    return {
        method
        for route in routes
        if route.matches(request.scope)[0] is not Match.NONE
        for method in route.methods or ()
    }
