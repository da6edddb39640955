"""`create_app(limit=…)`: plans, models, and whatever an application limits by itself."""

from typing import Any

import pytest
from fastapi import HTTPException
from starlette.requests import Request

from app.limits.limits import LimitRequest, Limits
from tests.chatting import chatting, data_body, logged

SAY_HI = "scenario: say text='Hi there.'"
PLANS = {"free": Limits(turns_per_minute=1), "pro": Limits(turns_per_minute=3)}


def _named(request: Request) -> str:
    request.state.plan = request.headers.get("x-plan", "free")
    return request.headers.get("x-name", "ada")


def by_plan(asked: LimitRequest) -> Limits | None:
    plan: str = asked.request.state.plan
    if plan == "free" and asked.model == "gpt-4o":
        raise HTTPException(403, "Your plan has no gpt-4o; please choose another model.")
    return PLANS.get(plan)


async def by_plan_later(asked: LimitRequest) -> Limits | None:
    return by_plan(asked)


async def _statuses(chat: Any, times: int, **headers: str) -> list[int]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return [(await chat.post(data_body(SAY_HI), headers=named)).status_code for _ in range(times)]


@pytest.mark.parametrize("rule", [by_plan, by_plan_later])
async def test_a_rule_says_the_limits_of_who_asks(model: str, rule: Any) -> None:
    async with chatting(model, authenticate=_named, limit=rule, turns_per_minute=2) as chat:
        assert await _statuses(chat, 2) == [200, 429]
        assert await _statuses(chat, 4, x_name="bob", x_plan="pro") == [200, 200, 200, 429]
        # None: those of the settings.
        assert await _statuses(chat, 3, x_name="eve", x_plan="trial") == [200, 200, 429]
        me = await chat.http.get("/api/me", headers={"x-name": "bob", "x-plan": "pro"})

    assert me.json()["limits"]["turnsPerMinute"]["limit"] == 3


async def test_a_rule_may_refuse_a_model(model: str) -> None:
    models: dict[str, Any] = {"model": "gpt-4o-mini", "allowed_models": ("gpt-4o",)}
    with logged() as log:
        async with chatting(model, authenticate=_named, limit=by_plan, **models) as chat:
            refused = await chat.post(data_body(SAY_HI, model="gpt-4o"))
            admitted = await chat.post(data_body(SAY_HI, model="gpt-4o-mini"))
            me = await chat.http.get("/api/me", params={"model": "gpt-4o"})
        line = await log.request()

    assert refused.status_code == me.status_code == 403
    assert refused.json() == {
        "success": False,
        "error": "Your plan has no gpt-4o; please choose another model.",
    }
    assert (line["status"], line["error_code"]) == (403, "forbidden")
    assert admitted.status_code == 200


@pytest.mark.parametrize(
    ("headers", "expected"),
    [({"Retry-After": "30"}, 30), ({"Retry-After": "soon"}, None), ({}, None)],
)
async def test_a_rule_may_count_by_itself(
    model: str, headers: dict[str, str], expected: int | None
) -> None:
    def limit(asked: LimitRequest) -> Limits:
        raise HTTPException(429, "Your credit is used up.", headers={**headers, "X-Credit": "0"})

    async with chatting(model, limit=limit) as chat:
        refused = await chat.post(data_body(SAY_HI))

    body = refused.json()
    assert (refused.status_code, body["error"]) == (429, "Your credit is used up.")
    assert body.get("retryAfter") == expected
    assert refused.headers.get("retry-after") == (None if expected is None else str(expected))
    assert refused.headers["x-credit"] == "0"


async def test_models_may_be_counted_apart(model: str) -> None:
    def limit(asked: LimitRequest) -> Limits:
        most = 1 if asked.model == "gpt-4o" else 2
        return Limits(turns_per_minute=most, counted_as=asked.model)

    async with chatting(model, limit=limit, model="small", allowed_models=("gpt-4o",)) as chat:
        statuses = [
            (await chat.post(data_body(SAY_HI, model=name))).status_code
            for name in ("gpt-4o", "small", "gpt-4o", "small", "small")
        ]

    assert statuses == [200, 200, 429, 200, 429]


async def test_a_rule_without_limits_limits_nothing(model: str) -> None:
    async with chatting(model, limit=lambda _: Limits(), turns_per_minute=1) as chat:
        assert await _statuses(chat, 3) == [200, 200, 200]
        me = await chat.http.get("/api/me")

    assert set(me.json()["limits"].values()) == {None}


@pytest.mark.parametrize("returned", [5, "free", {"turns_per_minute": 1}])
async def test_what_is_no_limit_is_a_defect(model: str, returned: Any) -> None:
    async with chatting(model, limit=lambda _: returned) as chat:
        assert await _statuses(chat, 1) == [500]


async def test_other_errors_are_the_applications_own(model: str) -> None:
    def limit(asked: LimitRequest) -> Limits:
        raise HTTPException(402, "Please pay.")

    async with chatting(model, limit=limit) as chat:
        refused = await chat.post(data_body(SAY_HI))

    assert refused.status_code == 402
    assert "Please pay." in refused.text
