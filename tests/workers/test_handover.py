"""`app.workers.handover`: what supervisor and worker say to each other."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.workers.handover import (
    Failed,
    Place,
    Report,
    Up,
    decode_place,
    decode_report,
    encode_place,
    encode_report,
)


def _place(number: int, count: int) -> Place:
    return Place(number=number, count=count, listener=5, shared=6, approval_secret="s" * 64)


def test_a_place_arrives_as_it_was() -> None:
    line = encode_place(_place(2, 4))

    assert line.endswith(b"\n")
    assert decode_place(line) == _place(2, 4)


def test_half_a_place_is_none() -> None:
    with pytest.raises(msgspec.DecodeError):
        decode_place(encode_place(_place(2, 4))[:-9])


@given(limit=st.integers(1, 5000), count=st.integers(2, 256))
def test_the_shares_of_a_limit_add_up_to_it(limit: int, count: int) -> None:
    shares = [_place(number, count).share_of(limit) for number in range(1, count + 1)]

    assert sum(shares) == max(limit, count)
    assert max(shares) - min(shares) <= 1


@pytest.mark.parametrize("report", [Up(), Failed("It is so."), Failed("Größe\udc80")])
def test_a_report_arrives_once_its_line_is_whole(report: Report) -> None:
    said = encode_report(report)

    assert decode_report(said[:-1]) is None
    assert decode_report(said) in (report, Failed("Größe?"))
    assert said.count(b"\n") == 1


def test_a_sentence_of_several_lines_becomes_one() -> None:
    assert decode_report(encode_report(Failed("no\nmodule"))) == Failed("no module")


def test_the_last_report_counts() -> None:
    assert decode_report(encode_report(Up()) + encode_report(Failed("Late."))) == Failed("Late.")
