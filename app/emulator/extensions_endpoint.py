"""The Extensions API of one environment, for companion processes such as the Lambda Web Adapter.

    POST /2020-01-01/extension/register       {"events": ["INVOKE", "SHUTDOWN"]}
    GET  /2020-01-01/extension/event/next     waits for the next event; a waiting extension is ready
    POST /2020-01-01/extension/init/error, …/exit/error

Sources: AWS's page "Lambda Extensions API"; status codes and error types as in
aws-lambda-runtime-interface-emulator 1.x, internal/lambda/rapi/handler.
"""

import json
import uuid
from collections import deque
from collections.abc import Mapping
from typing import Any

from app.emulator.changes import Changes
from app.emulator.connection import Connection, Request
from app.emulator.function_response import FunctionFailure

_PREFIX = "/2020-01-01/extension"
_MAX_BODY_BYTES = 256 * 1024
_ERROR_TYPES = {"/init/error": "Extension.InitError", "/exit/error": "Extension.ExitError"}
_JSON = ("content-type", "application/json")


class _Extension:
    """One registered extension.

    An external extension is a process of its own. An internal one is a thread of the runtime and
    cannot register for SHUTDOWN.
    """

    def __init__(self, name: str, events: frozenset[str], *, external: bool) -> None:
        self.identifier = str(uuid.uuid4())
        self.name = name
        self.events = events
        self.external = external
        self.polling = False
        self.waiting: deque[Mapping[str, Any]] = deque()

    @property
    def ready(self) -> bool:
        return self.polling and not self.waiting


class ExtensionsEndpoint:
    """Keeps which extensions registered, which are ready, and the events they have not fetched.

    Args:
        changes: notified whenever any of these changes.
        function: function name, version and handler: the body of the response to `register`.
        names: the file names of the extensions that this environment starts.
    """

    def __init__(
        self, changes: Changes, function: Mapping[str, str], names: frozenset[str]
    ) -> None:
        self._changes = changes
        self._function = function
        self._external_names = names
        self._extensions: dict[str, _Extension] = {}
        self.registration_open = True
        self.error: FunctionFailure | None = None

    @property
    def all_registered(self) -> bool:
        return self._external_names <= {ext.name for ext in self._extensions.values()}

    @property
    def all_ready(self) -> bool:
        return all(extension.ready for extension in self._extensions.values())

    @property
    def unready_names(self) -> list[str]:
        """Names of the extensions that have not registered or do not poll for the next event."""
        ready = {ext.name for ext in self._extensions.values() if ext.ready}
        registered = {ext.name for ext in self._extensions.values()}
        return sorted((self._external_names | registered) - ready)

    @property
    def shutdown_s(self) -> float:
        """How long the processes have to shut down.

        Lambda gives 2 s if there is an external extension, 0.5 s if there are only internal ones,
        and no time if there are none.
        """
        if any(extension.external for extension in self._extensions.values()):
            return 2.0
        return 0.5 if self._extensions else 0.0

    def wants_shutdown(self, name: str) -> bool:
        """Whether the external extension ``name`` registered for the SHUTDOWN event."""
        return any(
            ext.external and ext.name == name and "SHUTDOWN" in ext.events
            for ext in self._extensions.values()
        )

    def publish(self, event: Mapping[str, Any]) -> None:
        """Queue an event for every extension that registered for its ``eventType``."""
        for extension in self._extensions.values():
            if event["eventType"] in extension.events:
                extension.waiting.append(event)
        self._changes.notify()

    async def respond(self, connection: Connection, request: Request) -> bool:
        """Respond if the request is for this API; return whether it was."""
        if not request.path.startswith(_PREFIX):
            return await self._refuse_telemetry(connection, request)
        route = request.method, request.path.removeprefix(_PREFIX)
        match route:
            case "POST", "/register":
                await self._register(connection, request)
            case "GET", "/event/next":
                await self._next_event(connection, request)
            case "POST", "/init/error" | "/exit/error":
                await self._take_error(connection, request, _ERROR_TYPES[route[1]])
            case _:
                return False
        return True

    async def _register(self, connection: Connection, request: Request) -> None:
        name = request.header("lambda-extension-name")
        events = _event_names(await connection.read_body(_MAX_BODY_BYTES))
        external = name in self._external_names
        allowed = {"INVOKE", "SHUTDOWN"} if external else {"INVOKE"}
        if not name:
            await _forbid(connection, "Extension.InvalidExtensionName", "Empty extension name")
        elif events is None:
            await _forbid(connection, "InvalidRequestFormat", 'The body is not {"events": […]}')
        elif not events <= allowed:
            text = f"{', '.join(sorted(events - allowed))}: not an event for this extension"
            await _forbid(connection, "Extension.InvalidEventType", text)
        elif name in {extension.name for extension in self._extensions.values()}:
            text = "Extension with this name already registered"
            await _forbid(connection, "Extension.InvalidExtensionState", text)
        elif not external and not self.registration_open:
            text = "Extension registration closed already"
            await _forbid(connection, "Extension.RegistrationClosed", text)
        else:
            extension = _Extension(name, events, external=external)
            self._extensions[extension.identifier] = extension
            self._changes.notify()
            body = json.dumps(self._function).encode()
            headers = (_JSON, ("lambda-extension-identifier", extension.identifier))
            await connection.respond(200, headers, body)

    async def _next_event(self, connection: Connection, request: Request) -> None:
        extension = await self._known(connection, request)
        if extension is None:
            return
        extension.polling = True
        self._changes.notify()
        try:
            has_event = self._changes.until(lambda: bool(extension.waiting))
            await connection.unless_gone(has_event)
        finally:
            extension.polling = False
            self._changes.notify()
        headers = (_JSON, ("lambda-extension-event-identifier", str(uuid.uuid4())))
        await connection.respond(200, headers, json.dumps(extension.waiting.popleft()).encode())

    async def _take_error(self, connection: Connection, request: Request, lambda_type: str) -> None:
        extension = await self._known(connection, request)
        if extension is None:
            return
        body = await connection.read_body(_MAX_BODY_BYTES)
        stated = request.header("lambda-extension-function-error-type")
        text = f"{extension.name}: {stated} {body.decode('utf-8', 'replace')}".strip()
        self.error = FunctionFailure(
            lambda_type, json.dumps({"errorType": lambda_type, "errorMessage": text})
        )
        self._changes.notify()
        await connection.respond(202, (_JSON,), b'{"status":"OK"}')

    async def _known(self, connection: Connection, request: Request) -> _Extension | None:
        identifier = request.header("lambda-extension-identifier")
        extension = self._extensions.get(identifier)
        if extension is None:
            await _forbid(
                connection,
                "Extension.UnknownExtensionIdentifier",
                f"Unknown extension {identifier}",
            )
        return extension

    async def _refuse_telemetry(self, connection: Connection, request: Request) -> bool:
        kinds = {"/2022-07-01/telemetry": "Telemetry", "/2020-08-15/logs": "Logs"}
        kind = kinds.get(request.path)
        if kind is None or request.method != "PUT":
            return False
        await connection.read_body(_MAX_BODY_BYTES)
        # The response of AWS's own emulator, so that extensions written for it work here.
        body = {"errorType": f"{kind}.NotSupported", "errorMessage": f"{kind} API is not supported"}
        await connection.respond(202, (_JSON,), json.dumps(body).encode())
        return True


def _event_names(body: bytes) -> frozenset[str] | None:
    try:
        events = json.loads(body)["events"]
        return frozenset(event for event in events if isinstance(event, str))
    except (ValueError, TypeError, KeyError):
        return None


async def _forbid(connection: Connection, error_type: str, message: str) -> None:
    body = json.dumps({"errorType": error_type, "errorMessage": message}).encode()
    await connection.respond(403, (_JSON,), body)
