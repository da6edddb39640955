"""Deltaline as a FastAPI app among others: routes of one's own, and inside another app."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Annotated, Any

import httpx2
import pytest
from fastapi import Depends, FastAPI, HTTPException, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse

from app.errors import ChatError, InvalidJson, ProviderError
from app.main import create_app
from app.scripted_model.control import Control
from app.settings import Settings
from app.turns.running_turns import OnFinish
from tests.chatting import NOWHERE, Broken, Reader, data_body, logged, ui_body
from tests.serving import served

HELLO = data_body("scenario: say text=Hi")


def chat_app(model: str = NOWHERE, on_finish: OnFinish | None = None) -> FastAPI:
    return create_app(
        Settings(openai_base_url=model), schemas={"broken": Broken}, on_finish=on_finish
    )


@contextlib.asynccontextmanager
async def calling(app: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    """Serve ``app`` on a real socket and give a client of it."""
    async with served(app) as url, httpx2.AsyncClient(base_url=url, timeout=15) as http:
        yield http


# ---- routes of one's own in our app -----------------------------------------------------------


@pytest.fixture
def shop() -> FastAPI:
    """Return our app, with the routes of a shop."""
    app = chat_app()

    @app.get("/orders/{number}")
    async def order(number: int) -> dict[str, int]:
        if number == 7:
            raise HTTPException(404, "Order 7 is unknown", headers={"x-shop": "yes"})
        if number == 8:
            raise RuntimeError("out of stock")
        return {"number": number}

    return app


async def test_routes_of_ones_own_keep_their_own_errors(shop: FastAPI) -> None:
    async with calling(shop) as http:
        found = await http.get("/orders/1")
        unknown = await http.get("/orders/7")
        invalid = await http.get("/orders/seven")
        wrong_method = await http.post("/orders/1")

    assert found.json() == {"number": 1}
    assert (unknown.status_code, unknown.json()) == (404, {"detail": "Order 7 is unknown"})
    assert unknown.headers["x-shop"] == "yes"
    assert (invalid.status_code, invalid.json()["detail"][0]["loc"]) == (422, ["path", "number"])
    assert (wrong_method.status_code, wrong_method.headers["allow"]) == (405, "GET")
    assert wrong_method.json() == {"detail": "Method Not Allowed"}


async def test_a_defect_in_a_route_of_ones_own_is_left_to_the_server(shop: FastAPI) -> None:
    with logged() as log:
        async with calling(shop) as http:
            response = await http.get("/orders/8")

    assert (response.status_code, response.text) == (500, "Internal Server Error")
    assert not [record for record in log.records if record.name == "deltaline"]


async def test_our_own_routes_and_paths_without_any_answer_in_our_form(shop: FastAPI) -> None:
    async with calling(shop) as http:
        nowhere = await http.get("/nowhere")
        wrong_method = await http.put("/api/chat")

    assert nowhere.json() == {"success": False, "error": "There is nothing at /nowhere."}
    assert wrong_method.json()["error"] == "PUT is not allowed at /api/chat."
    assert wrong_method.headers["allow"] == "GET, POST"


async def test_routes_of_ones_own_have_all_that_fastapi_gives_them() -> None:
    app = chat_app()

    def who() -> str:
        return "nobody"

    @app.get("/me")
    async def me(name: Annotated[str, Depends(who)]) -> str:
        return name

    app.dependency_overrides[who] = lambda: "Ada"

    async with calling(app) as http:
        assert (await http.get("/me")).json() == "Ada"
        paths = (await http.get("/openapi.json")).json()["paths"]
    assert {"/me", "/api/chat"} <= set(paths)


@pytest.mark.parametrize("error_type", [ChatError, InvalidJson])
async def test_a_handler_of_ones_own_for_our_errors_is_used(error_type: type[Exception]) -> None:
    app = chat_app()

    @app.exception_handler(error_type)
    async def handle(_: Request, error: InvalidJson) -> Response:
        return PlainTextResponse(f"mine: {error.public_message}", 418)

    async with calling(app) as http:
        response = await http.post("/api/chat", content=b"{nope")

    assert response.status_code == 418
    assert response.text.startswith("mine: The request body is not valid JSON")


# ---- our app inside another --------------------------------------------------------------------


async def test_an_included_router_asks_the_outer_dependencies_first(
    model: str, control: Control
) -> None:
    async def guard(request: Request) -> None:
        if request.headers.get("x-key") != "open sesame":
            raise HTTPException(403, "Closed")

    outer = FastAPI()
    outer.include_router(chat_app(model).router, prefix="/ai", dependencies=[Depends(guard)])

    async with calling(outer) as http:
        refused = await http.post("/ai/api/chat", content=b"{nope")
        asked_before = len(control.requests)
        admitted = await http.post("/ai/api/chat", json=HELLO, headers={"x-key": "open sesame"})
        outer.dependency_overrides[guard] = lambda: None
        overridden = await http.post("/ai/api/chat", json=HELLO)

    assert (refused.status_code, refused.json()) == (403, {"detail": "Closed"})
    assert asked_before == 0
    assert '0:"Hi"' in admitted.text
    assert '0:"Hi"' in overridden.text


async def test_dependencies_of_the_outer_app_itself_are_asked_too(model: str) -> None:
    asked: list[str] = []

    async def note(request: Request) -> AsyncIterator[None]:
        asked.append(request.url.path)
        yield
        asked.append("done")

    outer = FastAPI(dependencies=[Depends(note)])
    outer.include_router(chat_app(model).router)

    async with calling(outer) as http:
        await http.post("/api/chat", json=HELLO)

    assert asked == ["/api/chat", "done"]


async def test_an_included_router_answers_errors_in_our_form() -> None:
    outer = FastAPI()
    outer.include_router(chat_app().router, prefix="/ai")

    async with calling(outer) as http:
        bad = await http.post("/ai/api/chat", content=b"{nope", headers={"x-request-id": "r1"})
        failed = await http.post("/ai/api/chat", json=HELLO)
        defect = await http.post("/ai/api/object/broken", json="x")
        nowhere = await http.get("/nowhere")

    assert (bad.status_code, bad.json()["success"], bad.headers["x-request-id"]) == (
        400,
        False,
        "r1",
    )
    assert failed.status_code == 502
    assert (defect.status_code, defect.json()["error"]) == (500, ChatError.public_message)
    assert nowhere.json() == {"detail": "Not Found"}


async def test_handlers_of_the_outer_app_are_used(model: str) -> None:
    outer = FastAPI()
    outer.include_router(chat_app(NOWHERE).router)

    @outer.exception_handler(ProviderError)
    async def provider_error(_: Request, error: ProviderError) -> Response:
        return JSONResponse({"mine": error.code}, 503)

    @outer.exception_handler(RuntimeError)
    async def defect(_: Request, error: RuntimeError) -> Response:
        return PlainTextResponse("mine", 500)

    async with calling(outer) as http:
        failed = await http.post("/api/chat", json=HELLO)
        broken = await http.post("/api/object/broken", json="x")
        bad = await http.post("/api/chat", content=b"{nope")

    assert (failed.status_code, failed.json()) == (503, {"mine": "provider_unreachable"})
    assert (broken.status_code, broken.text) == (500, "mine")
    assert bad.json()["success"] is False  # nobody else handles it


async def test_a_turn_streams_through_the_outer_apps_middleware(
    model: str, control: Control
) -> None:
    outer = FastAPI()

    @outer.middleware("http")
    async def stamp(request: Request, call_next: Any) -> Response:
        response: Response = await call_next(request)
        response.headers["x-stamp"] = "outer"
        return response

    outer.include_router(chat_app(model).router)
    body = ui_body("scenario: stall after=2 gate=never")

    async with calling(outer) as http:
        async with http.stream("POST", "/api/chat", json=body) as response:
            seen = await Reader(response).until(b"word1")
        # The client has left in mid-stream: the middleware passes that on too.
        await control.client_left()

    assert response.headers["x-stamp"] == "outer"
    assert b"word0" in seen


async def test_the_lifespan_of_an_included_router_runs_with_the_outer_one(model: str) -> None:
    happened: list[str] = []

    async def store(*_: object) -> None:
        await asyncio.sleep(0)  # only a lifespan that runs waits for this
        happened.append("stored")

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        happened.append("outer begins")
        yield
        happened.append("outer ends")

    outer = FastAPI(lifespan=lifespan)
    outer.include_router(chat_app(model, store).router)

    with logged() as log:
        async with calling(outer) as http:
            await http.post("/api/chat", json=HELLO)

    assert happened[0] == "outer begins"
    assert set(happened) == {"outer begins", "stored", "outer ends"}
    assert not [record for record in log.records if "lifespan" in record.getMessage()]


async def test_a_mounted_app_says_once_that_its_lifespan_does_not_run(model: str) -> None:
    inner = chat_app(model)
    outer = FastAPI()
    outer.mount("/ai", inner)

    with logged() as log:
        async with calling(outer) as http:
            answers = [await http.post("/ai/api/chat", json=HELLO) for _ in range(2)]

    assert ['0:"Hi"' in answer.text for answer in answers] == [True, True]
    warned = [record for record in log.records if "lifespan" in record.getMessage()]
    assert len(warned) == 1
    assert "include_router" in warned[0].getMessage()


async def test_a_mounted_app_is_closed_if_the_outer_lifespan_enters_its_own(model: str) -> None:
    stored = asyncio.Event()

    async def store(*_: object) -> None:
        await asyncio.sleep(0)
        stored.set()

    inner = chat_app(model, store)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with inner.router.lifespan_context(inner):
            yield

    outer = FastAPI(lifespan=lifespan)
    outer.mount("/ai", inner)

    with logged() as log:
        async with calling(outer) as http:
            answer = await http.post("/ai/api/chat", json=HELLO)

    assert '0:"Hi"' in answer.text
    assert stored.is_set()
    assert not [record for record in log.records if "lifespan" in record.getMessage()]


async def test_the_documentation_of_the_outer_app_has_our_routes() -> None:
    outer = FastAPI()
    outer.include_router(chat_app().router, prefix="/ai")

    async with calling(outer) as http:
        paths = (await http.get("/openapi.json")).json()["paths"]

    assert {"/ai/api/chat", "/ai/api/completion", "/ai/health"} <= set(paths)
