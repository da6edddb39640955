"""Makes REST APIs of API Gateway."""

from collections.abc import Mapping

from tests.infra.aws_api import ACCOUNT, REGION, Aws, Maker, State, present


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
        **present(authorizerId=inputs.get("authorizerId")),
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


def _authorizer(aws: Aws, inputs: State) -> tuple[str, State]:
    answer = aws.send(
        "apigateway",
        "CreateAuthorizer",
        restApiId=inputs["restApi"],
        name=inputs["name"],
        type=inputs["type"],
        providerARNs=inputs["providerArns"],
        identitySource=inputs["identitySource"],
    )
    return answer["id"], {}


def _gateway_response(aws: Aws, inputs: State) -> tuple[str, State]:
    aws.send(
        "apigateway",
        "PutGatewayResponse",
        restApiId=inputs["restApiId"],
        responseType=inputs["responseType"],
        responseParameters=inputs["responseParameters"],
    )
    return f"{inputs['restApiId']}/{inputs['responseType']}", {}


def _stage(aws: Aws, inputs: State) -> tuple[str, State]:
    aws.send(
        "apigateway",
        "CreateStage",
        restApiId=inputs["restApi"],
        deploymentId=inputs["deployment"],
        stageName=inputs["stageName"],
        tags=inputs["tags"],
    )
    for name, value in inputs.get("accessLogSettings", {}).items():
        _change(aws, inputs["restApi"], inputs["stageName"], f"/accessLogSettings/{name}", value)
    host = f"{inputs['restApi']}.execute-api.{REGION}.amazonaws.com"
    return inputs["stageName"], {"invokeUrl": f"https://{host}/{inputs['stageName']}"}


def _change(aws: Aws, api: str, stage: str, path: str, value: str) -> None:
    aws.send(
        "apigateway",
        "UpdateStage",
        restApiId=api,
        stageName=stage,
        patchOperations=[{"op": "replace", "path": path, "value": value}],
    )


def _method_settings(aws: Aws, inputs: State) -> tuple[str, State]:
    settings, method = inputs["settings"], inputs["methodPath"]
    for name, key in (("rateLimit", "throttlingRateLimit"), ("burstLimit", "throttlingBurstLimit")):
        path = f"/{method}/throttling/{name}"
        _change(aws, inputs["restApi"], inputs["stageName"], path, str(settings[key]))
    return f"{inputs['stageName']}-{method}", {}


def _account(aws: Aws, inputs: State) -> tuple[str, State]:
    change = {"op": "replace", "path": "/cloudwatchRoleArn", "value": inputs["cloudwatchRoleArn"]}
    aws.send("apigateway", "UpdateAccount", patchOperations=[change])
    return "api-gateway-account", {}


MAKERS: Mapping[str, Maker] = {
    "aws:apigateway/restApi:RestApi": _rest_api,
    "aws:apigateway/resource:Resource": _api_resource,
    "aws:apigateway/method:Method": _method,
    "aws:apigateway/integration:Integration": _integration,
    "aws:apigateway/deployment:Deployment": _deployment,
    "aws:apigateway/authorizer:Authorizer": _authorizer,
    "aws:apigateway/response:Response": _gateway_response,
    "aws:apigateway/stage:Stage": _stage,
    "aws:apigateway/methodSettings:MethodSettings": _method_settings,
    "aws:apigateway/account:Account": _account,
}
