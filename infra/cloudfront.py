"""CloudFront: the built page from S3 and ``/api/*`` from the function, on one origin.

CloudFront signs its requests to both (origin access control), so neither can be reached without it.
It does not read the body of a POST, but Lambda accepts no unsigned body: the page has to send the
body's SHA-256 in ``x-amz-content-sha256``. The signature takes up ``authorization``, so our own
token has to come as ``x-chat-token``.

Source: Amazon CloudFront Developer Guide, "Restrict access to an AWS Lambda function URL origin";
managed policies by id from "Use managed cache policies" and its siblings.
"""

import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pulumi
import pulumi_aws as aws

from infra.function_url import allow_url
from infra.page_headers import ASK_FIRST, CONTENT_SECURITY_POLICY, IMMUTABLE, REFERRER_POLICY
from infra.policies import Statement, policy_document

_CACHING_OPTIMIZED = "658327ea-f89d-4fab-a63d-7e88639e58f6"
_CACHING_DISABLED = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
_ALL_VIEWER_EXCEPT_HOST = "b689b0a8-53d0-40ab-baf2-68738e2966ac"

# The longest silence of the function, in seconds. Its keep-alives come much more often. A higher
# value needs a higher quota.
_READ_TIMEOUT_S = 60

# How long a browser remembers that the site is reached by TLS only, in seconds: a year.
_TLS_ONLY_S = 31_536_000

_PAGE = "page"
_FUNCTION = "function"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatSiteArgs:
    """
    Args:
        name: of the site, and with the account's id of the bucket.
        account_id: of the AWS account.
        function_name: of what serves ``/api/*``.
        function_url: its URL, which only who signs may call.
        page: folder of the built page.
        web_acl_arn: of a web ACL before it all, if there is one.
    """

    name: str
    account_id: pulumi.Input[str]
    function_name: pulumi.Input[str]
    function_url: pulumi.Output[str]
    page: Path
    web_acl_arn: pulumi.Input[str] | None
    tags: Mapping[str, str]


class ChatSite(pulumi.ComponentResource):
    """A page and its API.

    Attributes:
        url: ends with a slash.
    """

    url: pulumi.Output[str]

    def __init__(
        self, name: str, args: ChatSiteArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("deltaline:infra:ChatSite", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        bucket = self._page(name, args)
        distribution = aws.cloudfront.Distribution(
            name,
            comment=args.name,
            enabled=True,
            is_ipv6_enabled=True,
            http_version="http2and3",
            price_class="PriceClass_100",
            default_root_object="index.html",
            origins=[
                {
                    "origin_id": _PAGE,
                    "domain_name": bucket.bucket_regional_domain_name,
                    "origin_access_control_id": self._access(f"{name}-page", args, "s3").id,
                },
                {
                    "origin_id": _FUNCTION,
                    "domain_name": args.function_url.apply(_host),
                    "origin_access_control_id": self._access(f"{name}-api", args, "lambda").id,
                    "custom_origin_config": {
                        "http_port": 80,
                        "https_port": 443,
                        "origin_protocol_policy": "https-only",
                        "origin_ssl_protocols": ["TLSv1.2"],
                        "origin_read_timeout": _READ_TIMEOUT_S,
                    },
                },
            ],
            default_cache_behavior={
                "target_origin_id": _PAGE,
                "viewer_protocol_policy": "redirect-to-https",
                "allowed_methods": ["GET", "HEAD"],
                "cached_methods": ["GET", "HEAD"],
                "cache_policy_id": _CACHING_OPTIMIZED,
                "response_headers_policy_id": self._headers(name, args).id,
                "compress": True,
            },
            ordered_cache_behaviors=[
                {
                    "path_pattern": "/api/*",
                    "target_origin_id": _FUNCTION,
                    "viewer_protocol_policy": "https-only",
                    "allowed_methods": [
                        *("GET", "HEAD", "OPTIONS"),
                        *("PUT", "POST", "PATCH", "DELETE"),
                    ],
                    "cached_methods": ["GET", "HEAD"],
                    "cache_policy_id": _CACHING_DISABLED,
                    "origin_request_policy_id": _ALL_VIEWER_EXCEPT_HOST,
                    # Compression would hold bytes back.
                    "compress": False,
                }
            ],
            restrictions={"geo_restriction": {"restriction_type": "none"}},
            viewer_certificate={"cloudfront_default_certificate": True},
            web_acl_id=args.web_acl_arn,
            tags=args.tags,
            opts=child,
        )
        allow_url(
            name,
            args.function_name,
            principal="cloudfront.amazonaws.com",
            auth="AWS_IAM",
            source_arn=distribution.arn,
            opts=child,
        )
        aws.s3.BucketPolicy(
            name,
            bucket=bucket.bucket,
            policy=policy_document([_read_objects(bucket.arn, distribution.arn)]),
            opts=child,
        )
        self.url = pulumi.Output.concat("https://", distribution.domain_name, "/")
        self.register_outputs({"url": self.url})

    def _page(self, name: str, args: ChatSiteArgs) -> aws.s3.Bucket:
        child = pulumi.ResourceOptions(parent=self)
        bucket = aws.s3.Bucket(
            name,
            bucket=pulumi.Output.concat(args.name, "-page-", args.account_id),
            # Lets `pulumi destroy` delete a bucket with objects, which can be built again.
            force_destroy=True,
            tags=args.tags,
            opts=child,
        )
        aws.s3.BucketPublicAccessBlock(
            name,
            bucket=bucket.bucket,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=child,
        )
        for path in sorted(args.page.rglob("*")):
            # CloudFront compresses them itself, and for each browser as it likes it.
            if path.is_file() and path.suffix not in (".br", ".gz"):
                key = path.relative_to(args.page).as_posix()
                aws.s3.BucketObjectv2(
                    f"{name}-{key}",
                    bucket=bucket.bucket,
                    key=key,
                    source=pulumi.FileAsset(str(path)),
                    content_type=_content_type(path),
                    cache_control=_cache_control(key),
                    opts=child,
                )
        return bucket

    def _headers(self, name: str, args: ChatSiteArgs) -> aws.cloudfront.ResponseHeadersPolicy:
        return aws.cloudfront.ResponseHeadersPolicy(
            name,
            name=f"{args.name}-page",
            comment="As the function serves the page, and TLS only",
            security_headers_config={
                "content_security_policy": {
                    "content_security_policy": CONTENT_SECURITY_POLICY,
                    "override": True,
                },
                "content_type_options": {"override": True},
                "referrer_policy": {"referrer_policy": REFERRER_POLICY, "override": True},
                "strict_transport_security": {
                    "access_control_max_age_sec": _TLS_ONLY_S,
                    "override": True,
                },
            },
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _access(
        self, name: str, args: ChatSiteArgs, kind: str
    ) -> aws.cloudfront.OriginAccessControl:
        return aws.cloudfront.OriginAccessControl(
            name,
            name=f"{args.name}-{kind}",
            description=f"CloudFront's access of {args.name}",
            origin_access_control_origin_type=kind,
            signing_behavior="always",
            signing_protocol="sigv4",
            opts=pulumi.ResourceOptions(parent=self),
        )


def _read_objects(bucket_arn: pulumi.Input[str], distribution_arn: pulumi.Input[str]) -> Statement:
    return Statement(
        actions=["s3:GetObject"],
        principals={"Service": "cloudfront.amazonaws.com"},
        resources=[pulumi.Output.concat(bucket_arn, "/*")],
        conditions={"StringEquals": {"AWS:SourceArn": distribution_arn}},
    )


def _host(url: str) -> str:
    return url.removeprefix("https://").rstrip("/")


def _content_type(path: Path) -> str:
    # Python's own table, because the table of the deploying machine may differ.
    types = mimetypes.MimeTypes()
    types.add_type("font/woff2", ".woff2")
    return types.guess_type(path.name)[0] or "application/octet-stream"


def _cache_control(key: str) -> str:
    # Vite puts a hash of the content into each name below ``assets``.
    return IMMUTABLE if key.startswith("assets/") else ASK_FIRST
