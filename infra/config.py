"""The configuration of a stack: every key of `Pulumi.yaml`, with its default.

Pulumi's own schema has no optional secrets (a secret key without a value is required, and a default
is never secret), so secrets are checked here.

Source: pulumi/pulumi, sdk/go/common/workspace/config.go (``mergeConfig``,
``validateStackConfigValue``).
"""

import difflib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pulumi

PROJECT = "deltaline"
# Where Pulumi runs the program and starts the providers: what `main` names.
PROGRAM = Path(__file__).resolve().parent
ROOT = PROGRAM.parent
# What the address of a Redis may have behind its question mark.
_TLS_FILES = frozenset({"ssl_ca_certs", "ssl_certfile", "ssl_keyfile"})


class ConfigError(pulumi.RunError):
    """The stack's configuration cannot be used; the message is one sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StackConfig:
    """All keys. An empty string or list means "not set"."""

    packaging: str = "image"
    architecture: str = "arm64"
    memory_mb: int = 1024
    timeout_s: int = 300
    reserved_concurrency: str = "auto"
    max_output_tokens: str = "auto"
    dockerfile: str = "Dockerfile.streaming"
    zip_file: str = "dist/function.zip"
    environment: tuple[str, ...] = ()
    store: str = "none"
    store_url: pulumi.Output[str] | None = None
    vpc_subnet_ids: tuple[str, ...] = ()
    vpc_security_group_ids: tuple[str, ...] = ()

    front_door: str = "url"
    auth: str = "NONE"
    auth_token: pulumi.Output[str] | None = None
    cognito_user_pool_arns: tuple[str, ...] = ()
    jwt_issuer: str = ""
    jwt_audience: str = ""
    jwt_jwks_url: str = ""
    allow_anonymous: bool = False
    allowed_origins: tuple[str, ...] = ()
    web_dir: str = "web/useChat-demo/dist"

    api_rate_per_s: int = 20
    api_burst: int = 40
    access_logs: bool = True
    access_logs_role: bool = True
    waf: bool = False
    waf_rate_per_5_min: int = 500

    openai_api_key: pulumi.Output[str] | None = None
    openai_api_key_arn: str = ""
    secret_store: str = "ssm"
    secret_kms_key_arn: str = ""

    log_retention_days: int = 14
    first_token_alarm_ms: int = 10_000
    invocation_alarm_per_5_min: int = 1000
    alarm_email: str = ""
    alarm_topic_arn: str = ""
    budget_usd: int = 0
    budget_email: str = ""

    examples: bool = False

    def variable(self, name: str) -> str | None:
        """Return the value of a variable in ``environment``, or ``None``."""
        for entry in self.environment:
            found, _, value = entry.partition("=")
            if found == name:
                return value
        return None

    @property
    def is_public(self) -> bool:
        """Whether requests of strangers reach the function, even if it then asks for a token."""
        return self.auth == "NONE"

    @property
    def name(self) -> str:
        """The name of everything in AWS: project and stack."""
        return f"{PROJECT}-{pulumi.get_stack()}"

    @property
    def dockerfile_path(self) -> Path:
        return ROOT / self.dockerfile

    @property
    def zip_path(self) -> Path:
        return ROOT / self.zip_file

    @property
    def web_path(self) -> Path:
        return ROOT / self.web_dir


def is_redis_url(text: str) -> bool:
    """Return whether the app can read this address of a Redis (`app.store.redis_url`)."""
    try:
        parts = urlsplit(text)
        return (
            parts.scheme in ("redis", "rediss")
            and bool(parts.hostname)
            and parts.port != 0
            and not parts.fragment
            and set(parse_qs(parts.query)) <= (_TLS_FILES if parts.scheme == "rediss" else set())
            and re.fullmatch(r"/?[0-9]*/?", parts.path) is not None
        )
    except ValueError:
        return False


def key_of(field: str) -> str:
    """Return the name of a field in `Pulumi.yaml`: ``memory_mb`` is ``memoryMb``."""
    first, *rest = field.split("_")
    return first + "".join(word.capitalize() for word in rest)


def read_config() -> StackConfig:
    """Read the configuration of the current stack.

    Raises:
        ConfigError: an unknown key, a value of the wrong type, a secret in plain text.
    """
    refuse_unknown_keys(pulumi.runtime.config.CONFIG.get())
    config = pulumi.Config(PROJECT)
    values: dict[str, Any] = {}
    for field in fields(StackConfig):
        key = key_of(field.name)
        # Not `get`, which warns about secrets that we read on purpose.
        text = pulumi.runtime.get_config(f"{PROJECT}:{key}")
        if text is None or not text.strip():
            continue
        text = text.strip()
        if field.default is None:
            if not pulumi.runtime.config.is_config_secret(f"{PROJECT}:{key}"):
                raise ConfigError(
                    f"{key} is in plain text; store it with `pulumi config set --secret {key}`."
                )
            # Here, since the program does not see secrets later on.
            if field.name == "store_url" and not is_redis_url(text):
                raise ConfigError(
                    f"{key} must be rediss://USER:PASSWORD@HOST:PORT, or redis:// without TLS, "
                    "with special characters of the password as %XX."
                )
            values[field.name] = config.require_secret(key).apply(str.strip)
        else:
            values[field.name] = parse_value(key, text, field.default)
    return StackConfig(**values)


def parse_value(key: str, text: str, default: object) -> object:
    """Return a value as the field has it whose default this is.

    Raises:
        ConfigError: it has another type.
    """
    if isinstance(default, bool):
        if text not in ("true", "false"):
            raise ConfigError(f"{key} must be true or false, not {text!r}.")
        return text == "true"
    if isinstance(default, int):
        try:
            return int(text)
        except ValueError:
            raise ConfigError(f"{key} must be a whole number, not {text!r}.") from None
    if isinstance(default, tuple):
        try:
            found = json.loads(text)
        except ValueError:
            found = None
        if not isinstance(found, list) or not all(isinstance(item, str) for item in found):
            raise ConfigError(
                f"{key} must be a list of strings; set it with `pulumi config set --path "
                f"'{key}[0]' …`."
            )
        return tuple(item.strip() for item in found)
    return text


def refuse_unknown_keys(names: Iterable[str]) -> None:
    """Refuse what looks like a key of this project, and is none.

    Raises:
        ConfigError: with the key that was probably meant.
    """
    known = [key_of(field.name) for field in fields(StackConfig)]
    for name in sorted(names):
        project, _, key = name.partition(":")
        if project == PROJECT and key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            hint = f"; did you mean {near[0]}?" if near else "."
            raise ConfigError(f"{key} is not a key of this project{hint}")
