"""Makes secrets, in both stores."""

import hashlib
from collections.abc import Mapping

from tests.infra.aws_api import Aws, Maker, State, tag_list
from tests.infra.marks import secret


def _parameter(aws: Aws, inputs: State) -> tuple[str, State]:
    name = inputs["name"]
    aws.send(
        "ssm",
        "PutParameter",
        Name=name,
        Description=inputs["description"],
        Value=inputs["value"],
        Type=inputs["type"],
        Tags=tag_list(inputs["tags"]),
    )
    answer = aws.client("ssm").get_parameter(Name=name)
    return name, {"arn": answer["Parameter"]["ARN"]}


def _secret(aws: Aws, inputs: State) -> tuple[str, State]:
    answer = aws.send(
        "secretsmanager",
        "CreateSecret",
        Name=inputs["name"],
        Description=inputs["description"],
        Tags=tag_list(inputs["tags"]),
    )
    return answer["ARN"], {"arn": answer["ARN"]}


def _secret_version(aws: Aws, inputs: State) -> tuple[str, State]:
    answer = aws.send(
        "secretsmanager",
        "PutSecretValue",
        SecretId=inputs["secretId"],
        SecretString=inputs["secretString"],
    )
    return f"{answer['ARN']}|{answer['VersionId']}", {"secretArn": answer["ARN"]}


def _random_password(aws: Aws, inputs: State) -> tuple[str, State]:
    password = hashlib.sha256(repr(inputs).encode()).hexdigest()[: inputs["length"]]
    return "none", {"result": secret(password)}


MAKERS: Mapping[str, Maker] = {
    "aws:ssm/parameter:Parameter": _parameter,
    "aws:secretsmanager/secret:Secret": _secret,
    "aws:secretsmanager/secretVersion:SecretVersion": _secret_version,
    "random:index/randomPassword:RandomPassword": _random_password,
}
