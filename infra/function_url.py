"""The Function URL, and the permissions to call it."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

# The headers that a page on another origin may send and read. The app's own CORS has the same ones.
ALLOWED_HEADERS = (
    "content-type",
    "authorization",
    "user-agent",
    "x-chat-token",
    "x-amz-content-sha256",
    "last-event-id",
    "mcp-protocol-version",
    "mcp-session-id",
    "mcp-method",
    "mcp-name",
)
EXPOSED_HEADERS = (
    "x-vercel-ai-data-stream",
    "x-vercel-ai-ui-message-stream",
    "x-request-id",
    "retry-after",
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
    "x-chat-turn-id",
    "x-workflow-run-id",
    "x-workflow-stream-tail-index",
    "mcp-session-id",
)
ALLOWED_METHODS = ("GET", "POST", "DELETE")
_MAX_AGE_S = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamingUrlArgs:
    """
    Args:
        function_name: the function behind it.
        auth: ``NONE`` or ``AWS_IAM``.
        allowed_origins: of pages that may call it. Lambda handles their preflights itself, even
            with ``AWS_IAM``. Empty: no CORS headers at all.
        former_urn: of the URL in a stack that an earlier version of this program made.
    """

    function_name: pulumi.Input[str]
    auth: str
    allowed_origins: Sequence[str] = ()
    former_urn: str = ""


class StreamingUrl(pulumi.ComponentResource):
    """A URL that streams.

    Attributes:
        url: ends with a slash.
    """

    url: pulumi.Output[str]

    def __init__(
        self, name: str, args: StreamingUrlArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("deltaline:infra:StreamingUrl", name, None, opts)
        cors: aws.lambda_.FunctionUrlCorsArgsDict | None = None
        if args.allowed_origins:
            cors = {
                "allow_origins": list(args.allowed_origins),
                "allow_methods": list(ALLOWED_METHODS),
                "allow_headers": list(ALLOWED_HEADERS),
                "expose_headers": list(EXPOSED_HEADERS),
                "max_age": _MAX_AGE_S,
            }
        # Before the URL, so that an early call does not get a 403. With AWS_IAM the callers' own
        # policies let them in.
        permissions = (
            []
            if args.auth == "AWS_IAM"
            else allow_url(
                name,
                args.function_name,
                principal="*",
                auth="NONE",
                opts=pulumi.ResourceOptions(parent=self),
            )
        )
        function_url = aws.lambda_.FunctionUrl(
            name,
            function_name=args.function_name,
            authorization_type=args.auth,
            invoke_mode="RESPONSE_STREAM",
            cors=cors,
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=permissions,
                aliases=[args.former_urn] if args.former_urn else None,
            ),
        )
        self.url = function_url.function_url.apply(_with_slash)
        self.register_outputs({"url": self.url})


def _with_slash(url: str) -> str:
    return f"{url.rstrip('/')}/"


def allow_url(
    name: str,
    function_name: pulumi.Input[str],
    *,
    principal: str,
    auth: str,
    source_arn: pulumi.Input[str] | None = None,
    opts: pulumi.ResourceOptions,
) -> list[aws.lambda_.Permission]:
    """Let ``principal`` call the URL of a function. Since October 2025 it needs two permissions.

    Source: AWS Lambda Developer Guide, "Control access to Lambda function URLs".
    """
    calls_url = aws.lambda_.Permission(
        f"{name}-url",
        action="lambda:InvokeFunctionUrl",
        function=function_name,
        principal=principal,
        function_url_auth_type=auth,
        source_arn=source_arn,
        opts=opts,
    )
    invokes = aws.lambda_.Permission(
        f"{name}-invoke",
        action="lambda:InvokeFunction",
        function=function_name,
        principal=principal,
        # Only through the URL, not by `Invoke`.
        invoked_via_function_url=True,
        source_arn=source_arn,
        opts=opts,
    )
    return [calls_url, invokes]
