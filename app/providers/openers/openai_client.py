"""Opens the model's stream with the openai package: for Azure, and for clients made elsewhere.

The package sends the request (address, keys, retries). We decode the bytes of the response
ourselves, since the package's typed objects cost many times as much. Importing the package takes
most of a second, so only making an `OpenAIOpener` does it, not importing this module.

Source: openai-python 3.52, _base_client.py and its aiohttp transport in _vendor/httpx_aiohttp.
"""

import time
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import msgspec

from app.causes import described
from app.content_coding import compression_of
from app.errors import (
    OutOfDescriptors,
    ProviderError,
    ProviderNotConfigured,
    ProviderRefused,
    ProviderTimeout,
    ProviderUnreachable,
)
from app.providers.failures import MAX_BODY_BYTES, compressed, error_for_status
from app.providers.openers.descriptors import is_without_descriptors
from app.providers.openers.opener import DEFAULT_BASE_URL, ApiPath
from app.providers.openers.retries import MAX_RETRY_AFTER_S, is_worth_a_retry, retry_after_s
from app.received import take_buffered
from app.tracing import trace_headers

if TYPE_CHECKING:
    import httpx2
    from openai import AsyncOpenAI


class OpenAIOpener:
    """An `Opener` around an `AsyncOpenAI`.

    Args:
        base_url, api_key, organization, project, connect_timeout_s, read_timeout_s, max_retries:
            as for `HttpToolsOpener`.
        azure_endpoint: an Azure OpenAI resource, such as ``https://mine.openai.azure.com``; the
            request's model is the name of the deployment. Without ``api_key`` the package looks
            for ``AZURE_OPENAI_API_KEY`` and ``AZURE_OPENAI_AD_TOKEN``.
        azure_api_version: such as ``2024-10-21``.
        client: used instead of one made from the other arguments; `aclose` closes it.
    """

    def __init__(
        self,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        organization: str | None = None,
        project: str | None = None,
        azure_endpoint: str | None = None,
        azure_api_version: str | None = None,
        connect_timeout_s: float = 5.0,
        read_timeout_s: float = 300.0,
        max_retries: int = 2,
        client: "AsyncOpenAI | None" = None,
    ) -> None:
        import httpx2
        from openai import AsyncAzureOpenAI, AsyncOpenAI, Omit, OpenAIError

        from app.providers.openers.openai_http import PeerClient

        self._api_key = api_key
        # No compression, so that no decompressor holds back the last bytes.
        self._headers: dict[str, Any] = {"accept-encoding": "identity"}
        self._client = client
        if client is not None:
            return
        if not (azure_endpoint or base_url or api_key):
            return
        options: dict[str, Any] = {
            "organization": organization,
            "project": project,
            "max_retries": max_retries,
            "timeout": httpx2.Timeout(read_timeout_s, connect=connect_timeout_s, pool=None),
            "http_client": PeerClient(event_hooks={"response": [_judge]}),
        }
        if azure_endpoint:
            try:
                self._client = AsyncAzureOpenAI(
                    azure_endpoint=azure_endpoint,
                    api_version=azure_api_version,
                    api_key=api_key,
                    **options,
                )
            except OpenAIError:
                return  # no credentials: `open` says so
        else:
            if not api_key:
                self._headers["Authorization"] = Omit()
            # The package requires a key, but does not send this one.
            self._client = AsyncOpenAI(
                base_url=base_url or DEFAULT_BASE_URL, api_key=api_key or "none", **options
            )

    async def open(self, path: ApiPath, body: bytes) -> "OpenAIStream":
        if self._client is None:
            raise ProviderNotConfigured("OPENAI_API_KEY is not set")
        from httpx2 import Response
        from openai import AsyncStream

        client: Any = self._client  # its types know no response as it is
        try:
            # The method for addresses of one's own: only it can be told to follow no redirect.
            response: Response = await client.post(
                path,
                body=msgspec.json.decode(body),
                options={
                    "headers": {**self._headers, **trace_headers()},
                    "follow_redirects": False,
                },
                cast_to=Response,
                stream=True,
                stream_cls=AsyncStream[Any],
            )
        except Exception as error:
            raise self._failure(error) from error
        if coding := compression_of(response.headers):
            await response.aclose()
            raise compressed(coding)
        return OpenAIStream(response)

    async def aclose(self) -> None:
        if self._client is not None:
            await self._client.close()

    def _failure(self, error: Exception) -> ProviderError | OutOfDescriptors:
        from openai import APIConnectionError, APIStatusError

        from app.providers.openers.openai_http import TIMED_OUT

        if isinstance(error, APIStatusError):
            if TIMED_OUT in error.response.extensions:
                return ProviderTimeout("no response within the read time-out")
            response = error.response
            return error_for_status(
                response.status_code, response.headers, response.content, api_key=self._api_key
            )
        if is_without_descriptors(error):
            return OutOfDescriptors(f"no connection to the model: {described(error)}")
        if _is_read_timeout(error):
            return ProviderTimeout("no response within the read time-out")
        if isinstance(error, APIConnectionError):
            return ProviderUnreachable(f"no response: {described(error)}")
        return ProviderError(f"no response: {described(error)}")


class OpenAIStream:
    """The body of one response."""

    def __init__(self, response: "httpx2.Response") -> None:
        self._response = response
        self._chunks: AsyncIterator[bytes] = response.aiter_raw()
        self._failure: ProviderError | None = None

    @property
    def is_at_end(self) -> bool:
        return False  # the package does not say

    async def read(self) -> bytes:
        if self._failure is not None:
            raise self._failure
        try:
            return await anext(self._chunks, b"")
        # The client may have any transport, which may raise any error.
        except Exception as error:
            if _is_read_timeout(error):
                self._failure = ProviderTimeout("nothing came for the read time-out")
            else:
                self._failure = ProviderError(f"the stream broke off: {described(error)}")
            self._failure.__cause__ = error
            if data := _left_behind(self._response):
                return data
            raise self._failure from error

    async def aclose(self) -> None:
        await self._response.aclose()


async def _judge(response: "httpx2.Response") -> None:
    """Tell the package not to retry where `AiohttpOpener` would not.

    The package retries every 5xx, a request that is itself wrong too, and waits up to a minute for
    it, unless this header, which is OpenAI's own, says otherwise.
    """
    if response.is_success or not is_worth_a_retry(response.status_code, response.headers):
        return
    wanted = retry_after_s(response.headers, time.time())
    is_vain = wanted is not None and wanted > MAX_RETRY_AFTER_S
    if not is_vain and response.status_code >= 500:
        body = (await response.aread())[:MAX_BODY_BYTES]
        error = error_for_status(response.status_code, response.headers, body)
        is_vain = isinstance(error, ProviderRefused)
    if is_vain:
        response.headers["x-should-retry"] = "false"


def _left_behind(response: "httpx2.Response") -> bytes:
    """Return what the package's aiohttp transport received before an error and did not give us.

    Other transports have no such buffer.
    """
    import aiohttp

    stream: Any = response.stream
    while (wrapped := getattr(stream, "_stream", None)) is not None:
        stream = wrapped
    source = getattr(stream, "_aiohttp_response", None)
    return take_buffered(source.content) if isinstance(source, aiohttp.ClientResponse) else b""


def _is_read_timeout(error: BaseException | None) -> bool:
    """Whether the server was silent for too long.

    A connection that was refused or lost is a time-out for the package too: its aiohttp transport
    raises `ConnectTimeout` then.
    """
    import httpx2

    while error is not None:
        if isinstance(error, httpx2.TimeoutException):
            return not isinstance(error, httpx2.ConnectTimeout)
        error = error.__cause__
    return False
