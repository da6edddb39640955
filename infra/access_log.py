"""API Gateway's access log: one line a request, also for those that never reach the function.

API Gateway writes logs with one role for all its APIs of an account and region, and refuses a
stage with a log where there is none. So we make that role, as AWS describes it, and leave it when
the stack is destroyed: others may write with it by then.

Source: Amazon API Gateway Developer Guide, "Set up CloudWatch logging for REST APIs" and "Variables
for access logging".
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.policies import service_trust

# AWS's own, which API Gateway looks for when it is given a role.
_WRITE_ANY_LOG = "arn:aws:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs"

# No header, and of the address only the path: a query may hold anything. `resourcePath` would not
# do, since it is "/{proxy+}" for all of them.
LINE: Mapping[str, str] = {
    "requestId": "$context.requestId",
    "time": "$context.requestTime",
    "ip": "$context.identity.sourceIp",
    "caller": "$context.identity.caller",
    "method": "$context.httpMethod",
    "path": "$context.path",
    "status": "$context.status",
    "functionStatus": "$context.integration.status",
    "bytes": "$context.responseLength",
    "durationMs": "$context.responseLatency",
    "error": "$context.error.responseType",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessLogArgs:
    """
    Args:
        name: of the log group, after ``/aws/apigateway/``.
        retention_days: how long the log is kept. It holds addresses of callers.
        makes_role: whether to make API Gateway's role for this account and region.
    """

    name: str
    retention_days: int
    makes_role: bool
    tags: Mapping[str, str]


class AccessLog(pulumi.ComponentResource):
    """A log group, and API Gateway's right to write to it.

    Attributes:
        settings: of a stage.
        account: what a stage has to wait for.
    """

    settings: aws.apigateway.StageAccessLogSettingsArgsDict
    account: list[pulumi.Resource]

    def __init__(
        self, name: str, args: AccessLogArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("deltaline:infra:AccessLog", name, None, opts)
        group = aws.cloudwatch.LogGroup(
            f"{name}-access",
            name=f"/aws/apigateway/{args.name}",
            retention_in_days=args.retention_days,
            tags=args.tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.settings = {"destination_arn": group.arn, "format": json.dumps(dict(LINE))}
        self.account = [self._account(args)] if args.makes_role else []
        self.register_outputs({})

    def _account(self, args: AccessLogArgs) -> aws.apigateway.Account:
        stays = pulumi.ResourceOptions(parent=self, retain_on_delete=True)
        # Pulumi adds a few letters to this name: a role that has stayed must not be in the way of
        # the next stack's.
        name = f"{args.name}-api-logs"
        role = aws.iam.Role(
            name,
            description="How API Gateway writes the logs of this account and region",
            assume_role_policy=service_trust("apigateway.amazonaws.com"),
            tags=args.tags,
            opts=stays,
        )
        policy = aws.iam.RolePolicyAttachment(
            name, role=role.name, policy_arn=_WRITE_ANY_LOG, opts=stays
        )
        return aws.apigateway.Account(
            name,
            cloudwatch_role_arn=role.arn,
            opts=pulumi.ResourceOptions.merge(stays, pulumi.ResourceOptions(depends_on=[policy])),
        )
