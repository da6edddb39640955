"""Reads docstrings in Google's style: the description of a function and of its parameters."""

import inspect
import re
from collections.abc import Mapping

_SECTION = re.compile(
    r"(args|arguments|parameters|returns?|yields?|raises|attributes|examples?|notes?):\s*$", re.I
)
_ENTRY = re.compile(r"\*{0,2}(\w+)\s*(?:\([^)]*\))?:\s*(.*)")
_OF_PARAMETERS = frozenset({"args", "arguments", "parameters"})


def read_docstring(function: object) -> tuple[str, Mapping[str, str]]:
    """Return the text before the first section, and the descriptions of parameters by name."""
    lines = (inspect.getdoc(function) or "").splitlines()
    starts = [index for index, line in enumerate(lines) if _SECTION.match(line)]
    description = "\n".join(lines[: starts[0]] if starts else lines).strip()
    parameters: dict[str, str] = {}
    for start in starts:
        if lines[start].strip().rstrip(":").lower() in _OF_PARAMETERS:
            parameters |= _entries(lines[start + 1 :])
    return description, parameters


def _entries(lines: list[str]) -> dict[str, str]:
    """Read ``name: text`` lines of equal indentation; more indented lines continue the text."""
    entries: dict[str, list[str]] = {}
    indentation: int | None = None
    name = ""
    for line in lines:
        if not line.strip():
            continue
        depth = len(line) - len(line.lstrip())
        if depth == 0:
            break  # the next section or plain text
        indentation = depth if indentation is None else indentation
        entry = _ENTRY.match(line.strip()) if depth == indentation else None
        if entry:
            name = entry[1]
            entries[name] = [entry[2]]
        elif name:
            entries[name].append(line.strip())
    return {name: " ".join(text).strip() for name, text in entries.items()}
