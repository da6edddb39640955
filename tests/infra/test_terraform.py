"""A second judge of the resources: Terraform's AWS provider, where it is installed."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tests.infra.aws_api import ACCOUNT, REGION
from tests.infra.cloud import Cloud
from tests.infra.deploying import run_program
from tests.infra.network import make_network
from tests.infra.terraform import as_terraform, find_terraform, validate

SECRETS = {"openaiApiKey": "sk-1", "authToken": "let-me-in"}

# A resource's type, and what makes it wrong.
_SPOILT: Sequence[tuple[str, Mapping[str, object]]] = (
    ("aws:lambda/functionUrl:FunctionUrl", {"invokeMode": "STREAM"}),
    ("aws:lambda/functionUrl:FunctionUrl", {"authorizationType": "PUBLIC"}),
    ("aws:lambda/function:Function", {"timeout": 901}),
    ("aws:cloudwatch/logGroup:LogGroup", {"retentionInDays": 31}),
    ("aws:lambda/function:Function", {"colour": "red"}),
    ("aws:dynamodb/table:Table", {"billingMode": "FREE"}),
    ("aws:dynamodb/table:Table", {"expiry": "exp"}),
)

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
        "users": {
            "frontDoor": "apiGateway",
            "auth": "COGNITO",
            "cognitoUserPoolArns": [
                f"arn:aws:cognito-idp:{REGION}:{ACCOUNT}:userpool/{REGION}_Ab1"
            ],
            "allowedOrigins": ["https://example.com"],
        },
        "table": {"store": "dynamodb"},
        "redis": {"store": "redis", **make_network(cloud)},
    }
    for stack, config in configs.items():
        secrets = dict(SECRETS)
        if stack == "redis":
            secrets["storeUrl"] = "rediss://host"
        if stack == "users":
            del secrets["authToken"]
        run_program(cloud, {**shared, **config}, secrets=secrets, stack=stack)

    assert validate(_TERRAFORM, tmp_path, as_terraform(cloud.made)) == []


@pytest.fixture(scope="module")
def refused(moto_url: str, tmp_path_factory: pytest.TempPathFactory) -> Sequence[str]:
    """Return what the provider says of all spoilt resources: it takes seconds to start."""
    assert _TERRAFORM is not None
    folder = tmp_path_factory.mktemp("spoilt")
    dockerfile = folder / "Dockerfile"
    dockerfile.write_text("FROM scratch\n")
    cloud = Cloud(moto_url)
    config = {"dockerfile": str(dockerfile), "store": "dynamodb"}
    run_program(cloud, config, secrets=SECRETS, stack="spoilt")
    # Their numbers end their names.
    spoilt = [
        replace(made, inputs={**made.inputs, **bad})
        for type_, bad in _SPOILT
        for made in cloud.made
        if made.type == type_
    ]
    assert len(spoilt) == len(_SPOILT)
    return validate(_TERRAFORM, folder, as_terraform(spoilt))


@pytest.mark.parametrize("number", range(len(_SPOILT)), ids=lambda n: next(iter(_SPOILT[n][1])))
def test_what_the_provider_refuses_is_noticed(refused: Sequence[str], number: int) -> None:
    name, value = next(iter(_SPOILT[number][1].items()))

    (sentence,) = (each for each in refused if each.partition(":")[0].endswith(f"-{number}"))
    assert f'"{name}"' in sentence or f"got {value}" in sentence


def test_nothing_else_is_refused(refused: Sequence[str]) -> None:
    assert len(refused) == len(_SPOILT)
