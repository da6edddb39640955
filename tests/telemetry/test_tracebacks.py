"""Tracebacks, in which no exception tells what it holds."""

from app.errors import ProviderError
from app.telemetry.tracebacks import shown
from tests.test_causes import KEY, raised, request_bearing


def test_a_traceback_tells_where_and_of_an_http_client_only_what_is_safe() -> None:
    error = raised(RuntimeError("it failed"), raised(request_bearing()))

    text = shown(error)

    assert text.startswith("Traceback")
    assert "in raised" in text
    assert text.endswith("RuntimeError: it failed")
    assert "ClientResponseError: ClientResponseError (status 502)" in text
    assert KEY not in text


def test_the_words_of_a_model_are_not_in_it() -> None:
    error = ProviderError("status 400: the conversation")
    error.log_text = "status 400"

    assert shown(error) == "app.errors.ProviderError: status 400"


def test_each_exception_of_a_group_is_shown_alike() -> None:
    group = raised(ExceptionGroup("several", [ValueError("one"), request_bearing()]))

    text = shown(group)

    assert "ValueError: one" in text
    assert "ClientResponseError (status 502)" in text
    assert KEY not in text
