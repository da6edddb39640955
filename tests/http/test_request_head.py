"""Headers and query strings, as Starlette reads them."""

import pytest
from starlette.requests import Request

from app.http.request_head import header, query


def _request(**scope: object) -> Request:
    return Request({"type": "http", "headers": [], **scope})


def test_the_first_of_equal_headers_counts_as_in_starlette() -> None:
    request = _request(headers=[(b"a", b"1"), (b"b", b"caf\xe9"), (b"b", b"3"), (b"c", b"")])

    for name in ("a", "b", "c", "d"):
        assert header(request, name.encode()) == request.headers.get(name)


@pytest.mark.parametrize("text", [b"", b"sdk=5&sdk=6&stream=", b"%ff&=", None])
def test_a_query_string_is_read_as_in_starlette(text: bytes | None) -> None:
    request = _request(query_string=text) if text is not None else _request()

    assert query(request) == Request({"type": "http", "query_string": text or b""}).query_params


def test_a_request_without_a_query_makes_no_object_for_it() -> None:
    assert query(_request(query_string=b"")) is query(_request())
