"""Whether a response is compressed, by its headers."""

import pytest

from app.content_coding import compression_of


@pytest.mark.parametrize(
    ("header", "coding"),
    [
        (None, None),
        ("", None),
        ("identity", None),
        (" Identity ", None),
        ("gzip", "gzip"),
        ("BR", "br"),
        ("identity, gzip", "an unknown coding"),
        ("\nsecret", "an unknown coding"),
    ],
)
def test_a_compression_is_known_by_its_header(header: str | None, coding: str | None) -> None:
    headers = {} if header is None else {"content-encoding": header}

    assert compression_of(headers) == coding


@pytest.mark.parametrize(
    ("header", "coding"),
    [
        ("chunked", None),
        ("identity, Chunked ", None),
        ("gzip", "gzip"),
        ("GZIP ,\tchunked", "gzip"),
        ("x, gzip, chunked", "an unknown coding"),
    ],
)
def test_a_compression_may_be_said_with_the_framing(header: str, coding: str | None) -> None:
    assert compression_of({"transfer-encoding": header}) == coding
