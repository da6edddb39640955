"""Makes functions: their images, roles, log groups and URLs."""

import hashlib
import io
import json
import uuid
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pulumi
from moto.iam.aws_managed_policies import aws_managed_policies_data

from tests.infra.aws_api import ACCOUNT, REGION, Aws, Maker, State, pascal, present, tag_list


def _role(aws: Aws, inputs: State) -> tuple[str, State]:
    answer = aws.send(
        "iam",
        "CreateRole",
        RoleName=inputs["name"],
        Description=inputs["description"],
        AssumeRolePolicyDocument=inputs["assumeRolePolicy"],
        Tags=tag_list(inputs["tags"]),
    )
    return inputs["name"], {"arn": answer["Role"]["Arn"]}


def _role_policy_attachment(aws: Aws, inputs: State) -> tuple[str, State]:
    # moto takes seconds to make AWS's own policies, so it only says whether this is one of them.
    path, _, name = inputs["policyArn"].removeprefix("arn:aws:iam::aws:policy").rpartition("/")
    assert json.loads(aws_managed_policies_data)[name]["Path"] == f"{path}/"
    aws.check("iam", "AttachRolePolicy", RoleName=inputs["role"], PolicyArn=inputs["policyArn"])
    return f"{inputs['role']}-attached", {}


def _role_policy(aws: Aws, inputs: State) -> tuple[str, State]:
    aws.send(
        "iam",
        "PutRolePolicy",
        RoleName=inputs["role"],
        PolicyName=inputs["name"],
        PolicyDocument=inputs["policy"],
    )
    return f"{inputs['role']}:{inputs['name']}", {}


def _log_group(aws: Aws, inputs: State) -> tuple[str, State]:
    name = inputs["name"]
    aws.send("logs", "CreateLogGroup", logGroupName=name, tags=inputs["tags"])
    aws.send(
        "logs",
        "PutRetentionPolicy",
        logGroupName=name,
        retentionInDays=inputs["retentionInDays"],
    )
    return name, {"arn": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{name}"}


def _repository(aws: Aws, inputs: State) -> tuple[str, State]:
    answer = aws.send(
        "ecr",
        "CreateRepository",
        repositoryName=inputs["name"],
        imageTagMutability=inputs["imageTagMutability"],
        imageScanningConfiguration=inputs["imageScanningConfiguration"],
        tags=tag_list(inputs["tags"]),
    )["repository"]
    return inputs["name"], {
        "repositoryUrl": answer["repositoryUri"],
        "registryId": answer["registryId"],
        "arn": answer["repositoryArn"],
    }


def _lifecycle_policy(aws: Aws, inputs: State) -> tuple[str, State]:
    aws.send(
        "ecr",
        "PutLifecyclePolicy",
        repositoryName=inputs["repository"],
        lifecyclePolicyText=inputs["policy"],
    )
    return inputs["repository"], {}


def _image(aws: Aws, inputs: State) -> tuple[str, State]:
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
    answer = aws.send(
        "ecr",
        "PutImage",
        repositoryName=name.partition("/")[2],
        imageManifest=manifest,
    )
    digest = answer["image"]["imageId"]["imageDigest"]
    return digest, {"digest": digest, "ref": "", "contextHash": "0"}


def _function(aws: Aws, inputs: State) -> tuple[str, State]:
    if inputs["packageType"] == "Image":
        code: State = {"ImageUri": inputs["imageUri"]}
    else:
        code = {"ZipFile": _bytes_of(inputs["code"])}
    answer = aws.send(
        "lambda",
        "CreateFunction",
        **present(
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
            LoggingConfig=pascal(inputs["loggingConfig"]),
            VpcConfig=_vpc(aws, inputs["vpcConfig"]) if "vpcConfig" in inputs else None,
            Tags=inputs["tags"],
        ),
    )
    reserved = inputs["reservedConcurrentExecutions"]
    if reserved >= 0:
        aws.send(
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


def _vpc(aws: Aws, config: State) -> State:
    """Look up what Lambda looks up as whoever makes the function: both have to be there."""
    aws.send("ec2", "DescribeSubnets", SubnetIds=config["subnetIds"])
    aws.send("ec2", "DescribeSecurityGroups", GroupIds=config["securityGroupIds"])
    aws.check("ec2", "DescribeVpcs")
    found: State = pascal(config)
    return found


def _bytes_of(archive: pulumi.FileArchive) -> bytes:
    data = Path(archive.path).read_bytes()
    assert zipfile.is_zipfile(io.BytesIO(data))
    return data


def _function_url(aws: Aws, inputs: State) -> tuple[str, State]:
    refuse_second_url(aws, inputs["functionName"])
    answer = aws.send(
        "lambda",
        "CreateFunctionUrlConfig",
        **present(
            FunctionName=inputs["functionName"],
            AuthType=inputs["authorizationType"],
            InvokeMode=inputs["invokeMode"],
            Cors=pascal(inputs["cors"]) if inputs.get("cors") else None,
        ),
    )
    return inputs["functionName"], {"functionUrl": answer["FunctionUrl"]}


def refuse_second_url(aws: Aws, function: str) -> None:
    """Refuse what AWS refuses, and moto does not: it forgets the first URL."""
    client = aws.client("lambda")
    try:
        client.get_function_url_config(FunctionName=function)
    except client.exceptions.ResourceNotFoundException:
        return
    raise ValueError(
        "ResourceConflictException: Failed to create function url config for "
        f"[functionArn = {function}]. Error message: FunctionUrlConfig exists for this Lambda "
        "function"
    )


def _permission(aws: Aws, inputs: State) -> tuple[str, State]:
    statement_id = f"statement-{uuid.uuid4().hex}"
    aws.send(
        "lambda",
        "AddPermission",
        **present(
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


MAKERS: Mapping[str, Maker] = {
    "aws:iam/role:Role": _role,
    "aws:iam/rolePolicy:RolePolicy": _role_policy,
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": _role_policy_attachment,
    "aws:cloudwatch/logGroup:LogGroup": _log_group,
    "aws:ecr/repository:Repository": _repository,
    "aws:ecr/lifecyclePolicy:LifecyclePolicy": _lifecycle_policy,
    "docker-build:index:Image": _image,
    "aws:lambda/function:Function": _function,
    "aws:lambda/functionUrl:FunctionUrl": _function_url,
    "aws:lambda/permission:Permission": _permission,
}
