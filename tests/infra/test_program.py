"""The function and what it needs: made in moto's AWS and read back from there."""

import json
import logging
from typing import Any

import pytest

from app.http.cors import ALLOWED_HEADERS, EXPOSED_HEADERS
from tests.infra.aws_api import ACCOUNT, REGION
from tests.infra.cloud import Cloud
from tests.infra.deploying import run_program

KEY = {"openaiApiKey": "sk-secret", "authToken": "let-me-in"}
ORIGIN = "https://chat.example.com"


def _function(cloud: Cloud, name: str = "deltaline-dev") -> Any:
    return cloud.client("lambda").get_function(FunctionName=name)


def _variables(cloud: Cloud) -> dict[str, str]:
    variables: dict[str, str] = _function(cloud)["Configuration"]["Environment"]["Variables"]
    return variables


def _order(cloud: Cloud, *types: str) -> list[int]:
    """Return at which place the last resource of each type was made."""
    return [max(i for i, made in enumerate(cloud.made) if made.type == type_) for type_ in types]


def test_the_function_runs_the_image_that_was_pushed_by_its_digest(
    cloud: Cloud, dockerfile: str
) -> None:
    run_program(cloud, {"dockerfile": dockerfile}, secrets=KEY)

    configuration, code = _function(cloud)["Configuration"], _function(cloud)["Code"]
    (pushed,) = cloud.client("ecr").list_images(repositoryName="deltaline-dev")["imageIds"]
    assert configuration["PackageType"] == "Image"
    assert configuration["Architectures"] == ["arm64"]
    assert (configuration["MemorySize"], configuration["Timeout"]) == (1024, 300)
    assert code["ImageUri"] == (
        f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/deltaline-dev@{pushed['imageDigest']}"
    )
    assert "imageTag" not in pushed


def test_the_image_is_built_for_the_functions_architecture_and_pushed_without_attestations(
    cloud: Cloud, dockerfile: str
) -> None:
    run_program(cloud, {"dockerfile": dockerfile, "architecture": "x86_64"}, secrets=KEY)

    image = cloud.one("docker-build:index:Image").inputs
    (export,) = image["exports"]
    assert image["platforms"] == ["linux/amd64"]
    assert image["dockerfile"] == {"location": dockerfile}
    assert image["buildArgs"] == {"VARIANT": "lean"}
    assert export["registry"]["pushByDigest"] is True
    # `exec` is the mode in which docker buildx adds a provenance attestation; see infra/image.py.
    assert not {"exec", "tags"} & image.keys()
    assert _function(cloud)["Configuration"]["Architectures"] == ["x86_64"]


def test_a_stack_that_asks_azure_gets_an_image_with_the_package_for_it(cloud: Cloud) -> None:
    azure = ["AZURE_OPENAI_ENDPOINT=https://a.example", "OPENAI_API_VERSION=2024-10-21"]

    run_program(cloud, {"environment": azure}, secrets=KEY)

    assert cloud.one("docker-build:index:Image").inputs["buildArgs"] == {"VARIANT": "production"}


def test_every_checkout_asks_for_the_same_image(cloud: Cloud) -> None:
    """An absolute path would be another one in each, and Pulumi would build anew."""
    from infra.config import PROGRAM, ROOT

    run_program(cloud, {}, secrets=KEY)

    image = cloud.one("docker-build:index:Image").inputs
    context, dockerfile = image["context"]["location"], image["dockerfile"]["location"]
    assert (context, dockerfile) == ("..", "../Dockerfile.streaming")
    # Pulumi runs providers in the folder of the program.
    assert (PROGRAM / context).resolve() == ROOT
    assert (PROGRAM / dockerfile).is_file()


def test_the_repository_scans_images_keeps_ten_and_lets_no_tag_move(
    cloud: Cloud, dockerfile: str
) -> None:
    run_program(cloud, {"dockerfile": dockerfile}, secrets=KEY)

    ecr = cloud.client("ecr")
    (repository,) = ecr.describe_repositories()["repositories"]
    policy = json.loads(
        ecr.get_lifecycle_policy(repositoryName="deltaline-dev")["lifecyclePolicyText"]
    )
    assert repository["imageTagMutability"] == "IMMUTABLE"
    assert repository["imageScanningConfiguration"] == {"scanOnPush": True}
    assert policy["rules"][0]["selection"]["countNumber"] == 10


def test_a_zip_file_runs_on_lambdas_python_with_our_bootstrap(cloud: Cloud, package: str) -> None:
    run_program(cloud, {"packaging": "zip", "zipFile": package}, secrets=KEY)

    configuration = _function(cloud)["Configuration"]
    assert (configuration["PackageType"], configuration["Runtime"]) == ("Zip", "python3.13")
    assert configuration["Handler"] == "app.main.create_lean_app"
    assert _variables(cloud)["AWS_LAMBDA_EXEC_WRAPPER"] == "/var/task/bootstrap"
    assert not cloud.of_type("aws:ecr/repository:Repository")


def test_sizes_are_what_the_configuration_says(cloud: Cloud, package: str) -> None:
    config = {
        "packaging": "zip",
        "zipFile": package,
        "memoryMb": 1769,
        "timeoutS": 900,
        "reservedConcurrency": 7,
        "logRetentionDays": 30,
        "environment": ["CHAT_MODEL=gpt-4o", "CHAT_SYSTEM_PROMPT=a=b"],
    }

    run_program(cloud, config, secrets=KEY)

    configuration = _function(cloud)["Configuration"]
    (group,) = cloud.client("logs").describe_log_groups()["logGroups"]
    assert (configuration["MemorySize"], configuration["Timeout"]) == (1769, 900)
    assert _function(cloud)["Concurrency"] == {"ReservedConcurrentExecutions": 7}
    assert group["retentionInDays"] == 30
    assert _variables(cloud)["CHAT_MODEL"] == "gpt-4o"
    assert _variables(cloud)["CHAT_SYSTEM_PROMPT"] == "a=b"


def test_the_log_group_and_the_policy_come_before_the_function_and_the_permissions_before_the_url(
    cloud: Cloud, dockerfile: str
) -> None:
    run_program(cloud, {"dockerfile": dockerfile}, secrets=KEY)

    places = _order(
        cloud,
        "aws:cloudwatch/logGroup:LogGroup",
        "aws:iam/rolePolicy:RolePolicy",
        "aws:lambda/function:Function",
        "aws:lambda/permission:Permission",
        "aws:lambda/functionUrl:FunctionUrl",
    )
    (group,) = cloud.client("logs").describe_log_groups()["logGroups"]
    logging_config = cloud.one("aws:lambda/function:Function").inputs["loggingConfig"]
    assert places == sorted(places)
    assert group["logGroupName"] == logging_config["logGroup"] == "/aws/lambda/deltaline-dev"
    assert group["retentionInDays"] == 14


def test_the_url_streams_and_a_public_one_has_both_permissions(
    cloud: Cloud, dockerfile: str
) -> None:
    stack = run_program(cloud, {"dockerfile": dockerfile}, secrets=KEY)

    client = cloud.client("lambda")
    url = client.get_function_url_config(FunctionName="deltaline-dev")
    policy = json.loads(client.get_policy(FunctionName="deltaline-dev")["Policy"])
    permissions = [made.inputs for made in cloud.of_type("aws:lambda/permission:Permission")]
    assert (url["AuthType"], url["InvokeMode"]) == ("NONE", "RESPONSE_STREAM")
    assert stack.outputs["url"].rstrip("/") == url["FunctionUrl"].rstrip("/")
    assert {statement["Action"] for statement in policy["Statement"]} == {
        "lambda:InvokeFunctionUrl",
        "lambda:InvokeFunction",
    }
    by_action = {found["action"]: found for found in permissions}
    assert by_action["lambda:InvokeFunctionUrl"]["functionUrlAuthType"] == "NONE"
    assert by_action["lambda:InvokeFunction"]["invokedViaFunctionUrl"] is True
    assert {found["principal"] for found in permissions} == {"*"}


def test_a_signed_url_lets_in_nobody_by_itself(cloud: Cloud, dockerfile: str) -> None:
    stack = run_program(cloud, {"dockerfile": dockerfile, "auth": "AWS_IAM"}, secrets=KEY)

    url = cloud.client("lambda").get_function_url_config(FunctionName="deltaline-dev")
    assert (url["AuthType"], url["InvokeMode"]) == ("AWS_IAM", "RESPONSE_STREAM")
    assert not cloud.of_type("aws:lambda/permission:Permission")
    assert f"--aws-sigv4 aws:amz:{REGION}:lambda" in stack.outputs["curl"]


@pytest.mark.parametrize("auth", ["NONE", "AWS_IAM"])
def test_a_plain_url_answers_cors_itself_and_the_app_does_not(
    cloud: Cloud, dockerfile: str, auth: str
) -> None:
    config = {"dockerfile": dockerfile, "allowedOrigins": [ORIGIN], "auth": auth}

    run_program(cloud, config, secrets=KEY)

    cors = cloud.client("lambda").get_function_url_config(FunctionName="deltaline-dev")["Cors"]
    assert cors["AllowOrigins"] == [ORIGIN]
    assert sorted(cors["AllowMethods"]) == ["DELETE", "GET", "POST"]
    assert cors["AllowHeaders"] == list(ALLOWED_HEADERS)
    assert cors["ExposeHeaders"] == list(EXPOSED_HEADERS)
    assert cors["MaxAge"] == 600
    assert "CHAT_ALLOWED_ORIGINS" not in _variables(cloud)


def test_without_allowed_origins_there_is_no_cors_at_all(cloud: Cloud, dockerfile: str) -> None:
    run_program(cloud, {"dockerfile": dockerfile}, secrets=KEY)

    assert "cors" not in cloud.one("aws:lambda/functionUrl:FunctionUrl").inputs
    assert "CHAT_ALLOWED_ORIGINS" not in _variables(cloud)


def test_the_url_and_the_app_agree_on_the_headers_of_cors() -> None:
    from infra import function_url

    assert list(function_url.ALLOWED_HEADERS) == list(ALLOWED_HEADERS)
    assert list(function_url.EXPOSED_HEADERS) == list(EXPOSED_HEADERS)


def test_every_resource_belongs_to_a_component(
    cloud: Cloud, dockerfile: str, package: str, page: str
) -> None:
    config = {"dockerfile": dockerfile, "examples": True, "zipFile": package, "webDir": page}
    urns = [
        urn
        for door in ("url", "cloudfront", "apiGateway")
        for urn in run_program(
            cloud, {**config, "frontDoor": door}, secrets=KEY, stack=door.lower()
        ).urns
    ]

    kinds = [urn.split("::")[2].split("$") for urn in urns]
    assert {kind for *parents, kind in kinds if not parents} == {
        "random:index/randomPassword:RandomPassword"
    }
    assert all(parent.startswith("deltaline:infra:") for *parents, _ in kinds for parent in parents)
    assert {"FunctionUrl", "Distribution", "RestApi", "MetricAlarm"} <= {
        kind.rpartition(":")[2] for *_, kind in kinds
    }


def test_everything_that_can_has_tags(cloud: Cloud, dockerfile: str) -> None:
    run_program(cloud, {"dockerfile": dockerfile}, secrets=KEY)

    tagged = [made for made in cloud.made if "tags" in made.inputs]
    assert {made.type.split(":")[1].split("/")[0] for made in tagged} == {
        *("ecr", "lambda", "iam", "ssm", "cloudwatch")
    }
    assert all(
        made.inputs["tags"] == {"Project": "deltaline", "Stack": "dev", "ManagedBy": "Pulumi"}
        for made in tagged
    )


def test_the_outputs_are_ready_to_paste(cloud: Cloud, dockerfile: str) -> None:
    stack = run_program(cloud, {"dockerfile": dockerfile}, secrets=KEY)

    url = stack.outputs["url"]
    assert url.startswith("https://")
    assert url.endswith("/")
    assert stack.outputs["curl"] == (
        f"curl --no-buffer {url}api/chat "
        """-H "x-chat-token: $(pulumi config get authToken --stack dev)" """
        """-H 'content-type: application/json' -d '{"action":"chat","payload":{"text":"Hello"}}'"""
    )
    assert stack.outputs["logs"] == (
        f"aws logs tail /aws/lambda/deltaline-dev --follow --region {REGION}"
    )
    assert stack.outputs["dashboard"].endswith("#dashboards/dashboard/deltaline-dev")
    assert stack.outputs.keys() == {"url", "curl", "logs", "dashboard"}


@pytest.mark.parametrize("front_door", ["url", "apiGateway"])
def test_a_token_or_signatures_need_no_warning(
    cloud: Cloud, dockerfile: str, front_door: str, caplog: pytest.LogCaptureFixture
) -> None:
    config = {"dockerfile": dockerfile, "frontDoor": front_door}

    run_program(cloud, config, secrets=KEY)
    run_program(cloud, {**config, "auth": "AWS_IAM"}, secrets=KEY, stack="signed")

    assert not [r.message for r in caplog.records if r.levelno >= logging.WARNING]
