"""Runs the Pulumi program in this process against a `Cloud`."""

import asyncio
import json
import logging
import runpy
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi.runtime import set_all_config, set_mocks
from pulumi.runtime.mocks import MockMonitor
from pulumi.runtime.settings import get_root_resource

from infra.config import ROOT
from tests.infra.cloud import Cloud

logger = logging.getLogger("pulumi.test")


@dataclass(frozen=True)
class Deployment:
    """A stack that has been made.

    Attributes:
        urns: of all resources; each has the types of its parents in it.
        secret_outputs: names of the outputs that Pulumi would mask.
    """

    cloud: Cloud
    urns: Sequence[str]
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
    # Pulumi wants a thread's event loop for itself.
    with ThreadPoolExecutor(1) as executor:
        return executor.submit(_run, cloud, config, secrets or {}, stack).result()


def _run(
    cloud: Cloud, config: Mapping[str, object], secrets: Mapping[str, str], stack: str
) -> Deployment:
    loops: list[asyncio.AbstractEventLoop] = []

    def give_loop() -> None:
        loops.append(asyncio.new_event_loop())
        asyncio.set_event_loop(loops[-1])

    give_loop()
    try:
        # Its mocks run in threads that want loops too, and would leave theirs open.
        with ThreadPoolExecutor(initializer=give_loop) as executor:
            loops[0].set_default_executor(executor)
            return _run_here(cloud, config, secrets, stack)
    finally:
        for loop in loops:
            loop.close()


def _run_here(
    cloud: Cloud, config: Mapping[str, object], secrets: Mapping[str, str], stack: str
) -> Deployment:
    monitor = MockMonitor(cloud)
    set_mocks(
        cloud, project="deltaline", stack=stack, preview=False, logger=logger, monitor=monitor
    )
    values = {name: _as_text(value) for name, value in {**config, **secrets}.items()}
    set_all_config(
        {f"deltaline:{name}": value for name, value in values.items()},
        [f"deltaline:{name}" for name in secrets],
    )
    found: dict[str, Any] = {}
    masked: set[str] = set()

    def program() -> pulumi.Output[None]:
        # As Pulumi's language host does, with the folder that `main` in Pulumi.yaml names.
        runpy.run_path(str(ROOT / "infra"), run_name="__main__")
        stack_resource: Any = get_root_resource()
        outputs = {
            name: pulumi.Output.from_input(value) for name, value in stack_resource.outputs.items()
        }

        async def note() -> None:
            for name, output in outputs.items():
                found[name] = await output.future()
                if await output.is_secret():
                    masked.add(name)

        return pulumi.Output.from_input(note())

    run: Any = pulumi.runtime.test
    run(program)()
    return Deployment(cloud, list(monitor.resources), found, frozenset(masked))


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
