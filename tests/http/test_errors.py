"""Errors before the first byte, in one form."""

import errno

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.errors import OutOfDescriptors
from app.http.errors import with_error_responses
from app.main import create_app
from app.settings import Settings
from tests.chatting import NOWHERE, Broken, chatting, logged
from tests.serving import served


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/", "GET, HEAD, POST"),
        ("PUT", "/api/chat", "GET, POST"),
        ("GET", "/events", "POST"),
        ("POST", "/health", "GET"),
        ("GET", "/api/chat/c1/stop", "POST"),
        ("PATCH", "/api/chat/c1/stream", "GET"),
    ],
)
async def test_a_wrong_method_is_405_with_those_that_are_right(
    method: str, path: str, allowed: str
) -> None:
    async with chatting(NOWHERE) as chat:
        response = await chat.http.request(method, path)

    assert response.status_code == 405
    assert response.headers["allow"] == allowed
    assert response.json() == {"success": False, "error": f"{method} is not allowed at {path}."}


@pytest.mark.parametrize("path", ["/nope", "/api", "/api/chat/x/y", "/%00", "/é"])
async def test_an_unknown_path_is_404(path: str) -> None:
    async with chatting(NOWHERE) as chat:
        response = await chat.http.get(path)

    assert response.status_code == 404
    assert response.json()["error"].startswith("There is nothing at /")


async def test_a_defect_is_500_without_details_but_with_cors() -> None:
    app = create_app(Settings(allowed_origins=("https://a.example",)), schemas={"broken": Broken})
    headers = {"x-request-id": "r1", "origin": "https://a.example"}

    with logged() as log:
        async with served(app) as url, httpx2.AsyncClient() as http:
            response = await http.post(f"{url}/api/object/broken", json="x", headers=headers)

    assert response.status_code == 500
    assert response.headers["x-request-id"] == "r1"
    assert response.headers["access-control-allow-origin"] == "https://a.example"
    assert response.json() == {
        "success": False,
        "error": "Something went wrong on the server; please try again.",
    }
    assert any(record.exc_info for record in log.records)


async def test_a_lack_of_descriptors_outside_of_a_turn_is_a_503_and_a_line() -> None:
    async def lacks(_: Request) -> Response:
        raise OSError(errno.EMFILE, "Too many open files", "/etc/passwd")

    app = Starlette(routes=[Route("/", with_error_responses(lacks))])
    with logged() as log:
        transport = httpx2.ASGITransport(app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://x") as http:
            response = await http.get("/")

    assert response.status_code == 503
    assert response.json()["error"] == OutOfDescriptors.public_message
    assert log.requests[0]["error_code"] == "out_of_descriptors"
    assert "/etc" not in "".join(record.getMessage() for record in log.records)
