"""The DynamoDB table that keeps turns and chats (`app.store.dynamodb_items`)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.policies import Statement

# What the engine calls, and no more; a test compares. A transaction needs the rights of its parts.
ACTIONS: Sequence[str] = (
    "dynamodb:BatchGetItem",
    "dynamodb:BatchWriteItem",
    "dynamodb:DeleteItem",
    "dynamodb:GetItem",
    "dynamodb:PutItem",
    "dynamodb:Query",
    "dynamodb:Scan",
    "dynamodb:UpdateItem",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatTableArgs:
    """
    Args:
        name: of the table.
    """

    name: str
    tags: Mapping[str, str]


class ChatTable(pulumi.ComponentResource):
    """A table that is paid by use, with backups of the last 35 days.

    Attributes:
        name: of the table.
        use: what the function has to be allowed.
    """

    name: pulumi.Output[str]
    use: Statement

    def __init__(
        self, name: str, args: ChatTableArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("deltaline:infra:ChatTable", name, None, opts)
        table = aws.dynamodb.Table(
            name,
            name=args.name,
            billing_mode="PAY_PER_REQUEST",
            hash_key="pk",
            range_key="sk",
            attributes=[{"name": "pk", "type": "S"}, {"name": "sk", "type": "S"}],
            ttl={"attribute_name": "exp", "enabled": True},
            point_in_time_recovery={"enabled": True},
            server_side_encryption={"enabled": True},
            tags=args.tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.name = table.name
        self.use = Statement(actions=ACTIONS, resources=[table.arn])
        self.register_outputs({"name": table.name})
