"""Events as the four HTTP fronts send them, shortened to what matters here."""

from collections.abc import Mapping
from typing import Any


def function_url(
    method: str = "POST", path: str = "/api/chat", *, body: Any = None, **fields: Any
) -> dict[str, Any]:
    """Return an event of a Function URL (payload format 2.0)."""
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {
            "host": "abc123.lambda-url.eu-west-2.on.aws",
            "content-type": "application/json",
            "x-forwarded-for": "203.0.113.7",
            "x-forwarded-proto": "https",
            "x-forwarded-port": "443",
        },
        "requestContext": {
            "accountId": "anonymous",
            "apiId": "abc123",
            "domainName": "abc123.lambda-url.eu-west-2.on.aws",
            "domainPrefix": "abc123",
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "203.0.113.7",
                "userAgent": "curl/8",
            },
            "requestId": "url-request-1",
            "routeKey": "$default",
            "stage": "$default",
            "time": "11/Jan/2026:11:45:34 +0000",
            "timeEpoch": 1768131934837,
        },
        "isBase64Encoded": False,
        **({} if body is None else {"body": body}),
        **fields,
    }


def http_api(path: str = "/prod/api/chat", stage: str = "prod", **fields: Any) -> dict[str, Any]:
    """Return an event of an HTTP API (payload format 2.0)."""
    event = function_url(path=path, **fields)
    event["requestContext"] |= {
        "domainName": "id.execute-api.us-east-1.amazonaws.com",
        "stage": stage,
        "routeKey": "POST /api/chat",
    }
    return event | {"routeKey": "POST /api/chat"}


def rest_api(
    method: str = "POST", path: str = "/api/chat", *, body: str | None = None, **fields: Any
) -> dict[str, Any]:
    """Return an event of a REST API (payload format 1.0), where empty values are null."""
    return {
        "resource": "/{proxy+}",
        "path": path,
        "httpMethod": method,
        "headers": {"Content-Type": "application/json", "X-Two": "b", "Host": "api.example.com"},
        "multiValueHeaders": {
            "Content-Type": ["application/json"],
            "X-Two": ["a", "b"],
            "Host": ["api.example.com"],
        },
        "queryStringParameters": {"a": "2", "text": "x y&z"},
        "multiValueQueryStringParameters": {"a": ["1", "2"], "text": ["x y&z"]},
        "pathParameters": {"proxy": path.lstrip("/")},
        "stageVariables": None,
        "requestContext": {
            "path": f"/prod{path}",
            "httpMethod": method,
            "stage": "prod",
            "protocol": "HTTP/1.1",
            "requestId": "rest-request-1",
            "identity": {"sourceIp": "203.0.113.8", "userAgent": "curl/8"},
        },
        "body": body,
        "isBase64Encoded": False,
        **fields,
    }


def load_balancer(
    method: str = "POST",
    path: str = "/api/chat",
    *,
    body: str = "",
    multi_value: bool = False,
    query: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Return an event of a load balancer, with single values or with lists."""
    headers = {
        "host": "lb.example.com",
        "content-type": "application/json",
        "cookie": "a=1",
        "x-forwarded-for": "10.9.9.9, 203.0.113.9",
        "x-forwarded-port": "80",
        "x-forwarded-proto": "http",
    }
    event: dict[str, Any] = {
        "requestContext": {"elb": {"targetGroupArn": "arn:aws:elasticloadbalancing:x"}},
        "httpMethod": method,
        "path": path,
        "body": body,
        "isBase64Encoded": False,
    }
    if multi_value:
        event["multiValueHeaders"] = {name: [value] for name, value in headers.items()}
        event["multiValueHeaders"]["cookie"] = ["a=1", "b=2"]
        event["multiValueQueryStringParameters"] = {
            name: value.split(",") for name, value in (query or {}).items()
        }
    else:
        event["headers"] = headers
        event["queryStringParameters"] = dict(query or {})
    return event
