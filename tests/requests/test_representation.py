"""Which representation a client gets, as RFC 9110 has it."""

import pytest

from app.requests.representation import coding_for, has

_BOTH = ("br", "gzip")


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("gzip, deflate, br, zstd", "br"),  # a browser over TLS, and to its own machine
        ("gzip, deflate", "gzip"),  # a browser over plain HTTP
        ("", None),  # curl
        ("identity", None),
        ("deflate, zstd", None),
        ("BR", "br"),
        ("x-gzip", "gzip"),
        ("*", "br"),
        ("*;q=0", None),
        ("br;q=0, *", "gzip"),
        ("br;q=0,gzip;q=0", None),
        ("br;q=0.5, gzip;q=0.8", "gzip"),
        ("br;q=0.8 , gzip ; Q=0.8", "br"),
        ("br;q=0.5, identity", None),
        ("gzip;q=0.5, identity;q=0.5", "gzip"),
        ("gzip;q=0.001, identity;q=0", "gzip"),
        ("identity;q=0", None),  # a page that cannot be read is better than none
        ("gzip;q=1.000, br;q=1.001", "gzip"),
        ("br;q=much, gzip;q=0.1", "gzip"),
        ("br;level=9", None),
        (",, ;q=1, gzip", "gzip"),
    ],
)
def test_a_client_gets_what_it_likes_best(accepted: str, coding: str | None) -> None:
    assert coding_for(accepted, _BOTH) == coding


def test_it_gets_what_there_is() -> None:
    assert coding_for("br, gzip;q=0.1", ("gzip",)) == "gzip"
    assert coding_for("br, gzip", ()) is None
    assert coding_for("*", ()) is None


@pytest.mark.parametrize(
    ("if_none_match", "is_had"),
    [
        ('"1a2b"', True),
        ('W/"1a2b"', True),
        ('"0", W/"1a2b","2"', True),
        ("*", True),
        (" * ", True),
        ("", False),
        ("1a2b", False),
        ('"1a2b-gzip"', False),
        ('"0, "1a2b', False),
    ],
)
def test_a_client_has_what_it_names(if_none_match: str, is_had: bool) -> None:
    assert has(if_none_match, '"1a2b"') is is_had
