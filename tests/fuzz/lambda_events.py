"""What invokes a Lambda function: any JSON, and the HTTP events of the four fronts."""

from typing import Any

from starlette.requests import Request

from app.lambda_runtime.http_scope import to_scope
from app.requests.lambda_events import EventKind, MalformedEvent, classify, read_event
from tests.fuzz.made_json import Make, dumps, list_of, one_of, record, text, value
from tests.fuzz.target import Choices, Target


def check_event(payload: bytes) -> None:
    """An event has a kind, or is refused; one of HTTP becomes a scope that Starlette can read."""
    try:
        event = read_event(payload)
    except MalformedEvent as error:
        _check_sentence(error)
        return
    kind = classify(event)
    assert classify(read_event(payload)) is kind
    if kind.is_http:
        _check_http(kind, event)


def _check_http(kind: EventKind, event: Any) -> None:
    try:
        scope, body = to_scope(kind, event, headers={"x-amzn-lambda-context": "{}"}, base_path="v1")
    except MalformedEvent as error:
        _check_sentence(error)
        return
    assert scope["path"].startswith(scope["root_path"])
    assert scope["method"]
    assert all(
        isinstance(part, bytes) and name == name.lower()
        for name, given in scope["headers"]
        for part in (name, given)
    )
    lengths = [given for name, given in scope["headers"] if name == b"content-length"]
    assert lengths in ([], [b"%d" % len(body)])
    assert [given for name, given in scope["headers"] if name == b"x-amzn-lambda-context"] == [
        b"{}"
    ]
    request = Request(scope)
    assert isinstance(dict(request.query_params), dict)
    assert isinstance(dict(request.cookies), dict)
    assert request.client is not None


def _check_sentence(error: MalformedEvent) -> None:
    assert 0 < len(str(error)) < 2000
    str(error).encode()


_names = one_of("host", "Cookie", "x-forwarded-proto", "X-Forwarded-Port", "x-forwarded-for", "ü")
_values = one_of("a.example", "1.2.3.4, 5.6.7.8", "443", "http", "9" * 5000, "\ud800", "", "a=1; b")


def _fields(of: Make) -> Make:
    def make(choices: Choices) -> Any:
        if choices.chance(16):
            return value(choices)
        return {str(_names(choices)): of(choices) for _ in range(choices.number(4))}

    return make


_path = one_of("/", "/api/chat", "/v1/api/chat", "/prod/a b", "//", "é", "/%e4", "\ud800", "/v1")
_query = one_of("", "a=1&b=%20", "sdk=5", "é", "\ud800", "=&&=", None)
_event = record(
    version=one_of("2.0", "1.0"),
    requestContext=record(
        http=record(
            method=one_of("POST", "GET", "get", "", "\ud800"),
            path=_path,
            protocol=one_of("HTTP/1.1", None, "odd"),
            sourceIp=one_of("1.2.3.4", None),
        ),
        elb=one_of({}, None),
        domainName=one_of("a.execute-api.eu-west-1.amazonaws.com", "x.lambda-url.on.aws", None),
        stage=one_of("$default", "prod", None),
        path=_path,
        identity=record(sourceIp=one_of("1.2.3.4", None)),
        requestId=text,
        protocol=one_of("HTTP/1.1", None),
    ),
    httpMethod=one_of("POST", "GET", None, ""),
    path=_path,
    rawPath=_path,
    rawQueryString=_query,
    queryStringParameters=_fields(_query),
    multiValueQueryStringParameters=_fields(list_of(_query)),
    headers=_fields(_values),
    multiValueHeaders=_fields(list_of(_values)),
    cookies=list_of(_values),
    body=one_of('{"prompt":"Hi"}', "aGk=", "a", "", None, "\ud800"),
    isBase64Encoded=one_of(False, True, None),
    routeKey=one_of("$default", "POST /", None),
)


def check_http_event(data: bytes) -> None:
    """Make an event of a front, then `check_event`."""
    choices = Choices(data)
    made = _event(choices)
    if isinstance(made, dict) and not choices.chance(8):
        # Of which front it is: as that front says so.
        context = made.get("requestContext")
        if isinstance(context, dict):
            front = choices.number(4)
            if front != 1:
                context.pop("elb", None)
            if front == 2:
                context.pop("http", None)
    check_event(dumps(made))


_WORDS = (
    *(b'{"requestContext":{', b'"http":{"method":"POST","path":"/"}', b'"elb":{}', b"}}"),
    *(b'"httpMethod":"POST"', b'"headers":{"a":"b"}', b'"multiValueHeaders":{"a":["b"]}'),
    *(b'"body":"e30="', b'"isBase64Encoded":true', b'"rawPath":"/a"', b'"rawQueryString":"a=b"'),
    *(b'"cookies":["a=b"]', b'{"source":"aws.events"}', b'{"action":"chat"', b'"path":"/"'),
    *(b'"domainName":"a.execute-api.b"', b"\\ud800", b"1e999", b"[[[["),
)

TARGETS = (
    Target("lambda-event", "an event of a Lambda function", check_event, _WORDS),
    Target("http-event", "made HTTP events of the four fronts", check_http_event, is_made=True),
)
