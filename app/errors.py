"""Every error that this program raises on purpose.

* ChatError                      500
  + RequestError                 400  the client sent something we cannot use
    - InvalidJson                400
    - UnknownRequestShape        400
    - InvalidMessages            400
    - UnknownAction              400
    - InvalidOption              400  an override such as ?protocol= or ?sdk=
    - Unauthorized               401
    - Forbidden                  403
    - NotFound                   404
    - ChatHasGoneOn              409  about a message that is no more the chat's last
    - BodyTooLarge               413
    - TooManyMessages            413  more messages, parts or replies than are accepted
    - MisdirectedRequest         421  sent to a host that is not served here
    - UnsupportedMediaType       415
    - LimitReached               429  a limit of the caller's, or a rule of the application's own
      . TurnsPerMinuteReached    429
      . RunningTurnsReached      429
      . TokensPerDayReached      429
  + ProviderError                502  the provider failed
    - ProviderNotConfigured      500
    - ProviderRefused            400  the model's API takes the request itself for wrong
      . ContextTooLong           400
      . InputNotSupported        400  a file or an image that the model cannot read
    - ProviderRateLimited        429
    - ProviderUnauthorized       502  wrong key or project
    - ProviderModelNotFound      502
    - ProviderUnreachable        502
    - ProviderTimeout            504
  + OutOfDescriptors             503
  + StoreUnavailable             503  the store of turns and chats
  + KeysUnavailable              503  those of CHAT_JWT_ISSUER
  + LimitsUnavailable            503  the store, where CHAT_LIMITS_FAIL=closed
  + AnswerTooLong                502  more than `CHAT_MAX_ANSWER_BYTES`
  + TimeLimitReached             504  sent as an `Error` event, never raised
  + ServerStopping               503  sent as an `Error` event, never raised
  + TurnLost                     502  sent as an `Error` event, never raised
  + LogGivenUp                   503  a turn that cannot be followed
  + TooManyTurns                 503  `CHAT_RUNNING_TURNS` of them run

The last five are in `app.turns.errors`, `LimitReached` and what is below it in `app.limits.errors`.
Every other error is in the module that raises it:

* grammar: OrderError, a defect of ours
* settings: SettingsError
* requests.fields: Misfit
* requests.lambda_events: MalformedEvent
* protocols.tool_stream_reader: ToolStreamError
* tools.definition: ToolDefinitionError, InvalidToolInput, ToolError
* tools.loading: ToolLoadError
* providers.sse: EventTooLong
* providers.openai.call_sizes: CallsTooLarge
* store.event_log: LogDefect
* aws.credentials: CredentialsError
* aws.event_stream: EventStreamError
* aws.http_integration: PreludeError
* aws.invoke: InvokeError
* aws.secrets: SecretError
* http.disconnect: ClientLeft
* http.listening: ListenError
* lambda_runtime.asgi_lifespan: LifespanFailed
* lambda_runtime.handler_loading: HandlerNotFound
* lambda_runtime.runtime_api: RuntimeApiFailed, ResponseRefused
* emulator.arguments: UsageError
* emulator.connection: ClientGone, BadRequest, BodyTooLarge
* emulator.function: Throttled
* emulator.function_url: UrlRefused
* emulator.lambda_api: LambdaApiError
* emulator.program: CannotListen
* emulator.variables: EnvFileError
* scripted_model.checks: BadRequest
* mcp.servers_file: ServersRefused
* owners.jwt_check: TokenRefused, UnusableKeys, UnknownKey
* store.dynamodb_calls: ConditionFailed, TransactionRefused
* store.dynamodb_http: NoResponse
* store.opening: StoreRefused
* store.redis_reasons: Unsuitable
* store.redis_url: UrlRefused
* store.sqlite_schema: DatabaseRefused

A tool's failure is an event, and the model sees it. Once a response has begun, any error is one.
"""

from typing import Any, ClassVar


class ChatError(Exception):
    """Base class. ``log_text`` is for our log, ``public_message`` for the client.

    ``public_message`` is one sentence that tells a person what to do. It never holds a secret, a
    path or the text of a foreign exception. ``log_text`` is ``str(error)`` unless that may hold
    what the other side wrote.
    """

    code: ClassVar[str] = "internal_error"
    status: ClassVar[int] = 500
    public_message: str = "Something went wrong on the server; please try again."

    @property
    def log_text(self) -> str:
        """What the log says of the error. Holds no content."""
        return str(self) if self._log_text is None else self._log_text

    @log_text.setter
    def log_text(self, text: str) -> None:
        self._log_text = text

    _log_text: str | None = None
    retry_after_s: ClassVar[int | None] = None  # after which a client may try again

    def headers(self) -> dict[str, str]:
        """Return the response headers that belong to this error."""
        return {} if self.retry_after_s is None else {"retry-after": str(self.retry_after_s)}

    def details(self) -> dict[str, Any]:
        """Return what the body of the response says besides the sentence."""
        return {}


class RequestError(ChatError):
    """The request cannot be used. We wrote its message, so the client may see it."""

    code = "bad_request"
    status = 400

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.public_message = message


class InvalidJson(RequestError):
    code = "invalid_json"


class UnknownRequestShape(RequestError):
    code = "unknown_request_shape"


class InvalidMessages(RequestError):
    code = "invalid_messages"


class UnknownAction(RequestError):
    code = "unknown_action"


class InvalidOption(RequestError):
    code = "invalid_option"


class Unauthorized(RequestError):
    code = "unauthorized"
    status = 401

    def headers(self) -> dict[str, str]:
        return {"www-authenticate": "Bearer"}


class Forbidden(RequestError):
    code = "forbidden"
    status = 403


class NotFound(RequestError):
    code = "not_found"
    status = 404


class ChatHasGoneOn(RequestError):
    code = "chat_has_gone_on"
    status = 409


class BodyTooLarge(RequestError):
    code = "body_too_large"
    status = 413


class TooManyMessages(RequestError):
    code = "too_many_messages"
    status = 413


class MisdirectedRequest(RequestError):
    code = "misdirected_request"
    status = 421


class UnsupportedMediaType(RequestError):
    code = "unsupported_media_type"
    status = 415


class ProviderError(ChatError):
    """The provider failed in a way that no subclass names."""

    code = "provider_error"
    status = 502
    public_message = "The model's server failed; please try again, or check OPENAI_BASE_URL."


class ProviderNotConfigured(ProviderError):
    code = "provider_not_configured"
    status = 500
    public_message = "OpenAI API key not configured"


class ProviderRefused(ProviderError):
    code = "provider_refused"
    status = 400
    public_message = "The model refused the request; check CHAT_MODEL and what it accepts."


class ContextTooLong(ProviderRefused):
    code = "context_length_exceeded"
    public_message = "The conversation is too long for the model; please start a new one."


class InputNotSupported(ProviderRefused):
    """The model, or its server, knows no files or no images. llama.cpp's status for it is 500."""

    code = "input_not_supported"
    public_message = (
        "The model cannot read files of this kind; please send your message without them, "
        "or set another CHAT_MODEL."
    )


class ProviderRateLimited(ProviderError):
    """The provider limits the rate; ``retry_after`` is its header's value, if it sent one."""

    code = "rate_limited"
    status = 429
    public_message = "The model is answering too many requests; please try again shortly."

    def __init__(self, message: str, *, retry_after: str | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after

    def headers(self) -> dict[str, str]:
        return {"retry-after": self.retry_after} if self.retry_after else {}


class ProviderUnauthorized(ProviderError):
    code = "provider_unauthorized"
    public_message = "The model's server refused our credentials; check OPENAI_API_KEY."


class ProviderModelNotFound(ProviderError):
    code = "provider_model_not_found"
    public_message = "The model was not found; check CHAT_MODEL and OPENAI_BASE_URL."


class ProviderUnreachable(ProviderError):
    code = "provider_unreachable"
    public_message = "The model's server cannot be reached; check OPENAI_BASE_URL."


class ProviderTimeout(ProviderError):
    code = "provider_timeout"
    status = 504
    public_message = "The model did not answer in time; please try again."


class OutOfDescriptors(ChatError):
    """The process may open no more files, or the machine none. It is not the model's fault."""

    code = "out_of_descriptors"
    status = 503
    public_message = "The server has too much to do; please try again in a few seconds."
    retry_after_s = 5


class StoreUnavailable(ChatError):
    code = "store_unavailable"
    status = 503
    public_message = "Saved chats cannot be reached at the moment; please try again shortly."
    retry_after_s = 5


class KeysUnavailable(ChatError):
    code = "keys_unavailable"
    status = 503
    public_message = "Nobody can be signed in at the moment; please try again in a few seconds."
    retry_after_s = 5


class LimitsUnavailable(ChatError):
    code = "limits_unavailable"
    status = 503
    public_message = "Your limits cannot be looked up at the moment; please try again shortly."
    retry_after_s = 5
