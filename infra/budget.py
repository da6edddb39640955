"""An AWS Budget that writes mails. It stops nothing, and the model's own bill is not in it."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

# What has been spent, or by AWS's forecast will have been at the end of the month, in percent.
_NOTICES = (("ACTUAL", 50), ("ACTUAL", 100), ("FORECASTED", 100))


@dataclass(frozen=True, slots=True, kw_only=True)
class CostBudgetArgs:
    """
    Args:
        name: of the budget.
        usd: amount a month.
        email: gets the notices; needs no confirmation.
    """

    name: str
    usd: int
    email: str
    tags: Mapping[str, str]


class CostBudget(pulumi.ComponentResource):
    """What the whole account may cost in a month.

    The account, not the stack: AWS sorts costs by tags only once somebody has activated these tags
    in its billing console, and a budget of tags that are not would stay at 0.
    """

    def __init__(
        self, name: str, args: CostBudgetArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("deltaline:infra:CostBudget", name, None, opts)
        aws.budgets.Budget(
            name,
            name=args.name,
            budget_type="COST",
            limit_amount=str(args.usd),
            limit_unit="USD",
            time_unit="MONTHLY",
            notifications=[
                {
                    "notification_type": kind,
                    "comparison_operator": "GREATER_THAN",
                    "threshold": percent,
                    "threshold_type": "PERCENTAGE",
                    "subscriber_email_addresses": [args.email],
                }
                for kind, percent in _NOTICES
            ],
            tags=args.tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({})
