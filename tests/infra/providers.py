"""The providers that a real Pulumi asks: a server that makes, changes and deletes in moto.

It speaks the protocol of Pulumi's providers for all packages at once. What Pulumi starts as a
provider is a script that says where this server is.

Source: pulumi/pulumi, proto/pulumi/provider.proto.
"""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc  # type: ignore[import-untyped]
import pulumi
from google.protobuf import empty_pb2, json_format, struct_pb2  # type: ignore[import-untyped]
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

from tests.infra.aws_api import State
from tests.infra.cloud import Cloud
from tests.infra.makers import MAKERS
from tests.infra.marks import plain
from tests.infra.replacing import REPLACING, is_deleted_first
from tests.infra.unmaking import CHANGERS, REMOVERS

PACKAGES = ("aws", "docker-build", "random")
_UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
_SIGNATURE = "4dabf18193072939515e22adb298388d"
_ARCHIVE = "0def7320c3a5731c473e5ecbe6d01bc7"
_ASSET = "c44067f5952c0a294b673a41bacd8c17"


@dataclass
class Provider(provider_pb2_grpc.ResourceProviderServicer):
    """All providers.

    Attributes:
        done: what was done, and to what, in order.
    """

    cloud: Cloud
    done: list[tuple[str, str]] = field(default_factory=list)

    def Handshake(self, request: Any, context: Any) -> Any:
        return provider_pb2.ProviderHandshakeResponse(accept_secrets=True, accept_resources=True)

    def GetPluginInfo(self, request: Any, context: Any) -> Any:
        return plugin_pb2.PluginInfo(version="99.0.0")

    def CheckConfig(self, request: Any, context: Any) -> Any:
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: Any, context: Any) -> Any:
        return provider_pb2.DiffResponse(changes=provider_pb2.DiffResponse.DIFF_NONE)

    def Configure(self, request: Any, context: Any) -> Any:
        return provider_pb2.ConfigureResponse(
            acceptSecrets=True, supportsPreview=True, acceptResources=True
        )

    def Invoke(self, request: Any, context: Any) -> Any:
        found, failures = self.cloud.call(request.tok, plain(_read(request.args)))
        failed = [
            provider_pb2.CheckFailure(property=name, reason=reason) for name, reason in failures
        ]
        if failed:
            return provider_pb2.InvokeResponse(failures=failed)
        return provider_pb2.InvokeResponse(**{"return": _write(found)})

    def Check(self, request: Any, context: Any) -> Any:
        inputs = _read(request.news)
        type_ = _type(request.urn)
        if type_ == "aws:iam/role:Role" and "name" not in inputs:
            inputs["name"] = f"{request.urn.rpartition('::')[2]}-0a1b2c3"
        return provider_pb2.CheckResponse(inputs=_write(inputs))

    def Diff(self, request: Any, context: Any) -> Any:
        type_ = _type(request.urn)
        old, new = plain(_read(request.old_inputs)), plain(_read(request.news))
        names = {*old, *new}
        changed = {name for name in names if _has_changed(old.get(name), new.get(name))}
        replaced = changed & REPLACING[type_]
        some = provider_pb2.DiffResponse.DIFF_SOME
        return provider_pb2.DiffResponse(
            changes=some if changed else provider_pb2.DiffResponse.DIFF_NONE,
            diffs=sorted(changed),
            replaces=sorted(replaced),
            deleteBeforeReplace=bool(replaced) and is_deleted_first(type_, new),
        )

    def Create(self, request: Any, context: Any) -> Any:
        inputs = _read(request.properties)
        if request.preview:
            return provider_pb2.CreateResponse(properties=_write(inputs))
        self.done.append(("create", request.urn))
        id_, outputs = MAKERS[_type(request.urn)](self.cloud, _for_makers(inputs))
        return provider_pb2.CreateResponse(id=id_, properties=_write({**inputs, **outputs}))

    def Update(self, request: Any, context: Any) -> Any:
        inputs, old = _read(request.news), _read(request.olds)
        if request.preview:
            return provider_pb2.UpdateResponse(properties=_write({**old, **inputs}))
        self.done.append(("update", request.urn))
        change = CHANGERS[_type(request.urn)]
        outputs = change(self.cloud, request.id, plain(old), _for_makers(inputs))
        gone = _read(request.old_inputs).keys() - inputs.keys()
        kept = {name: value for name, value in old.items() if name not in gone}
        return provider_pb2.UpdateResponse(properties=_write({**kept, **inputs, **outputs}))

    def Delete(self, request: Any, context: Any) -> Any:
        self.done.append(("delete", request.urn))
        state = plain(_read(request.properties))
        REMOVERS[_type(request.urn)](self.cloud, request.id, state)
        return empty_pb2.Empty()

    def Cancel(self, request: Any, context: Any) -> Any:
        return empty_pb2.Empty()


@contextmanager
def serve_providers(cloud: Cloud, folder: Path) -> Iterator[Provider]:
    """Serve, and write what Pulumi starts into a folder, which has to be first in its path.

    Each says in which folder it was started, in a file beside it.
    """
    provider = Provider(cloud)
    # One after the other: moto is not made for several at once.
    server: Any = grpc.server(ThreadPoolExecutor(1))
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(provider, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    for package in PACKAGES:
        script = folder / f"pulumi-resource-{package}"
        script.write_text(
            f'#!/bin/sh\npwd >"{folder}/{package}.started-in"\necho {port}\nexec sleep 3600\n'
        )
        script.chmod(0o755)
    try:
        yield provider
    finally:
        server.stop(None).wait()


def _type(urn: str) -> str:
    return urn.split("::")[2].rpartition("$")[2]


def _read(properties: Any) -> State:
    found: State = json_format.MessageToDict(properties)
    return found


def _write(properties: State) -> Any:
    return json_format.ParseDict(properties, struct_pb2.Struct())


def _for_makers(inputs: State) -> State:
    """Return inputs with files as the makers know them from a program."""
    return {name: _file(value) for name, value in plain(inputs).items()}


def _file(value: Any) -> Any:
    signature = value.get(_SIGNATURE) if isinstance(value, dict) else None
    if signature == _ARCHIVE:
        return pulumi.FileArchive(value["path"])
    if signature == _ASSET:
        return pulumi.FileAsset(value["path"])
    return value


def _has_changed(old: Any, new: Any) -> bool:
    # What is not known yet may be anything.
    return _UNKNOWN in json.dumps(new) or _comparable(old) != _comparable(new)


def _comparable(value: Any) -> Any:
    """Return a file by its content, whatever its path is."""
    if isinstance(value, dict) and value.get(_SIGNATURE) in (_ARCHIVE, _ASSET):
        return value["hash"]
    return value
