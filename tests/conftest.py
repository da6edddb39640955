"""What every test module may use."""

import gc
import logging
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import hypothesis
import pytest

from app.scripted_model.control import Control
from app.scripted_model.serving import serve_scripted
from tests.aws.build_adapter import built_adapter

# Hooks of pytest: a conftest has those whose names it imports.
from tests.conformance.summary import pytest_terminal_summary as pytest_terminal_summary
from tests.side_by_side import pytest_collection_modifyitems as pytest_collection_modifyitems
from tests.side_by_side import pytest_xdist_make_scheduler as pytest_xdist_make_scheduler
from tests.store.dynamodb_local import running_dynamodb


def pytest_configure() -> None:
    """Make the interrupt key work in the programs that tests start, and collect tests quickly.

    A shell starts its background jobs with SIGINT ignored, and programs inherit that.
    """
    # Collecting makes a million objects that stay, and no garbage that is worth a search: it takes
    # a third less without.
    gc.disable()
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish() -> None:
    """Search for garbage again, among what the tests will make only."""
    gc.freeze()
    gc.enable()


# How fast an input comes says how busy the machine is, and nothing about the property.
hypothesis.settings.register_profile(
    "deltaline", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("deltaline")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """In CI a test that skips has failed: everything but `optional` things is installed there."""
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]
    if (
        os.environ.get("CI") == "true"
        and report.skipped
        and not hasattr(report, "wasxfail")  # it ran, and failed as the table of gaps says
        and not item.get_closest_marker("optional")
    ):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped in CI: {report.longrepr}"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the machine's own settings out of the tests."""
    for name in tuple(os.environ):
        if name.startswith(("CHAT_", "OPENAI_", "AZURE_OPENAI_", "AWS_", "LAMBDA_", "OTEL_")):
            monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def process_log() -> Iterator[None]:
    """Put the process's log back as it was: an entry point takes it over, for good."""
    root, ours = logging.getLogger(), logging.getLogger("deltaline")
    before = (root.handlers[:], root.level, ours.level)
    hooks = (sys.excepthook, threading.excepthook, sys.unraisablehook)
    yield
    if sys.excepthook is hooks[0]:
        return
    root.handlers[:] = before[0]
    root.setLevel(before[1])
    ours.setLevel(before[2])
    sys.excepthook, threading.excepthook, sys.unraisablehook = hooks
    logging.captureWarnings(False)


@pytest.fixture
async def control() -> Control:
    """What a test watches and steers the scripted model with."""
    return Control()


@pytest.fixture
async def model(control: Control) -> AsyncIterator[str]:
    """Serve the scripted model over a real socket; gives its base URL."""
    async with serve_scripted(control, delay_s=0) as url:
        yield url


@pytest.fixture(scope="session")
def adapter() -> Path:
    """Find the Lambda Web Adapter. While it is being built, the first test waits here."""
    return built_adapter()


@pytest.fixture(scope="session")
def dynamodb() -> Iterator[str]:
    """Run DynamoDBLocal, once for all tests of this process; gives its URL."""
    with running_dynamodb() as url:
        yield url
