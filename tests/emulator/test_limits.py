"""Limits on Lambda, which freezes an environment whose response has ended."""

from contextlib import aclosing

import pytest

from app.limits.limiter import Limiter
from app.limits.limits import Limits
from tests.emulator.test_stored_turns import _function
from tests.http.test_stored import SAY_HI, _asked
from tests.store.dynamodb_tables import dynamodb_store
from tests.store.fault_proxy import Fault, FaultProxy

pytestmark = [pytest.mark.real, pytest.mark.timeout(180, func_only=True)]

LIMITS = {
    "CHAT_TURNS_PER_MINUTE": "2",
    "CHAT_RUNNING_TURNS_PER_OWNER": "1",
    "CHAT_TOKENS_PER_DAY": "100000",
    "CHAT_LIMITS_FAIL": "closed",
}
# As the front has seen it, through the adapter as well.
PAYER = "\x1f".join(("address", "127.0.0.1", ""))


@pytest.mark.parametrize("kind", ["runtime", "adapter"])
@pytest.mark.parametrize("path", ["/api/chat", "/api/chat?stream=false", "/api/object/recipe"])
async def test_a_response_ends_when_the_table_knows_what_was_used(
    kind: str, path: str, dynamodb: str, model: str
) -> None:
    table = f"limits-{kind}-{''.join(filter(str.isalpha, path))}"
    async with FaultProxy(dynamodb).listen() as proxy:
        written = 0

        def fault(operation: str, number: int) -> Fault:
            """Let the table refuse for a while what is told at the end of a turn."""
            nonlocal written
            if b'"L#' not in proxy.bodies[number] or operation != "PutItem":
                return "none"
            written += 1
            return "500" if 2 <= written <= 5 else "none"

        proxy.fault = fault
        async with (
            _function(kind, proxy.url, model, table, limits=LIMITS) as (_, http),
            aclosing(dynamodb_store(dynamodb, table)) as store,
        ):
            body = "soup" if "object" in path else _asked(SAY_HI)
            posted = await http.post(path, json=body)
            taken = await Limiter(store, is_open=False).look(
                PAYER, Limits(turns_per_minute=2, tokens_per_day=100000)
            )

    assert posted.status_code == 200
    assert posted.headers["x-ratelimit-remaining"] == "1"
    turns, tokens = taken.uses
    assert turns.used == 1
    assert tokens.used > 0
    assert taken.running == 0


@pytest.mark.parametrize("kind", ["runtime", "adapter"])
async def test_another_address_that_a_client_sends_is_not_believed(
    kind: str, dynamodb: str, model: str
) -> None:
    async with _function(kind, dynamodb, model, f"address-{kind}", limits=LIMITS) as (_, http):
        statuses = [
            (
                await http.post(
                    "/api/completion",
                    json={"prompt": SAY_HI},
                    headers={"x-forwarded-for": f"203.0.113.{number}"},
                )
            ).status_code
            for number in range(3)
        ]

    assert statuses == [200, 200, 429]
