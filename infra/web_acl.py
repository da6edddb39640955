"""AWS WAF before CloudFront: a limit for each address, and AWS's common rules.

The body of a request is what people say to the model, up to 6 MiB. WAF reads its first 16 KB (for
CloudFront; more costs more), and AWS's rules take a body over 8 KB or the words "<script>" for an
attack. So the rules for bodies only count; those for addresses, queries, headers and cookies block.

Source: AWS WAF Developer Guide, "Baseline rule groups" and "Considerations for managing body
inspection"; rule names of AWSManagedRulesCommonRuleSet.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

# Where AWS keeps what belongs to CloudFront, wherever the function is.
_REGION = "us-east-1"

BODY_RULES = (
    "SizeRestrictions_BODY",
    "CrossSiteScripting_BODY",
    "EC2MetaDataSSRF_BODY",
    "GenericLFI_BODY",
    "GenericRFI_BODY",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebAclArgs:
    """
    Args:
        name: of the web ACL.
        requests_per_5_min: how many one IP address may send, the page's files included.
    """

    name: str
    requests_per_5_min: int
    tags: Mapping[str, str]


class WebAcl(pulumi.ComponentResource):
    """A web ACL for a distribution.

    Attributes:
        arn: goes into the distribution.
    """

    arn: pulumi.Output[str]

    def __init__(
        self, name: str, args: WebAclArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("deltaline:infra:WebAcl", name, None, opts)
        web_acl = aws.wafv2.WebAcl(
            name,
            name=args.name,
            description=f"What {args.name} refuses",
            region=_REGION,
            scope="CLOUDFRONT",
            default_action={"allow": {}},
            rules=[
                {
                    "name": "address",
                    "priority": 0,
                    "action": {"block": {}},
                    # All paths. A rule for /api/ alone could be passed by spelling it otherwise,
                    # which CloudFront sets right only afterwards.
                    "statement": {
                        "rate_based_statement": {
                            "limit": args.requests_per_5_min,
                            "aggregate_key_type": "IP",
                            "evaluation_window_sec": 300,
                        }
                    },
                    "visibility_config": _visibility(f"{args.name}-address"),
                },
                {
                    "name": "common",
                    "priority": 1,
                    # The group's own actions.
                    "override_action": {"none": {}},
                    "statement": {
                        "managed_rule_group_statement": {
                            "vendor_name": "AWS",
                            "name": "AWSManagedRulesCommonRuleSet",
                            "rule_action_overrides": [
                                {"name": rule, "action_to_use": {"count": {}}}
                                for rule in BODY_RULES
                            ],
                        }
                    },
                    "visibility_config": _visibility(f"{args.name}-common"),
                },
            ],
            visibility_config=_visibility(args.name),
            tags=args.tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.arn = web_acl.arn
        self.register_outputs({"arn": self.arn})


def _visibility(metric: str) -> aws.wafv2.WebAclVisibilityConfigArgsDict:
    return {
        "cloudwatch_metrics_enabled": True,
        "metric_name": metric,
        # A sample shows all headers, and so `x-chat-token`, to everybody who may look at WAF.
        "sampled_requests_enabled": False,
    }
