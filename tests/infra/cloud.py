"""Pulumi's mocks that make every resource for real, in a moto server, through the AWS SDK.

What the program asks for is checked against botocore's service models on the way. Nothing here
knows what the program should do: it does what a provider would.
"""

import base64
import functools
import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pulumi
from pulumi.runtime import MockCallArgs, MockResourceArgs, Mocks

from tests.infra.service_model import faults

REGION = "eu-west-1"
ACCOUNT = "123456789012"
# Pulumi's wire format for "this value is a secret": pulumi/sdk/python/lib/pulumi/runtime/rpc.py.
_SIGNATURE = "4dabf18193072939515e22adb298388d"
_SECRET = "1b47061264138c4ac30d75fd1eb44270"

State = dict[str, Any]


@functools.cache
def _client(service: str, endpoint_url: str) -> Any:
    # Not for nothing: making one takes as long as twenty requests.
    make: Any = boto3.client
    return make(
        service,
        endpoint_url=endpoint_url,
        region_name=REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


@dataclass(frozen=True)
class Made:
    """One resource: its inputs as the program gave them, without the marks of secrets."""

    type: str
    name: str
    inputs: State
    secrets: frozenset[str]


@dataclass
class Cloud(Mocks):
    """The provider of all resources.

    Attributes:
        made: all resources, in the order in which they were made.
        sent: every service and operation that was asked for.
    """

    endpoint_url: str
    made: list[Made] = field(default_factory=list)
    sent: set[tuple[str, str]] = field(default_factory=set)

    def client(self, service: str) -> Any:
        return _client(service, self.endpoint_url)

    def of_type(self, type_: str) -> list[Made]:
        return [made for made in self.made if made.type == type_]

    def one(self, type_: str) -> Made:
        (made,) = self.of_type(type_)
        return made

    def send(self, service: str, operation: str, **parameters: Any) -> Any:
        """Send one request after it was checked against the service's model."""
        found = faults(service, operation, parameters)
        assert not found, found
        self.sent.add((service, operation))
        method = "".join(f"_{c.lower()}" if c.isupper() else c for c in operation).lstrip("_")
        return getattr(self.client(service), method)(**parameters)

    def call(self, args: MockCallArgs) -> tuple[State, list[tuple[str, str]]]:
        return self._call(args), []

    def _call(self, args: MockCallArgs) -> State:
        match args.token:
            case "aws:index/getRegion:getRegion":
                return {"region": REGION, "id": REGION, "name": REGION}
            case "aws:index/getCallerIdentity:getCallerIdentity":
                return {"accountId": self.client("sts").get_caller_identity()["Account"]}
            case "aws:ecr/getAuthorizationToken:getAuthorizationToken":
                answer = self.client("ecr").get_authorization_token()["authorizationData"][0]
                user, _, password = (
                    base64.b64decode(answer["authorizationToken"]).decode().partition(":")
                )
                return {"userName": user, "password": password}
        raise NotImplementedError(args.token)

    def new_resource(self, args: MockResourceArgs) -> tuple[str, State]:
        inputs = _plain(args.inputs)
        secrets = frozenset(name for name, value in args.inputs.items() if _is_marked(value))
        self.made.append(Made(args.typ, args.name, inputs, secrets))
        if not args.custom:
            return args.name, args.inputs
        id_, outputs = _MAKERS[args.typ](self, inputs)
        return id_, {**args.inputs, **outputs}


def _is_marked(value: Any) -> bool:
    return isinstance(value, dict) and value.get(_SIGNATURE) == _SECRET


def secret(value: str) -> State:
    """Return a value as a provider's answer marks a secret."""
    return {_SIGNATURE: _SECRET, "value": value}


def _plain(value: Any) -> Any:
    if _is_marked(value):
        return _plain(value["value"])
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    # Every number is a float on Pulumi's wire.
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _present(**parameters: Any) -> State:
    return {name: value for name, value in parameters.items() if value is not None}


def _pascal(value: Any) -> Any:
    """Turn the keys of a nested input as Lambda's API spells them."""
    return {f"{key[:1].upper()}{key[1:]}": item for key, item in value.items()}


def _tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _role(cloud: Cloud, inputs: State) -> tuple[str, State]:
    answer = cloud.send(
        "iam",
        "CreateRole",
        RoleName=inputs["name"],
        Description=inputs["description"],
        AssumeRolePolicyDocument=inputs["assumeRolePolicy"],
        Tags=_tag_list(inputs["tags"]),
    )
    return inputs["name"], {"arn": answer["Role"]["Arn"]}


def _role_policy(cloud: Cloud, inputs: State) -> tuple[str, State]:
    cloud.send(
        "iam",
        "PutRolePolicy",
        RoleName=inputs["role"],
        PolicyName=inputs["name"],
        PolicyDocument=inputs["policy"],
    )
    return f"{inputs['role']}:{inputs['name']}", {}


def _log_group(cloud: Cloud, inputs: State) -> tuple[str, State]:
    name = inputs["name"]
    cloud.send("logs", "CreateLogGroup", logGroupName=name, tags=inputs["tags"])
    cloud.send(
        "logs",
        "PutRetentionPolicy",
        logGroupName=name,
        retentionInDays=inputs["retentionInDays"],
    )
    return name, {"arn": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{name}"}


def _repository(cloud: Cloud, inputs: State) -> tuple[str, State]:
    answer = cloud.send(
        "ecr",
        "CreateRepository",
        repositoryName=inputs["name"],
        imageTagMutability=inputs["imageTagMutability"],
        imageScanningConfiguration=inputs["imageScanningConfiguration"],
        tags=_tag_list(inputs["tags"]),
    )["repository"]
    return inputs["name"], {
        "repositoryUrl": answer["repositoryUri"],
        "registryId": answer["registryId"],
        "arn": answer["repositoryArn"],
    }


def _lifecycle_policy(cloud: Cloud, inputs: State) -> tuple[str, State]:
    cloud.send(
        "ecr",
        "PutLifecyclePolicy",
        repositoryName=inputs["repository"],
        lifecyclePolicyText=inputs["policy"],
    )
    return inputs["repository"], {}


def _image(cloud: Cloud, inputs: State) -> tuple[str, State]:
    """Push what a build of one platform without attestations pushes: a manifest, by digest."""
    (export,) = inputs["exports"]
    (name,) = export["registry"]["names"]
    config = {"architecture": "arm64", "os": "linux"}
    config_digest = f"sha256:{hashlib.sha256(json.dumps(config).encode()).hexdigest()}"
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
            "config": {
                "mediaType": "application/vnd.docker.container.image.v1+json",
                "size": 50,
                "digest": config_digest,
            },
            "layers": [],
        }
    )
    answer = cloud.send(
        "ecr",
        "PutImage",
        repositoryName=name.partition("/")[2],
        imageManifest=manifest,
    )
    digest = answer["image"]["imageId"]["imageDigest"]
    return digest, {"digest": digest, "ref": "", "contextHash": "0"}


def _function(cloud: Cloud, inputs: State) -> tuple[str, State]:
    if inputs["packageType"] == "Image":
        code: State = {"ImageUri": inputs["imageUri"]}
    else:
        code = {"ZipFile": _bytes_of(inputs["code"])}
    answer = cloud.send(
        "lambda",
        "CreateFunction",
        **_present(
            FunctionName=inputs["name"],
            Description=inputs["description"],
            PackageType=inputs["packageType"],
            Code=code,
            Role=inputs["role"],
            Architectures=inputs["architectures"],
            MemorySize=inputs["memorySize"],
            Timeout=inputs["timeout"],
            Runtime=inputs.get("runtime"),
            Handler=inputs.get("handler"),
            Environment={"Variables": inputs["environment"]["variables"]},
            LoggingConfig=_pascal(inputs["loggingConfig"]),
            Tags=inputs["tags"],
        ),
    )
    reserved = inputs["reservedConcurrentExecutions"]
    if reserved >= 0:
        cloud.send(
            "lambda",
            "PutFunctionConcurrency",
            FunctionName=inputs["name"],
            ReservedConcurrentExecutions=reserved,
        )
    arn = answer["FunctionArn"]
    path = f"arn:aws:apigateway:{REGION}:lambda:path"
    return inputs["name"], {
        "arn": arn,
        "invokeArn": f"{path}/2015-03-31/functions/{arn}/invocations",
        "responseStreamingInvokeArn": (
            f"{path}/2021-11-15/functions/{arn}/response-streaming-invocations"
        ),
    }


def _bytes_of(archive: pulumi.FileArchive) -> bytes:
    data = Path(archive.path).read_bytes()
    assert zipfile.is_zipfile(io.BytesIO(data))
    return data


def _function_url(cloud: Cloud, inputs: State) -> tuple[str, State]:
    answer = cloud.send(
        "lambda",
        "CreateFunctionUrlConfig",
        **_present(
            FunctionName=inputs["functionName"],
            AuthType=inputs["authorizationType"],
            InvokeMode=inputs["invokeMode"],
            Cors=_pascal(inputs["cors"]) if inputs.get("cors") else None,
        ),
    )
    return inputs["functionName"], {"functionUrl": answer["FunctionUrl"]}


def _permission(cloud: Cloud, inputs: State) -> tuple[str, State]:
    statement_id = f"statement-{len(cloud.made)}"
    cloud.send(
        "lambda",
        "AddPermission",
        **_present(
            FunctionName=inputs["function"],
            StatementId=statement_id,
            Action=inputs["action"],
            Principal=inputs["principal"],
            FunctionUrlAuthType=inputs.get("functionUrlAuthType"),
            InvokedViaFunctionUrl=inputs.get("invokedViaFunctionUrl"),
            SourceArn=inputs.get("sourceArn"),
        ),
    )
    return statement_id, {"statementId": statement_id}


def _parameter(cloud: Cloud, inputs: State) -> tuple[str, State]:
    name = inputs["name"]
    cloud.send(
        "ssm",
        "PutParameter",
        Name=name,
        Description=inputs["description"],
        Value=inputs["value"],
        Type=inputs["type"],
        Tags=_tag_list(inputs["tags"]),
    )
    answer = cloud.client("ssm").get_parameter(Name=name)
    return name, {"arn": answer["Parameter"]["ARN"]}


def _secret(cloud: Cloud, inputs: State) -> tuple[str, State]:
    answer = cloud.send(
        "secretsmanager",
        "CreateSecret",
        Name=inputs["name"],
        Description=inputs["description"],
        Tags=_tag_list(inputs["tags"]),
    )
    return answer["ARN"], {"arn": answer["ARN"]}


def _secret_version(cloud: Cloud, inputs: State) -> tuple[str, State]:
    answer = cloud.send(
        "secretsmanager",
        "PutSecretValue",
        SecretId=inputs["secretId"],
        SecretString=inputs["secretString"],
    )
    return f"{answer['ARN']}|{answer['VersionId']}", {"secretArn": answer["ARN"]}


def _random_password(cloud: Cloud, inputs: State) -> tuple[str, State]:
    password = hashlib.sha256(repr(inputs).encode()).hexdigest()[: inputs["length"]]
    return "none", {"result": secret(password)}


def _topic(cloud: Cloud, inputs: State) -> tuple[str, State]:
    answer = cloud.send("sns", "CreateTopic", Name=inputs["name"], Tags=_tag_list(inputs["tags"]))
    return answer["TopicArn"], {"arn": answer["TopicArn"]}


def _subscription(cloud: Cloud, inputs: State) -> tuple[str, State]:
    answer = cloud.send(
        "sns",
        "Subscribe",
        TopicArn=inputs["topic"],
        Protocol=inputs["protocol"],
        Endpoint=inputs["endpoint"],
    )
    return answer["SubscriptionArn"], {}


def _alarm(cloud: Cloud, inputs: State) -> tuple[str, State]:
    dimensions = [{"Name": key, "Value": value} for key, value in inputs["dimensions"].items()]
    cloud.send(
        "cloudwatch",
        "PutMetricAlarm",
        **_present(
            AlarmName=inputs["name"],
            AlarmDescription=inputs["alarmDescription"],
            Namespace=inputs["namespace"],
            MetricName=inputs["metricName"],
            Dimensions=dimensions,
            Statistic=inputs.get("statistic"),
            ExtendedStatistic=inputs.get("extendedStatistic"),
            Period=inputs["period"],
            EvaluationPeriods=inputs["evaluationPeriods"],
            Threshold=inputs["threshold"],
            ComparisonOperator=inputs["comparisonOperator"],
            TreatMissingData=inputs["treatMissingData"],
            AlarmActions=inputs["alarmActions"],
            OKActions=inputs["okActions"],
            Tags=_tag_list(inputs["tags"]),
        ),
    )
    return inputs["name"], {}


def _dashboard(cloud: Cloud, inputs: State) -> tuple[str, State]:
    cloud.send(
        "cloudwatch",
        "PutDashboard",
        DashboardName=inputs["dashboardName"],
        DashboardBody=inputs["dashboardBody"],
    )
    return inputs["dashboardName"], {}


def _bucket(cloud: Cloud, inputs: State) -> tuple[str, State]:
    name = inputs["bucket"]
    cloud.send(
        "s3",
        "CreateBucket",
        Bucket=name,
        CreateBucketConfiguration={"LocationConstraint": REGION},
    )
    return name, {
        "arn": f"arn:aws:s3:::{name}",
        "bucketRegionalDomainName": f"{name}.s3.{REGION}.amazonaws.com",
    }


def _public_access_block(cloud: Cloud, inputs: State) -> tuple[str, State]:
    blocked = {
        key: inputs[f"{key[:1].lower()}{key[1:]}"]
        for key in (
            "BlockPublicAcls",
            "BlockPublicPolicy",
            "IgnorePublicAcls",
            "RestrictPublicBuckets",
        )
    }
    cloud.send(
        "s3",
        "PutPublicAccessBlock",
        Bucket=inputs["bucket"],
        PublicAccessBlockConfiguration=blocked,
    )
    return inputs["bucket"], {}


def _bucket_policy(cloud: Cloud, inputs: State) -> tuple[str, State]:
    cloud.send("s3", "PutBucketPolicy", Bucket=inputs["bucket"], Policy=inputs["policy"])
    return inputs["bucket"], {}


def _bucket_object(cloud: Cloud, inputs: State) -> tuple[str, State]:
    cloud.send(
        "s3",
        "PutObject",
        Bucket=inputs["bucket"],
        Key=inputs["key"],
        Body=Path(inputs["source"].path).read_bytes(),
        ContentType=inputs["contentType"],
        CacheControl=inputs["cacheControl"],
    )
    return inputs["key"], {}


def _origin_access_control(cloud: Cloud, inputs: State) -> tuple[str, State]:
    answer = cloud.send(
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


def _distribution(cloud: Cloud, inputs: State) -> tuple[str, State]:
    answer = cloud.send(
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
            "Tags": {"Items": _tag_list(inputs["tags"])},
        },
    )["Distribution"]
    return answer["Id"], {"arn": answer["ARN"], "domainName": answer["DomainName"]}


def _items(found: list[Any]) -> State:
    return {"Quantity": len(found), "Items": found}


def _origin(origin: State) -> State:
    custom = origin.get("customOriginConfig")
    return _present(
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
    return _present(
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


def _rest_api(cloud: Cloud, inputs: State) -> tuple[str, State]:
    answer = cloud.send(
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


def _api_resource(cloud: Cloud, inputs: State) -> tuple[str, State]:
    answer = cloud.send(
        "apigateway",
        "CreateResource",
        restApiId=inputs["restApi"],
        parentId=inputs["parentId"],
        pathPart=inputs["pathPart"],
    )
    return answer["id"], {"path": answer["path"]}


def _method(cloud: Cloud, inputs: State) -> tuple[str, State]:
    cloud.send(
        "apigateway",
        "PutMethod",
        restApiId=inputs["restApi"],
        resourceId=inputs["resourceId"],
        httpMethod=inputs["httpMethod"],
        authorizationType=inputs["authorization"],
    )
    return f"{inputs['resourceId']}-{inputs['httpMethod']}", {}


def _integration(cloud: Cloud, inputs: State) -> tuple[str, State]:
    cloud.send(
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


def _deployment(cloud: Cloud, inputs: State) -> tuple[str, State]:
    answer = cloud.send("apigateway", "CreateDeployment", restApiId=inputs["restApi"])
    return answer["id"], {}


def _stage(cloud: Cloud, inputs: State) -> tuple[str, State]:
    cloud.send(
        "apigateway",
        "CreateStage",
        restApiId=inputs["restApi"],
        deploymentId=inputs["deployment"],
        stageName=inputs["stageName"],
        tags=inputs["tags"],
    )
    host = f"{inputs['restApi']}.execute-api.{REGION}.amazonaws.com"
    return inputs["stageName"], {"invokeUrl": f"https://{host}/{inputs['stageName']}"}


_MAKERS: Mapping[str, Callable[[Cloud, State], tuple[str, State]]] = {
    "aws:iam/role:Role": _role,
    "aws:iam/rolePolicy:RolePolicy": _role_policy,
    "aws:cloudwatch/logGroup:LogGroup": _log_group,
    "aws:ecr/repository:Repository": _repository,
    "aws:ecr/lifecyclePolicy:LifecyclePolicy": _lifecycle_policy,
    "docker-build:index:Image": _image,
    "aws:lambda/function:Function": _function,
    "aws:lambda/functionUrl:FunctionUrl": _function_url,
    "aws:lambda/permission:Permission": _permission,
    "aws:ssm/parameter:Parameter": _parameter,
    "aws:secretsmanager/secret:Secret": _secret,
    "aws:secretsmanager/secretVersion:SecretVersion": _secret_version,
    "random:index/randomPassword:RandomPassword": _random_password,
    "aws:sns/topic:Topic": _topic,
    "aws:sns/topicSubscription:TopicSubscription": _subscription,
    "aws:cloudwatch/metricAlarm:MetricAlarm": _alarm,
    "aws:cloudwatch/dashboard:Dashboard": _dashboard,
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
