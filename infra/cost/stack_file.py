"""Reads a stack's configuration from its file, without Pulumi, its engine or its secrets."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import yaml

from infra.config import (
    PROJECT,
    ConfigError,
    StackConfig,
    key_of,
    parse_value,
    refuse_unknown_keys,
)
from infra.config_checks import check_values


@dataclass(frozen=True, slots=True)
class StackFile:
    """What `Pulumi.<stack>.yaml` says.

    Attributes:
        config: with no secret in it.
        secrets: the names of the fields that hold secrets and are set. A file without any is an
            example, to which its user adds the model's key, and a token if strangers may call.
        region: of ``aws:region``; empty if the file does not say.
    """

    config: StackConfig
    secrets: frozenset[str]
    region: str


def read_stack_file(path: Path, changes: Sequence[str] = ()) -> StackFile:
    """Read a file of a stack.

    Args:
        changes: keys with other values, as ``frontDoor=cloudfront``.

    Raises:
        ConfigError: the file is not there, or a key or value is not one of this project.
    """
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.") from None
    except yaml.YAMLError:
        raise ConfigError(f"{path} is no YAML.") from None
    given = found.get("config") if isinstance(found, dict) else None
    if not isinstance(given or {}, dict):
        raise ConfigError(f"{path}: config must hold keys and their values.")
    values: dict[str, object] = {str(key): value for key, value in (given or {}).items()}
    for change in changes:
        key, equals, value = change.partition("=")
        if not equals:
            raise ConfigError(f"A change must be KEY=VALUE, such as memoryMb=512, not {change!r}.")
        values[f"{PROJECT}:{key}"] = value
    read = _read(values)
    check_values(read.config)
    return read


def _read(given: Mapping[str, object]) -> StackFile:
    refuse_unknown_keys(given)
    secrets: set[str] = set()
    values: dict[str, Any] = {}
    for field in fields(StackConfig):
        key = key_of(field.name)
        value = given.get(f"{PROJECT}:{key}")
        # As Pulumi hands it to the program.
        text = value if isinstance(value, str) else json.dumps(value)
        if value is None or not text.strip():
            continue
        if field.default is None:
            secrets.add(field.name)
        else:
            values[field.name] = parse_value(key, text.strip(), field.default)
    config = StackConfig(**values)
    if not secrets:
        secrets = {"openai_api_key"} | ({"auth_token"} if config.is_public else set())
    region = given.get("aws:region")
    return StackFile(config, frozenset(secrets), str(region or ""))
