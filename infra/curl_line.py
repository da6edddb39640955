"""A shell command that tries the stack out."""

import hashlib

import pulumi

from infra.config import StackConfig

_BODY = '{"action":"chat","payload":{"text":"Hello"}}'


def curl_line(
    config: StackConfig, url: pulumi.Input[str], region: pulumi.Input[str]
) -> pulumi.Output[str]:
    """Return the command. It holds no secrets, but looks them up when it runs."""
    return pulumi.Output.all(url, region).apply(
        lambda found: " ".join(
            [
                f"curl --no-buffer {found[0]}api/chat",
                *_identity(config, region=found[1]),
                "-H 'content-type: application/json'",
                f"-d '{_BODY}'",
            ]
        )
    )


def _identity(config: StackConfig, *, region: str) -> list[str]:
    parts: list[str] = []
    if config.front_door == "cloudfront":
        # CloudFront signs this header, and Lambda compares it with the body.
        parts.append(f"-H 'x-amz-content-sha256: {hashlib.sha256(_BODY.encode()).hexdigest()}'")
    elif config.auth == "AWS_IAM":
        service = "execute-api" if config.front_door == "apiGateway" else "lambda"
        parts += [
            f"--aws-sigv4 aws:amz:{region}:{service}",
            '--user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY"',
            '-H "x-amz-security-token: $AWS_SESSION_TOKEN"',
        ]
    elif config.auth == "COGNITO":
        parts.append('-H "authorization: Bearer $ID_TOKEN"')
    if config.jwt_issuer:
        # As below; a token of the issuer counts in either header.
        parts.append('-H "x-chat-token: $TOKEN"')
    elif config.auth_token is not None:
        # Not `authorization`, which a signature takes up.
        stack = pulumi.get_stack()
        parts.append(f'-H "x-chat-token: $(pulumi config get authToken --stack {stack})"')
    return parts
