"""The JSON form of a call's validated input: what an approval is about.

Validation changes an input: `" PROD "` becomes an enum, `"yes"` becomes `True`, a default is filled
in. Whoever decides on a call has to decide on the result, in the JSON that the tool's schema
describes and not in Python's types: `arguments["env"] == "prod"` is false for an enum.

A form counts only if it can stand for the call, that is, if parsing it gives the same values again
and these have the same form. A `SecretStr`, whose form is a row of asterisks, has none, nor has a
value with a serializer that rounds.
"""

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from app.protocols.artifact import Artifact, artifact_to_json
from app.tools.canonical_json import canonical_json

if TYPE_CHECKING:
    from pydantic import BaseModel


class PlainForm(msgspec.Struct, frozen=True):
    """The JSON form of a validated input.

    Attributes:
        whole: every value, defaults included. The approval predicate and the signature take this.
        given: the same without the nulls that nobody gave, since a tool may ask a nested model
            which of its fields were set. The user is shown this, and the tool's arguments are
            parsed from it.
    """

    whole: Mapping[str, Any]
    given: Mapping[str, Any]


def form_of_json(value: Any, parse: Callable[[Any], Mapping[str, Any]]) -> PlainForm | None:
    """Return the form of an input whose parser returns plain JSON; ``None`` if it does not.

    Raises:
        Exception: whatever ``parse`` raises.
    """
    arguments = parse(value)
    try:
        text = _text(arguments)
        whole = json.loads(text)
        again = parse(whole)
        is_faithful = again == arguments and _text(again) == text
    except (TypeError, ValueError, OverflowError):
        return None
    return PlainForm(whole, whole) if is_faithful else None


def form_of_model(value: Mapping[str, Any], model: "type[BaseModel]") -> PlainForm | None:
    """Return the form of an input that ``model`` validates; ``None`` if it has none.

    Raises:
        pydantic.ValidationError: the input is not valid.
        Exception: whatever a validator raises.
    """
    parsed = model.model_validate(dict(value))
    try:
        form = _dumped(parsed)
        again = model.model_validate(form.given)
        is_faithful = again == parsed and _text(_dumped(again).whole) == _text(form.whole)
    except (TypeError, ValueError, OverflowError):
        return None
    return form if is_faithful else None


def _dumped(parsed: "BaseModel") -> PlainForm:
    def dump(mode: str, *, exclude_unset: bool = False) -> Any:
        # With `round_trip` computed fields, which are no input, are left out.
        return parsed.model_dump(
            mode=mode,
            by_alias=True,
            round_trip=True,
            exclude_unset=exclude_unset,
            warnings="error",
            fallback=_artifact if mode == "json" else None,
        )

    whole = dump("json")
    given = _with_defaults(dump("json", exclude_unset=True), whole)
    return PlainForm(_in_order(whole, dump("python")), given)


def _artifact(value: Any) -> Any:
    if isinstance(value, Artifact):
        return artifact_to_json(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _with_defaults(given: Any, whole: Any) -> Any:
    """Return ``given`` with the defaults of ``whole`` that are not null."""
    if isinstance(whole, dict):
        return {
            key: _with_defaults(given[key], value) if key in given else value
            for key, value in whole.items()
            if key in given or value is not None
        }
    if isinstance(whole, list):
        return [_with_defaults(*pair) for pair in zip(given, whole, strict=True)]
    return whole


def _in_order(plain: Any, python: Any) -> Any:
    """Return ``plain`` with the items of sets in one order, which differs between processes.

    Args:
        plain: JSON.
        python: the same value, with Python's types.
    """
    if isinstance(python, set | frozenset):
        return sorted(plain, key=canonical_json)
    if isinstance(python, dict) and isinstance(plain, dict):
        items = zip(plain.items(), python.values(), strict=True)
        return {key: _in_order(value, original) for (key, value), original in items}
    if isinstance(python, list | tuple) and isinstance(plain, list):
        return [_in_order(*pair) for pair in zip(plain, python, strict=True)]
    return plain


def _text(value: Mapping[str, Any]) -> str:
    # As text, since Python takes 1, 1.0 and True for the same.
    text = json.dumps(dict(value), sort_keys=True, allow_nan=False)
    # JavaScript returns a number beyond 1.8e308 as null, which would be another value.
    json.loads(text, parse_int=lambda digits: float(int(digits)))
    return text
