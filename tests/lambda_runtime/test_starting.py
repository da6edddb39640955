"""`app.lambda_runtime.starting`: what is reported of a start that fails."""

import gc
import logging

import pytest

from app.lambda_runtime.handler_loading import HandlerNotFound
from app.lambda_runtime.starting import init_error, log_no_start, no_garbage


def raised(error: Exception) -> Exception:
    try:
        raise error
    except Exception as met:
        return met


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (HandlerNotFound("There is no module x."), "Runtime.HandlerNotFound"),
        (ModuleNotFoundError("No module named 'x'"), "Runtime.ImportModuleError"),
        (LookupError("no model"), "Runtime.InitError"),
    ],
)
def test_lambda_is_told_the_kind_of_failure(error: Exception, code: str) -> None:
    report = init_error(raised(error), says_all=False)

    assert (report.code, report.kind) == (code, type(error).__name__)
    assert str(error.args[0]) in report.message
    assert report.stack_trace


def test_a_sentence_that_says_all_needs_no_stack(caplog: pytest.LogCaptureFixture) -> None:
    error = raised(ValueError("CHAT_X has a bad value"))

    assert init_error(error, says_all=True).stack_trace == ()
    with caplog.at_level(logging.ERROR):
        log_no_start(error, says_all=True)
        log_no_start(error, says_all=False)

    assert caplog.messages == [
        "the function cannot start: CHAT_X has a bad value",
        "the function cannot start",
    ]
    assert [record.exc_info is None for record in caplog.records] == [True, False]


def test_garbage_is_collected_again_after_the_start() -> None:
    try:
        with no_garbage():
            assert not gc.isenabled()
        assert gc.isenabled()
    finally:
        gc.unfreeze()
