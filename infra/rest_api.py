"""API Gateway's REST API in front of the function, with response streaming.

Source: Amazon API Gateway Developer Guide, "Stream the integration response for your proxy
integrations"; the integration's address is the function's own one for streaming.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.access_log import AccessLog

_STAGE = "chat"


@dataclass(frozen=True, slots=True, kw_only=True)
class RestApiArgs:
    """
    Args:
        name: of the API.
        function: serves every request.
        auth: ``NONE`` or ``AWS_IAM``.
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
        integrations: list[pulumi.Resource] = []
        for place, resource_id in (("root", api.root_resource_id), ("below", below.id)):
            # A browser cannot sign a preflight, so only that is open; the app handles it.
            for verb, auth in (("ANY", args.auth), ("OPTIONS", "NONE")):
                resource_name = f"{name}-{place}-{verb.lower()}"
                method = aws.apigateway.Method(
                    resource_name,
                    rest_api=api.id,
                    resource_id=resource_id,
                    http_method=verb,
                    authorization=auth,
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
                integrations.append(integration)
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
            # A deployment is a copy, so every change of an integration needs a new one.
            triggers={"settings": _digest(args.auth, args.timeout_s)},
            opts=pulumi.ResourceOptions(parent=self, depends_on=[*integrations, permission]),
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


def _digest(*settings: object) -> str:
    return hashlib.sha256(json.dumps(settings).encode()).hexdigest()
