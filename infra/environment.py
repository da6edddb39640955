"""The environment variables of the function."""

import re
from collections.abc import Mapping

import pulumi

from infra.config import ConfigError, StackConfig
from infra.limits import max_output_tokens

# Variables that no function may set: AWS Lambda Developer Guide, "Defined runtime environment
# variables".
RESERVED = frozenset(
    {
        *("_HANDLER", "_X_AMZN_TRACE_ID", "AWS_DEFAULT_REGION", "AWS_REGION"),
        *("AWS_EXECUTION_ENV", "AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE"),
        *("AWS_LAMBDA_FUNCTION_VERSION", "AWS_LAMBDA_INITIALIZATION_TYPE"),
        *("AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_ACCESS_KEY"),
        *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
        *("AWS_LAMBDA_RUNTIME_API", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR"),
    }
)

# Variables that have a key of their own: secrets, because everybody who may look at the function
# can read its environment, and settings that the program derives from its configuration.
ELSEWHERE: Mapping[str, str] = {
    "OPENAI_API_KEY": "openaiApiKey",
    "OPENAI_API_KEY_ARN": "openaiApiKeyArn",
    "AZURE_OPENAI_API_KEY": "openaiApiKey",
    "CHAT_AUTH_TOKEN": "authToken",
    "CHAT_AUTH_TOKEN_ARN": "authToken",
    "CHAT_ALLOWED_ORIGINS": "allowedOrigins",
    "CHAT_STORE_ARN": "storeUrl",
    "CHAT_JWT_ISSUER": "jwtIssuer",
    "CHAT_JWT_AUDIENCE": "jwtAudience",
    "CHAT_JWT_JWKS_URL": "jwtJwksUrl",
}

# The program creates and stores this secret.
_OURS = frozenset({"CHAT_APPROVAL_SECRET", "CHAT_APPROVAL_SECRET_ARN"})

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]+")
# Lambda allows 4 KiB for all names and values (AWS Lambda Developer Guide, "Lambda quotas"). The
# program's own variables need less than a quarter of it.
_MAX_BYTES = 3 * 1024


def check_environment(config: StackConfig) -> None:
    """Check that Lambda and this program accept the variables in ``environment``.

    Raises:
        ConfigError: they do not; the message is one sentence.
    """
    seen: set[str] = set()
    for entry in config.environment:
        name, equals, value = entry.partition("=")
        if not equals or not _NAME.fullmatch(name):
            raise ConfigError(f"environment must hold NAME=value, not {entry!r}.")
        if name in RESERVED:
            raise ConfigError(f"environment must not set {name}, which Lambda sets itself.")
        if name in ELSEWHERE:
            raise ConfigError(f"environment must not set {name}; set {ELSEWHERE[name]} instead.")
        if name in _OURS:
            raise ConfigError(f"environment must not set {name}, which the program makes itself.")
        if not value:
            raise ConfigError(f"environment gives {name} no value.")
        if name == "CHAT_TRUSTED_USER_HEADER" and config.auth != "AWS_IAM":
            raise ConfigError(
                "environment must not set CHAT_TRUSTED_USER_HEADER, which every caller could send; "
                "with auth AWS_IAM only who may sign can, such as a proxy of yours."
            )
        if name in seen:
            raise ConfigError(f"environment sets {name} twice.")
        if name == "CHAT_STORE" and config.store != "none":
            raise ConfigError(
                f"environment must not set CHAT_STORE, since store is {config.store}."
            )
        if name == "CHAT_STORE" and "@" in value:
            # Who may look at the function can read it.
            raise ConfigError(
                "environment must not set CHAT_STORE to an address with a password; set store to "
                "redis and run `pulumi config set --secret storeUrl`."
            )
        seen.add(name)
    if sum(len(entry.encode()) for entry in config.environment) > _MAX_BYTES:
        raise ConfigError("environment is larger than 3 KiB, which leaves Lambda's 4 KiB too full.")


def function_environment(
    config: StackConfig,
    secret_arns: Mapping[str, pulumi.Input[str]],
    table: pulumi.Input[str] | None = None,
) -> dict[str, pulumi.Input[str]]:
    """Return the variables of the chat function.

    Args:
        config: of the stack.
        secret_arns: the ARNs of secrets, by the variable that tells the app.
        table: the name of the table that keeps turns and chats.
    """
    variables: dict[str, pulumi.Input[str]] = {**package_environment(config.packaging)}
    most_tokens = max_output_tokens(config)
    if most_tokens is not None:
        variables["CHAT_MAX_OUTPUT_TOKENS"] = str(most_tokens)
    variables |= {name: value for name, _, value in map(_split, config.environment)}
    variables |= secret_arns
    if table is not None:
        variables["CHAT_STORE"] = pulumi.Output.concat("dynamodb:", table)
    jwt = {
        "CHAT_JWT_ISSUER": config.jwt_issuer,
        "CHAT_JWT_AUDIENCE": config.jwt_audience,
        "CHAT_JWT_JWKS_URL": config.jwt_jwks_url,
    }
    variables |= {name: value for name, value in jwt.items() if value}
    # A plain Function URL handles CORS itself, and browsers refuse a second set of headers. Behind
    # CloudFront there is only one origin.
    if config.front_door == "apiGateway" and config.allowed_origins:
        variables["CHAT_ALLOWED_ORIGINS"] = ",".join(config.allowed_origins)
    return variables


def package_environment(packaging: str) -> dict[str, str]:
    """Return the variables that make a package start and stream."""
    if packaging == "zip":
        # Our bootstrap replaces the managed runtime and uses its Python.
        return {"AWS_LAMBDA_EXEC_WRAPPER": "/var/task/bootstrap"}
    # For the Lambda Web Adapter. It has to match the invoke mode of the URL and of the API.
    return {"AWS_LWA_INVOKE_MODE": "response_stream"}


def _split(entry: str) -> tuple[str, str, str]:
    return entry.partition("=")
