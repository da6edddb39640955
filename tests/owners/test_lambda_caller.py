"""Whom each front of a Lambda function names."""

import json
from typing import Any

import pytest

from app.owners.lambda_caller import caller

ARN = "arn:aws:sts::111122223333:assumed-role/Team/ada@example.com"
COGNITO = {"cognitoIdentity": {"identityId": "eu-1:x"}, "userArn": ARN}
CLOUDFRONT = (
    "arn:aws:sts::856369053181:assumed-role/OriginAccessControlRole/"
    "EdgeCredentialsProxy+EdgeHostAuthenticationClient-NRT12-P2"
)


@pytest.mark.parametrize(
    ("context", "owner"),
    [
        ({"authorizer": {"claims": {"sub": "s1", "email": "a@example.com"}}}, "s1"),
        ({"authorizer": {"principalId": "p1", "integrationLatency": 5}}, "p1"),
        ({"authorizer": {"jwt": {"claims": {"sub": "s2"}, "scopes": None}}}, "s2"),
        ({"authorizer": {"lambda": {"sub": "s3", "plan": "free"}}}, "s3"),
        ({"authorizer": {"lambda": {"principalId": "p2"}}}, "p2"),
        ({"authorizer": {"iam": {"userArn": ARN, "cognitoIdentity": None}}}, ARN),
        ({"authorizer": {"iam": COGNITO}}, "eu-1:x"),
        ({"identity": {"userArn": ARN, "cognitoIdentityId": None, "sourceIp": "1.2.3.4"}}, ARN),
        ({"identity": {"cognitoIdentityId": "eu-1:y", "userArn": ARN}}, "eu-1:y"),
        ({"authorizer": {"iam": {"userArn": CLOUDFRONT}}}, ""),
        ({"authorizer": None, "identity": {"userArn": None}}, ""),
        ({"authorizer": {"jwt": {"claims": {"sub": 5}}}}, ""),
        ({"authorizer": {"jwt": "x", "claims": [], "lambda": None, "principalId": ""}}, ""),
        ({"http": {"sourceIp": "1.2.3.4"}}, ""),
        ([], ""),
        (None, ""),
    ],
)
def test_the_front_says_who_calls(context: Any, owner: str) -> None:
    assert caller(json.dumps(context)) == owner


@pytest.mark.parametrize("text", [None, "", "{", "caf\xe9"])
def test_nothing_readable_is_nobody(text: str | None) -> None:
    assert caller(text) == ""
