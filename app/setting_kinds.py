"""Reads the value of one setting, a text or a Python value, as the type of its field.

What fits, what it becomes and the words for what does not fit are pydantic's (a test holds them
together): settings were read by it once. Loading it takes a third of what the server has to load.
"""

import math
import re
from collections.abc import Mapping
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NamedTuple, TypeAlias, Union, get_args, get_origin


class Secret:
    """A text that does not show when it is printed."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def get_secret_value(self) -> str:
        """Return the text itself."""
        return self._text

    def __eq__(self, other: object) -> bool:
        return secret_text(other) == self._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __repr__(self) -> str:
        return f"Secret({str(self)!r})"

    def __str__(self) -> str:
        return "**********" if self._text else ""


def secret_text(value: object) -> str | None:
    """Return the text of a `Secret`, or of pydantic's ``SecretStr``; None for anything else."""
    read = getattr(value, "get_secret_value", None)
    text = None if read is None else read()
    return text if isinstance(text, str) else None


class Bounds(NamedTuple):
    """Which numbers fit."""

    above: float | None = None
    least: float | None = None
    most: float | None = None

    def check(self, value: float) -> None:
        if self.above is not None and not value > self.above:
            raise ValueError(f"should be greater than {self.above}")
        if self.least is not None and not value >= self.least:
            raise ValueError(f"should be greater than or equal to {self.least}")
        if self.most is not None and not value <= self.most:
            raise ValueError(f"should be less than or equal to {self.most}")


PositiveInt: TypeAlias = Annotated[int, Bounds(above=0)]
PositiveFloat: TypeAlias = Annotated[float, Bounds(above=0)]

_BOOLEANS: Mapping[str, bool] = {
    **dict.fromkeys(("0", "off", "f", "false", "n", "no"), False),
    **dict.fromkeys(("1", "on", "t", "true", "y", "yes"), True),
}
# As many digits as Python reads before it refuses to.
_MOST_DIGITS = 4300


def read_as(kind: Any, value: Any) -> Any:
    """Return ``value`` as ``kind``: a type, a ``Literal``, a tuple of one kind, or a union of them.

    Raises:
        ValueError: it does not fit; says why, as the rest of a sentence that begins with the name.
    """
    match get_origin(kind):
        case None:
            return _plain(kind, value)
        case origin if origin is Annotated:
            inner, bounds = get_args(kind)
            number = read_as(inner, value)
            bounds.check(number)
            return number
        case origin if origin is Literal:
            return _one_of(get_args(kind), value)
        case origin if origin in (Union, UnionType):
            return _any_of(get_args(kind), value)
    if not isinstance(value, list | tuple | set | frozenset):
        raise ValueError("should be a valid tuple")
    item_kind, _ = get_args(kind)
    return tuple(read_as(item_kind, item) for item in value)


def _plain(kind: type, value: Any) -> Any:
    if kind is str:
        return _text(value)
    if kind is bool:
        return _boolean(value)
    if kind is int:
        return _integer(value)
    if kind is float:
        return _number(value)
    assert kind is Secret
    text = secret_text(value)
    return Secret(_text(value) if text is None else text)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("should be a valid string")
    return value


def _boolean(value: Any) -> bool:
    if isinstance(value, str):
        found = _BOOLEANS.get(value.lower())
        if found is None:
            raise ValueError("should be a valid boolean, unable to interpret input")
        return found
    if isinstance(value, int | float) and value in (0, 1):
        return bool(value)
    if isinstance(value, int):
        raise ValueError("should be a valid boolean, unable to interpret input")
    raise ValueError("should be a valid boolean")


def _integer(value: Any) -> int:
    if isinstance(value, str):
        text = value.strip()
        if len(text) > _MOST_DIGITS:
            raise ValueError("unable to parse input string as an integer, exceeded maximum size")
        # "8.0" is a whole number too.
        if not re.fullmatch(r"[+-]?[0-9]+(_[0-9]+)*(\.0+)?", text):
            raise ValueError("should be a valid integer, unable to parse string as an integer")
        return int(text.partition(".")[0])
    if not isinstance(value, int | float):
        raise ValueError("should be a valid integer")
    if not math.isfinite(value):
        raise ValueError("should be a finite number")
    if value != int(value):
        raise ValueError("should be a valid integer, got a number with a fractional part")
    return int(value)


def _number(value: Any) -> float:
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            raise ValueError(
                "should be a valid number, unable to parse string as a number"
            ) from None
    if not isinstance(value, int | float):
        raise ValueError("should be a valid number")
    if not math.isfinite(value):
        raise ValueError("should be a finite number")
    return float(value)


def _one_of(options: tuple[Any, ...], value: Any) -> Any:
    if value not in options:
        *others, last = (repr(option) for option in options)
        raise ValueError(f"should be {' or '.join([', '.join(others), last]) if others else last}")
    return value


def _any_of(kinds: tuple[Any, ...], value: Any) -> Any:
    if value is None and NoneType in kinds:
        return None
    first: ValueError | None = None
    for kind in kinds:
        if kind is not NoneType:
            try:
                return read_as(kind, value)
            except ValueError as error:
                first = first or error
    assert first is not None
    raise first
