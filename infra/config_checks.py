"""Refuses a configuration that AWS would refuse later, or that would not have the expected effect.

All checks run before the first resource is created. A test compares ranges and choices with
botocore's service models.
"""

import re
import zipfile
from collections.abc import Callable, Mapping
from typing import NamedTuple

from infra.callers import check_callers
from infra.config import ConfigError, StackConfig, key_of
from infra.environment import check_environment
from infra.limits import check_limits

CHOICES: Mapping[str, tuple[str, ...]] = {
    "packaging": ("image", "zip"),
    "architecture": ("arm64", "x86_64"),
    "front_door": ("url", "cloudfront", "apiGateway"),
    "auth": ("NONE", "AWS_IAM", "COGNITO"),
    "secret_store": ("ssm", "secretsManager"),
    "store": ("none", "dynamodb", "redis"),
}

# Both ends are included. The service's model allows more memory and time, but only for functions on
# Managed Instances: AWS Lambda Developer Guide, "Lambda quotas".
RANGES: Mapping[str, tuple[int, int]] = {
    "memory_mb": (128, 10_240),
    "timeout_s": (1, 900),
    "first_token_alarm_ms": (1, 900_000),
    "invocation_alarm_per_5_min": (1, 100_000_000),
    "budget_usd": (0, 1_000_000),
    # What API Gateway gives a whole account and region, unless its quota was raised.
    "api_rate_per_s": (1, 10_000),
    "api_burst": (1, 5000),
    "waf_rate_per_5_min": (10, 2_000_000_000),
}

# Amazon CloudWatch Logs API Reference, PutRetentionPolicy, retentionInDays (not in its model).
RETENTION_DAYS = (
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731),
    *(1096, 1827, 2192, 2557, 2922, 3288, 3653),
)

_ARN = r"arn:aws[a-z-]*:{service}:[a-z0-9-]+:\d{{12}}:{resource}"
_ARNS: Mapping[str, tuple[re.Pattern[str], str]] = {
    "openai_api_key_arn": (
        re.compile(
            f"{_ARN.format(service='ssm', resource='parameter/.+')}|"
            f"{_ARN.format(service='secretsmanager', resource='secret:.+')}"
        ),
        "an SSM parameter or a secret of Secrets Manager",
    ),
    "secret_kms_key_arn": (
        re.compile(_ARN.format(service="kms", resource=r"key/[A-Za-z0-9-]+")),
        "a KMS key",
    ),
    "alarm_topic_arn": (
        re.compile(_ARN.format(service="sns", resource=r"[A-Za-z0-9_-]+")),
        "an SNS topic",
    ),
}

# S3 buckets have the strictest names of all that is named after the stack.
_STACK = re.compile(r"[a-z][a-z0-9-]{0,28}[a-z0-9]|[a-z]")
_ORIGIN = re.compile(r"\*|https?://[A-Za-z0-9.-]+(:\d{1,5})?")


class Ids(NamedTuple):
    """What identifies some things in AWS, and how many a function takes."""

    pattern: re.Pattern[str]
    what: str
    most: int


IN_VPC: Mapping[str, Ids] = {
    "vpc_subnet_ids": Ids(re.compile(r"subnet-[0-9a-f]+"), "subnets such as subnet-0a1b2c3d", 16),
    "vpc_security_group_ids": Ids(re.compile(r"sg-[0-9a-f]+"), "groups such as sg-0a1b2c3d", 5),
}
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_MACHINES = {"arm64": "aarch64", "x86_64": "x86_64"}


def check_config(config: StackConfig, stack: str) -> None:
    """Check that the stack can be created from its configuration.

    Raises:
        ConfigError: it cannot; the message is one sentence.
    """
    if not _STACK.fullmatch(stack):
        raise ConfigError(
            f"The stack's name {stack!r} becomes part of names in AWS: use up to 30 small letters, "
            "digits and hyphens."
        )
    for check in _CHECKS:
        check(config)


def check_values(config: StackConfig) -> None:
    """Check each value by itself.

    Raises:
        ConfigError: one is none of the choices, or out of its range.
    """
    for field, choices in CHOICES.items():
        value = getattr(config, field)
        if value not in choices:
            raise ConfigError(f"{key_of(field)} must be {_either(choices)}, not {value!r}.")
    for field, (low, high) in RANGES.items():
        value = getattr(config, field)
        if not low <= value <= high:
            raise ConfigError(f"{key_of(field)} must be from {low} to {high}, not {value}.")
    if config.log_retention_days not in RETENTION_DAYS:
        days = ", ".join(map(str, RETENTION_DAYS))
        raise ConfigError(
            f"logRetentionDays must be one of {days}, not {config.log_retention_days}."
        )
    for field, (pattern, what) in _ARNS.items():
        value = getattr(config, field)
        if value and not pattern.fullmatch(value):
            raise ConfigError(f"{key_of(field)} must be the ARN of {what}, not {value!r}.")


def _check_front_door(config: StackConfig) -> None:
    if config.front_door == "cloudfront":
        if config.auth == "AWS_IAM":
            raise ConfigError(
                "CloudFront itself signs what it sends to the function, so auth must be NONE; "
                "use authToken to keep others out."
            )
        if config.allowed_origins:
            raise ConfigError(
                "CloudFront serves page and API from one origin, so allowedOrigins must be empty."
            )
        if not (config.web_path / "index.html").is_file():
            raise ConfigError(
                f"webDir has no built page: {config.web_dir}/index.html is missing; run `make web`."
            )
    for origin in config.allowed_origins:
        if not _ORIGIN.fullmatch(origin):
            raise ConfigError(
                f"allowedOrigins must hold origins such as https://example.com, not {origin!r}."
            )
    if len(config.allowed_origins) > 100:
        raise ConfigError("allowedOrigins may hold 100 origins at most.")


def _check_waf(config: StackConfig) -> None:
    if config.waf and config.front_door != "cloudfront":
        raise ConfigError(
            "waf stands before CloudFront, so it needs frontDoor cloudfront; API Gateway has "
            "apiRatePerS and apiBurst, a plain URL reservedConcurrency."
        )


def _check_secrets(config: StackConfig) -> None:
    if config.openai_api_key is not None and config.openai_api_key_arn:
        raise ConfigError("Set openaiApiKey or openaiApiKeyArn, not both.")
    if config.secret_kms_key_arn and not config.openai_api_key_arn:
        raise ConfigError("secretKmsKeyArn is the key of openaiApiKeyArn, which is not set.")
    has_key = config.openai_api_key is not None or bool(config.openai_api_key_arn)
    needs_no_key = config.variable("CHAT_PROVIDER") == "scripted" or any(
        map(config.variable, ("OPENAI_BASE_URL", "AZURE_OPENAI_ENDPOINT"))
    )
    if not has_key and not needs_no_key:
        raise ConfigError(
            "There is no key for the model: run `pulumi config set --secret openaiApiKey`, or set "
            "openaiApiKeyArn, or choose another model server in environment (OPENAI_BASE_URL=…)."
        )


def _check_store(config: StackConfig) -> None:
    if config.store == "redis" and config.store_url is None:
        raise ConfigError(
            "store is redis, and nothing says where it is: run `pulumi config set --secret "
            "storeUrl`."
        )
    if config.store != "redis" and config.store_url is not None:
        raise ConfigError(f"storeUrl is the address of a Redis, but store is {config.store}.")


def _check_vpc(config: StackConfig) -> None:
    if bool(config.vpc_subnet_ids) != bool(config.vpc_security_group_ids):
        raise ConfigError(
            "A function in a VPC needs both vpcSubnetIds and vpcSecurityGroupIds; set both or none."
        )
    for field, (pattern, what, most) in IN_VPC.items():
        ids: tuple[str, ...] = getattr(config, field)
        for id_ in ids:
            if not pattern.fullmatch(id_):
                raise ConfigError(f"{key_of(field)} must hold {what}, not {id_!r}.")
        if len(ids) > most:
            raise ConfigError(f"{key_of(field)} may hold {most} at most.")


def _check_alarms(config: StackConfig) -> None:
    if config.alarm_email and config.alarm_topic_arn:
        raise ConfigError("Set alarmEmail or alarmTopicArn, not both.")
    if config.alarm_email and not _EMAIL.fullmatch(config.alarm_email):
        raise ConfigError(f"alarmEmail must be an e-mail address, not {config.alarm_email!r}.")


def _check_budget(config: StackConfig) -> None:
    if config.budget_email and not _EMAIL.fullmatch(config.budget_email):
        raise ConfigError(f"budgetEmail must be an e-mail address, not {config.budget_email!r}.")
    if config.budget_email and not config.budget_usd:
        raise ConfigError("budgetEmail has no budget: set budgetUsd to an amount a month.")
    if config.budget_usd and not (config.budget_email or config.alarm_email):
        raise ConfigError("budgetUsd has nobody to write to: set budgetEmail or alarmEmail.")


def _check_package(config: StackConfig) -> None:
    if config.packaging == "image" and not config.dockerfile_path.is_file():
        raise ConfigError(f"packaging is image, and there is no {config.dockerfile} to build.")
    if config.packaging == "zip" or config.examples:
        _check_zip(config)


def _check_zip(config: StackConfig) -> None:
    """Check for mistakes that would show only when the function is called."""
    build = f'run `make zip ZIP="--arch {config.architecture}"`'
    try:
        with zipfile.ZipFile(config.zip_path) as archive:
            files = {entry.filename: entry for entry in archive.infolist()}
    except FileNotFoundError:
        raise ConfigError(f"zipFile has not been built: {build}.") from None
    except (OSError, zipfile.BadZipFile):
        raise ConfigError(f"zipFile {config.zip_file} is no zip file: {build}.") from None
    start = files.get("bootstrap")
    if start is None:
        raise ConfigError(f"zipFile {config.zip_file} has no bootstrap: {build}.")
    if not start.external_attr >> 16 & 0o111:
        raise ConfigError(f"The bootstrap in {config.zip_file} is not executable: {build}.")
    others = [machine for name, machine in _MACHINES.items() if name != config.architecture]
    if any(name.endswith(f"-{other}-linux-gnu.so") for name in files for other in others):
        raise ConfigError(f"zipFile {config.zip_file} was built for another architecture: {build}.")


def _either(choices: tuple[str, ...]) -> str:
    return f"{', '.join(choices[:-1])} or {choices[-1]}"


_CHECKS: tuple[Callable[[StackConfig], None], ...] = (
    check_values,
    check_environment,
    check_limits,
    _check_front_door,
    check_callers,
    _check_waf,
    _check_secrets,
    _check_store,
    _check_vpc,
    _check_alarms,
    _check_budget,
    _check_package,
)
