"""Makes DynamoDB tables."""

from collections.abc import Mapping

from tests.infra.aws_api import Aws, Maker, State, tag_list


def _table(aws: Aws, inputs: State) -> tuple[str, State]:
    name = inputs["name"]
    answer = aws.send(
        "dynamodb",
        "CreateTable",
        TableName=name,
        BillingMode=inputs["billingMode"],
        KeySchema=[
            {"AttributeName": inputs["hashKey"], "KeyType": "HASH"},
            {"AttributeName": inputs["rangeKey"], "KeyType": "RANGE"},
        ],
        AttributeDefinitions=[
            {"AttributeName": found["name"], "AttributeType": found["type"]}
            for found in inputs["attributes"]
        ],
        SSESpecification={"Enabled": inputs["serverSideEncryption"]["enabled"]},
        Tags=tag_list(inputs["tags"]),
    )
    aws.send(
        "dynamodb",
        "UpdateTimeToLive",
        TableName=name,
        TimeToLiveSpecification={
            "Enabled": inputs["ttl"]["enabled"],
            "AttributeName": inputs["ttl"]["attributeName"],
        },
    )
    aws.send(
        "dynamodb",
        "UpdateContinuousBackups",
        TableName=name,
        PointInTimeRecoverySpecification={
            "PointInTimeRecoveryEnabled": inputs["pointInTimeRecovery"]["enabled"]
        },
    )
    return name, {"arn": answer["TableDescription"]["TableArn"]}


MAKERS: Mapping[str, Maker] = {"aws:dynamodb/table:Table": _table}
