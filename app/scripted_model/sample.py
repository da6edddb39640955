"""Generates a value that a JSON schema accepts. No I/O.

Covers the schemas that pydantic and zod generate (draft 2020-12): references, unions, ``allOf`` of
objects, enums, bounds, formats. For a ``pattern``, it tries a few common texts.
"""

import math
import re
from collections.abc import Mapping
from typing import Any

from app.scripted_model.checks import BadRequest

# From this depth on, only required values are generated, so that recursive schemas end.
_FRUGAL_DEPTH = 6
_DEEPEST = 40
_FORMATS = {
    "date-time": "2026-01-02T03:04:05Z",
    "date": "2026-01-02",
    "time": "03:04:05Z",
    "duration": "PT3M",
    "email": "ada@example.com",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.com/",
    "uri-reference": "/scripted",
    "uuid": "123e4567-e89b-42d3-a456-426614174000",
}
_PATTERN_CANDIDATES = (
    *_FORMATS.values(),
    *("A", "a", "1", "12", "123", "1234", "12345", "ABC", "abc", "AB", "ab", "Ab", "A1", "a1"),
    *("#a1b2c3", "+15550100", "555-0100", "10:30", "1.0", "1.0.0", "abc-123", "a_b", "$12.50"),
)


def sample(schema: Mapping[str, Any]) -> Any:
    """Return a JSON value that fits ``schema``.

    Raises:
        BadRequest: no value can be generated for the schema.
    """
    return _Sampler(schema).value(schema, "value", 0)


class _Sampler:
    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root

    def value(self, schema: Any, key: str, depth: int, number: int = 0) -> Any:
        """Return a value for the property ``key``; ``number`` makes an array's items differ."""
        if depth > _DEEPEST:
            raise BadRequest("The schema requires a value without end.", param="schema")
        if not isinstance(schema, Mapping):
            return f"Scripted {key}"
        schema = self._flat(schema)
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return schema["enum"][number % len(schema["enum"])]
        options = schema.get("anyOf") or schema.get("oneOf")
        if options:
            return self.value(self._option(options, depth), key, depth + 1, number)
        match _type_of(schema, depth):
            case "object":
                return self._object(schema, depth)
            case "array":
                return self._array(schema, key, depth)
            case "integer":
                return _number(schema, number, whole=True)
            case "number":
                return _number(schema, number, whole=False)
            case "boolean":
                return True
            case "null":
                return None
            case _:
                return _string(schema, key, number)

    def _flat(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        """Resolve ``$ref`` and ``allOf`` and merge them with the schema's other keys."""
        seen = 0
        while "$ref" in schema or "allOf" in schema:
            seen += 1
            if seen > _DEEPEST:
                raise BadRequest("The schema refers to itself without end.", param="schema")
            own = {key: item for key, item in schema.items() if key not in ("$ref", "allOf")}
            parts = [*schema.get("allOf", ()), own]
            if "$ref" in schema:
                parts.insert(0, self._resolve(schema["$ref"]))
            merged: dict[str, Any] = {}
            for part in parts:
                properties = {**merged.get("properties", {}), **part.get("properties", {})}
                required = [*merged.get("required", ()), *part.get("required", ())]
                merged = {**merged, **part}
                if properties:
                    merged["properties"] = properties
                if required:
                    merged["required"] = required
            schema = merged
        return schema

    def _resolve(self, reference: str) -> Mapping[str, Any]:
        found: Any = self._root
        for name in reference.removeprefix("#").split("/")[1:]:
            name = name.replace("~1", "/").replace("~0", "~")
            found = found.get(name) if isinstance(found, Mapping) else None
        if not reference.startswith("#") or not isinstance(found, Mapping):
            raise BadRequest(f"The schema refers to {reference!r}, which it lacks.", param="schema")
        return found

    def _option(self, options: list[Any], depth: int) -> Any:
        nulls = [option for option in options if option == {"type": "null"}]
        others = [option for option in options if option != {"type": "null"}]
        return (nulls or others)[0] if depth >= _FRUGAL_DEPTH else (others or nulls)[0]

    def _object(self, schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
        properties = schema.get("properties", {})
        required = schema.get("required", ())
        names = [name for name in properties if depth < _FRUGAL_DEPTH or name in required]
        names += [name for name in required if name not in properties]
        made = {name: self.value(properties.get(name, {}), name, depth + 1) for name in names}
        extra = schema.get("additionalProperties", {})
        wanted = schema.get("minProperties", 1 if extra and depth < _FRUGAL_DEPTH else 0)
        for number in range(len(made), wanted if extra is not False else 0):
            name = f"key{number + 1}"
            made[name] = self.value(extra, name, depth + 1, number)
        return made

    def _array(self, schema: Mapping[str, Any], key: str, depth: int) -> list[Any]:
        first = schema.get("prefixItems", [])
        least = schema.get("minItems", 0)
        usual = 0 if depth >= _FRUGAL_DEPTH else max(2, len(first))
        length = max(least, min(usual, schema.get("maxItems", usual)))
        items = schema.get("items", {})
        if items is False:
            length = min(length, len(first))
        made = [
            self.value(first[place] if place < len(first) else items, key, depth + 1, place)
            for place in range(length)
        ]
        if schema.get("uniqueItems"):
            made = [item for place, item in enumerate(made) if item not in made[:place]]
        return made


def _type_of(schema: Mapping[str, Any], depth: int) -> str | None:
    kind = schema.get("type")
    if isinstance(kind, list):
        if "null" in kind and depth >= _FRUGAL_DEPTH:
            return "null"
        kind = next((name for name in kind if name != "null"), "null")
    if kind is None:
        marks = {"properties": "object", "items": "array", "prefixItems": "array"}
        kind = next((name for mark, name in marks.items() if mark in schema), None)
    return kind


def _number(schema: Mapping[str, Any], number: int, *, whole: bool) -> int | float:
    step = schema.get("multipleOf", 1)
    if whole:
        step = math.lcm(1, step) if isinstance(step, int) else math.ceil(step)
    low, high = schema.get("minimum"), schema.get("maximum")
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    floor = max((bound for bound in (low, above) if bound is not None), default=None)
    roof = min((bound for bound in (high, below) if bound is not None), default=None)
    start = 1 if floor is None else floor
    if floor is None and roof is not None and roof < step:
        start = roof - step
    candidates: list[float] = [
        (math.floor(start / step) + offset + number) * step for offset in range(3)
    ]
    if not whole and floor is not None and roof is not None:
        candidates.append((floor + roof) / 2)

    def fits(value: float) -> bool:
        return (
            (low is None or value >= low)
            and (above is None or value > above)
            and (high is None or value <= high)
            and (below is None or value < below)
        )

    # An array may have more items than the range has numbers: then the numbers repeat.
    again: list[float] = [candidate - number * step for candidate in candidates]
    for value in (*candidates, *again):
        if fits(value):
            return value
    raise BadRequest("The schema's bounds leave no number.", param="schema")


def _string(schema: Mapping[str, Any], key: str, number: int) -> str:
    least, most = schema.get("minLength", 0), schema.get("maxLength")
    if schema.get("format") in _FORMATS and "pattern" not in schema:
        return _FORMATS[schema["format"]]
    suffix = f" {number + 1}" if number else ""
    text = f"Scripted {key.replace('_', ' ')}{suffix}"
    if "pattern" not in schema:
        return text.ljust(least, ".")[:most]
    for candidate in (text, *_PATTERN_CANDIDATES):
        long_enough = least <= len(candidate) <= (len(candidate) if most is None else most)
        if long_enough and re.search(schema["pattern"], candidate):
            return candidate
    raise BadRequest(f"No text is known for {schema['pattern']!r}.", param="schema")
