"""Every policy that any stack has: nothing is allowed that is not needed."""

import json
import re
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from tests.infra.aws_api import ACCOUNT, REGION
from tests.infra.cloud import Cloud
from tests.infra.deploying import run_program
from tests.infra.network import make_network

_DEPLOYING = Path(__file__).parents[2] / "docs" / "deploy.md"
KEY = {"openaiApiKey": "sk-secret", "authToken": "let-me-in"}
OWN = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:openai-AbCdEf"
KMS = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1234abcd"

# What Lambda does in a VPC as the function, with things that nobody has named before.
_INTERFACES = {
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
}
# All that the program's policies may ever allow.
_ACTIONS = {
    "sts:AssumeRole",
    "logs:CreateLogStream",
    "logs:PutLogEvents",
    "ssm:GetParameter",
    "secretsmanager:GetSecretValue",
    "kms:Decrypt",
    "s3:GetObject",
    "dynamodb:BatchGetItem",
    "dynamodb:BatchWriteItem",
    "dynamodb:DeleteItem",
    "dynamodb:GetItem",
    "dynamodb:PutItem",
    "dynamodb:Query",
    "dynamodb:Scan",
    "dynamodb:UpdateItem",
    *_INTERFACES,
}
_POLICIES = {
    "aws:iam/role:Role": "assumeRolePolicy",
    "aws:iam/rolePolicy:RolePolicy": "policy",
    "aws:s3/bucketPolicy:BucketPolicy": "policy",
}


def _statements(cloud: Cloud) -> list[dict[str, Any]]:
    return [
        statement
        for made in cloud.made
        if made.type in _POLICIES
        for statement in json.loads(made.inputs[_POLICIES[made.type]])["Statement"]
    ]


def test_no_policy_of_any_stack_has_a_star_for_its_actions_or_resources(
    cloud: Cloud, dockerfile: str, package: str, page: str
) -> None:
    own = {"openaiApiKeyArn": OWN, "secretKmsKeyArn": KMS}
    configs: list[tuple[dict[str, object], dict[str, str]]] = [
        ({"examples": True}, KEY),
        ({"secretStore": "secretsManager"}, KEY),
        ({"frontDoor": "cloudfront", "webDir": page, "allowAnonymous": True, **own}, {}),
        ({"frontDoor": "apiGateway", "store": "dynamodb"}, KEY),
        ({"store": "redis", **make_network(cloud)}, {**KEY, "storeUrl": "rediss://host"}),
    ]
    for number, (config, secrets) in enumerate(configs):
        config |= {"dockerfile": dockerfile, "zipFile": package}
        run_program(cloud, config, secrets=secrets, stack=f"stack{number}")

    in_vpc = [s for s in _statements(cloud) if set(s["Action"]) == _INTERFACES]
    # The function's own code is denied what Lambda may do as it.
    assert [(s["Effect"], s["Resource"]) for s in in_vpc] == [("Allow", ["*"]), ("Deny", ["*"])]
    statements = [s for s in _statements(cloud) if s not in in_vpc]
    actions = {action for statement in statements for action in statement["Action"]}
    resources = {found for statement in statements for found in statement.get("Resource", [])}
    assert actions == _ACTIONS - _INTERFACES
    assert all(statement["Effect"] == "Allow" for statement in statements)
    # A star only behind the name of the one thing that is meant: a group's streams, a bucket's
    # objects.
    starred = {found for found in resources if "*" in found}
    assert all(
        found.endswith((":*", "-page-123456789012/*")) and found.count("*") == 1
        for found in starred
    )
    assert all(found.startswith(("arn:aws:logs:", "arn:aws:s3:::deltaline-")) for found in starred)


def test_only_a_url_for_everybody_lets_in_everybody(
    cloud: Cloud, dockerfile: str, package: str, page: str
) -> None:
    doors = ["cloudfront", "apiGateway"]
    for door in doors:
        config = {"dockerfile": dockerfile, "frontDoor": door, "webDir": page}
        run_program(
            cloud, {**config, "examples": True, "zipFile": package}, secrets=KEY, stack=door.lower()
        )

    permissions = [made.inputs for made in cloud.of_type("aws:lambda/permission:Permission")]
    assert permissions
    assert all(found["principal"].endswith(".amazonaws.com") for found in permissions)
    # Without a source any API or distribution of anybody's could call.
    assert all(found["sourceArn"].startswith("arn:aws:") for found in permissions)


def test_roles_can_be_taken_on_by_lambda_only(cloud: Cloud, package: str) -> None:
    config = {"packaging": "zip", "zipFile": package, "examples": True}

    run_program(cloud, config, secrets=KEY)

    roles = cloud.client("iam").list_roles()["Roles"]
    assert len(roles) == 6
    for role in roles:
        (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
        assert statement["Principal"] == {"Service": "lambda.amazonaws.com"}


def test_functions_of_the_examples_may_only_write_their_logs(cloud: Cloud, package: str) -> None:
    config = {"packaging": "zip", "zipFile": package, "examples": True}

    run_program(cloud, config, secrets=KEY)

    iam = cloud.client("iam")
    for name in ("words", "happy-path", "midstream-error", "timeout", "slow-process"):
        role = f"deltaline-dev-{name}"
        (statement,) = iam.get_role_policy(RoleName=role, PolicyName="function")["PolicyDocument"][
            "Statement"
        ]
        assert statement["Action"] == ["logs:CreateLogStream", "logs:PutLogEvents"]
        assert statement["Resource"] == [
            f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/lambda/{role}:*"
        ]


# What IAM calls otherwise than the service's API does.
_OTHERWISE = {
    ("cloudfront", "CreateDistributionWithTags"): "cloudfront:CreateDistribution",
    ("s3", "PutPublicAccessBlock"): "s3:PutBucketPublicAccessBlock",
    ("budgets", "CreateBudget"): "budgets:ModifyBudget",
    ("service-quotas", "GetServiceQuota"): "servicequotas:GetServiceQuota",
}
_VERBS = {
    "Create": "apigateway:POST",
    "Put": "apigateway:PUT",
    "Update": "apigateway:PATCH",
}


def _action(service: str, operation: str) -> str:
    if service == "apigateway":
        return next(verb for start, verb in _VERBS.items() if operation.startswith(start))
    return _OTHERWISE.get((service, operation), f"{service}:{operation}")


def test_the_documented_policy_lets_the_deployer_make_every_option(
    cloud: Cloud, dockerfile: str, package: str, page: str
) -> None:
    shared = {"dockerfile": dockerfile, "zipFile": package, "webDir": page}
    configs: list[dict[str, object]] = [
        {"examples": True, "reservedConcurrency": 5},
        {"frontDoor": "cloudfront", "alarmEmail": "operations@example.com", "waf": True},
        {
            "frontDoor": "apiGateway",
            "secretStore": "secretsManager",
            "budgetUsd": 50,
            "budgetEmail": "money@example.com",
            "store": "dynamodb",
        },
        make_network(cloud),
    ]
    for number, config in enumerate(configs):
        run_program(cloud, {**shared, **config}, secrets=KEY, stack=f"stack{number}")

    found = re.search(r"```json deployer-policy\n(.*?)```", _DEPLOYING.read_text(), re.DOTALL)
    assert found is not None
    statements = json.loads(found[1])["Statement"]
    allowed = [
        action
        for statement in statements
        for action in (
            [statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"]
        )
    ]
    needed = {_action(service, operation) for service, operation in cloud.sent}
    assert {"lambda:CreateFunctionUrlConfig", "iam:CreateRole", "sns:Subscribe"} <= needed
    assert {"ec2:DescribeSubnets", "ec2:DescribeSecurityGroups", "ec2:DescribeVpcs"} <= needed
    assert {"wafv2:CreateWebACL", "budgets:ModifyBudget", "iam:AttachRolePolicy"} <= needed
    assert not [
        action
        for action in needed | {"iam:PassRole", "sts:GetCallerIdentity"}
        if not any(fnmatchcase(action, pattern) for pattern in allowed)
    ]
    # Whole services only on what is ours; without a name only single actions.
    for statement in statements:
        if statement["Resource"] == "*":
            assert not [action for action in statement["Action"] if "*" in action]
    ours = next(s["Resource"] for s in statements if s["Sid"] == "OurResources")
    assert all("deltaline-" in resource for resource in ours)
    # Whoever may attach any policy has every right.
    (attaching,) = [s for s in statements if "iam:AttachRolePolicy" in s["Action"]]
    assert attaching["Condition"]["ArnEquals"]["iam:PolicyARN"].endswith(
        "/AmazonAPIGatewayPushToCloudWatchLogs"
    )
