"""A second judge of the resources: Terraform's AWS provider, where it is installed."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.infra.aws_api import ACCOUNT, REGION
from tests.infra.cloud import Cloud
from tests.infra.deploying import run_program
from tests.infra.terraform import as_terraform, find_terraform, validate

SECRETS = {"openaiApiKey": "sk-1", "authToken": "let-me-in"}

_TERRAFORM = find_terraform()

pytestmark = [
    pytest.mark.real,
    pytest.mark.optional,
    pytest.mark.timeout(540),
    pytest.mark.skipif(
        _TERRAFORM is None, reason="terraform with an AWS provider is not installed"
    ),
]


def test_every_resource_of_every_option_is_valid(
    cloud: Cloud, dockerfile: str, package: str, page: str, tmp_path: Path
) -> None:
    assert _TERRAFORM is not None
    shared = {"dockerfile": dockerfile, "zipFile": package, "webDir": page}
    configs: dict[str, dict[str, object]] = {
        "plain": {"examples": True, "allowedOrigins": ["https://example.com"]},
        "zip": {"packaging": "zip", "secretStore": "secretsManager", "reservedConcurrency": 5},
        "signed": {"auth": "AWS_IAM", "alarmEmail": "operations@example.com"},
        "site": {
            "frontDoor": "cloudfront",
            "alarmTopicArn": f"arn:aws:sns:{REGION}:{ACCOUNT}:operations",
            "waf": True,
            "budgetUsd": 50,
            "budgetEmail": "money@example.com",
        },
        "api": {"frontDoor": "apiGateway", "auth": "AWS_IAM", "timeoutS": 900},
    }
    for stack, config in configs.items():
        run_program(cloud, {**shared, **config}, secrets=SECRETS, stack=stack)

    assert validate(_TERRAFORM, tmp_path, as_terraform(cloud.made)) == []


@pytest.mark.parametrize(
    ("type_", "bad"),
    [
        ("aws:lambda/functionUrl:FunctionUrl", {"invokeMode": "STREAM"}),
        ("aws:lambda/functionUrl:FunctionUrl", {"authorizationType": "PUBLIC"}),
        ("aws:lambda/function:Function", {"timeout": 901}),
        ("aws:cloudwatch/logGroup:LogGroup", {"retentionInDays": 31}),
        ("aws:lambda/function:Function", {"colour": "red"}),
    ],
    ids=lambda value: value if isinstance(value, str) else next(iter(value)),
)
def test_what_the_provider_refuses_is_noticed(
    cloud: Cloud, dockerfile: str, tmp_path: Path, type_: str, bad: dict[str, object]
) -> None:
    assert _TERRAFORM is not None
    run_program(cloud, {"dockerfile": dockerfile}, secrets=SECRETS)
    spoiled = [
        replace(made, inputs={**made.inputs, **bad}) if made.type == type_ else made
        for made in cloud.made
    ]

    assert len(validate(_TERRAFORM, tmp_path, as_terraform(spoiled))) == 1
