"""Who has sent a request, as the front of a Lambda function has found out.

A front that asks for more than it lets through puts what it knows into the event's request context:

    REST API, Cognito        {"authorizer": {"claims": {"sub": "…"}}}
    REST API, own authorizer {"authorizer": {"principalId": "…"}}
    REST API, IAM            {"identity": {"cognitoIdentityId": "…", "userArn": "arn:…"}}
    HTTP API, JWT            {"authorizer": {"jwt": {"claims": {"sub": "…"}}}}
    HTTP API, own authorizer {"authorizer": {"lambda": {"sub" or "principalId": "…"}}}
    HTTP API, Function URL,
      IAM                    {"authorizer": {"iam": {"cognitoIdentity": {"identityId": "…"},
                                                     "userArn": "arn:…"}}}

Our runtime and the Lambda Web Adapter hand it over in the header ``x-amzn-request-context``, and
replace any that a client has sent.

CloudFront signs requests as a service, not as a user: that is nobody.

Sources: the developer guides of API Gateway (input formats of REST and HTTP APIs, authorizers) and
of Lambda (Function URL payloads); aws-lambda-go 1.50, events/apigw.go and lambda_function_urls.go.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

REQUEST_CONTEXT = "x-amzn-request-context"
# As whom CloudFront signs, for all its users: `aws:sts::…:assumed-role/OriginAccessControlRole/…`.
_CLOUDFRONT = ":assumed-role/OriginAccessControlRole/"


def caller(request_context: str | None) -> str:
    """Return whom the front knows, or ``""``.

    Args:
        request_context: JSON, of the header `REQUEST_CONTEXT`.
    """
    try:
        context = msgspec.json.decode(request_context or "null")
    except ValueError:
        return ""
    authorizer = _inner(context, "authorizer")
    lambda_said = _inner(authorizer, "lambda")
    iam = _inner(authorizer, "iam")
    identity = _inner(context, "identity")
    known = (
        _inner(authorizer, "jwt", "claims").get("sub"),
        _inner(authorizer, "claims").get("sub"),
        lambda_said.get("sub"),
        lambda_said.get("principalId"),
        authorizer.get("principalId"),
        _inner(iam, "cognitoIdentity").get("identityId"),
        identity.get("cognitoIdentityId"),
        iam.get("userArn"),
        identity.get("userArn"),
    )
    return next(
        (who for who in known if isinstance(who, str) and who and _CLOUDFRONT not in who), ""
    )


def _inner(value: Any, *names: str) -> Mapping[str, Any]:
    """Return the object below ``names``; empty if there is none."""
    for name in names:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value if isinstance(value, Mapping) else {}
