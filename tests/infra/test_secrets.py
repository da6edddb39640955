"""Secrets: where they are, who may read them, and that they are nowhere else."""

import json
from typing import Any

import pytest

from tests.infra.aws_api import ACCOUNT, REGION
from tests.infra.cloud import Cloud
from tests.infra.deploying import Deployment, run_program

KEY = "sk-a-very-secret-key"
TOKEN = "a-very-secret-token"
SECRETS = {"openaiApiKey": KEY, "authToken": TOKEN}
OWN = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:openai-AbCdEf"
KMS = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"


def _variables(cloud: Cloud) -> dict[str, str]:
    found: dict[str, str] = cloud.client("lambda").get_function(FunctionName="deltaline-dev")[
        "Configuration"
    ]["Environment"]["Variables"]
    return found


def _statements(cloud: Cloud) -> list[dict[str, Any]]:
    policy = cloud.client("iam").get_role_policy(RoleName="deltaline-dev", PolicyName="function")[
        "PolicyDocument"
    ]
    statements: list[dict[str, Any]] = policy["Statement"]
    return statements


def _places_of(secret: str, stack: Deployment) -> set[str]:
    """Return the inputs of resources that hold the secret, and outputs that do."""
    found = {
        f"{made.type}.{name}"
        for made in stack.cloud.made
        for name, value in made.inputs.items()
        if secret in repr(value)
    }
    return found | {f"output {n}" for n, value in stack.outputs.items() if secret in repr(value)}


def test_secrets_are_secure_parameters_and_the_function_knows_their_arns(
    cloud: Cloud, dockerfile: str
) -> None:
    run_program(cloud, {"dockerfile": dockerfile}, secrets=SECRETS)

    ssm = cloud.client("ssm")
    stored = {
        name: ssm.get_parameter(Name=arn, WithDecryption=True)["Parameter"]
        for name, arn in _variables(cloud).items()
        if name.endswith("_ARN")
    }
    assert stored.keys() == {
        "OPENAI_API_KEY_ARN",
        "CHAT_AUTH_TOKEN_ARN",
        "CHAT_APPROVAL_SECRET_ARN",
    }
    assert stored["OPENAI_API_KEY_ARN"]["Value"] == KEY
    assert stored["CHAT_AUTH_TOKEN_ARN"]["Value"] == TOKEN
    assert len(stored["CHAT_APPROVAL_SECRET_ARN"]["Value"]) == 64
    assert {parameter["Type"] for parameter in stored.values()} == {"SecureString"}


def test_secrets_can_be_kept_in_secrets_manager(cloud: Cloud, dockerfile: str) -> None:
    config = {"dockerfile": dockerfile, "secretStore": "secretsManager"}

    run_program(cloud, config, secrets=SECRETS)

    client = cloud.client("secretsmanager")
    arn = _variables(cloud)["OPENAI_API_KEY_ARN"]
    assert client.get_secret_value(SecretId=arn)["SecretString"] == KEY
    assert len(client.list_secrets()["SecretList"]) == 3
    assert not cloud.of_type("aws:ssm/parameter:Parameter")
    reading = [s for s in _statements(cloud) if s["Action"] == ["secretsmanager:GetSecretValue"]]
    assert {resource for s in reading for resource in s["Resource"]} == {
        arn for name, arn in _variables(cloud).items() if name.endswith("_ARN")
    }


@pytest.mark.parametrize("store", ["ssm", "secretsManager"])
def test_a_secret_is_in_its_store_and_nowhere_else_and_marked_there(
    cloud: Cloud, dockerfile: str, store: str
) -> None:
    stack = run_program(cloud, {"dockerfile": dockerfile, "secretStore": store}, secrets=SECRETS)

    place = {
        "ssm": "aws:ssm/parameter:Parameter.value",
        "secretsManager": "aws:secretsmanager/secretVersion:SecretVersion.secretString",
    }[store]
    approval = cloud.of_type(place.partition(".")[0])
    assert _places_of(KEY, stack) == _places_of(TOKEN, stack) == {place}
    assert len(approval) == 3
    assert all(place.rpartition(".")[2] in made.secrets for made in approval)


def test_the_role_may_read_these_secrets_and_no_others(cloud: Cloud, dockerfile: str) -> None:
    run_program(cloud, {"dockerfile": dockerfile}, secrets=SECRETS)

    reading = [s for s in _statements(cloud) if s["Action"] == ["ssm:GetParameter"]]
    assert [s["Resource"] for s in reading] == [
        [f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/deltaline-dev/{name}"]
        for name in ("openai-api-key", "auth-token", "approval-secret")
    ]


def test_a_secret_of_ones_own_is_read_where_it_is(cloud: Cloud, dockerfile: str) -> None:
    run_program(cloud, {"dockerfile": dockerfile, "auth": "AWS_IAM", "openaiApiKeyArn": OWN})

    statements = _statements(cloud)
    assert _variables(cloud)["OPENAI_API_KEY_ARN"] == OWN
    assert {
        "Effect": "Allow",
        "Action": ["secretsmanager:GetSecretValue"],
        "Resource": [OWN],
    } in statements
    assert "kms:Decrypt" not in json.dumps(statements)
    assert [made.name for made in cloud.of_type("aws:ssm/parameter:Parameter")] == [
        "approval-secret"
    ]


def test_a_key_of_ones_own_decrypts_only_for_the_store(cloud: Cloud, dockerfile: str) -> None:
    config = {"dockerfile": dockerfile, "openaiApiKeyArn": OWN, "secretKmsKeyArn": KMS}

    run_program(cloud, {**config, "auth": "AWS_IAM"})

    assert {
        "Effect": "Allow",
        "Action": ["kms:Decrypt"],
        "Resource": [KMS],
        "Condition": {"StringEquals": {"kms:ViaService": f"secretsmanager.{REGION}.amazonaws.com"}},
    } in _statements(cloud)


def test_the_command_to_try_it_asks_for_the_token_and_does_not_hold_it(
    cloud: Cloud, dockerfile: str
) -> None:
    stack = run_program(cloud, {"dockerfile": dockerfile}, secrets=SECRETS)

    assert '-H "x-chat-token: $(pulumi config get authToken --stack dev)"' in stack.outputs["curl"]
    assert not stack.secret_outputs
