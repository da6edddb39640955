"""`create_app(authenticate=…)`: who asks is the application's to find out."""

from typing import Annotated, Any

import httpx2
import pytest
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import OAuth2PasswordBearer
from starlette.requests import Request

from app.errors import Forbidden
from app.http.own_authentication import is_plain
from app.main import create_app, create_lean_app
from app.settings import Settings
from tests.chatting import NOWHERE, chatting, data_body, logged
from tests.http.test_admission import PROTECTED
from tests.serving import served

SAY_HI = data_body("scenario: say text='Hi there.'")


def _named(request: Request) -> str:
    name = request.headers.get("x-name")
    if name is None:
        raise HTTPException(401, "Who are you?")
    if name == "eve":
        raise HTTPException(403, "Not you.")
    if name == "mallory":
        raise Forbidden("Nor you.")
    if name == "busy":
        raise HTTPException(429, "Later.")
    return name


async def _named_later(request: Request) -> str:
    return _named(request)


def _from_a_token(
    token: Annotated[str, Depends(OAuth2PasswordBearer("login"))], plan: str = "free"
) -> str:
    if token == "bad":
        raise HTTPException(403, "Not with this one.")
    if token == "worse":
        raise Forbidden("Nor with this one.")
    return f"{plan}:{token}"


WAYS = [_named, _named_later]


@pytest.mark.parametrize("authenticate", WAYS)
@pytest.mark.parametrize(
    ("name", "status", "sentence"),
    [
        (None, 401, "Who are you?"),
        ("eve", 403, "Not you."),
        ("mallory", 403, "Nor you."),
        ("busy", 429, "Later."),
    ],
)
async def test_who_may_not_ask_is_told_so_at_every_route(
    authenticate: Any, name: str | None, status: int, sentence: str
) -> None:
    async with chatting(NOWHERE, authenticate=authenticate, store="memory") as chat:
        for method, path in PROTECTED:
            headers = {} if name is None else {"x-name": name}
            response = await chat.http.request(method, path, headers=headers)

            assert (path, response.status_code) == (path, status)
            assert response.json() == {"success": False, "error": sentence}


async def test_a_dependency_is_asked_at_every_route() -> None:
    async with chatting(NOWHERE, authenticate=_from_a_token, store="memory") as chat:
        for method, path in PROTECTED:
            for token, status in ((None, 401), ("bad", 403), ("worse", 403)):
                headers = {} if token is None else {"authorization": f"Bearer {token}"}
                response = await chat.http.request(method, path, headers=headers)
                # This address is the page's too, which everybody may see.
                expected = 401 if path == "/?chatId=c1" else status

                assert (path, response.status_code) == (path, expected)
                assert response.json()["success"] is False


@pytest.mark.parametrize("path", ["/health", "/", "/openapi.json", "/docs"])
@pytest.mark.parametrize("authenticate", [*WAYS, _from_a_token])
async def test_what_says_nothing_of_anybody_is_open(authenticate: Any, path: str) -> None:
    async with chatting(NOWHERE, authenticate=authenticate) as chat:
        response = await chat.http.get(path)

    assert response.status_code == 200


async def test_the_owner_is_in_the_log_but_not_his_name(model: str) -> None:
    with logged() as log:
        async with chatting(model, authenticate=_named) as chat:
            for name in ("ada", "ada", "bob"):
                await chat.post(SAY_HI, headers={"x-name": name})

    marks = [line["owner"] for line in log.requests]
    assert marks[0] == marks[1] != marks[2]
    assert not {"ada", "bob"} & {str(value) for line in log.requests for value in line.values()}


@pytest.mark.parametrize("returned", [None, "", 5, b"ada"])
async def test_an_owner_without_a_name_is_a_defect(returned: object) -> None:
    def authenticate(request: Request) -> Any:
        return returned

    async with chatting(NOWHERE, authenticate=authenticate) as chat:
        response = await chat.post(SAY_HI)

    assert response.status_code == 500
    assert "ada" not in response.text


async def test_the_settings_are_not_asked_besides(model: str) -> None:
    async with chatting(model, authenticate=_named, auth_token="other") as chat:
        response = await chat.post(SAY_HI, headers={"x-name": "ada"})

    assert response.status_code == 200


async def test_a_dependency_is_overridden_as_any_other(model: str) -> None:
    app = create_app(Settings(openai_base_url=model), authenticate=_from_a_token)
    app.dependency_overrides[_from_a_token] = lambda: "ada"
    async with served(app) as url, httpx2.AsyncClient(base_url=url) as http:
        response = await http.post("/api/chat", json=SAY_HI)

    assert response.status_code == 200


@pytest.mark.parametrize("authenticate", [_named, _from_a_token])
async def test_it_is_asked_inside_another_app_too(model: str, authenticate: Any) -> None:
    inner = create_app(Settings(openai_base_url=model), authenticate=authenticate)
    app = FastAPI()
    app.include_router(inner.router)
    async with served(app) as url, httpx2.AsyncClient(base_url=url) as http:
        headers = {"x-name": "ada", "authorization": "Bearer ada"}
        allowed = await http.post("/api/chat", json=SAY_HI, headers=headers)
        refused = await http.post("/api/chat", json=SAY_HI)

    assert (allowed.status_code, refused.status_code) == (200, 401)


def test_an_app_without_fastapi_calls_no_dependency() -> None:
    settings = Settings(openai_base_url=NOWHERE)
    create_lean_app(settings, authenticate=_named)

    with pytest.raises(TypeError, match="authenticate has to take the request alone"):
        create_lean_app(settings, authenticate=_from_a_token)


def test_a_plain_function_takes_the_request_alone() -> None:
    class Callable:
        async def __call__(self, request: Request) -> str:
            return "ada"

    def with_default(request: Request, plan: str = "free") -> str:
        return plan

    def named_otherwise(token: str) -> str:
        return token

    plain = (_named, _named_later, Callable(), lambda request: "ada")
    others = (_from_a_token, with_default, named_otherwise, lambda: "ada")
    assert [is_plain(way) for way in plain] == [True] * 4
    assert [is_plain(way) for way in others] == [False] * 4
