"""Runs the Pulumi program in this process against a `Cloud`."""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi.runtime import set_all_config, set_mocks

from infra.config import read_config
from infra.program import deploy
from tests.infra.cloud import Cloud

logger = logging.getLogger("pulumi.test")


@dataclass(frozen=True)
class Deployment:
    """A stack that has been made; ``secret_outputs`` are the names that Pulumi would mask."""

    cloud: Cloud
    outputs: Mapping[str, Any]
    secret_outputs: frozenset[str]


def run_program(
    cloud: Cloud,
    config: Mapping[str, object],
    *,
    secrets: Mapping[str, str] | None = None,
    stack: str = "dev",
) -> Deployment:
    """Run the program as `pulumi up` would.

    Args:
        config: keys of `Pulumi.yaml`; lists and booleans as the engine hands them over.
        secrets: keys set with ``--secret``.
    """
    secrets = secrets or {}
    set_mocks(cloud, project="deltaline", stack=stack, preview=False, logger=logger)
    values = {name: _as_text(value) for name, value in {**config, **secrets}.items()}
    set_all_config(
        {f"deltaline:{name}": value for name, value in values.items()},
        [f"deltaline:{name}" for name in secrets],
    )
    found: dict[str, Any] = {}
    masked: set[str] = set()

    def program() -> pulumi.Output[None]:
        outputs = {
            name: pulumi.Output.from_input(value) for name, value in deploy(read_config()).items()
        }

        async def note() -> None:
            for name, output in outputs.items():
                found[name] = await output.future()
                if await output.is_secret():
                    masked.add(name)

        return pulumi.Output.from_input(note())

    run: Any = pulumi.runtime.test
    run(program)()
    return Deployment(cloud, found, frozenset(masked))


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
