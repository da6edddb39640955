"""Calls of the tools that a request offers, with arguments that fit. No I/O."""

import json
from collections.abc import Mapping
from typing import Any

from app.scripted_model.conversation import Conversation, OfferedTool
from app.scripted_model.sample import sample
from app.scripted_model.script import Call, tokens


def call(conversation: Conversation, tool_name: str, values: Mapping[str, Any]) -> Call:
    """Return a call of the tool: ``values`` for the properties it has, samples for the rest."""
    arguments = _arguments(conversation.tools.get(tool_name), values)
    return Call(tool_name, tokens(json.dumps(arguments, ensure_ascii=False)))


def wrong_arguments(tool: OfferedTool | None) -> str:
    """Return arguments that are valid JSON of types that the tool's schema does not allow."""
    properties = tool.parameters.get("properties", {}) if tool else {}
    names = list(properties) or ["value"]
    return json.dumps({name: [{"wrong": "type"}] for name in names})


def _arguments(tool: OfferedTool | None, values: Mapping[str, Any]) -> dict[str, Any]:
    schema = tool.parameters if tool else {}
    properties = schema.get("properties")
    if not isinstance(properties, Mapping):
        return dict(values)
    known = {name: value for name, value in values.items() if name in properties}
    required = [name for name in schema.get("required", ()) if name not in known]
    if not known and values:
        # The tool names its argument differently (``location`` for ``city``): fill the first text.
        first = next(iter(values.values()))
        named = [name for name in required if properties.get(name, {}).get("type") == "string"]
        known = dict.fromkeys(named[:1], first)
    made = sample({**schema, "type": "object"})
    wanted = required if values else properties
    return {
        name: known.get(name, made.get(name)) for name in properties if name in {*known, *wanted}
    }
