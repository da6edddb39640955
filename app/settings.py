"""The environment variables that set up the chat backend, each with its type, default and unit.

An unknown name that starts with ``CHAT_``, or a value that does not fit, stops the start with one
sentence: a typo that silently means the default is worse than no setting.
"""

import difflib
import os
import re
from collections.abc import Mapping
from typing import Annotated, Literal, TypeAlias
from urllib.parse import urlsplit

from pydantic import (
    AliasChoices,
    Field,
    PositiveFloat,
    PositiveInt,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

Names: TypeAlias = Annotated[tuple[str, ...], NoDecode]
BuiltinTools: TypeAlias = Annotated[
    tuple[Literal["web_search", "code_interpreter", "image_generation"], ...], NoDecode
]

# In CHAT_ALLOWED_ORIGINS, any port of this machine.
LOCALHOST = "localhost"
# As in the header Host: a name or an address, with or without a port; IPv6 in brackets or not.
_HOST = re.compile(r"\*|[a-z0-9._-]+(:\d+)?|\[[0-9a-f:.]+\](:\d+)?|[0-9a-f.]*:[0-9a-f:.]+", re.I)
_FILE_HOST = re.compile(r"(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*|\[?[0-9a-f.]*:[0-9a-f:.]+\]?", re.I)
# A typo must not fill the machine with processes.
MAX_WORKERS = 256
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^/?#\s]+")


class SettingsError(Exception):
    """The environment cannot be used; the message is one sentence that names the variable."""


def _env(name: str) -> AliasChoices:
    # The second name lets Python code write Settings(port=…).
    return AliasChoices(name, name.lower())


class Settings(BaseSettings):
    """All settings. Read once, by an entry point, and handed down as values."""

    model_config = SettingsConfigDict(
        env_prefix="CHAT_",
        case_sensitive=False,
        env_ignore_empty=True,
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
    )

    openai_api_key: SecretStr | None = Field(default=None, validation_alias=_env("OPENAI_API_KEY"))
    # Of an SSM parameter or a secret of Secrets Manager, read at the start.
    openai_api_key_arn: str | None = Field(
        default=None, validation_alias=_env("OPENAI_API_KEY_ARN")
    )
    openai_base_url: str | None = Field(default=None, validation_alias=_env("OPENAI_BASE_URL"))
    openai_org_id: str | None = Field(default=None, validation_alias=_env("OPENAI_ORG_ID"))
    openai_project_id: str | None = Field(default=None, validation_alias=_env("OPENAI_PROJECT_ID"))
    azure_openai_endpoint: str | None = Field(
        default=None, validation_alias=_env("AZURE_OPENAI_ENDPOINT")
    )
    openai_api_version: str | None = Field(
        default=None, validation_alias=_env("OPENAI_API_VERSION")
    )
    aws_endpoint_url: str | None = Field(default=None, validation_alias=_env("AWS_ENDPOINT_URL"))
    port: int = Field(default=9000, ge=0, le=65535, validation_alias=_env("PORT"))
    workers: int | Literal["auto"] = 1

    provider: Literal["openai", "scripted"] = "openai"
    api: Literal["chat", "responses"] = "chat"
    client: Literal["httptools", "aiohttp", "openai"] = "httptools"
    model: str = Field(default="gpt-4o-mini", min_length=1)
    allowed_models: Names = ()
    system_prompt: str | None = None
    temperature: float | None = Field(default=None, ge=0, le=2)
    max_output_tokens: PositiveInt | None = None
    max_steps: PositiveInt = 8
    max_turn_s: PositiveFloat = 900.0
    running_turns: PositiveInt = 1000
    max_body_bytes: PositiveInt = 6 * 1024 * 1024
    max_answer_bytes: PositiveInt = 16 * 1024 * 1024
    max_messages: PositiveInt = 2000
    read_timeout_s: PositiveFloat = 300.0
    status_wait_s: float = Field(default=5.0, ge=0)
    keep_alive_s: PositiveFloat = 10.0
    deadline_margin_s: float = Field(default=1.5, ge=0)
    tools: Names = ()
    tool_modules: Names = ()
    default_tool: str | None = None
    tool_threads: PositiveInt = 64
    builtin_tools: BuiltinTools = ()
    reasoning_summary: Literal["auto", "concise", "detailed"] | None = None
    approval_secret: SecretStr | None = None
    approval_secret_arn: str | None = None
    auth_token: SecretStr | None = None
    auth_token_arn: str | None = None
    allowed_origins: Names = ()
    # Hosts of files that the model is given; empty: all that are public.
    file_hosts: Names = ()
    # Empty: any, but for `serve` on a loopback address, which is reached by its names only.
    allowed_hosts: Names = ()
    allow_client_system: bool = False
    log_model_errors: bool = False
    resume: Literal["off"] = "off"
    direct: bool = False

    @field_validator(
        "allowed_models",
        "tools",
        "tool_modules",
        "builtin_tools",
        "allowed_origins",
        "allowed_hosts",
        "file_hosts",
        mode="before",
    )
    @classmethod
    def _split(cls, value: object) -> object:
        """Read ``a, b`` as two names."""
        if isinstance(value, str):
            return tuple(name.strip() for name in value.split(",") if name.strip())
        return value

    @field_validator("*", mode="before")
    @classmethod
    def _strip(cls, value: object) -> object:
        """Drop the line end of a value that was read from a file; refuse blank values."""
        if not isinstance(value, str):
            return value
        if not value.strip():
            raise ValueError("must not be blank")
        return value.strip()

    @field_validator("workers", mode="before")
    @classmethod
    def _is_a_number_of_workers(cls, value: object) -> object:
        """Refuse several processes where Lambda starts one for each request."""
        text = str(value).strip()
        is_number = text.isascii() and text.isdecimal() and len(text) < 9
        if text != "auto" and not (is_number and 1 <= int(text) <= MAX_WORKERS):
            raise ValueError(f"must be auto or a number from 1 to {MAX_WORKERS}")
        if text != "1" and "AWS_LAMBDA_RUNTIME_API" in os.environ:
            raise ValueError("must be 1 on Lambda, which starts a process for each request itself")
        return text if text == "auto" else int(text)

    @field_validator("openai_api_key_arn", "approval_secret_arn", "auth_token_arn")
    @classmethod
    def _is_the_only_one(cls, value: str | None, info: ValidationInfo) -> str | None:
        """Refuse a secret that is both given and named by an ARN."""
        assert info.field_name is not None
        given = info.field_name.removesuffix("_arn")
        if value is not None and info.data.get(given) is not None:
            raise ValueError("the secret itself is set too; keep one of the two")
        return value

    @field_validator("openai_base_url", "azure_openai_endpoint", "aws_endpoint_url")
    @classmethod
    def _is_http(cls, value: str | None) -> str | None:
        if value is None:
            return None
        if not value.startswith(("http://", "https://")):
            raise ValueError("must start with http:// or https://")
        address = urlsplit(value)
        if not address.hostname or address.port == 0:
            raise ValueError("must name a host, and a port that exists")
        return value

    @field_validator("builtin_tools", "reasoning_summary")
    @classmethod
    def _fit_the_api(cls, value: object, info: ValidationInfo) -> object:
        if value and info.data.get("api") != "responses":
            raise ValueError("needs CHAT_API=responses")
        return value

    @field_validator("allowed_origins")
    @classmethod
    def _are_origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        """Refuse what no browser sends as an origin, such as an address with a path."""
        for origin in value:
            if origin not in ("*", LOCALHOST) and not _ORIGIN.fullmatch(origin):
                raise ValueError(f"must be origins such as https://example.com, not {origin!r}")
        return value

    @field_validator("allowed_hosts")
    @classmethod
    def _are_hosts(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        """Refuse what no client sends as a host, such as a URL."""
        for host in value:
            if not _HOST.fullmatch(host):
                raise ValueError(f"must be hosts such as chat.example.com, not {host!r}")
        return value

    @field_validator("file_hosts")
    @classmethod
    def _are_file_hosts(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        """Refuse what is no host of a file, such as one with a port."""
        for host in value:
            if not _FILE_HOST.fullmatch(host):
                raise ValueError(
                    f"must be hosts such as files.example.com or *.example.com, not {host!r}"
                )
        return value

    @property
    def is_on_lambda(self) -> bool:
        """Whether this process runs inside AWS Lambda (or its emulator)."""
        return self.lambda_function_name is not None

    @property
    def lambda_function_name(self) -> str | None:
        """The name of the function that this process runs in, if it runs in one."""
        return os.environ.get("AWS_LAMBDA_FUNCTION_NAME")

    @property
    def secret_arns(self) -> dict[str, str]:
        """The ARNs of secrets that are not given themselves, by their variables."""
        arns = {
            "OPENAI_API_KEY_ARN": self.openai_api_key_arn,
            "CHAT_APPROVAL_SECRET_ARN": self.approval_secret_arn,
            "CHAT_AUTH_TOKEN_ARN": self.auth_token_arn,
        }
        return {variable: arn for variable, arn in arns.items() if arn is not None}

    def with_secrets(self, found: Mapping[str, str]) -> "Settings":
        """Return these settings with the secrets found for `secret_arns`, by its variables."""
        fields = {
            variable.removeprefix("CHAT_").removesuffix("_ARN").lower(): SecretStr(value)
            for variable, value in found.items()
        }
        return self.model_copy(update=fields)

    @property
    def models(self) -> frozenset[str]:
        """The models that a request may name."""
        return frozenset((self.model, *self.allowed_models))


def load_settings() -> Settings:
    """Read the environment.

    Raises:
        SettingsError: an unknown ``CHAT_`` name or a bad value.
    """
    known = {f"CHAT_{name.upper()}" for name in Settings.model_fields if _is_ours(name)}
    for name in sorted(os.environ):
        if name.upper().startswith("CHAT_") and name.upper() not in known:
            near = difflib.get_close_matches(name.upper(), known, n=1)
            hint = f"; did you mean {near[0]}?" if near else "."
            raise SettingsError(f"{name} is not a setting{hint}")
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        field = str(first["loc"][0])
        name = f"CHAT_{field.upper()}" if _is_ours(field) else field.upper()
        reason = str(first["msg"]).removeprefix("Value error, ").removeprefix("Input ")
        raise SettingsError(f"{name} has a bad value: {reason[:1].lower()}{reason[1:]}.") from None


def _is_ours(field: str) -> bool:
    known = Settings.model_fields.get(field)
    return known is not None and known.validation_alias is None
