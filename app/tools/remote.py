"""Tools that run elsewhere, on another Lambda for example, and report live from there."""

import io
import os
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from app.aws.credentials import AwsCredentials, CredentialsError
from app.aws.sigv4 import Credentials, signature_headers
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
    InvocationAnswer,
    PlainAnswer,
    Unwrapper,
    check_status,
    function_arn_target,
    function_url_target,
    unreadable,
)
from app.tools.tool import DEFAULT_TIMEOUT_S, NeedsApproval, Report, Tool, describe_input

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

    Its statuses are forwarded live. Whatever goes wrong on the way is a `ToolError` of a code such
    as ``HTTP_403``, ``UNREACHABLE`` or ``NO_RESULT``. What the remote tool says of its own failure
    is taken to be meant for the user.

    Args:
        name: what the model calls it.
        function_url: its address; ``/invoke`` is appended unless it ends so. Requests are signed if
            it is a Function URL and this process has AWS credentials.
        function_arn: instead, the ARN of a function that is invoked through Lambda's API.
        timeout_s: longest run, in seconds.
        description: for the model.
        parameters: JSON schema of the input; default: any object.
        signature: instead, a function whose type hints are read and which is never called.
        config: sent along as ``tool_config``, over what this call is configured with here.
        needs_approval: see `tool`.
        region: sign for this region whatever the address.
        endpoint_url: of Lambda's API; default: ``AWS_ENDPOINT_URL_LAMBDA``, else AWS's own.
        credentials: default: those of this process.
        now: Unix time in seconds.

    Raises:
        ToolDefinitionError: not exactly one address, or one that cannot be used.
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
        schema, parse = describe_input(name, parameters, signature)
        super().__init__(
            name,
            description=description,
            parameters=schema,
            parse=parse,
            run=self._call,
            needs_approval=needs_approval,
            timeout_s=timeout_s,
        )
        if function_url is not None and function_arn is None:
            self._target = function_url_target(name, function_url, region)
        elif function_arn is not None and function_url is None:
            endpoint_url = endpoint_url or os.environ.get("AWS_ENDPOINT_URL_LAMBDA")
            self._target = function_arn_target(name, function_arn, endpoint_url)
        else:
            raise ToolDefinitionError(f"Give {name} a function_url or a function_arn.")
        self._config = dict(config or {})
        self._credentials = AwsCredentials() if credentials is None else credentials
        self._now = now

    async def _call(
        self, arguments: Mapping[str, Any], context: ToolContext, report: Report
    ) -> ToolResult:
        import aiohttp

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
            aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as session,
            await self._post(session, headers, body) as response,
        ):
            check_status(self.name, response.status)
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
            raise self._no_credentials()  # a Function URL may well be open to everybody
        return headers

    async def _post(
        self, session: "aiohttp.ClientSession", headers: Mapping[str, str], body: bytes
    ) -> "aiohttp.ClientResponse":
        import aiohttp
        from yarl import URL

        try:
            return await session.post(
                # As it was signed, byte for byte.
                URL(self._target.url, encoded=True),
                # A file object where aiohttp would warn that plain bytes block the loop.
                data=io.BytesIO(body) if len(body) > _LARGE_BODY_BYTES else body,
                headers={**headers, "accept-encoding": "identity"},
                allow_redirects=False,
            )
        except (aiohttp.ClientError, OSError) as error:
            raise ToolError(f"{self.name} cannot be reached.", code="UNREACHABLE") from error

    async def _read(self, response: "aiohttp.ClientResponse", context: ToolContext) -> ToolResult:
        import aiohttp

        answer: Unwrapper = (
            InvocationAnswer(self.name) if self._target.is_invocation else PlainAnswer()
        )
        reader = ToolStreamReader()
        try:
            while data := await read_received(response.content):
                for line in reader.feed(answer.feed(data)):
                    if (result := self._taken(line, context)) is not None:
                        return result
            for line in (*reader.feed(answer.close()), *reader.close()):
                if (result := self._taken(line, context)) is not None:
                    return result
        except (aiohttp.ClientError, OSError) as error:
            raise self._broke_off() from error
        except ToolStreamError as error:
            if error.code == "NO_RESULT":
                raise self._broke_off() from error
            raise unreadable(self.name) from error
        raise AssertionError("a reader that is closed has had its last line, or raises")

    def _taken(self, line: RunLine, context: ToolContext) -> ToolResult | None:
        """Take in a line; return the result if it is the last."""
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
