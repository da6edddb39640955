"""Checks a request to AWS against botocore's own description of the service.

The SDK itself checks types and little else, and moto takes many a value that AWS refuses.
"""

import re
from collections.abc import Iterator
from typing import Any

import botocore.session
from botocore.model import ListShape, MapShape, Shape, StructureShape

_SESSION = botocore.session.get_session()


def faults(service: str, operation: str, parameters: dict[str, Any]) -> list[str]:
    """Return what the model does not allow, one sentence for each."""
    model = _SESSION.get_service_model(service).operation_model(operation)
    assert model.input_shape is not None
    return list(_faults(model.input_shape, parameters, operation))


def member(service: str, shape: str) -> Shape:
    """Return one shape of a service, for its bounds and enums."""
    return _SESSION.get_service_model(service).shape_for(shape)


def _faults(shape: Shape, value: Any, path: str) -> Iterator[str]:
    if isinstance(shape, StructureShape):
        for name, item in value.items():
            if name not in shape.members:
                yield f"{path}.{name} is not in the model"
            else:
                yield from _faults(shape.members[name], item, f"{path}.{name}")
        yield from (
            f"{path}.{name} is missing" for name in shape.required_members if name not in value
        )
    elif isinstance(shape, ListShape):
        yield from _outside(shape, len(value), path)
        for index, item in enumerate(value):
            yield from _faults(shape.member, item, f"{path}[{index}]")
    elif isinstance(shape, MapShape):
        for name, item in value.items():
            yield from _faults(shape.key, name, f"{path} key {name}")
            yield from _faults(shape.value, item, f"{path}[{name!r}]")
    elif isinstance(value, str):
        enum = getattr(shape, "enum", None)
        if enum and value not in enum:
            yield f"{path} is {value!r}, not one of {enum}"
        yield from _outside(shape, len(value), path)
        pattern = shape.metadata.get("pattern")
        if pattern and not _matches(pattern, value):
            yield f"{path} is {value!r}, which does not match {pattern}"
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield from _outside(shape, value, path)


def _outside(shape: Shape, size: float, path: str) -> Iterator[str]:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if low is not None and size < low:
        yield f"{path} is {size}, below {low}"
    if high is not None and size > high:
        yield f"{path} is {size}, above {high}"


def _matches(pattern: str, value: str) -> bool:
    # Written for Java, where a flag may stand anywhere; these two Python spells otherwise.
    flags = re.IGNORECASE if "(?i)" in pattern else re.NOFLAG
    pattern = pattern.replace("(?i)", "")
    pattern = pattern.replace(r"\p{L}\p{Z}\p{N}", r"\w\s").replace(r"\p{ASCII}", r"\x00-\x7f")
    return re.search(rf"\A(?:{pattern})\Z", value, flags) is not None
