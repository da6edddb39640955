import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.aws.http_integration import Prelude, PreludeDecoder, PreludeError, encode_prelude

_NULS = b"\0" * 8


def _decode(wire: bytes) -> Prelude:
    prelude = PreludeDecoder().feed(wire)
    assert prelude is not None
    return prelude


def _wire(**fields: object) -> bytes:
    return json.dumps(fields).encode() + _NULS


def test_a_prelude_is_json_and_exactly_eight_nul_bytes() -> None:
    prelude = Prelude(201, (("content-type", "text/plain"),), ("a=1; Path=/", "b=2"))

    wire = encode_prelude(prelude)

    assert wire == (
        b'{"statusCode":201,"headers":{"content-type":"text/plain"},'
        b'"cookies":["a=1; Path=/","b=2"]}' + _NULS
    )


def test_a_prelude_without_cookies_has_no_such_key() -> None:
    assert encode_prelude(Prelude(204)) == b'{"statusCode":204,"headers":{}}' + _NULS


def test_a_header_that_comes_twice_is_sent_as_one() -> None:
    wire = encode_prelude(Prelude(200, (("vary", "origin"), ("vary", "accept"))))

    assert _decode(wire).headers == (("vary", "origin, accept"),)


def test_a_nul_in_a_header_does_not_end_the_json() -> None:
    prelude = Prelude(200, (("x-odd", "a\0b"),))

    assert _decode(encode_prelude(prelude)) == prelude


_names = st.text("abcdefghijklmnopqrstuvwxyz-", min_size=1).filter(
    lambda name: name != "set-cookie"
)
_preludes = st.builds(
    Prelude,
    st.integers(100, 599),
    st.dictionaries(_names, st.text()).map(lambda headers: tuple(headers.items())),
    st.lists(st.text()).map(tuple),
)


@given(_preludes, st.binary(), st.data())
def test_any_prelude_survives_any_split(prelude: Prelude, body: bytes, data: st.DataObject) -> None:
    wire = encode_prelude(prelude) + body
    cuts = sorted(data.draw(st.sets(st.integers(0, len(wire)))))
    decoder = PreludeDecoder()

    read = None
    rest = b""
    for start, end in zip([0, *cuts], [*cuts, len(wire)], strict=True):
        if read is None:
            read = decoder.feed(wire[start:end])
            rest = decoder.rest
        else:
            rest += wire[start:end]

    assert read == prelude
    assert rest == body


def test_what_is_left_out_has_its_default() -> None:
    assert _decode(b"{}" + _NULS) == Prelude(200)


def test_values_that_are_no_strings_become_strings() -> None:
    wire = _wire(statusCode=200, headers={"x-count": 3, "x-on": True, "x-off": False, "x-no": None})

    assert _decode(wire).headers == (("x-count", "3"), ("x-on", "true"), ("x-off", "false"))


def test_multi_value_headers_come_once_and_cookies_are_gathered() -> None:
    wire = _wire(
        statusCode=200,
        headers={"Vary": "accept", "x-one": "1", "Set-Cookie": "a=1"},
        multiValueHeaders={"vary": ["origin", "accept"], "set-cookie": ["b=2", "c=3"]},
        cookies=["d=4"],
    )

    prelude = _decode(wire)

    assert prelude.headers == (("x-one", "1"), ("vary", "origin"), ("vary", "accept"))
    assert prelude.cookies == ("d=4", "b=2", "c=3")


def test_a_list_of_values_is_a_header_that_comes_more_than_once() -> None:
    wire = _wire(statusCode=200, headers={"vary": ["origin", "accept"], "x-one": "1", "x-no": []})

    assert _decode(wire).headers == (("vary", "origin"), ("vary", "accept"), ("x-one", "1"))


def test_a_status_code_in_quotes_is_read_as_api_gateway_does() -> None:
    assert _decode(_wire(statusCode="404")).status_code == 404


@pytest.mark.parametrize(
    ("wire", "reason"),
    [
        (b"data: hello\n\n", "first byte is not {"),
        (b'{"text":"hello"', None),
        (b"{" * 70_000, "no prelude ends"),
        (b" " * 70_000 + b"{}" + _NULS, "no prelude ends"),
        (b'{"body":' + b"[" * 3000 + _NULS, "cannot be read"),
        (b"{}\0\0x", "not followed by eight NUL"),
        (b"{oops}" + _NULS, "cannot be read"),
        (_wire(statusCode="ok"), "cannot be read"),
        (_wire(statusCode=42), "status code 42"),
    ],
)
def test_what_is_no_prelude_is_refused_with_a_reason(wire: bytes, reason: str | None) -> None:
    decoder = PreludeDecoder()

    if reason is None:
        assert decoder.feed(wire) is None
        return
    with pytest.raises(PreludeError, match=reason):
        decoder.feed(wire)
