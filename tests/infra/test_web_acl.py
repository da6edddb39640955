"""AWS WAF before CloudFront."""

from typing import Any

import pytest

from tests.infra.aws_api import ACCOUNT
from tests.infra.cloud import Cloud
from tests.infra.deploying import refusal, run_program

SECRETS = {"openaiApiKey": "sk-secret", "authToken": "let-me-in"}


def _web_acl(cloud: Cloud) -> Any:
    wafv2 = cloud.client("wafv2", "us-east-1")
    (found,) = wafv2.list_web_acls(Scope="CLOUDFRONT")["WebACLs"]
    return wafv2.get_web_acl(Name=found["Name"], Scope="CLOUDFRONT", Id=found["Id"])["WebACL"]


def _site(dockerfile: str, page: str, **config: object) -> dict[str, object]:
    return {"dockerfile": dockerfile, "frontDoor": "cloudfront", "webDir": page, **config}


def test_a_web_acl_stands_before_the_distribution_in_the_region_of_cloudfront(
    cloud: Cloud, dockerfile: str, page: str
) -> None:
    run_program(cloud, _site(dockerfile, page, waf=True), secrets=SECRETS)

    found = _web_acl(cloud)
    (distribution,) = cloud.client("cloudfront").list_distributions()["DistributionList"]["Items"]
    inputs = cloud.one("aws:wafv2/webAcl:WebAcl").inputs
    assert (inputs["region"], inputs["scope"]) == ("us-east-1", "CLOUDFRONT")
    assert found["ARN"].startswith(f"arn:aws:wafv2:us-east-1:{ACCOUNT}:global/webacl/deltaline-dev")
    assert distribution["WebACLId"] == found["ARN"]
    assert found["DefaultAction"] == {"Allow": {}}


def test_one_address_may_send_so_many_requests_to_whatever_path(
    cloud: Cloud, dockerfile: str, page: str
) -> None:
    run_program(cloud, _site(dockerfile, page, waf=True, wafRatePer5Min=77), secrets=SECRETS)

    first = min(_web_acl(cloud)["Rules"], key=lambda rule: rule["Priority"])
    assert first["Action"] == {"Block": {}}
    # No scope: a path can be spelled in many ways, and CloudFront puts it right only afterwards.
    assert first["Statement"] == {
        "RateBasedStatement": {"Limit": 77, "AggregateKeyType": "IP", "EvaluationWindowSec": 300}
    }


def test_what_people_write_is_counted_and_not_blocked(
    cloud: Cloud, dockerfile: str, page: str
) -> None:
    run_program(cloud, _site(dockerfile, page, waf=True), secrets=SECRETS)

    (group,) = [rule for rule in _web_acl(cloud)["Rules"] if rule["Name"] == "common"]
    statement = group["Statement"]["ManagedRuleGroupStatement"]
    assert (statement["VendorName"], statement["Name"]) == ("AWS", "AWSManagedRulesCommonRuleSet")
    # Its other rules block, as AWS made them.
    assert group["OverrideAction"] == {"None": {}}
    assert statement["RuleActionOverrides"] == [
        {"Name": f"{rule}_BODY", "ActionToUse": {"Count": {}}}
        for rule in (
            *("SizeRestrictions", "CrossSiteScripting", "EC2MetaDataSSRF"),
            *("GenericLFI", "GenericRFI"),
        )
    ]


def test_no_sample_of_requests_shows_tokens(cloud: Cloud, dockerfile: str, page: str) -> None:
    run_program(cloud, _site(dockerfile, page, waf=True), secrets=SECRETS)

    found = _web_acl(cloud)
    configs = [found["VisibilityConfig"], *(rule["VisibilityConfig"] for rule in found["Rules"])]
    assert not any(config["SampledRequestsEnabled"] for config in configs)
    assert all(config["CloudWatchMetricsEnabled"] for config in configs)
    assert len({config["MetricName"] for config in configs}) == 3


def test_without_waf_there_is_none(cloud: Cloud, dockerfile: str, page: str) -> None:
    run_program(cloud, _site(dockerfile, page), secrets=SECRETS)

    assert not cloud.of_type("aws:wafv2/webAcl:WebAcl")
    assert "webAclId" not in cloud.one("aws:cloudfront/distribution:Distribution").inputs


@pytest.mark.parametrize("front_door", ["url", "apiGateway"])
def test_waf_without_cloudfront_is_refused(cloud: Cloud, dockerfile: str, front_door: str) -> None:
    config = {"dockerfile": dockerfile, "frontDoor": front_door, "waf": True}

    assert refusal(cloud, config, secrets=SECRETS) == (
        "waf stands before CloudFront, so it needs frontDoor cloudfront; API Gateway has "
        "apiRatePerS and apiBurst, a plain URL reservedConcurrency."
    )
