"""API Gateway's REST API in front of the function, with response streaming.

Source: Amazon API Gateway Developer Guide, "Stream the integration response for your proxy
integrations"; the integration's address is the function's own one for streaming.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.access_log import AccessLog

_STAGE = "chat"
# Ours → API Gateway's. Its JWT authorizers are for HTTP APIs, which do not stream.
_AUTHORIZATIONS = {"NONE": "NONE", "AWS_IAM": "AWS_IAM", "COGNITO": "COGNITO_USER_POOLS"}


@dataclass(frozen=True, slots=True, kw_only=True)
class RestApiArgs:
    """
    Args:
        name: of the API.
        function: serves every request.
        auth: ``NONE``, ``AWS_IAM`` or ``COGNITO``.
        user_pool_arns: whose ID tokens count with ``COGNITO``.
        has_other_origins: whether pages of other origins call it, which also want to read why they
            were refused.
        timeout_s: time limit of the function, and so of API Gateway's waiting.
        rate_per_s: how many requests a second it lets through in the long run; more get a 429.
        burst: how many at once.
        access_log: where the stage writes a line a request, if it does.
    """

    name: str
    function: aws.lambda_.Function
    auth: str
    timeout_s: int
    rate_per_s: int
    burst: int
    access_log: AccessLog | None
    user_pool_arns: Sequence[str]
    has_other_origins: bool
    tags: Mapping[str, str]


class RestApi(pulumi.ComponentResource):
    """An API that hands every request to the function.

    Attributes:
        url: of the stage; ends with a slash.
    """

    url: pulumi.Output[str]

    def __init__(
        self, name: str, args: RestApiArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("deltaline:infra:RestApi", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        api = aws.apigateway.RestApi(
            name,
            name=args.name,
            description="Chat that streams",
            # Not EDGE, which ends a stream after 30 seconds of silence.
            endpoint_configuration={"types": "REGIONAL"},
            tags=args.tags,
            opts=child,
        )
        below = aws.apigateway.Resource(
            f"{name}-below",
            rest_api=api.id,
            parent_id=api.root_resource_id,
            path_part="{proxy+}",
            opts=child,
        )
        authorizer = _authorizer(name, api, args, child)
        parts: list[pulumi.Resource] = (
            _readable_refusals(name, api, child) if args.has_other_origins else []
        )
        for place, resource_id in (("root", api.root_resource_id), ("below", below.id)):
            # A browser cannot sign a preflight, so only that is open; the app handles it.
            for verb, auth in (("ANY", _AUTHORIZATIONS[args.auth]), ("OPTIONS", "NONE")):
                resource_name = f"{name}-{place}-{verb.lower()}"
                method = aws.apigateway.Method(
                    resource_name,
                    rest_api=api.id,
                    resource_id=resource_id,
                    http_method=verb,
                    authorization=auth,
                    authorizer_id=authorizer.id if authorizer and auth != "NONE" else None,
                    opts=child,
                )
                integration = aws.apigateway.Integration(
                    resource_name,
                    rest_api=api.id,
                    resource_id=resource_id,
                    http_method=method.http_method,
                    type="AWS_PROXY",
                    integration_http_method="POST",
                    uri=args.function.response_streaming_invoke_arn,
                    response_transfer_mode="STREAM",
                    timeout_milliseconds=args.timeout_s * 1000,
                    opts=child,
                )
                parts.append(integration)
        permission = aws.lambda_.Permission(
            name,
            action="lambda:InvokeFunction",
            function=args.function.name,
            principal="apigateway.amazonaws.com",
            source_arn=pulumi.Output.concat(api.execution_arn, "/*"),
            opts=child,
        )
        deployment = aws.apigateway.Deployment(
            name,
            rest_api=api.id,
            # A deployment is a copy, so every change of what is in it needs a new one.
            triggers={"settings": _digest(*_in_deployment(args))},
            opts=pulumi.ResourceOptions(parent=self, depends_on=[*parts, permission]),
        )
        log = args.access_log
        stage = aws.apigateway.Stage(
            name,
            rest_api=api.id,
            deployment=deployment.id,
            stage_name=_STAGE,
            access_log_settings=log.settings if log else None,
            tags=args.tags,
            opts=pulumi.ResourceOptions(parent=self, depends_on=log.account if log else []),
        )
        aws.apigateway.MethodSettings(
            name,
            rest_api=api.id,
            stage_name=stage.stage_name,
            method_path="*/*",
            settings={
                "throttling_rate_limit": args.rate_per_s,
                "throttling_burst_limit": args.burst,
            },
            opts=child,
        )
        self.url = pulumi.Output.concat(stage.invoke_url, "/")
        self.register_outputs({"url": self.url})


def _authorizer(
    name: str, api: aws.apigateway.RestApi, args: RestApiArgs, opts: pulumi.ResourceOptions
) -> aws.apigateway.Authorizer | None:
    """Return who checks Cognito's ID tokens; without scopes no access token counts.

    The claims of a token reach the function in its request context, `sub` with them.
    """
    if args.auth != "COGNITO":
        return None
    return aws.apigateway.Authorizer(
        name,
        name=args.name,
        rest_api=api.id,
        type="COGNITO_USER_POOLS",
        provider_arns=list(args.user_pool_arns),
        identity_source="method.request.header.Authorization",
        opts=opts,
    )


def _readable_refusals(
    name: str, api: aws.apigateway.RestApi, opts: pulumi.ResourceOptions
) -> list[pulumi.Resource]:
    """Let pages of any origin read what API Gateway itself refuses; there is nothing else in it."""
    return [
        aws.apigateway.Response(
            f"{name}-{kind.lower().replace('_', '-')}",
            rest_api_id=api.id,
            response_type=kind,
            response_parameters={"gatewayresponse.header.Access-Control-Allow-Origin": "'*'"},
            opts=opts,
        )
        for kind in ("DEFAULT_4XX", "DEFAULT_5XX")
    ]


def _in_deployment(args: RestApiArgs) -> Sequence[object]:
    settings: list[object] = [args.auth, args.timeout_s]
    if args.user_pool_arns or args.has_other_origins:
        settings += [list(args.user_pool_arns), args.has_other_origins]
    return settings


def _digest(*settings: object) -> str:
    return hashlib.sha256(json.dumps(settings).encode()).hexdigest()
