"""Runs the Pulumi program in this process against a `Cloud`. Loading this takes long."""

import asyncio
import json
import logging
import runpy
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pulumi
from pulumi.runtime import MockCallArgs, MockResourceArgs, Mocks, set_all_config, set_mocks
from pulumi.runtime.mocks import MockMonitor
from pulumi.runtime.rpc import deserialize_properties
from pulumi.runtime.settings import get_project, get_root_resource, get_stack

from infra.config import ROOT
from tests.infra.aws_api import State
from tests.infra.cloud import Cloud
from tests.infra.deploying import Deployment
from tests.infra.engine import Asked
from tests.infra.marks import plain

logger = logging.getLogger("pulumi.test")


class _Provider(Mocks):
    """Gives what Pulumi asks for to a cloud."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def call(self, args: MockCallArgs) -> tuple[State, list[tuple[str, str]]]:
        return self._cloud.call(args.token, args.args)

    def new_resource(self, args: MockResourceArgs) -> tuple[str, State]:
        return self._cloud.make(args.typ, args.name, args.inputs, is_component=not args.custom)


class _Monitor(MockMonitor):
    """Also notes what the engine would want to know, of which mocks hear nothing."""

    def __init__(self, provider: Mocks) -> None:
        super().__init__(provider)
        self.asked: list[Asked] = []

    def make_urn(self, parent: str, type_: str, name: str) -> str:
        """Name a resource as the engine does, by the types of all its parents."""
        parents = parent.split("::")[2] if parent else ""
        if parents not in ("", "pulumi:pulumi:Stack"):
            type_ = f"{parents}${type_}"
        return "::".join([f"urn:pulumi:{get_stack()}", get_project(), type_, name])

    def RegisterResource(self, request: Any) -> Any:
        register: Any = super().RegisterResource
        registered = register(request)
        if request.custom and request.type != "pulumi:pulumi:Stack":
            self.asked.append(
                Asked(
                    registered.urn,
                    _comparable(plain(deserialize_properties(request.object))),
                    {
                        name: frozenset(found.urns)
                        for name, found in request.propertyDependencies.items()
                    },
                    frozenset(request.dependencies),
                    tuple(alias.urn for alias in request.aliases if alias.urn),
                    request.retainOnDelete,
                )
            )
        return registered


def run(
    cloud: Cloud, config: Mapping[str, object], secrets: Mapping[str, str], stack: str
) -> Deployment:
    """Run the program in a thread, since Pulumi wants an event loop for itself."""
    with ThreadPoolExecutor(1) as executor:
        return executor.submit(_run, cloud, config, secrets, stack).result()


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
    provider = _Provider(cloud)
    monitor = _Monitor(provider)
    set_mocks(
        provider, project="deltaline", stack=stack, preview=False, logger=logger, monitor=monitor
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

    run_as_test: Any = pulumi.runtime.test
    run_as_test(program)()
    return Deployment(cloud, monitor.asked, found, frozenset(masked))


def _comparable(inputs: State) -> State:
    """Return the inputs with the paths of files instead of what Pulumi makes of them."""
    return {name: getattr(value, "path", value) for name, value in inputs.items()}


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
