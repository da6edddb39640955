"""The real Lambda Web Adapter between the emulator and a web app."""

import contextlib
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.emulator.emulation import FUNCTIONS, Running, emulator

# `make adapter` builds it; the Dockerfile takes the image of the same version.
VERSION = "1.0.0-rc1"
ADAPTER = (
    Path(__file__).parents[2] / ".cache/lambda-web-adapter" / VERSION / "bin" / "lambda-adapter"
)
WEB_APP = (sys.executable, str(FUNCTIONS / "web_app.py"))
VARIABLES = {"AWS_LWA_INVOKE_MODE": "response_stream", "AWS_LWA_READINESS_CHECK_PATH": "/health"}

needs_adapter = pytest.mark.skipif(
    not os.access(ADAPTER, os.X_OK), reason="the Lambda Web Adapter is not built: make adapter"
)


@contextlib.asynccontextmanager
async def adapted(
    command: tuple[str, ...] = WEB_APP, *, variables: dict[str, str] | None = None, **options: Any
) -> AsyncIterator[Running]:
    """Run ``command`` behind the adapter as a function of the emulator."""
    known = {**VARIABLES, **(variables or {})}
    async with emulator(command, extensions=(ADAPTER,), variables=known, **options) as running:
        yield running
