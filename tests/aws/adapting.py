"""The real Lambda Web Adapter between the emulator and a web app."""

import contextlib
import sys
from collections.abc import AsyncIterator
from typing import Any

from tests.aws.build_adapter import built_adapter
from tests.emulator.emulation import FUNCTIONS, Running, emulator

WEB_APP = (sys.executable, str(FUNCTIONS / "web_app.py"))
VARIABLES = {"AWS_LWA_INVOKE_MODE": "response_stream", "AWS_LWA_READINESS_CHECK_PATH": "/health"}


@contextlib.asynccontextmanager
async def adapted(
    command: tuple[str, ...] = WEB_APP, *, variables: dict[str, str] | None = None, **options: Any
) -> AsyncIterator[Running]:
    """Run ``command`` behind the adapter as a function of the emulator."""
    known = {**VARIABLES, **(variables or {})}
    adapter = built_adapter()
    async with emulator(command, extensions=(adapter,), variables=known, **options) as running:
        yield running
