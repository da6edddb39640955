"""Reads the fields of a client's JSON, and says in one sentence what does not fit, and where.

A *reader* takes a JSON value, returns what it is read as, and raises `Misfit`. The sentence never
repeats the client's content. Plain functions, because the first request waits for what they need:
loading pydantic and building its schema of our messages took a sixth of the start.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, TypeVar

T = TypeVar("T")

Reader: TypeAlias = Callable[[Any], T]


class Misfit(Exception):
    """A value does not fit.

    Attributes:
        reason: what is wrong, as the rest of a sentence that begins with the place.
        place: where in the value that was read; "" for the value itself.
    """

    def __init__(self, reason: str, place: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.place = place

    def inside(self, step: str) -> "Misfit":
        """Return the same for the value that holds this one at ``step``: ``text`` or ``[2]``."""
        return Misfit(self.reason, _join(step, self.place))

    def sentence(self, place: str = "") -> str:
        """Return a sentence: "messages[2].parts[0].text must be a string.".

        Args:
            place: the place of the value in the body, such as "messages[2]"; "" or "payload." for
                an envelope.
        """
        return f"{_join(place, self.place)} {self.reason}."


def string(value: Any) -> str:
    """Read any text."""
    if not isinstance(value, str):
        raise Misfit("must be a string")
    return value


def sized_string(max_length: int, *, min_length: int = 0) -> Reader[str]:
    """Return the reader of a text of so many characters, without lone surrogates."""

    def read(value: Any) -> str:
        text = string(value)
        if not text.isascii():
            try:
                text.encode()
            except UnicodeEncodeError:
                raise Misfit("must be valid Unicode text") from None
        if len(text) > max_length:
            raise Misfit(f"must be at most {max_length} characters long")
        if len(text) < min_length:
            raise Misfit("must not be empty")
        return text

    return read


def boolean(value: Any) -> bool:
    """Read ``true`` or ``false``, and nothing that only looks like it."""
    if not isinstance(value, bool):
        raise Misfit("must be true or false")
    return value


def json_object(value: Any) -> dict[str, Any]:
    """Read an object as it is."""
    if not isinstance(value, dict):
        raise Misfit("must be an object")
    return value


def list_of(read: Reader[T]) -> Reader[list[T]]:
    """Return the reader of a list; it stops at the first item that does not fit."""

    def read_list(value: Any) -> list[T]:
        if not isinstance(value, list):
            raise Misfit("must be a list")
        items: list[T] = []
        try:
            for item in value:
                items.append(read(item))  # noqa: PERF401 (its length is where it failed)
        except Misfit as misfit:
            raise misfit.inside(f"[{len(items)}]") from None
        return items

    return read_list


def required(fields: Mapping[str, Any], key: str, read: Reader[T]) -> T:
    """Read a field that has to be there."""
    if key not in fields:
        raise Misfit("is missing", key)
    try:
        return read(fields[key])
    except Misfit as misfit:
        raise misfit.inside(key) from None


def optional(fields: Mapping[str, Any], key: str, read: Reader[T]) -> T | None:
    """Read a field that may be absent or null."""
    value = fields.get(key)
    if value is None:
        return None
    try:
        return read(value)
    except Misfit as misfit:
        raise misfit.inside(key) from None


def _join(place: str, step: str) -> str:
    if not place or not step or place.endswith(".") or step.startswith("["):
        return place + step
    return f"{place}.{step}"
