"""Makes buckets, CloudFront distributions and REST APIs."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.infra.aws_api import ACCOUNT, REGION, Aws, Maker, State, present, tag_list


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
                "Origins": _items([_origin(origin) for origin in inputs["origins"]]),
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
            },
            "Tags": {"Items": tag_list(inputs["tags"])},
        },
    )["Distribution"]
    return answer["Id"], {"arn": answer["ARN"], "domainName": answer["DomainName"]}


def _items(found: list[Any]) -> State:
    return {"Quantity": len(found), "Items": found}


def _origin(origin: State) -> State:
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


def _rest_api(aws: Aws, inputs: State) -> tuple[str, State]:
    answer = aws.send(
        "apigateway",
        "CreateRestApi",
        name=inputs["name"],
        description=inputs["description"],
        endpointConfiguration={"types": [inputs["endpointConfiguration"]["types"]]},
        tags=inputs["tags"],
    )
    return answer["id"], {
        "rootResourceId": answer["rootResourceId"],
        "executionArn": f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{answer['id']}",
    }


def _api_resource(aws: Aws, inputs: State) -> tuple[str, State]:
    answer = aws.send(
        "apigateway",
        "CreateResource",
        restApiId=inputs["restApi"],
        parentId=inputs["parentId"],
        pathPart=inputs["pathPart"],
    )
    return answer["id"], {"path": answer["path"]}


def _method(aws: Aws, inputs: State) -> tuple[str, State]:
    aws.send(
        "apigateway",
        "PutMethod",
        restApiId=inputs["restApi"],
        resourceId=inputs["resourceId"],
        httpMethod=inputs["httpMethod"],
        authorizationType=inputs["authorization"],
    )
    return f"{inputs['resourceId']}-{inputs['httpMethod']}", {}


def _integration(aws: Aws, inputs: State) -> tuple[str, State]:
    aws.send(
        "apigateway",
        "PutIntegration",
        restApiId=inputs["restApi"],
        resourceId=inputs["resourceId"],
        httpMethod=inputs["httpMethod"],
        type=inputs["type"],
        integrationHttpMethod=inputs["integrationHttpMethod"],
        uri=inputs["uri"],
        responseTransferMode=inputs["responseTransferMode"],
        timeoutInMillis=inputs["timeoutMilliseconds"],
    )
    return f"{inputs['resourceId']}-{inputs['httpMethod']}", {}


def _deployment(aws: Aws, inputs: State) -> tuple[str, State]:
    answer = aws.send("apigateway", "CreateDeployment", restApiId=inputs["restApi"])
    return answer["id"], {}


def _stage(aws: Aws, inputs: State) -> tuple[str, State]:
    aws.send(
        "apigateway",
        "CreateStage",
        restApiId=inputs["restApi"],
        deploymentId=inputs["deployment"],
        stageName=inputs["stageName"],
        tags=inputs["tags"],
    )
    host = f"{inputs['restApi']}.execute-api.{REGION}.amazonaws.com"
    return inputs["stageName"], {"invokeUrl": f"https://{host}/{inputs['stageName']}"}


MAKERS: Mapping[str, Maker] = {
    "aws:s3/bucket:Bucket": _bucket,
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": _public_access_block,
    "aws:s3/bucketPolicy:BucketPolicy": _bucket_policy,
    "aws:s3/bucketObjectv2:BucketObjectv2": _bucket_object,
    "aws:cloudfront/originAccessControl:OriginAccessControl": _origin_access_control,
    "aws:cloudfront/distribution:Distribution": _distribution,
    "aws:apigateway/restApi:RestApi": _rest_api,
    "aws:apigateway/resource:Resource": _api_resource,
    "aws:apigateway/method:Method": _method,
    "aws:apigateway/integration:Integration": _integration,
    "aws:apigateway/deployment:Deployment": _deployment,
    "aws:apigateway/stage:Stage": _stage,
}
