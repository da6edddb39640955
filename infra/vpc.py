"""The VPC that a function connects from, such as that of a Redis which is not in the internet.

Source: AWS Lambda Developer Guide, "Giving Lambda functions access to resources in an Amazon VPC":
Lambda makes and removes the network interfaces with the function's own role.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.policies import Statement

# `AWSLambdaVPCAccessExecutionRole` has the same ones, beside rights on all logs.
ACTIONS: Sequence[str] = (
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
)


@dataclass(frozen=True, slots=True)
class VpcPlace:
    """Some subnets of a VPC, and the security groups that say what may be reached from there."""

    subnet_ids: Sequence[str]
    security_group_ids: Sequence[str]

    def as_config(self) -> aws.lambda_.FunctionVpcConfigArgsDict:
        return {
            "subnet_ids": list(self.subnet_ids),
            "security_group_ids": list(self.security_group_ids),
        }


def manage_interfaces(log_group_arn: pulumi.Input[str], function: str) -> Sequence[Statement]:
    """Allow Lambda to manage network interfaces as the function, but not the function's own code.

    Args:
        log_group_arn: of the function, for partition, region and account.
        function: its name.
    """
    own_arn = pulumi.Output.from_input(log_group_arn).apply(
        lambda arn: ":".join([*arn.split(":")[:2], "lambda", *arn.split(":")[3:5], "function"])
    )
    return [
        # The interfaces have no names before they are there, and nothing of ours in them.
        Statement(actions=ACTIONS, resources=["*"]),
        Statement(
            effect="Deny",
            actions=ACTIONS,
            resources=["*"],
            conditions={
                "ArnEquals": {
                    "lambda:SourceFunctionArn": pulumi.Output.concat(own_arn, ":", function)
                }
            },
        ),
    ]
