"""Rewrites JSON schemas for OpenAI's strict mode, where it can express them.

In strict mode the model cannot write arguments that do not fit the schema. In return the mode only
knows a part of JSON Schema: every object is closed and all its properties are required.

Source: OpenAI's guide "Structured outputs", section "Supported schemas"; openai-python 3.52,
src/openai/lib/_pydantic.py.
"""

from collections.abc import Mapping
from typing import Any

_KEYWORDS = frozenset(
    {
        *("$defs", "$ref", "type", "enum", "const", "anyOf", "title", "description"),
        *("properties", "required", "additionalProperties", "items", "minItems", "maxItems"),
        *("pattern", "format", "multipleOf"),
        *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"),
    }
)
_FORMATS = frozenset(
    {"date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"}
)
_SAYS_WHAT_IT_IS = frozenset({"type", "enum", "const", "anyOf", "$ref"})


class _NotStrict(Exception):
    pass


def strict_schema(schema: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return ``schema`` in strict mode's form, or ``None`` if strict mode cannot express it.

    Optional parameters cannot be expressed: in strict mode the model would always send them.
    """
    try:
        if schema.get("type") != "object":
            raise _NotStrict
        return _node(schema, schema.get("$defs", {}), ())
    except _NotStrict:
        return None


def _node(
    node: Mapping[str, Any], definitions: Mapping[str, Any], inside: tuple[str, ...]
) -> dict[str, Any]:
    if "$ref" in node and len(node) > 1:
        # Strict mode allows nothing beside a reference, so the definition is written out.
        name = str(node["$ref"]).removeprefix("#/$defs/")
        if name in inside:
            raise _NotStrict
        beside = {key: value for key, value in node.items() if key != "$ref"}
        return _node({**definitions[name], **beside}, definitions, (*inside, name))
    if not node.keys() <= _KEYWORDS or node.keys().isdisjoint(_SAYS_WHAT_IT_IS):
        raise _NotStrict
    if node.get("format", "date") not in _FORMATS:
        raise _NotStrict
    result = dict(node)
    if node.get("type") == "object":
        result |= _object(node, definitions, inside)
    if node.get("type") == "array":
        result["items"] = _node(node.get("items", {}), definitions, inside)
    if "anyOf" in node:
        result["anyOf"] = [_node(option, definitions, inside) for option in node["anyOf"]]
    if "$defs" in node:
        result["$defs"] = {
            name: _node(definition, definitions, (name,))
            for name, definition in node["$defs"].items()
        }
    return result


def _object(
    node: Mapping[str, Any], definitions: Mapping[str, Any], inside: tuple[str, ...]
) -> dict[str, Any]:
    properties = node.get("properties")
    is_closed = node.get("additionalProperties", False) is False
    if properties is None or not is_closed or set(properties) != set(node.get("required", ())):
        raise _NotStrict
    return {
        "properties": {
            name: _node(value, definitions, inside) for name, value in properties.items()
        },
        "required": list(properties),
        "additionalProperties": False,
    }
