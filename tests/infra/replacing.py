"""Which changes of a resource its provider makes in place, and for which it makes another one.

Pulumi's AWS provider is made from Terraform's: what is ``ForceNew`` there replaces here. A resource
whose name the program gives is deleted before its successor is made, since both would have the same
name; the others are deleted after.

Sources: hashicorp/terraform-provider-aws, internal/service (the schemas); pulumi-terraform-bridge,
``nameRequiresDeleteBeforeReplace``; pulumi-docker-build, provider/internal/image.go; pulumi-random.
"""

from collections.abc import Mapping

# Pulumi's type → the inputs that cannot change in place.
REPLACING: Mapping[str, frozenset[str]] = {
    type_: frozenset(properties.split())
    for type_, properties in {
        "aws:apigateway/account:Account": "",
        "aws:apigateway/authorizer:Authorizer": "restApi",
        "aws:apigateway/deployment:Deployment": "restApi triggers",
        "aws:apigateway/integration:Integration": (
            "restApi resourceId httpMethod type integrationHttpMethod"
        ),
        "aws:apigateway/method:Method": "restApi resourceId httpMethod",
        "aws:apigateway/methodSettings:MethodSettings": "restApi stageName methodPath",
        "aws:apigateway/resource:Resource": "restApi",
        "aws:apigateway/response:Response": "restApiId responseType",
        "aws:apigateway/restApi:RestApi": "",
        "aws:apigateway/stage:Stage": "restApi stageName",
        "aws:budgets/budget:Budget": "name",
        "aws:cloudfront/distribution:Distribution": "",
        "aws:cloudfront/originAccessControl:OriginAccessControl": "name",
        "aws:cloudfront/responseHeadersPolicy:ResponseHeadersPolicy": "name",
        "aws:cloudwatch/dashboard:Dashboard": "dashboardName",
        "aws:cloudwatch/logGroup:LogGroup": "name",
        "aws:cloudwatch/metricAlarm:MetricAlarm": "name",
        "aws:dynamodb/table:Table": "name hashKey rangeKey",
        "aws:ecr/lifecyclePolicy:LifecyclePolicy": "repository policy",
        "aws:ecr/repository:Repository": "name",
        "aws:iam/role:Role": "name",
        "aws:iam/rolePolicy:RolePolicy": "name role",
        "aws:iam/rolePolicyAttachment:RolePolicyAttachment": "role policyArn",
        "aws:lambda/function:Function": "name packageType",
        "aws:lambda/functionUrl:FunctionUrl": "functionName",
        "aws:lambda/permission:Permission": (
            "action function functionUrlAuthType invokedViaFunctionUrl principal sourceArn"
        ),
        "aws:s3/bucket:Bucket": "bucket",
        "aws:s3/bucketObjectv2:BucketObjectv2": "bucket key",
        "aws:s3/bucketPolicy:BucketPolicy": "bucket",
        "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": "bucket",
        "aws:secretsmanager/secret:Secret": "name",
        "aws:secretsmanager/secretVersion:SecretVersion": "secretId secretString",
        "aws:sns/topic:Topic": "name",
        "aws:sns/topicSubscription:TopicSubscription": "topic protocol endpoint",
        "aws:ssm/parameter:Parameter": "name",
        "aws:wafv2/webAcl:WebAcl": "name",
        "docker-build:index:Image": "",
        "random:index/randomPassword:RandomPassword": "length special",
    }.items()
}

# The input that names a resource in AWS, where there can be one of each name. Of a Function URL
# that is its function: it has one, and a second is refused.
NAMES: Mapping[str, tuple[str, ...]] = {
    "aws:apigateway/method:Method": ("restApi", "resourceId", "httpMethod"),
    "aws:apigateway/stage:Stage": ("restApi", "stageName"),
    "aws:budgets/budget:Budget": ("name",),
    "aws:cloudfront/originAccessControl:OriginAccessControl": ("name",),
    "aws:cloudfront/responseHeadersPolicy:ResponseHeadersPolicy": ("name",),
    "aws:cloudwatch/dashboard:Dashboard": ("dashboardName",),
    "aws:cloudwatch/logGroup:LogGroup": ("name",),
    "aws:cloudwatch/metricAlarm:MetricAlarm": ("name",),
    "aws:dynamodb/table:Table": ("name",),
    "aws:ecr/repository:Repository": ("name",),
    "aws:iam/role:Role": ("name",),
    "aws:iam/rolePolicy:RolePolicy": ("role", "name"),
    "aws:lambda/function:Function": ("name",),
    "aws:lambda/functionUrl:FunctionUrl": ("functionName",),
    "aws:s3/bucket:Bucket": ("bucket",),
    "aws:s3/bucketObjectv2:BucketObjectv2": ("bucket", "key"),
    "aws:s3/bucketPolicy:BucketPolicy": ("bucket",),
    "aws:secretsmanager/secret:Secret": ("name",),
    "aws:sns/topic:Topic": ("name",),
    "aws:ssm/parameter:Parameter": ("name",),
    "aws:wafv2/webAcl:WebAcl": ("name",),
}

# Of these Pulumi's provider knows the name as one that it could have given itself.
_NAMED_BY_PULUMI = frozenset(
    {
        "aws:cloudfront/originAccessControl:OriginAccessControl",
        "aws:cloudwatch/logGroup:LogGroup",
        "aws:cloudwatch/metricAlarm:MetricAlarm",
        "aws:dynamodb/table:Table",
        "aws:ecr/repository:Repository",
        "aws:iam/role:Role",
        "aws:iam/rolePolicy:RolePolicy",
        "aws:lambda/function:Function",
        "aws:s3/bucket:Bucket",
        "aws:secretsmanager/secret:Secret",
        "aws:sns/topic:Topic",
        "aws:ssm/parameter:Parameter",
        "aws:wafv2/webAcl:WebAcl",
    }
)

# What AWS gives a resource anew when it is made again, and others take from it. Not there: what is
# made of its name, as the ARN of a function.
ANEW: Mapping[str, str] = {
    "aws:apigateway/deployment:Deployment": "its id",
    "aws:lambda/functionUrl:FunctionUrl": "its address",
}


def is_deleted_first(type_: str, inputs: Mapping[str, object]) -> bool:
    """Return whether a resource is deleted before the one that replaces it is made."""
    return type_ in _NAMED_BY_PULUMI and any(inputs.get(name) for name in NAMES[type_])


def name_of(type_: str, inputs: Mapping[str, object]) -> tuple[str, ...] | None:
    """Return what there can be only one of in AWS, or ``None``."""
    if not all(inputs.get(name) for name in NAMES.get(type_, ("",))):
        return None
    return (type_, *(str(inputs[name]) for name in NAMES[type_]))
