"""Users whom API Gateway has let in with Cognito's tokens: what each sees, through real runtimes.

API Gateway calls the function as an SDK does, with a request in the event and the claims of the
token in its context.
"""

import json
import sys
from typing import Any

import pytest

from app.scripted_model.control import Control
from tests.aws.adapting import adapted
from tests.emulator.emulation import OURS, STREAM, Running, emulator, events_of, payload_of, post
from tests.http.test_stored import SAY_HI, _asked, _said
from tests.lambda_events import rest_api
from tests.store.dynamodb_local import own_environment
from tests.store.dynamodb_tables import make_table

pytestmark = [pytest.mark.real, pytest.mark.timeout(180, func_only=True)]

_SERVER = ("sh", "-c", f'exec {sys.executable} -m app serve --port "$PORT"')
_PRELUDE_END = b"\0" * 8


async def _call(
    running: Running, who: str, method: str, path: str, body: object = None, **headers: str
) -> tuple[int, bytes]:
    """Call as API Gateway does for a user; return status and body."""
    given = {"Content-Type": "application/json", "Host": "api.example.com", **headers}
    event = rest_api(
        method=method,
        path=path,
        body=None if body is None else json.dumps(body),
        headers=given,
        multiValueHeaders={name: [value] for name, value in given.items()},
    )
    context: dict[str, Any] = event["requestContext"]
    # What Cognito's ID tokens say, each value as a text.
    claims = {
        "sub": who,
        "aud": "4k2example",
        "cognito:username": f"{who}@example.com",
        "token_use": "id",
        "exp": "Sun Nov 22 05:00:00 UTC 2026",
    }
    context["authorizer"] = {"claims": claims}
    wire = payload_of(await events_of(await post(running, STREAM, event)))
    prelude, _, rest = wire.partition(_PRELUDE_END)
    return json.loads(prelude)["statusCode"], rest


@pytest.mark.parametrize("kind", ["runtime", "adapter"])
async def test_a_user_of_api_gateway_has_his_own_chats(
    kind: str, dynamodb: str, model: str, control: Control
) -> None:
    table = f"users-{kind}"
    await make_table(dynamodb, table)
    variables = {
        **own_environment(dynamodb),
        "CHAT_STORE": f"dynamodb:{table}",
        "OPENAI_BASE_URL": model,
        "_HANDLER": "app.main.create_lean_app",
    }
    if kind == "adapter":
        # Its server listens on a loopback address here, and nobody has told it what is before it.
        variables["CHAT_ALLOWED_HOSTS"] = "api.example.com,127.0.0.1"
    function = (
        adapted(_SERVER, variables=variables)
        if kind == "adapter"
        else emulator(OURS, variables=variables)
    )
    async with function as running:
        posted = await _call(running, "ada", "POST", "/api/chat", _asked(SAY_HI))
        hers = await _call(running, "ada", "GET", "/api/chats/c1")
        his = await _call(running, "bob", "GET", "/api/chats/c1")
        pretended = await _call(
            running,
            "bob",
            "GET",
            "/api/chats/c1",
            **{"x-amzn-request-context": json.dumps({"authorizer": {"claims": {"sub": "ada"}}})},
        )
        listed = [await _call(running, who, "GET", "/api/chats") for who in ("ada", "bob")]

    assert posted[0] == 200
    assert _said(posted[1]) == "Hi there."
    assert len(json.loads(hers[1])["messages"]) == 2
    assert (hers[0], his[0], pretended[0]) == (200, 404, 404)
    assert [len(json.loads(body)["chats"]) for _, body in listed] == [1, 0]
    assert len(control.requests) == 1
