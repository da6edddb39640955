"""A page that a Lambda function serves: in our runtime and behind the adapter, in one piece too."""

import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import TypeAlias

import httpx2
import pytest

from tests.aws.adapting import adapted
from tests.emulator.emulation import OURS, PATIENCE_S, Running, emulator
from tests.http.built_pages import LONG_AGO, SCRIPT, Reader, build, write

pytestmark = [pytest.mark.real, pytest.mark.timeout(240, func_only=True)]

_Start: TypeAlias = Callable[[Path, bool], AbstractAsyncContextManager[Running]]


def _runtime(folder: Path, is_buffered: bool) -> AbstractAsyncContextManager[Running]:
    variables = {"_HANDLER": "tests.http.page_function:create", "PAGE_FOLDER": str(folder)}
    return emulator(OURS, variables=variables, buffered=is_buffered)


def _adapter(folder: Path, is_buffered: bool) -> AbstractAsyncContextManager[Running]:
    mode = "buffered" if is_buffered else "response_stream"
    return adapted(
        (sys.executable, "-m", "tests.http.page_function"),
        variables={"AWS_LWA_INVOKE_MODE": mode, "PAGE_FOLDER": str(folder)},
        buffered=is_buffered,
    )


@asynccontextmanager
async def _reading(start: _Start, folder: Path, is_buffered: bool) -> AsyncIterator[Reader]:
    async with (
        start(folder, is_buffered) as running,
        httpx2.AsyncClient(base_url=running.url, timeout=PATIENCE_S) as http,
    ):
        yield Reader(http)


@pytest.mark.usefixtures("adapter")
@pytest.mark.parametrize("is_buffered", [False, True], ids=["streamed", "in one piece"])
@pytest.mark.parametrize("start", [_runtime, _adapter])
async def test_it_comes_as_from_any_server(
    tmp_path: Path, start: _Start, is_buffered: bool
) -> None:
    compressed = bytes(range(256)) * 40  # no text, so it goes through base64 in one piece
    write(build(tmp_path), f"assets/{SCRIPT}.br", compressed, at=LONG_AGO + 1)

    async with _reading(start, tmp_path, is_buffered) as reader:
        page = await reader.get("/", accept_encoding="gzip, br")
        script = await reader.get(f"/assets/{SCRIPT}", accept_encoding="gzip, br")
        etag = script.headers["etag"]
        again = await reader.get(f"/assets/{SCRIPT}", accept_encoding="br", if_none_match=etag)
        head = await reader.get(f"/assets/{SCRIPT}", "HEAD", accept_encoding="br")
        missing = await reader.get("/assets/none.js")

    assert (page.status, page.body) == (200, b"brotli index.html one")
    assert page.headers["content-security-policy"].startswith("default-src 'none'; ")
    assert (script.status, script.body) == (200, compressed)
    assert script.headers["content-encoding"] == "br"
    assert script.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert (again.status, again.body, again.headers["etag"]) == (304, b"", etag)
    assert (head.status, head.body, head.headers["etag"]) == (200, b"", etag)
    assert (missing.status, missing.headers["cache-control"]) == (404, "no-cache")
