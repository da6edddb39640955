"""A stack that keeps its chats in a Redis: its address is a secret, and it may be in a VPC."""

import json
import logging
from typing import Any

import pytest

from tests.infra.aws_api import ACCOUNT, REGION
from tests.infra.cloud import Cloud
from tests.infra.deploying import Deployment, refusal, run_program
from tests.infra.network import make_network
from tests.infra.service_model import member

PASSWORD = "very-secret-password"
ADDRESS = f"rediss://deltaline:{PASSWORD}@chats.abc.euw1.cache.amazonaws.com:6379"
KEY = {"openaiApiKey": "sk-secret", "authToken": "let-me-in"}
SECRETS = {**KEY, "storeUrl": ADDRESS}
_FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:deltaline-dev"
_BOTH = "A function in a VPC needs both vpcSubnetIds and vpcSecurityGroupIds; set both or none."
_INTERFACES = [
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
]


def _redis(dockerfile: str, **config: object) -> dict[str, object]:
    return {"dockerfile": dockerfile, "store": "redis", **config}


def _function(cloud: Cloud) -> Any:
    return cloud.client("lambda").get_function(FunctionName="deltaline-dev")["Configuration"]


def _statements(cloud: Cloud) -> list[dict[str, Any]]:
    policy = cloud.client("iam").get_role_policy(RoleName="deltaline-dev", PolicyName="function")
    statements: list[dict[str, Any]] = policy["PolicyDocument"]["Statement"]
    return statements


@pytest.mark.parametrize("kept_in", ["ssm", "secretsManager"])
def test_the_function_knows_where_the_address_is_and_may_read_it(
    cloud: Cloud, dockerfile: str, kept_in: str
) -> None:
    run_program(cloud, _redis(dockerfile, secretStore=kept_in), secrets=SECRETS)

    variables = _function(cloud)["Environment"]["Variables"]
    arn = variables["CHAT_STORE_ARN"]
    if kept_in == "ssm":
        found = cloud.client("ssm").get_parameter(Name=arn, WithDecryption=True)["Parameter"]
        value, action = found["Value"], "ssm:GetParameter"
        assert found["Type"] == "SecureString"
        assert arn == f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/deltaline-dev/store-url"
    else:
        value = cloud.client("secretsmanager").get_secret_value(SecretId=arn)["SecretString"]
        action = "secretsmanager:GetSecretValue"
    assert value == ADDRESS
    assert "CHAT_STORE" not in variables
    assert [s["Action"] for s in _statements(cloud) if s["Resource"] == [arn]] == [[action]]


def _places_of(text: str, stack: Deployment) -> set[str]:
    found = {
        f"{made.type}.{name}"
        for made in stack.cloud.made
        for name, value in made.inputs.items()
        if text in repr(value)
    }
    return found | {f"output {n}" for n, value in stack.outputs.items() if text in repr(value)}


def test_the_password_is_in_its_secret_and_nowhere_else_and_marked_there(
    cloud: Cloud, dockerfile: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        stack = run_program(cloud, _redis(dockerfile), secrets=SECRETS)

    assert _places_of(PASSWORD, stack) == {"aws:ssm/parameter:Parameter.value"}
    (parameter,) = [
        made for made in cloud.of_type("aws:ssm/parameter:Parameter") if made.name == "store-url"
    ]
    assert "value" in parameter.secrets
    ours = [record.getMessage() for record in caplog.records if not record.name.startswith("boto")]
    assert not [line for line in ours if PASSWORD in line]


def test_a_redis_needs_neither_a_table_nor_its_alarms(cloud: Cloud, dockerfile: str) -> None:
    run_program(cloud, _redis(dockerfile), secrets=SECRETS)

    assert not cloud.of_type("aws:dynamodb/table:Table")
    assert not [alarm for alarm in cloud.made if "table" in alarm.name]
    assert not [s for s in _statements(cloud) if s["Action"][0].startswith("dynamodb:")]


def test_a_function_in_a_vpc_connects_from_its_subnets(cloud: Cloud, dockerfile: str) -> None:
    network = make_network(cloud)

    run_program(cloud, _redis(dockerfile, **network), secrets=SECRETS)

    place = _function(cloud)["VpcConfig"]
    assert place["SubnetIds"] == network["vpcSubnetIds"]
    assert place["SecurityGroupIds"] == network["vpcSecurityGroupIds"]


@pytest.mark.parametrize(
    ("front_door", "is_warned"), [("url", True), ("cloudfront", True), ("apiGateway", False)]
)
def test_who_uses_a_front_door_that_may_not_stream_from_a_vpc_is_warned(
    cloud: Cloud,
    dockerfile: str,
    page: str,
    front_door: str,
    is_warned: bool,
    caplog: pytest.LogCaptureFixture,
) -> None:
    config = _redis(dockerfile, frontDoor=front_door, webDir=page)

    run_program(cloud, config, secrets=SECRETS)
    assert "do not stream in a VPC" not in caplog.text
    run_program(cloud, {**config, **make_network(cloud)}, secrets=SECRETS, stack="inside")

    assert ("do not stream in a VPC" in caplog.text) == is_warned


def test_lambda_may_make_network_interfaces_and_the_functions_code_may_not(
    cloud: Cloud, dockerfile: str
) -> None:
    run_program(cloud, _redis(dockerfile, **make_network(cloud)), secrets=SECRETS)

    allowed, denied = (s for s in _statements(cloud) if s["Action"][0].startswith("ec2:"))
    assert allowed == {"Effect": "Allow", "Action": _INTERFACES, "Resource": ["*"]}
    assert denied == {
        "Effect": "Deny",
        "Action": _INTERFACES,
        "Resource": ["*"],
        "Condition": {"ArnEquals": {"lambda:SourceFunctionArn": _FUNCTION}},
    }
    assert _function(cloud)["FunctionArn"] == _FUNCTION


def test_a_function_outside_of_a_vpc_has_no_rights_there(cloud: Cloud, dockerfile: str) -> None:
    run_program(cloud, _redis(dockerfile), secrets=SECRETS)

    assert "vpcConfig" not in cloud.one("aws:lambda/function:Function").inputs
    assert "ec2:" not in json.dumps(_statements(cloud))


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        (
            {"store": "redis"},
            (
                "store is redis, and nothing says where it is: run `pulumi config set --secret "
                "storeUrl`."
            ),
        ),
        ({"store": "mongo"}, "store must be none, dynamodb or redis, not 'mongo'."),
        (
            {"storeUrl": ADDRESS},
            "storeUrl is in plain text; store it with `pulumi config set --secret storeUrl`.",
        ),
        (
            {"environment": [f"CHAT_STORE={ADDRESS}"]},
            (
                "environment must not set CHAT_STORE to an address with a password; set store to "
                "redis and run `pulumi config set --secret storeUrl`."
            ),
        ),
        (
            {"environment": ["CHAT_STORE_ARN=arn"]},
            "environment must not set CHAT_STORE_ARN; set storeUrl instead.",
        ),
        (
            {"vpcSubnetIds": ["subnet-0a"]},
            _BOTH,
        ),
        (
            {"vpcSecurityGroupIds": ["sg-0a"]},
            _BOTH,
        ),
        (
            {"vpcSubnetIds": ["vpc-0a"], "vpcSecurityGroupIds": ["sg-0a"]},
            "vpcSubnetIds must hold subnets such as subnet-0a1b2c3d, not 'vpc-0a'.",
        ),
        (
            {"vpcSubnetIds": ["subnet-0a"], "vpcSecurityGroupIds": ["chat"]},
            "vpcSecurityGroupIds must hold groups such as sg-0a1b2c3d, not 'chat'.",
        ),
        (
            {"vpcSubnetIds": ["subnet-0a"], "vpcSecurityGroupIds": [f"sg-{n}" for n in range(6)]},
            "vpcSecurityGroupIds may hold 5 at most.",
        ),
    ],
)
def test_what_does_not_fit_together_is_refused(
    cloud: Cloud, dockerfile: str, config: dict[str, object], sentence: str
) -> None:
    assert refusal(cloud, {"dockerfile": dockerfile, **config}, secrets=KEY) == sentence


@pytest.mark.parametrize("store", ["none", "dynamodb"])
def test_an_address_that_nothing_reads_is_refused(
    cloud: Cloud, dockerfile: str, store: str
) -> None:
    found = refusal(cloud, {"dockerfile": dockerfile, "store": store}, secrets=SECRETS)

    assert found == f"storeUrl is the address of a Redis, but store is {store}."


@pytest.mark.parametrize(
    "address",
    [
        f"redis:{PASSWORD}",
        f"https://:{PASSWORD}@host",
        f"rediss://:{PASSWORD}@host:port",
        f"rediss://:{PASSWORD}@host/db",
        f"rediss://:{PASSWORD}@host?ssl_cert_reqs=none",
        f"redis://:{PASSWORD}@host?ssl_ca_certs=ca.pem",
        f"rediss://:{PASSWORD}#@host",
        PASSWORD,
    ],
)
def test_an_address_that_the_app_would_not_read_is_refused_without_showing_it(
    cloud: Cloud, dockerfile: str, address: str
) -> None:
    from app.store.redis_url import UrlRefused, parse_url

    if address.startswith(("redis:", "rediss:")):
        with pytest.raises(UrlRefused):
            parse_url(address)

    found = refusal(cloud, _redis(dockerfile), secrets={**SECRETS, "storeUrl": address})

    assert found.startswith("storeUrl must be rediss://USER:PASSWORD@HOST:PORT")
    assert PASSWORD not in found


@pytest.mark.parametrize(
    "address", [ADDRESS, "redis://h", "redis://h:1/2", "rediss://[::1]/0?ssl_ca_certs=/opt/ca.pem"]
)
def test_what_is_taken_here_the_app_reads(address: str) -> None:
    from app.store.redis_url import parse_url
    from infra.config import is_redis_url

    assert is_redis_url(address)
    assert parse_url(address).host in address


def test_no_more_subnets_and_groups_are_taken_than_lambda_takes() -> None:
    from infra.config_checks import IN_VPC

    for field, shape in (
        ("vpc_subnet_ids", "SubnetIds"),
        ("vpc_security_group_ids", "SecurityGroupIds"),
    ):
        assert IN_VPC[field].most == member("lambda", shape).metadata["max"]
