"""Joins the components into the stack that a configuration describes."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pulumi
import pulumi_aws as aws
import pulumi_random as random

from infra.alarms import Alarms, AlarmsArgs
from infra.budget import CostBudget, CostBudgetArgs
from infra.chat_table import ChatTable, ChatTableArgs
from infra.config import PROGRAM, PROJECT, ROOT, StackConfig
from infra.config_checks import check_config
from infra.curl_line import curl_line
from infra.dashboard import Dashboard, DashboardArgs
from infra.environment import function_environment
from infra.example_functions import ExampleFunctions, ExampleFunctionsArgs
from infra.front_door import open_front_door
from infra.function import (
    ImagePackage,
    Package,
    StreamingFunction,
    StreamingFunctionArgs,
    ZipPackage,
)
from infra.image import FunctionImage, FunctionImageArgs
from infra.lean_packages import variant_for
from infra.limits import reserved_concurrency
from infra.policies import Statement
from infra.secrets import StoredSecret, StoredSecretArgs, decrypt_secret, read_secret, store_of
from infra.vpc import VpcPlace

_APPROVAL_SECRET_LENGTH = 64


def deploy(config: StackConfig) -> dict[str, pulumi.Input[object]]:
    """Create the stack and return its outputs by name.

    Raises:
        ConfigError: the configuration cannot be used. Nothing has been created then.
    """
    check_config(config, pulumi.get_stack())
    reserved = reserved_concurrency(config)
    if config.is_public and config.auth_token is None and not config.jwt_issuer:
        pulumi.log.warn(
            "Anyone who has the URL can chat and so spend the model's key, as allowAnonymous says."
        )
    if config.vpc_subnet_ids and config.front_door != "apiGateway":
        # AWS Lambda Developer Guide, "VPC compatibility with response streaming".
        pulumi.log.warn(
            "By AWS's guide, Function URLs do not stream in a VPC, and CloudFront calls one: if "
            "answers come all at once, set frontDoor to apiGateway."
        )
    tags = {"Project": PROJECT, "Stack": pulumi.get_stack(), "ManagedBy": "Pulumi"}
    secrets = _secrets(config, tags)
    table = _table(config, tags)
    table_name = None if table is None else table.name
    chat = StreamingFunction(
        "chat",
        StreamingFunctionArgs(
            name=config.name,
            description="Deltaline: a chat backend that streams",
            package=_package(config, tags),
            architecture=config.architecture,
            memory_mb=config.memory_mb,
            timeout_s=config.timeout_s,
            reserved_concurrency=reserved,
            log_retention_days=config.log_retention_days,
            environment=function_environment(config, secrets.arns, table_name),
            allowed=[*secrets.reading, *([table.use] if table else [])],
            vpc=_vpc(config),
            tags=tags,
        ),
    )
    region = aws.get_region_output().region
    url = open_front_door(config, chat, tags)
    Alarms(
        "chat",
        AlarmsArgs(
            name=config.name,
            function_name=chat.function.name,
            table_name=table_name,
            first_token_ms=config.first_token_alarm_ms,
            invocations=config.invocation_alarm_per_5_min,
            topic_arn=config.alarm_topic_arn,
            email=config.alarm_email,
            tags=tags,
        ),
    )
    if config.budget_usd:
        CostBudget(
            "chat",
            CostBudgetArgs(
                name=config.name,
                usd=config.budget_usd,
                email=config.budget_email or config.alarm_email,
                tags=tags,
            ),
        )
    dashboard = Dashboard(
        "chat",
        DashboardArgs(
            name=config.name,
            function_name=chat.function.name,
            log_group_name=chat.log_group.name,
            region=region,
        ),
    )
    outputs: dict[str, pulumi.Input[object]] = {
        "url": url,
        "curl": curl_line(config, url, region),
        "logs": pulumi.Output.format(
            "aws logs tail {0} --follow --region {1}", chat.log_group.name, region
        ),
        "dashboard": dashboard.url,
    }
    if config.examples:
        examples = _examples(config, tags)
        outputs["exampleFunctions"] = pulumi.Output.all(*examples.names)
        outputs["SAM_LAMBDA_STREAMING_URL"] = examples.tool_url
    return outputs


@dataclass(frozen=True, slots=True)
class _Secrets:
    """The ARNs of the secrets, by the variable that tells the app, and the right to read them."""

    arns: Mapping[str, pulumi.Input[str]]
    reading: list[Statement]


def _secrets(config: StackConfig, tags: Mapping[str, str]) -> _Secrets:
    # Approvals outlive a process of the function, so its processes have to share one secret.
    approval = random.RandomPassword("approval", length=_APPROVAL_SECRET_LENGTH, special=False)
    values: list[tuple[str, str, pulumi.Output[str] | None]] = [
        ("openai-api-key", "OPENAI_API_KEY", config.openai_api_key),
        ("auth-token", "CHAT_AUTH_TOKEN", config.auth_token),
        ("approval-secret", "CHAT_APPROVAL_SECRET", approval.result),
        ("store-url", "CHAT_STORE", config.store_url),
    ]
    arns: dict[str, pulumi.Input[str]] = {}
    reading: list[Statement] = []
    for name, variable, value in values:
        if value is None:
            continue
        stored = StoredSecret(
            name,
            StoredSecretArgs(
                name=f"{config.name}/{name}",
                description=f"{variable} of {config.name}",
                value=value,
                store=config.secret_store,
                tags=tags,
            ),
        )
        arns[f"{variable}_ARN"] = stored.arn
        reading.append(read_secret(stored.arn, config.secret_store))
    own = config.openai_api_key_arn
    if own:
        arns["OPENAI_API_KEY_ARN"] = own
        reading.append(read_secret(own, store_of(own)))
        if config.secret_kms_key_arn:
            reading.append(decrypt_secret(config.secret_kms_key_arn, own))
    return _Secrets(arns, reading)


def _table(config: StackConfig, tags: Mapping[str, str]) -> ChatTable | None:
    if config.store != "dynamodb":
        return None
    return ChatTable("chats", ChatTableArgs(name=f"{config.name}-chats", tags=tags))


def _vpc(config: StackConfig) -> VpcPlace | None:
    if not config.vpc_subnet_ids:
        return None
    return VpcPlace(config.vpc_subnet_ids, config.vpc_security_group_ids)


def _package(config: StackConfig, tags: Mapping[str, str]) -> Package:
    if config.packaging == "zip":
        return ZipPackage(config.zip_path)
    image = FunctionImage(
        "chat",
        FunctionImageArgs(
            name=config.name,
            # As seen from the program: an absolute path would be another one in each checkout, and
            # so a build.
            context=_seen_from_program(ROOT),
            dockerfile=_seen_from_program(config.dockerfile_path),
            architecture=config.architecture,
            variant=variant_for(config.environment),
            tags=tags,
        ),
    )
    return ImagePackage(image.uri)


def _seen_from_program(path: Path) -> str:
    return os.path.relpath(path, PROGRAM) if path.is_relative_to(ROOT) else str(path)


def _examples(config: StackConfig, tags: Mapping[str, str]) -> ExampleFunctions:
    return ExampleFunctions(
        "examples",
        ExampleFunctionsArgs(
            name=config.name,
            zip_path=config.zip_path,
            architecture=config.architecture,
            memory_mb=config.memory_mb,
            log_retention_days=config.log_retention_days,
            tags=tags,
        ),
    )
