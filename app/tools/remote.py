"""Tools that run on another server, such as a Lambda function, and report live from there."""

import asyncio
import io
import os
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from app.aws.credentials import AwsCredentials, CredentialsError
from app.aws.sigv4 import Credentials, signature_headers
from app.content_coding import compression_of
from app.known_secrets import password_in, remember
from app.protocols.json_text import dumps
from app.protocols.tool_result import ToolResult
from app.protocols.tool_stream_reader import (
    RunLine,
    RunResult,
    RunStatus,
    ToolStreamError,
    ToolStreamReader,
)
from app.received import read_received
from app.tools.context import ToolContext
from app.tools.definition import ToolDefinitionError, ToolError
from app.tools.remote_call import (
    EventStreamBody,
    PlainBody,
    Unwrapper,
    check_status,
    function_arn_target,
    function_url_target,
    unreadable,
)
from app.tools.tool import (
    DEFAULT_TIMEOUT_S,
    NeedsApproval,
    OnPreliminary,
    Tool,
    describe_input,
)
from app.tracing import trace_headers

if TYPE_CHECKING:
    import aiohttp

_ANY_INPUT = {"type": "object", "properties": {}}
_CONNECT_TIMEOUT_S = 5.0
_LARGE_BODY_BYTES = 2**20
_SERVICE = "lambda"


class CredentialsSource(Protocol):
    """Gives AWS credentials; see `AwsCredentials`."""

    async def get(self) -> Credentials | None: ...


class RemoteTool(Tool):
    """A tool on another server that speaks tool streams (`app.protocols.tool_run`).

        weather = RemoteTool(
            "weather",
            function_url="https://….lambda-url.eu-central-1.on.aws",
            description="Look up the weather in a city.",
            signature=weather_signature,
        )

    Its statuses are forwarded live. A call that cannot be made or read raises a `ToolError` with a
    code such as ``HTTP_403``, ``UNREACHABLE`` or ``NO_RESULT``. The user is shown the message with
    which the remote tool describes its own failure.

    Args:
        name: what the model calls it.
        function_url: the tool's address; ``/invoke`` is appended if it is missing. Requests are
            signed if the address is a Function URL and this process has AWS credentials.
        function_arn: instead of a URL, the ARN of a function to invoke through Lambda's API.
        timeout_s: how long a call may take, in seconds.
        description: for the model.
        parameters: JSON schema of the input; default: any object.
        signature: instead of ``parameters``, a function whose type hints describe the input. It is
            never called.
        config: sent as ``tool_config``; its keys win over those of the call's own configuration.
        needs_approval: see `tool`. With ``parameters`` a predicate is given the input as the model
            wrote it, since only the other side validates it.
        region: the AWS region to sign for, whatever the address.
        endpoint_url: of Lambda's API; default: ``AWS_ENDPOINT_URL_LAMBDA``, else AWS's own.
        credentials: default: those of this process.
        now: Unix time in seconds.

    Raises:
        ToolDefinitionError: both addresses are given or none, or the address cannot be used.
    """

    def __init__(
        self,
        name: str,
        *,
        function_url: str | None = None,
        function_arn: str | None = None,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        description: str = "",
        parameters: Mapping[str, Any] | None = None,
        signature: Callable[..., Any] | None = None,
        config: Mapping[str, Any] | None = None,
        needs_approval: NeedsApproval = False,
        region: str | None = None,
        endpoint_url: str | None = None,
        credentials: CredentialsSource | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        if parameters is None and signature is None:
            parameters = _ANY_INPUT
        schema, parse, plain_form = describe_input(name, parameters, signature)
        super().__init__(
            name,
            description=description,
            parameters=schema,
            parse=parse,
            run=self._call,
            needs_approval=needs_approval,
            plain_form=plain_form,
            timeout_s=timeout_s,
        )
        if function_url is not None and function_arn is None:
            self._target = function_url_target(name, function_url, region)
            remember(*password_in(function_url))
        elif function_arn is not None and function_url is None:
            endpoint_url = endpoint_url or os.environ.get("AWS_ENDPOINT_URL_LAMBDA")
            self._target = function_arn_target(name, function_arn, endpoint_url)
        else:
            raise ToolDefinitionError(f"Give {name} a function_url or a function_arn.")
        self._config = dict(config or {})
        self._credentials = AwsCredentials() if credentials is None else credentials
        self._now = now

    async def _call(
        self, arguments: Mapping[str, Any], context: ToolContext, on_preliminary: OnPreliminary
    ) -> ToolResult:
        import aiohttp

        from app.peer_http import peer_session

        about = {"session_id": context.session_id, "user_id": context.user_id}
        body = dumps(
            {
                "args": arguments,
                "context": {key: value for key, value in about.items() if value is not None},
                "tool_config": {**context.config, **self._config},
            }
        )
        headers = await self._headers(body)
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_TIMEOUT_S)
        async with (
            peer_session(timeout) as session,
            await self._post(session, headers, body) as response,
        ):
            check_status(self.name, response.status)
            if compression_of(response.headers):
                raise unreadable(self.name)
            return await self._read(response, context)

    async def _headers(self, body: bytes) -> dict[str, str]:
        target = self._target
        headers = {"content-type": "application/json"}
        if target.region is None:
            return headers
        try:
            credentials = await self._credentials.get()
        except CredentialsError as error:
            raise self._no_credentials() from error
        if credentials is not None:
            remember(credentials.secret_access_key, credentials.session_token)
            headers |= signature_headers(
                "POST",
                target.url,
                headers,
                body,
                credentials=credentials,
                region=target.region,
                service=_SERVICE,
                now=self._now(),
            )
        elif target.is_invocation:
            raise self._no_credentials()  # only a Function URL may be open to everybody
        return headers

    async def _post(
        self, session: "aiohttp.ClientSession", headers: Mapping[str, str], body: bytes
    ) -> "aiohttp.ClientResponse":
        import aiohttp
        from yarl import URL

        try:
            return await session.post(
                # Byte for byte as it was signed.
                URL(self._target.url, encoded=True),
                # aiohttp warns that large plain bytes block the loop; it reads a file in pieces.
                data=io.BytesIO(body) if len(body) > _LARGE_BODY_BYTES else body,
                headers={**headers, **trace_headers(), "accept-encoding": "identity"},
                allow_redirects=False,
            )
        except (aiohttp.ClientError, OSError) as error:
            raise ToolError(f"{self.name} cannot be reached.", code="UNREACHABLE") from error

    async def _read(self, response: "aiohttp.ClientResponse", context: ToolContext) -> ToolResult:
        import aiohttp

        body: Unwrapper = EventStreamBody(self.name) if self._target.is_invocation else PlainBody()
        reader = ToolStreamReader()
        try:
            while data := await read_received(response.content):
                for line in reader.feed(body.feed(data)):
                    if (result := self._taken(line, context)) is not None:
                        return result
                # A flood may always have the next bytes ready: without this, nobody else's turn
                # would come, not even that of our own time limit.
                await asyncio.sleep(0)
            for line in (*reader.feed(body.close()), *reader.close()):
                if (result := self._taken(line, context)) is not None:
                    return result
        except (aiohttp.ClientError, OSError) as error:
            raise self._broke_off() from error
        except ToolStreamError as error:
            if error.code == "NO_RESULT":
                raise self._broke_off() from error
            raise unreadable(self.name) from error
        raise AssertionError("ToolStreamReader.close returns the result or raises")

    def _taken(self, line: RunLine, context: ToolContext) -> ToolResult | None:
        """Forward a status; return the result if ``line`` holds one."""
        match line:
            case RunStatus(message):
                context.send_status(message)
                return None
            case RunResult(result):
                return result
            case _:
                raise ToolError(line.message, code=line.code)

    def _broke_off(self) -> ToolError:
        return ToolError(f"{self.name} broke off before it had a result.", code="NO_RESULT")

    def _no_credentials(self) -> ToolError:
        return ToolError(
            f"This server has no AWS credentials to call {self.name} with.", code="NO_CREDENTIALS"
        )
