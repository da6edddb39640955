"""``GET /api/models``: what a client has to know before it asks."""

from typing import Any

from openai import AsyncOpenAI

from tests.chatting import NOWHERE, chatting, data_body

TOKEN = "correct horse"


async def test_openais_client_lists_the_models_that_a_request_may_name() -> None:
    settings: dict[str, Any] = {"model": "small", "allowed_models": ("large", "big")}
    async with (
        chatting(NOWHERE, **settings, auth_token=TOKEN) as chat,
        AsyncOpenAI(base_url=f"{chat.http.base_url}/api", api_key=TOKEN) as client,
    ):
        models = [model async for model in client.models.list()]

    assert [model.id for model in models] == ["small", "big", "large"]
    assert {(model.object, model.created, model.owned_by) for model in models} == {
        ("model", 0, "deltaline")
    }


async def test_it_says_what_else_a_request_may_hold() -> None:
    async with chatting(NOWHERE, model="small", max_body_bytes=70_000) as chat:
        said = await chat.http.get("/api/models")
        refused = await chat.post(data_body("x" * 70_000))
    async with chatting(NOWHERE, allow_client_system=True) as chat:
        other = (await chat.http.get("/api/models")).json()

    assert said.headers["cache-control"] == "no-store"
    assert {key: value for key, value in said.json().items() if key != "data"} == {
        "object": "list",
        "default": "small",
        "clientSystem": False,
        "maxBodyBytes": 70_000,
    }
    assert [model["id"] for model in said.json()["data"]] == ["small"]
    assert refused.status_code == 413
    assert other["clientSystem"] is True


async def test_each_model_of_the_list_is_accepted(model: str) -> None:
    async with chatting(model, model="small", allowed_models=("large",)) as chat:
        listed = (await chat.http.get("/api/models")).json()["data"]
        statuses = [
            (await chat.post(data_body("Hello", model=one["id"]))).status_code for one in listed
        ]

    assert statuses == [200, 200]


async def test_who_has_no_token_learns_nothing_of_them() -> None:
    async with chatting(NOWHERE, model="small", auth_token=TOKEN) as chat:
        response = await chat.http.get("/api/models")

    assert response.status_code == 401
    assert "small" not in response.text
