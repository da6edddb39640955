"""`app.setting_kinds`: what fits a type and what is said of the rest, as pydantic has it."""

from typing import Annotated, Any, Literal

import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.setting_kinds import (
    Bounds,
    PositiveFloat,
    PositiveInt,
    Secret,
    read_as,
    secret_text,
)

# Each kind beside pydantic's.
_KINDS: dict[str, tuple[Any, Any]] = {
    "text": (str, str),
    "flag": (bool, bool),
    "whole": (int, int),
    "number": (float, pydantic.FiniteFloat),
    "count": (PositiveInt, pydantic.PositiveInt),
    "seconds": (PositiveFloat, Annotated[pydantic.FiniteFloat, pydantic.Field(gt=0)]),
    "port": (
        Annotated[int, Bounds(least=0, most=65535)],
        Annotated[int, pydantic.Field(ge=0, le=65535)],
    ),
    "temperature": (
        Annotated[float, Bounds(least=0, most=2)] | None,
        Annotated[pydantic.FiniteFloat, pydantic.Field(ge=0, le=2)] | None,
    ),
    "only": (Literal["off"], Literal["off"]),
    "either": (Literal["a", "b"], Literal["a", "b"]),
    "one": (Literal["a", "b", "c"] | None, Literal["a", "b", "c"] | None),
    "names": (tuple[str, ...], tuple[str, ...]),
    "tools": (tuple[Literal["a", "b"], ...], tuple[Literal["a", "b"], ...]),
}
_THEIRS: dict[str, pydantic.TypeAdapter[Any]] = {
    name: pydantic.TypeAdapter(theirs) for name, (_, theirs) in _KINDS.items()
}
_WRITTEN = [
    *(
        "",
        "0",
        "1",
        "-1",
        "+8",
        "007",
        "8.0",
        "8.",
        "8.5",
        ".5",
        "1e3",
        "1_000",
        "1__0",
        "_1",
        "0x1f",
    ),
    *("inf", "-inf", "nan", "Infinity", "1e400", "true", "TRUE", "Yes", "n", "off", "maybe", "2"),
    *("65535", "65536", "a", "b", "c", "A", "9" * 4300, "9" * 4301, "- 1", "1 2", "0x1f", "é"),
]
_PYTHON = [
    *(None, True, False, 0, 1, 2, -1, 0.0, 1.0, 1.5, -0.5, float("inf"), float("nan")),
    *([], ["a"], ("a", "b"), {"a"}, frozenset({"b"}), ["x"], [1], {}, {"a": 1}, len),
]


def _ours(kind: Any, value: Any) -> object:
    try:
        return read_as(kind, value)
    except ValueError as error:
        return str(error)


def _theirs(name: str, value: Any) -> object:
    try:
        return _THEIRS[name].validate_python(value)
    except pydantic.ValidationError as error:
        reason = str(error.errors(include_url=False, include_context=False)[0]["msg"])
        reason = reason.removeprefix("Input ")
        return reason[:1].lower() + reason[1:]


def _same(name: str, value: Any) -> None:
    ours, theirs = _ours(_KINDS[name][0], value), _theirs(name, value)

    assert (ours, type(ours)) == (theirs, type(theirs))


@pytest.mark.parametrize("name", _KINDS)
@pytest.mark.parametrize("value", _WRITTEN, ids=lambda value: ascii(value)[:20])
def test_a_text_is_read_as_pydantic_reads_it(name: str, value: str) -> None:
    _same(name, value)


@pytest.mark.parametrize("name", _KINDS)
@pytest.mark.parametrize("value", _PYTHON, ids=repr)
def test_a_value_of_python_is_read_as_pydantic_reads_it(name: str, value: object) -> None:
    _same(name, value)


# Blanks are cut off before, see `app.settings`. Digits of other scripts are nobody's settings.
_ASCII = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=12)


@given(st.sampled_from(sorted(_KINDS)), _ASCII | st.integers().map(str) | st.floats().map(str))
def test_any_text_is_read_as_pydantic_reads_it(name: str, value: str) -> None:
    _same(name, value)


def test_a_union_says_why_its_first_member_does_not_fit() -> None:
    kind = PositiveInt | Literal["auto"]

    assert read_as(kind, "auto") == "auto"
    assert read_as(kind, "2") == 2
    with pytest.raises(ValueError, match="should be greater than 0"):
        read_as(kind, "0")


@pytest.mark.parametrize("given", ["sk-1", Secret("sk-1"), pydantic.SecretStr("sk-1")])
def test_a_secret_may_be_a_text_or_one_of_pydantics(given: object) -> None:
    secret = read_as(Secret | None, given)

    assert secret == Secret("sk-1") == pydantic.SecretStr("sk-1")
    assert secret.get_secret_value() == secret_text(secret) == "sk-1"
    assert hash(secret) == hash(Secret("sk-1"))
    assert secret != "sk-1"
    with pytest.raises(ValueError, match="should be a valid string"):
        read_as(Secret, 1)


def test_a_secret_does_not_show() -> None:
    secret = Secret("sk-1")

    assert (
        f"{secret} {secret!r} {[secret]}"
        == "********** Secret('**********') [Secret('**********')]"
    )
    assert str(Secret("")) == ""
    assert secret_text("sk-1") is None
