"""IAM policy documents. Each statement allows only what is needed."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import pulumi


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A statement that allows something, or forbids what another one allows."""

    effect: Literal["Allow", "Deny"] = "Allow"
    actions: Sequence[str]
    resources: Sequence[pulumi.Input[str]] = ()
    principals: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    conditions: Mapping[str, Mapping[str, pulumi.Input[str]]] = field(default_factory=dict)


def policy_document(statements: Sequence[Statement]) -> pulumi.Output[str]:
    """Return the policy as JSON text."""
    document = {"Version": "2012-10-17", "Statement": [_as_json(item) for item in statements]}
    return pulumi.Output.from_input(document).apply(json.dumps)


def _as_json(statement: Statement) -> dict[str, object]:
    members: dict[str, object] = {"Effect": statement.effect, "Action": list(statement.actions)}
    if statement.principals:
        members["Principal"] = dict(statement.principals)
    if statement.resources:
        members["Resource"] = list(statement.resources)
    if statement.conditions:
        members["Condition"] = {name: dict(keys) for name, keys in statement.conditions.items()}
    return members


def service_trust(service: str) -> pulumi.Output[str]:
    """Return the trust policy of a role that only this AWS service may assume."""
    return policy_document([Statement(actions=["sts:AssumeRole"], principals={"Service": service})])


def write_logs(log_group_arn: pulumi.Input[str]) -> Statement:
    """Allow writing to one existing log group, but not creating others."""
    return Statement(
        actions=["logs:CreateLogStream", "logs:PutLogEvents"],
        resources=[pulumi.Output.concat(log_group_arn, ":*")],
    )
