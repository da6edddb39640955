"""Files in the arguments of a tool call.

Any object with both ``filename`` and ``content`` is a file, alone or in a list. ``is_binary`` means
that the content is base64.

Source: Solace Agent Mesh, the `lambda` executor and `sam-lambda-tools` (2026).
"""

from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Any

import msgspec


class Artifact(msgspec.Struct, frozen=True, kw_only=True):
    """A file that a tool receives. ``content`` is ``bytes`` if it came as base64."""

    filename: str
    content: str | bytes
    mime_type: str | None = None
    version: int | None = None
    metadata: Mapping[str, Any] | None = None

    @property
    def data(self) -> bytes:
        """The content as bytes, text in UTF-8."""
        return self.content if isinstance(self.content, bytes) else self.content.encode()

    # With these two methods pydantic understands the type hint `Artifact`.
    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        from pydantic_core import core_schema

        return core_schema.no_info_plain_validator_function(read_artifact)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: Any) -> dict[str, Any]:
        return {
            "type": "object",
            "description": "A file. Binary content is base64, and is_binary is true.",
            "properties": {
                "filename": {"type": "string"},
                "content": {"type": "string"},
                "is_binary": {"type": "boolean"},
                "mime_type": {"type": "string"},
            },
            "required": ["filename", "content"],
        }


class _ArtifactJson(msgspec.Struct, kw_only=True):
    filename: str
    content: str
    is_binary: bool = False
    mime_type: str | None = None
    version: int | None = None
    metadata: dict[str, Any] | None = None


def read_artifact(value: Any) -> Artifact:
    """Read an artifact from parsed JSON; an `Artifact` is returned as it is.

    Raises:
        ValueError: ``value`` does not fit, or its content is said to be base64 and is not.
    """
    if isinstance(value, Artifact):
        return value
    given = msgspec.convert(value, _ArtifactJson)
    try:
        content = b64decode(given.content, validate=True) if given.is_binary else given.content
    except ValueError:
        raise ValueError(f"content of {given.filename!r} is not valid base64") from None
    return Artifact(
        filename=given.filename,
        content=content,
        mime_type=given.mime_type,
        version=given.version,
        metadata=given.metadata,
    )


def artifact_to_json(artifact: Artifact) -> dict[str, Any]:
    """Return the JSON from which `read_artifact` makes ``artifact``."""
    content = artifact.content
    is_binary = isinstance(content, bytes)
    more = {
        "is_binary": is_binary or None,
        "mime_type": artifact.mime_type,
        "version": artifact.version,
        "metadata": artifact.metadata,
    }
    return {
        "filename": artifact.filename,
        "content": b64encode(content).decode() if isinstance(content, bytes) else content,
        **{key: value for key, value in more.items() if value is not None},
    }


def decode_artifacts(value: Any) -> Any:
    """Return ``value`` decoded if it is an artifact, or with the artifacts decoded if it is a list.

    Raises:
        ValueError: see `read_artifact`.
    """
    if isinstance(value, list):
        return [_decoded(item) for item in value]
    return _decoded(value)


def _decoded(value: Any) -> Any:
    is_artifact = isinstance(value, Mapping) and "filename" in value and "content" in value
    return read_artifact(value) if is_artifact else value
