"""Runs the Pulumi program, which is loaded with all it needs when the first test runs it.

Loading takes long, and whoever collects these tests in order to run others should not wait.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from tests.infra.cloud import Cloud
from tests.infra.engine import Stack


@dataclass(frozen=True)
class Deployment:
    """A stack that has been made.

    Attributes:
        stack: all resources, in the order in which they were made; the URN of each has the types of
            its parents in it.
        secret_outputs: names of the outputs that Pulumi would mask.
    """

    cloud: Cloud
    stack: Stack
    outputs: Mapping[str, Any]
    secret_outputs: frozenset[str]

    @property
    def urns(self) -> Sequence[str]:
        return [resource.urn for resource in self.stack]

    @property
    def staying(self) -> frozenset[str]:
        """The types of what is left when the stack is destroyed."""
        return frozenset(resource.type for resource in self.stack if resource.stays)


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
    from tests.infra.pulumi_run import run

    return run(cloud, config, secrets or {}, stack)


def refusal(
    cloud: Cloud,
    config: Mapping[str, object],
    *,
    secrets: Mapping[str, str] | None = None,
    stack: str = "dev",
) -> str:
    """Run the program, which has to refuse; returns its sentence. Nothing may have been made."""
    import pulumi

    from infra.config import ConfigError

    with pytest.raises(ConfigError) as caught:
        run_program(cloud, config, secrets=secrets, stack=stack)
    # Pulumi prints these without a stack trace.
    assert isinstance(caught.value, pulumi.RunError)
    assert not cloud.made
    return str(caught.value)
