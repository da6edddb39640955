"""Deletes everything that can be made, and changes what a stack's other configuration changes.

As a provider does it, and no more than the ways between configurations need.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from tests.infra import make_front_doors, make_functions
from tests.infra.aws_api import Aws, State, pascal, present
from tests.infra.makers import MAKERS

# Deletes a resource, by its id and state.
Remover: TypeAlias = Callable[[Aws, str, State], None]
# Changes one to other inputs; returns what changes of its state beside them.
Changer: TypeAlias = Callable[[Aws, str, State, State], State]


def _sends(service: str, operation: str, /, **names: str) -> Remover:
    """Return what sends one request, whose parameters are these inputs; ``id`` is the id."""

    def remove(aws: Aws, id_: str, state: State) -> None:
        known = {**state, "id": id_}
        parameters = {parameter: known[name] for parameter, name in names.items()}
        aws.send(service, operation, **parameters)

    return remove


def _nothing(aws: Aws, id_: str, state: State) -> None:
    """What goes with something else, or is not there in moto."""


def _delete_repository(aws: Aws, id_: str, state: State) -> None:
    aws.send("ecr", "DeleteRepository", repositoryName=id_, force=True)


def _delete_bucket(aws: Aws, id_: str, state: State) -> None:
    # Its objects are resources, and gone by now.
    aws.send("s3", "DeleteBucket", Bucket=id_)


def _delete_alarm(aws: Aws, id_: str, state: State) -> None:
    aws.send("cloudwatch", "DeleteAlarms", AlarmNames=[id_])


def _delete_dashboard(aws: Aws, id_: str, state: State) -> None:
    aws.send("cloudwatch", "DeleteDashboards", DashboardNames=[id_])


def _delete_secret(aws: Aws, id_: str, state: State) -> None:
    # What `recovery_window_in_days=0` asks for.
    assert state["recoveryWindowInDays"] == 0
    aws.send("secretsmanager", "DeleteSecret", SecretId=id_, ForceDeleteWithoutRecovery=True)


def _delete_distribution(aws: Aws, id_: str, state: State) -> None:
    client = aws.client("cloudfront")
    found = client.get_distribution_config(Id=id_)
    config = {**found["DistributionConfig"], "Enabled": False}
    off = client.update_distribution(Id=id_, IfMatch=found["ETag"], DistributionConfig=config)
    aws.send("cloudfront", "DeleteDistribution", Id=id_, IfMatch=off["ETag"])


REMOVERS: Mapping[str, Remover] = {
    **dict.fromkeys(MAKERS, _nothing),
    "aws:apigateway/restApi:RestApi": _sends("apigateway", "DeleteRestApi", restApiId="id"),
    "aws:apigateway/stage:Stage": _sends(
        "apigateway", "DeleteStage", restApiId="restApi", stageName="stageName"
    ),
    "aws:cloudfront/distribution:Distribution": _delete_distribution,
    "aws:cloudfront/originAccessControl:OriginAccessControl": _sends(
        "cloudfront", "DeleteOriginAccessControl", Id="id"
    ),
    "aws:cloudwatch/dashboard:Dashboard": _delete_dashboard,
    "aws:cloudwatch/logGroup:LogGroup": _sends("logs", "DeleteLogGroup", logGroupName="id"),
    "aws:cloudwatch/metricAlarm:MetricAlarm": _delete_alarm,
    "aws:ecr/repository:Repository": _delete_repository,
    "aws:iam/role:Role": _sends("iam", "DeleteRole", RoleName="id"),
    "aws:iam/rolePolicy:RolePolicy": _sends(
        "iam", "DeleteRolePolicy", RoleName="role", PolicyName="name"
    ),
    "aws:lambda/function:Function": _sends("lambda", "DeleteFunction", FunctionName="id"),
    "aws:lambda/functionUrl:FunctionUrl": _sends(
        "lambda", "DeleteFunctionUrlConfig", FunctionName="functionName"
    ),
    "aws:lambda/permission:Permission": _sends(
        "lambda", "RemovePermission", FunctionName="function", StatementId="statementId"
    ),
    "aws:s3/bucket:Bucket": _delete_bucket,
    "aws:s3/bucketObjectv2:BucketObjectv2": _sends(
        "s3", "DeleteObject", Bucket="bucket", Key="key"
    ),
    "aws:s3/bucketPolicy:BucketPolicy": _sends("s3", "DeleteBucketPolicy", Bucket="bucket"),
    "aws:secretsmanager/secret:Secret": _delete_secret,
    "aws:ssm/parameter:Parameter": _sends("ssm", "DeleteParameter", Name="name"),
}


def _change_function(aws: Aws, id_: str, old: State, new: State) -> State:
    assert old["packageType"] == new["packageType"]
    if "imageUri" in new and old["imageUri"] != new["imageUri"]:
        aws.send("lambda", "UpdateFunctionCode", FunctionName=id_, ImageUri=new["imageUri"])
    aws.send(
        "lambda",
        "UpdateFunctionConfiguration",
        FunctionName=id_,
        MemorySize=new["memorySize"],
        Timeout=new["timeout"],
        Environment={"Variables": new["environment"]["variables"]},
    )
    reserved = new["reservedConcurrentExecutions"]
    if reserved >= 0:
        aws.send(
            "lambda",
            "PutFunctionConcurrency",
            FunctionName=id_,
            ReservedConcurrentExecutions=reserved,
        )
    elif old["reservedConcurrentExecutions"] >= 0:
        aws.send("lambda", "DeleteFunctionConcurrency", FunctionName=id_)
    return {}


def _change_url(aws: Aws, id_: str, old: State, new: State) -> State:
    answer = aws.send(
        "lambda",
        "UpdateFunctionUrlConfig",
        **present(
            FunctionName=new["functionName"],
            AuthType=new["authorizationType"],
            InvokeMode=new["invokeMode"],
            Cors=pascal(new["cors"]) if new.get("cors") else None,
        ),
    )
    return {"functionUrl": answer["FunctionUrl"]}


def _change_role_policy(aws: Aws, id_: str, old: State, new: State) -> State:
    make_functions.MAKERS["aws:iam/rolePolicy:RolePolicy"](aws, new)
    return {}


def _change_method(aws: Aws, id_: str, old: State, new: State) -> State:
    # moto cannot.
    aws.check(
        "apigateway",
        "UpdateMethod",
        restApiId=new["restApi"],
        resourceId=new["resourceId"],
        httpMethod=new["httpMethod"],
        patchOperations=[
            {"op": "replace", "path": "/authorizationType", "value": new["authorization"]}
        ],
    )
    return {}


def _change_stage(aws: Aws, id_: str, old: State, new: State) -> State:
    aws.send(
        "apigateway",
        "UpdateStage",
        restApiId=new["restApi"],
        stageName=new["stageName"],
        patchOperations=[{"op": "replace", "path": "/deploymentId", "value": new["deployment"]}],
    )
    return {}


def _change_distribution(aws: Aws, id_: str, old: State, new: State) -> State:
    found = aws.client("cloudfront").get_distribution_config(Id=id_)
    origins = [make_front_doors.origin_of(found) for found in new["origins"]]
    config: dict[str, Any] = found["DistributionConfig"]
    config["Origins"] = {"Quantity": len(origins), "Items": origins}
    aws.send(
        "cloudfront",
        "UpdateDistribution",
        Id=id_,
        IfMatch=found["ETag"],
        DistributionConfig=config,
    )
    return {}


CHANGERS: Mapping[str, Changer] = {
    "aws:apigateway/method:Method": _change_method,
    "aws:apigateway/stage:Stage": _change_stage,
    "aws:cloudfront/distribution:Distribution": _change_distribution,
    "aws:iam/rolePolicy:RolePolicy": _change_role_policy,
    "aws:lambda/function:Function": _change_function,
    "aws:lambda/functionUrl:FunctionUrl": _change_url,
}
