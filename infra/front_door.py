"""What callers reach the function through: its own URL, CloudFront or API Gateway."""

from collections.abc import Mapping, Sequence

import pulumi
import pulumi_aws as aws

from infra.access_log import AccessLog, AccessLogArgs
from infra.cloudfront import ChatSite, ChatSiteArgs
from infra.config import PROJECT, StackConfig
from infra.function import StreamingFunction
from infra.function_url import StreamingUrl, StreamingUrlArgs
from infra.rest_api import RestApi, RestApiArgs
from infra.web_acl import WebAcl, WebAclArgs

# Where the URL behind CloudFront once was, as a part of the site.
FORMER_URL = (
    "urn:pulumi:{stack}::{project}::deltaline:infra:ChatSite$deltaline:infra:StreamingUrl"
    "$aws:lambda/functionUrl:FunctionUrl::chat-function"
)


def open_front_door(
    config: StackConfig, chat: StreamingFunction, tags: Mapping[str, str]
) -> pulumi.Output[str]:
    """Make what callers reach the function through, and return its address.

    The components keep their names whatever the front door is, so that a stack may change it.
    """
    match config.front_door:
        case "cloudfront":
            site = ChatSite(
                "chat",
                ChatSiteArgs(
                    name=config.name,
                    account_id=aws.get_caller_identity_output().account_id,
                    function_name=chat.function.name,
                    function_url=_function_url(chat, "AWS_IAM").url,
                    page=config.web_path,
                    web_acl_arn=_web_acl_arn(config, tags),
                    tags=tags,
                ),
            )
            return site.url
        case "apiGateway":
            api = RestApi(
                "chat",
                RestApiArgs(
                    name=config.name,
                    function=chat.function,
                    auth=config.auth,
                    timeout_s=config.timeout_s,
                    rate_per_s=config.api_rate_per_s,
                    burst=config.api_burst,
                    access_log=_access_log(config, tags),
                    user_pool_arns=config.cognito_user_pool_arns,
                    has_other_origins=bool(config.allowed_origins),
                    tags=tags,
                ),
            )
            return api.url
        case _:
            return _function_url(chat, config.auth, config.allowed_origins).url


def _function_url(
    chat: StreamingFunction, auth: str, allowed_origins: Sequence[str] = ()
) -> StreamingUrl:
    """Make the URL of the function: the same resource whether CloudFront stands before it or not.

    A function has one URL, and a URL that was deleted never comes back under its address.
    """
    return StreamingUrl(
        "chat",
        StreamingUrlArgs(
            function_name=chat.function.name,
            auth=auth,
            allowed_origins=allowed_origins,
            former_urn=FORMER_URL.format(stack=pulumi.get_stack(), project=PROJECT),
        ),
    )


def _web_acl_arn(config: StackConfig, tags: Mapping[str, str]) -> pulumi.Output[str] | None:
    if not config.waf:
        return None
    args = WebAclArgs(name=config.name, requests_per_5_min=config.waf_rate_per_5_min, tags=tags)
    return WebAcl("chat", args).arn


def _access_log(config: StackConfig, tags: Mapping[str, str]) -> AccessLog | None:
    if not config.access_logs:
        return None
    args = AccessLogArgs(
        name=config.name,
        retention_days=config.log_retention_days,
        makes_role=config.access_logs_role,
        tags=tags,
    )
    return AccessLog("chat", args)
