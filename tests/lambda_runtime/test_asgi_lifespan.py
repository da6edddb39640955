from typing import Any

import pytest

from app.lambda_runtime.asgi_lifespan import Lifespan, LifespanFailed
from tests.lambda_runtime.recording_runtime_api import soon


async def test_an_app_starts_and_stops() -> None:
    heard: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        for _ in range(2):
            message = await receive()
            heard.append(message["type"])
            scope["state"]["last"] = message["type"]
            await send({"type": f"{message['type']}.complete"})

    lifespan = Lifespan(app)

    await soon(lifespan.start())
    assert lifespan.state == {"last": "lifespan.startup"}
    await soon(lifespan.stop())

    assert heard == ["lifespan.startup", "lifespan.shutdown"]


async def test_an_app_that_cannot_start_says_why() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        message = "Traceback …\nLookupError: no model\n"
        await send({"type": "lifespan.startup.failed", "message": message})

    lifespan = Lifespan(app)

    with pytest.raises(LifespanFailed, match=r"^LookupError: no model$"):
        await soon(lifespan.start())
    await soon(lifespan.stop())


async def test_an_app_that_cannot_start_need_not_say_why() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "lifespan.startup.failed"})

    with pytest.raises(LifespanFailed, match="did not start"):
        await soon(Lifespan(app).start())


@pytest.mark.parametrize("raises", [True, False])
async def test_an_app_need_not_know_of_lifespans(raises: bool) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if raises:
            raise ValueError(scope["type"])

    lifespan = Lifespan(app)

    await soon(lifespan.start())
    await soon(lifespan.stop())


async def test_an_app_that_was_never_started_need_not_be_stopped() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError

    await soon(Lifespan(app).stop())


async def test_an_app_that_fails_while_it_stops_is_stopped() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        raise ValueError("too late")

    lifespan = Lifespan(app)
    await soon(lifespan.start())

    await soon(lifespan.stop())
