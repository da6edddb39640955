"""The table of a stack: what it is, and that the function may do with it what the engine does."""

import ast
import json
from pathlib import Path

import pytest

from tests.infra.aws_api import ACCOUNT, REGION
from tests.infra.cloud import Cloud
from tests.infra.deploying import run_program

KEY = {"openaiApiKey": "sk-secret", "authToken": "let-me-in"}
_ENGINE = sorted((Path(__file__).parents[2] / "app" / "store").glob("dynamodb*.py"))
_TABLE = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/deltaline-dev-chats"


def _operations() -> set[str]:
    """Return the first arguments of the engine's calls, and the parts of its transactions."""
    found: set[str] = set()
    for path in _ENGINE:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") in ("call", "send"):
                first = node.args[0]
                if isinstance(first, ast.Constant):
                    found.add(str(first.value))
            if isinstance(node, ast.Dict) and len(node.keys) == 1:
                (key,) = node.keys
                if isinstance(key, ast.Constant) and key.value in ("Put", "Update", "Delete"):
                    found.add(f"{key.value}Item")
    return found


def test_a_table_is_as_the_engine_wants_it(cloud: Cloud, dockerfile: str) -> None:
    run_program(cloud, {"dockerfile": dockerfile, "store": "dynamodb"}, secrets=KEY)

    dynamodb = cloud.client("dynamodb")
    table = dynamodb.describe_table(TableName="deltaline-dev-chats")["Table"]
    assert [(key["AttributeName"], key["KeyType"]) for key in table["KeySchema"]] == [
        ("pk", "HASH"),
        ("sk", "RANGE"),
    ]
    assert {key["AttributeType"] for key in table["AttributeDefinitions"]} == {"S"}
    assert table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert table["SSEDescription"]["Status"] == "ENABLED"
    ttl = dynamodb.describe_time_to_live(TableName="deltaline-dev-chats")
    assert ttl["TimeToLiveDescription"] == {"TimeToLiveStatus": "ENABLED", "AttributeName": "exp"}
    backups = dynamodb.describe_continuous_backups(TableName="deltaline-dev-chats")
    recovery = backups["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
    assert recovery["PointInTimeRecoveryStatus"] == "ENABLED"


def test_the_function_knows_the_table_and_may_use_that_one_only(
    cloud: Cloud, dockerfile: str
) -> None:
    run_program(cloud, {"dockerfile": dockerfile, "store": "dynamodb"}, secrets=KEY)

    function = cloud.client("lambda").get_function(FunctionName="deltaline-dev")
    variables = function["Configuration"]["Environment"]["Variables"]
    policy = cloud.client("iam").get_role_policy(RoleName="deltaline-dev", PolicyName="function")
    (statement,) = [
        found
        for found in policy["PolicyDocument"]["Statement"]
        if any(action.startswith("dynamodb:") for action in found["Action"])
    ]
    # Here, since it loads Pulumi.
    from infra.chat_table import ACTIONS

    assert variables["CHAT_STORE"] == "dynamodb:deltaline-dev-chats"
    assert statement["Resource"] == [_TABLE]
    assert statement["Action"] == list(ACTIONS)


def test_the_function_may_do_what_the_engine_does_and_no_more() -> None:
    from infra.chat_table import ACTIONS

    operations = _operations()

    assert "TransactWriteItems" in operations
    assert {f"dynamodb:{name}" for name in operations - {"TransactWriteItems"}} == set(ACTIONS)


def test_a_table_that_throttles_raises_alarms(cloud: Cloud, dockerfile: str) -> None:
    run_program(cloud, {"dockerfile": dockerfile, "store": "dynamodb"}, secrets=KEY)

    alarms = cloud.client("cloudwatch").describe_alarms()["MetricAlarms"]
    assert {
        (alarm["AlarmName"], alarm["MetricName"], alarm["Dimensions"][0]["Value"])
        for alarm in alarms
        if alarm["Namespace"] == "AWS/DynamoDB"
    } == {
        ("deltaline-dev-table-read-throttles", "ReadThrottleEvents", "deltaline-dev-chats"),
        ("deltaline-dev-table-write-throttles", "WriteThrottleEvents", "deltaline-dev-chats"),
    }


def test_without_a_store_there_is_no_table(cloud: Cloud, dockerfile: str) -> None:
    run_program(cloud, {"dockerfile": dockerfile}, secrets=KEY)

    assert cloud.of_type("aws:dynamodb/table:Table") == []
    assert not any("dynamodb" in str(made.inputs) for made in cloud.made)


def test_a_store_is_said_once(cloud: Cloud, dockerfile: str) -> None:
    config = {
        "dockerfile": dockerfile,
        "store": "dynamodb",
        "environment": ["CHAT_STORE=sqlite:/mnt/chats.db"],
    }

    with pytest.raises(Exception, match="environment must not set CHAT_STORE"):
        run_program(cloud, config, secrets=KEY)

    assert cloud.made == []


def test_the_documented_rights_are_those_of_the_function() -> None:
    from infra.chat_table import ACTIONS

    page = (Path(__file__).parents[2] / "docs" / "deploy.md").read_text()
    policy = json.loads(page.partition("```json table-policy\n")[2].partition("```")[0])

    assert policy["Action"] == list(ACTIONS)
