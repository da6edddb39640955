"""What API Gateway lets through, and what it writes down."""

import json
import re
from typing import Any

from tests.infra.aws_api import ACCOUNT, REGION
from tests.infra.cloud import Cloud
from tests.infra.deploying import run_program

SECRETS = {"openaiApiKey": "sk-secret", "authToken": "let-me-in"}
GROUP = "/aws/apigateway/deltaline-dev"


def _api(dockerfile: str, **config: object) -> dict[str, object]:
    return {"dockerfile": dockerfile, "frontDoor": "apiGateway", **config}


def _stage(cloud: Cloud) -> Any:
    client = cloud.client("apigateway")
    (api,) = client.get_rest_apis()["items"]
    return client.get_stage(restApiId=api["id"], stageName="chat")


def _throttling(cloud: Cloud) -> tuple[float, int]:
    found = _stage(cloud)["methodSettings"]["*/*"]
    return found["throttlingRateLimit"], found["throttlingBurstLimit"]


def test_every_method_is_throttled(cloud: Cloud, dockerfile: str) -> None:
    run_program(cloud, _api(dockerfile), secrets=SECRETS)

    assert _throttling(cloud) == (20, 40)


def test_the_rate_and_the_burst_can_be_chosen(cloud: Cloud, dockerfile: str) -> None:
    run_program(cloud, _api(dockerfile, apiRatePerS=3, apiBurst=5), secrets=SECRETS)

    assert _throttling(cloud) == (3, 5)


def test_a_line_a_request_goes_to_a_log_that_is_not_kept_for_ever(
    cloud: Cloud, dockerfile: str
) -> None:
    run_program(cloud, _api(dockerfile, logRetentionDays=30), secrets=SECRETS)

    (group,) = cloud.client("logs").describe_log_groups(logGroupNamePrefix=GROUP)["logGroups"]
    settings = _stage(cloud)["accessLogSettings"]
    assert group["retentionInDays"] == 30
    assert settings["destinationArn"] == f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{GROUP}"
    assert "$context.requestId" in settings["format"]


def test_the_line_holds_no_header_and_no_query(cloud: Cloud, dockerfile: str) -> None:
    run_program(cloud, _api(dockerfile), secrets=SECRETS)

    line = json.loads(_stage(cloud)["accessLogSettings"]["format"])
    assert {value.removeprefix("$context.") for value in line.values()} == {
        *("requestId", "requestTime", "identity.sourceIp", "identity.caller", "httpMethod", "path"),
        *("status", "integration.status", "responseLength", "responseLatency"),
        "error.responseType",
    }
    assert not re.search(r"header|query|authoriz|userAgent|message", json.dumps(line))
    # Execution logs would hold whole requests.
    settings = cloud.one("aws:apigateway/methodSettings:MethodSettings").inputs["settings"]
    assert settings.keys() == {"throttlingRateLimit", "throttlingBurstLimit"}


def test_api_gateway_gets_a_role_for_its_logs_before_the_stage(
    cloud: Cloud, dockerfile: str
) -> None:
    run_program(cloud, _api(dockerfile), secrets=SECRETS)

    arn = cloud.client("apigateway").get_account()["cloudwatchRoleArn"]
    name = arn.rpartition("/")[2]
    role = cloud.client("iam").get_role(RoleName=name)["Role"]
    attached = cloud.one("aws:iam/rolePolicyAttachment:RolePolicyAttachment").inputs
    types = [made.type for made in cloud.made]
    # Not the stack's name alone: such a role stays, and must not be in a later stack's way.
    assert re.fullmatch(r"deltaline-dev-api-logs-\w+", name)
    assert role["AssumeRolePolicyDocument"]["Statement"][0]["Principal"] == {
        "Service": "apigateway.amazonaws.com"
    }
    assert attached["role"] == name
    assert attached["policyArn"].endswith("service-role/AmazonAPIGatewayPushToCloudWatchLogs")
    assert (
        types.index("aws:iam/rolePolicyAttachment:RolePolicyAttachment")
        < types.index("aws:apigateway/account:Account")
        < types.index("aws:apigateway/stage:Stage")
    )


def test_logs_of_other_apis_go_on_when_the_stack_is_destroyed(
    cloud: Cloud, dockerfile: str
) -> None:
    stack = run_program(cloud, _api(dockerfile), secrets=SECRETS)

    assert stack.staying == {
        "aws:iam/role:Role",
        "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
        "aws:apigateway/account:Account",
    }


def test_an_account_that_has_such_a_role_keeps_it(cloud: Cloud, dockerfile: str) -> None:
    run_program(cloud, _api(dockerfile, accessLogsRole=False), secrets=SECRETS)

    assert not cloud.of_type("aws:apigateway/account:Account")
    assert len(cloud.of_type("aws:iam/role:Role")) == 1
    assert "accessLogSettings" in _stage(cloud)


def test_without_access_logs_there_is_neither_log_nor_role(cloud: Cloud, dockerfile: str) -> None:
    run_program(cloud, _api(dockerfile, accessLogs=False), secrets=SECRETS)

    assert "accessLogSettings" not in _stage(cloud)
    assert not cloud.of_type("aws:apigateway/account:Account")
    assert len(cloud.of_type("aws:cloudwatch/logGroup:LogGroup")) == 1
