"""Makes buckets, CloudFront distributions and what filters before them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.infra.aws_api import REGION, Aws, Maker, State, pascal_all, present, tag_list


def _bucket(aws: Aws, inputs: State) -> tuple[str, State]:
    name = inputs["bucket"]
    aws.send(
        "s3",
        "CreateBucket",
        Bucket=name,
        CreateBucketConfiguration={"LocationConstraint": REGION},
    )
    return name, {
        "arn": f"arn:aws:s3:::{name}",
        "bucketRegionalDomainName": f"{name}.s3.{REGION}.amazonaws.com",
    }


def _public_access_block(aws: Aws, inputs: State) -> tuple[str, State]:
    blocked = {
        key: inputs[f"{key[:1].lower()}{key[1:]}"]
        for key in (
            "BlockPublicAcls",
            "BlockPublicPolicy",
            "IgnorePublicAcls",
            "RestrictPublicBuckets",
        )
    }
    aws.send(
        "s3",
        "PutPublicAccessBlock",
        Bucket=inputs["bucket"],
        PublicAccessBlockConfiguration=blocked,
    )
    return inputs["bucket"], {}


def _bucket_policy(aws: Aws, inputs: State) -> tuple[str, State]:
    aws.send("s3", "PutBucketPolicy", Bucket=inputs["bucket"], Policy=inputs["policy"])
    return inputs["bucket"], {}


def _bucket_object(aws: Aws, inputs: State) -> tuple[str, State]:
    aws.send(
        "s3",
        "PutObject",
        Bucket=inputs["bucket"],
        Key=inputs["key"],
        Body=Path(inputs["source"].path).read_bytes(),
        ContentType=inputs["contentType"],
        CacheControl=inputs["cacheControl"],
    )
    return inputs["key"], {}


def _response_headers_policy(aws: Aws, inputs: State) -> tuple[str, State]:
    headers = inputs["securityHeadersConfig"]
    aws.check(
        "cloudfront",
        "CreateResponseHeadersPolicy",
        ResponseHeadersPolicyConfig={
            "Name": inputs["name"],
            "Comment": inputs["comment"],
            "SecurityHeadersConfig": pascal_all(headers),
        },
    )
    return f"headers-{inputs['name']}", {}


def _origin_access_control(aws: Aws, inputs: State) -> tuple[str, State]:
    answer = aws.send(
        "cloudfront",
        "CreateOriginAccessControl",
        OriginAccessControlConfig={
            "Name": inputs["name"],
            "Description": inputs["description"],
            "SigningProtocol": inputs["signingProtocol"],
            "SigningBehavior": inputs["signingBehavior"],
            "OriginAccessControlOriginType": inputs["originAccessControlOriginType"],
        },
    )["OriginAccessControl"]
    return answer["Id"], {}


def _distribution(aws: Aws, inputs: State) -> tuple[str, State]:
    answer = aws.send(
        "cloudfront",
        "CreateDistributionWithTags",
        DistributionConfigWithTags={
            "DistributionConfig": {
                "CallerReference": inputs["comment"],
                "Comment": inputs["comment"],
                "Enabled": inputs["enabled"],
                "IsIPV6Enabled": inputs["isIpv6Enabled"],
                "HttpVersion": inputs["httpVersion"],
                "PriceClass": inputs["priceClass"],
                "DefaultRootObject": inputs["defaultRootObject"],
                "Origins": _items([origin_of(found) for found in inputs["origins"]]),
                "DefaultCacheBehavior": _behavior(inputs["defaultCacheBehavior"]),
                "CacheBehaviors": _items(
                    [_behavior(found) for found in inputs["orderedCacheBehaviors"]]
                ),
                "Restrictions": {
                    "GeoRestriction": {
                        "RestrictionType": inputs["restrictions"]["geoRestriction"][
                            "restrictionType"
                        ],
                        "Quantity": 0,
                    }
                },
                "ViewerCertificate": {
                    "CloudFrontDefaultCertificate": inputs["viewerCertificate"][
                        "cloudfrontDefaultCertificate"
                    ]
                },
                **present(WebACLId=inputs.get("webAclId")),
            },
            "Tags": {"Items": tag_list(inputs["tags"])},
        },
    )["Distribution"]
    return answer["Id"], {"arn": answer["ARN"], "domainName": answer["DomainName"]}


def _items(found: list[Any]) -> State:
    return {"Quantity": len(found), "Items": found}


def origin_of(origin: State) -> State:
    custom = origin.get("customOriginConfig")
    return present(
        Id=origin["originId"],
        DomainName=origin["domainName"],
        OriginAccessControlId=origin["originAccessControlId"],
        # A bucket with access control has an empty one.
        S3OriginConfig=None if custom else {"OriginAccessIdentity": ""},
        CustomOriginConfig=custom
        and {
            "HTTPPort": custom["httpPort"],
            "HTTPSPort": custom["httpsPort"],
            "OriginProtocolPolicy": custom["originProtocolPolicy"],
            "OriginSslProtocols": _items(custom["originSslProtocols"]),
            "OriginReadTimeout": custom["originReadTimeout"],
        },
    )


def _behavior(found: State) -> State:
    return present(
        PathPattern=found.get("pathPattern"),
        TargetOriginId=found["targetOriginId"],
        ViewerProtocolPolicy=found["viewerProtocolPolicy"],
        AllowedMethods={
            **_items(found["allowedMethods"]),
            "CachedMethods": _items(found["cachedMethods"]),
        },
        CachePolicyId=found["cachePolicyId"],
        OriginRequestPolicyId=found.get("originRequestPolicyId"),
        ResponseHeadersPolicyId=found.get("responseHeadersPolicyId"),
        Compress=found["compress"],
    )


def _web_acl(aws: Aws, inputs: State) -> tuple[str, State]:
    answer = aws.send(
        "wafv2",
        "CreateWebACL",
        region=inputs["region"],
        Name=inputs["name"],
        Description=inputs["description"],
        Scope=inputs["scope"],
        DefaultAction=pascal_all(inputs["defaultAction"]),
        Rules=[_rule(rule) for rule in inputs["rules"]],
        VisibilityConfig=_visibility(inputs["visibilityConfig"]),
        Tags=tag_list(inputs["tags"]),
    )["Summary"]
    return answer["Id"], {"arn": answer["ARN"]}


def _rule(rule: State) -> State:
    return present(
        Name=rule["name"],
        Priority=rule["priority"],
        Statement=pascal_all(rule["statement"]),
        Action=pascal_all(rule["action"]) if "action" in rule else None,
        OverrideAction=pascal_all(rule["overrideAction"]) if "overrideAction" in rule else None,
        VisibilityConfig=_visibility(rule["visibilityConfig"]),
    )


def _visibility(found: State) -> State:
    return {
        "SampledRequestsEnabled": found["sampledRequestsEnabled"],
        "CloudWatchMetricsEnabled": found["cloudwatchMetricsEnabled"],
        "MetricName": found["metricName"],
    }


MAKERS: Mapping[str, Maker] = {
    "aws:s3/bucket:Bucket": _bucket,
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": _public_access_block,
    "aws:s3/bucketPolicy:BucketPolicy": _bucket_policy,
    "aws:s3/bucketObjectv2:BucketObjectv2": _bucket_object,
    "aws:cloudfront/originAccessControl:OriginAccessControl": _origin_access_control,
    "aws:cloudfront/responseHeadersPolicy:ResponseHeadersPolicy": _response_headers_policy,
    "aws:cloudfront/distribution:Distribution": _distribution,
    "aws:wafv2/webAcl:WebAcl": _web_acl,
}
