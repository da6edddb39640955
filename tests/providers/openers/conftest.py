"""What the tests of the openers share: one test runs with each opener, in one environment."""

import asyncio
import ssl
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import aiohttp.connector
import pytest
import uvloop

from tests.providers.openers import certificates
from tests.providers.openers.every_opener import EVERY_OPENER, KNOWN_GAPS, MakeOpener
from tests.providers.openers.reading import Run


@pytest.fixture(params=EVERY_OPENER)
def make_opener(request: pytest.FixtureRequest) -> MakeOpener:
    return EVERY_OPENER[request.param]


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    """For what depends on the event loop: ours is uvloop, where there is one."""
    factory = uvloop.new_event_loop if request.param == "uvloop" else asyncio.new_event_loop

    def run(test: Coroutine[Any, Any, None]) -> None:
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(test)

    return run


@pytest.fixture(scope="session")
def authorities(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return certificates.write_file(certificates.trusted(), tmp_path_factory.mktemp("authorities"))


@pytest.fixture(scope="session")
def imported_context(authorities: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=authorities)


@pytest.fixture(autouse=True)
def peer_environment(
    authorities: Path, imported_context: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Trust the tests' authority only, and use no proxy of the machine."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authorities))
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    # aiohttp reads SSL_CERT_FILE when it is imported; `test_tls` does that in its own process.
    monkeypatch.setattr(aiohttp.connector, "_SSL_CONTEXT_VERIFIED", imported_context)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if isinstance(item, pytest.Function) and (reason := _gap(item)):
            item.add_marker(pytest.mark.xfail(reason=reason, strict=True))


def _gap(item: pytest.Function) -> str | None:
    opener = item.callspec.params.get("make_opener") if hasattr(item, "callspec") else None
    if not isinstance(opener, str):
        return None
    test = item.originalname
    case = item.callspec.id.removeprefix(opener).removesuffix(opener).strip("-")
    return KNOWN_GAPS.get((opener, test)) or KNOWN_GAPS.get((opener, f"{test}[{case}]"))
