"""The environment variables that set up the chat backend, each with its type, default and unit.

An unknown name that starts with ``CHAT_``, or a value that does not fit, stops the start with one
sentence: a typo that silently means the default is worse than no setting.
"""

import os
from collections.abc import Collection, Mapping
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, TypeAlias, get_origin

from app.known_secrets import without_credentials
from app.setting_checks import CHECKS, READERS
from app.setting_kinds import Bounds, PositiveFloat, PositiveInt, Secret, read_as

Names: TypeAlias = tuple[str, ...]
BuiltinTools: TypeAlias = tuple[Literal["web_search", "code_interpreter", "image_generation"], ...]

# Settings that there are no more, and what to do about it.
_GONE = {"CHAT_RESUME": "set CHAT_STORE, which keeps turns and chats."}


class SettingsError(ValueError):
    """The environment cannot be used; the message is one sentence that names the variable."""


class Field(NamedTuple):
    """How a setting is read.

    Attributes:
        kind: its type.
        default: its value if the environment does not set it.
        variable: its name in the environment.
    """

    kind: Any
    default: Any
    variable: str


class Settings:
    """All settings. Read once, by an entry point, and handed down as values.

    Args:
        values: by field name, in Python or as the text that the environment would hold; what is not
            given is read from the environment. A variable without ``CHAT_`` may be named as such.

    Raises:
        SettingsError: a name that is no setting, or a value that does not fit.
    """

    # In the order in which they are checked.
    model_fields: ClassVar[Mapping[str, Field]]

    openai_api_key: Secret | None = None
    # Of an SSM parameter or a secret of Secrets Manager, read at the start.
    openai_api_key_arn: str | None = None
    openai_base_url: str | None = None
    openai_org_id: str | None = None
    openai_project_id: str | None = None
    azure_openai_endpoint: str | None = None
    openai_api_version: str | None = None
    aws_endpoint_url: str | None = None
    port: Annotated[int, Bounds(least=0, most=65535)] = 9000
    workers: int | Literal["auto"] = 1
    # What is served instead of the app of `create_lean_app`: a factory as module:name.
    app: str | None = None

    provider: Literal["openai", "scripted"] = "openai"
    api: Literal["chat", "responses"] = "chat"
    client: Literal["httptools", "aiohttp", "openai"] = "httptools"
    model: str = "gpt-4o-mini"
    allowed_models: Names = ()
    system_prompt: str | None = None
    temperature: Annotated[float, Bounds(least=0, most=2)] | None = None
    max_output_tokens: PositiveInt | None = None
    max_steps: PositiveInt = 8
    max_turn_s: PositiveFloat = 900.0
    running_turns: PositiveInt = 1000
    # Of an owner, or of an address where nobody is known.
    turns_per_minute: PositiveInt | None = None
    running_turns_per_owner: PositiveInt | None = None
    tokens_per_day: PositiveInt | None = None
    # What becomes of turns while limits cannot be counted.
    limits_fail: Literal["open", "closed"] = "open"
    max_body_bytes: PositiveInt = 6 * 1024 * 1024
    max_answer_bytes: PositiveInt = 16 * 1024 * 1024
    max_messages: PositiveInt = 2000
    # Of a tool; files count in chats only.
    max_result_bytes: PositiveInt = 512 * 1024
    read_timeout_s: PositiveFloat = 300.0
    status_wait_s: Annotated[float, Bounds(least=0)] = 5.0
    keep_alive_s: PositiveFloat = 10.0
    deadline_margin_s: Annotated[float, Bounds(least=0)] = 1.5
    tools: Names = ()
    tool_modules: Names = ()
    default_tool: str | None = None
    tool_threads: PositiveInt = 64
    # A file of MCP servers; read by `app.setup.mcp`.
    mcp_servers: str | None = None
    builtin_tools: BuiltinTools = ()
    reasoning_summary: Literal["auto", "concise", "detailed"] | None = None
    approval_secret: Secret | None = None
    approval_secret_arn: str | None = None
    auth_token: Secret | None = None
    auth_token_arn: str | None = None
    jwt_issuer: str | None = None
    jwt_audience: Names = ()
    jwt_jwks_url: str | None = None
    # Of a proxy that nobody can get past; believed only if it is set.
    trusted_user_header: str | None = None
    allowed_origins: Names = ()
    # Hosts of files that the model is given; empty: all that are public.
    file_hosts: Names = ()
    # Empty: any, but for `serve` on a loopback address, which is reached by its names only.
    allowed_hosts: Names = ()
    allow_client_system: bool = False
    log: Literal["json", "text"] = "json"
    log_model_errors: bool = False
    trace_content: bool = False
    metrics: bool = False
    metrics_port: Annotated[int, Bounds(least=1, most=65535)] | None = None
    # As `app.store.opening` reads it.
    store: str = "off"
    # Of a secret that holds it: the address of a Redis has its password in it.
    store_arn: str | None = None
    resume_keep_s: Annotated[float, Bounds(least=0)] = 600.0
    detached_s: PositiveFloat = 600.0
    history_days: PositiveFloat | None = None
    on_disconnect: Literal["continue", "stop"] = "continue"
    direct: bool = False

    def __init__(self, **values: Any) -> None:
        given = _from_environment() | {_field_name(name): value for name, value in values.items()}
        read: dict[str, Any] = {}
        for name, field in self.model_fields.items():
            try:
                read[name] = _read(name, given[name], read) if name in given else field.default
            except ValueError as error:
                reason = without_credentials(str(error))
                raise SettingsError(
                    f"{field.variable} has a bad value: {reason[:1].lower()}{reason[1:]}."
                ) from None
        self.__dict__.update(read)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("settings do not change; model_copy makes others")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Settings) and other.__dict__ == self.__dict__

    def __hash__(self) -> int:
        return hash(tuple(self.__dict__.values()))

    def __repr__(self) -> str:
        shown = (f"{name}={without_credentials(repr(x))}" for name, x in self.__dict__.items())
        return f"Settings({', '.join(shown)})"

    def model_copy(self, *, update: Mapping[str, Any]) -> "Settings":
        """Return the same settings but for ``update``, which is not checked."""
        copy = object.__new__(Settings)
        copy.__dict__.update(self.__dict__, **update)
        return copy

    @property
    def is_on_lambda(self) -> bool:
        """Whether this process runs inside AWS Lambda (or its emulator)."""
        return self.lambda_function_name is not None

    @property
    def lambda_function_name(self) -> str | None:
        """The name of the function that this process runs in, if it runs in one."""
        return os.environ.get("AWS_LAMBDA_FUNCTION_NAME")

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables that a file of settings may refer to."""
        return os.environ

    @property
    def secret_arns(self) -> dict[str, str]:
        """The ARNs of secrets that are not given themselves, by their variables."""
        arns = {
            "OPENAI_API_KEY_ARN": self.openai_api_key_arn,
            "CHAT_APPROVAL_SECRET_ARN": self.approval_secret_arn,
            "CHAT_AUTH_TOKEN_ARN": self.auth_token_arn,
            "CHAT_STORE_ARN": self.store_arn,
        }
        return {variable: arn for variable, arn in arns.items() if arn is not None}

    def with_secrets(self, found: Mapping[str, str]) -> "Settings":
        """Return these settings with the secrets found for `secret_arns`, by its variables."""
        fields: dict[str, Any] = {
            variable.removeprefix("CHAT_").removesuffix("_ARN").lower(): Secret(value)
            for variable, value in found.items()
        }
        if "store" in fields:  # a text that holds a secret, and need not
            fields["store"] = fields["store"].get_secret_value()
        return self.model_copy(update=fields)

    @property
    def asks_who_asks(self) -> bool:
        """Whether a request needs a token, or the word of a proxy."""
        ways = (self.auth_token, self.auth_token_arn, self.jwt_issuer, self.trusted_user_header)
        return any(way is not None for way in ways)

    @property
    def has_limits(self) -> bool:
        """Whether something is limited for each owner."""
        limits = (self.turns_per_minute, self.running_turns_per_owner, self.tokens_per_day)
        return any(limit is not None for limit in limits)

    @property
    def models(self) -> frozenset[str]:
        """The models that a request may name."""
        return frozenset((self.model, *self.allowed_models))


# Variables that other programs read too; every other one begins with CHAT_.
_WITHOUT_PREFIX = frozenset(
    {
        *("openai_api_key", "openai_api_key_arn", "openai_base_url", "openai_org_id"),
        *("openai_project_id", "azure_openai_endpoint", "openai_api_version"),
        *("aws_endpoint_url", "port"),
    }
)
Settings.model_fields = {
    name: Field(
        kind,
        getattr(Settings, name),
        name.upper() if name in _WITHOUT_PREFIX else f"CHAT_{name.upper()}",
    )
    for name, kind in Settings.__annotations__.items()
    if name != "model_fields"
}
_BY_VARIABLE: Mapping[str, str] = {
    field.variable: name for name, field in Settings.model_fields.items()
}


def load_settings() -> Settings:
    """Read the environment.

    Raises:
        SettingsError: an unknown ``CHAT_`` name or a bad value.
    """
    for name in sorted(os.environ):
        if name.upper().startswith("CHAT_") and name.upper() not in _BY_VARIABLE:
            if name.upper() in _GONE:
                raise SettingsError(f"{name} is not a setting any more: {_GONE[name.upper()]}")
            known = [variable for variable in _BY_VARIABLE if variable.startswith("CHAT_")]
            raise SettingsError(_unknown(name, name.upper(), known))
    return Settings()


def _from_environment() -> dict[str, Any]:
    """Return what the environment sets, by field. Names count in either case, no empty value."""
    return {
        field: value
        for variable, value in os.environ.items()
        if value and (field := _BY_VARIABLE.get(variable.upper())) is not None
    }


def _field_name(name: str) -> str:
    """Return the field that a keyword of `Settings` names."""
    if name in Settings.model_fields:
        return name
    if name.lower() in _WITHOUT_PREFIX and name.isupper():
        return name.lower()
    raise SettingsError(_unknown(name, name, Settings.model_fields))


def _unknown(name: str, meant: str, known: Collection[str]) -> str:
    import difflib  # which only a mistake needs

    near = difflib.get_close_matches(meant, known, n=1)
    return f"{name} is not a setting{f'; did you mean {near[0]}?' if near else '.'}"


def _read(name: str, value: Any, earlier: Mapping[str, Any]) -> Any:
    """Return the value of a field; ``earlier`` holds the fields before it."""
    kind = Settings.model_fields[name].kind
    if isinstance(value, str):
        # A value that was read from a file has a line end.
        value = value.strip()
        if not value:
            raise ValueError("must not be blank")
        if get_origin(kind) is tuple:
            value = tuple(item.strip() for item in value.split(",") if item.strip())
    value = READERS[name](value) if name in READERS else read_as(kind, value)
    if name == "workers" and value != 1 and "AWS_LAMBDA_RUNTIME_API" in os.environ:
        raise ValueError("must be 1 on Lambda, which starts a process for each request itself")
    if name in ("metrics", "metrics_port") and value and "AWS_LAMBDA_RUNTIME_API" in os.environ:
        raise ValueError(
            "must be off on Lambda, where nobody could ask; CloudWatch has the metrics"
        )
    if value is not None and name in CHECKS:
        CHECKS[name](value, earlier)
    return value
