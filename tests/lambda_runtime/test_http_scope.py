from base64 import b64encode
from typing import Any

import pytest
from starlette.requests import Request

from app.lambda_runtime.http_scope import to_scope
from app.requests.lambda_events import EventKind, MalformedEvent, classify
from tests.lambda_events import function_url, http_api, load_balancer, rest_api

_BODY = '{"text":"Grüße"}'


def _request(event: dict[str, Any], **options: Any) -> tuple[Request, bytes]:
    scope, body = to_scope(classify(event), event, **options)
    return Request(scope), body


@pytest.mark.parametrize(
    "event",
    [
        function_url(body=_BODY),
        http_api(body=_BODY),
        rest_api(body=_BODY),
        load_balancer(body=_BODY),
        load_balancer(body=_BODY, multi_value=True),
    ],
    ids=["function url", "http api", "rest api", "load balancer", "load balancer with lists"],
)
def test_every_front_delivers_the_same_request(event: dict[str, Any]) -> None:
    request, body = _request(event)

    assert request.method == "POST"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["content-length"] == str(len(body))
    assert request.url.path.endswith("/api/chat")
    assert body == _BODY.encode()
    assert request.client is not None
    assert request.client.host.startswith("203.0.113.")


def test_a_base64_body_is_decoded() -> None:
    event = function_url(body=b64encode(b"\x00\xff").decode(), isBase64Encoded=True)

    _, body = _request(event)

    assert body == b"\x00\xff"


def test_half_a_surrogate_pair_in_a_body_is_for_the_application_to_refuse() -> None:
    _, body = _request(function_url(body='"\ud83d"'))

    assert body == b'"\xed\xa0\xbd"'


def test_cookies_become_one_header() -> None:
    event = function_url(cookies=["a=1", "b=2"])
    event["headers"]["cookie"] = "a=1"

    request, _ = _request(event)

    assert request.headers.getlist("cookie") == ["a=1; b=2"]
    assert request.cookies == {"a": "1", "b": "2"}


def test_lists_of_header_values_do_not_double_the_single_ones() -> None:
    request, _ = _request(rest_api())

    assert request.headers.getlist("x-two") == ["a", "b"]
    assert request.headers.getlist("host") == ["api.example.com"]


def test_a_load_balancers_cookies_become_one_header() -> None:
    request, _ = _request(load_balancer(multi_value=True))

    assert request.headers.getlist("cookie") == ["a=1; b=2"]


def test_the_raw_query_is_kept() -> None:
    event = function_url(rawQueryString="a=1&a=2&text=x%20y%26z&empty=&%C3%A4")

    request, _ = _request(event)

    assert request.scope["query_string"] == b"a=1&a=2&text=x%20y%26z&empty=&%C3%A4"


def test_a_decoded_query_is_encoded_again_with_all_its_values() -> None:
    request, _ = _request(rest_api())

    assert request.query_params.multi_items() == [("a", "1"), ("a", "2"), ("text", "x y&z")]


@pytest.mark.parametrize("multi_value", [False, True])
def test_a_load_balancers_query_is_still_encoded(multi_value: bool) -> None:
    event = load_balancer(query={"text": "x%20y%26z"}, multi_value=multi_value)

    request, _ = _request(event)

    assert request.scope["query_string"] == b"text=x%20y%26z"


def test_no_query_at_all_is_an_empty_one() -> None:
    event = rest_api(queryStringParameters=None, multiValueQueryStringParameters=None)

    assert _request(event)[0].scope["query_string"] == b""


def test_the_front_says_who_called() -> None:
    spoofed = function_url()
    spoofed["headers"]["x-forwarded-for"] = "1.1.1.1, 203.0.113.7"

    assert _request(spoofed)[0].scope["client"] == ("203.0.113.7", 0)
    assert _request(rest_api())[0].scope["client"] == ("203.0.113.8", 0)
    assert _request(load_balancer())[0].scope["client"] == ("203.0.113.9", 0)


def test_the_fronts_request_id_is_used_unless_the_client_has_one() -> None:
    named = function_url()
    named["headers"]["x-request-id"] = "mine"

    assert _request(function_url())[0].headers["x-request-id"] == "url-request-1"
    assert _request(named)[0].headers["x-request-id"] == "mine"
    assert "x-request-id" not in _request(load_balancer())[0].headers


def test_our_headers_replace_those_of_the_client() -> None:
    event = function_url()
    event["headers"] |= {"x-amzn-lambda-context": "forged", "x-amz-tenant-id": "forged"}

    request, _ = _request(event, headers={"x-amzn-lambda-context": "{}", "x-amz-tenant-id": ""})

    assert request.headers.getlist("x-amzn-lambda-context") == ["{}"]
    assert "x-amz-tenant-id" not in request.headers


def test_how_the_body_was_carried_to_the_front_is_not_told() -> None:
    event = function_url(body="{}")
    event["headers"] |= {"transfer-encoding": "chunked", "content-length": "999"}

    request, _ = _request(event)

    assert request.headers.getlist("content-length") == ["2"]
    assert "transfer-encoding" not in request.headers


def test_a_get_request_has_no_length() -> None:
    assert "content-length" not in _request(function_url("GET"))[0].headers


@pytest.mark.parametrize(
    ("event", "path", "raw_path", "root_path"),
    [
        (function_url(path="/a%20b"), "/a b", b"/a%20b", ""),
        (function_url(path=""), "/api/chat", b"/api/chat", ""),
        (http_api("/prod/a b"), "/prod/a b", b"/prod/a%20b", "/prod"),
        (http_api("/prod"), "/prod", b"/prod", "/prod"),
        # A custom domain hides the stage.
        (http_api("/a", "prod"), "/a", b"/a", ""),
        (http_api("/a", "$default"), "/a", b"/a", ""),
        (rest_api(path="/a b"), "/prod/a b", b"/prod/a%20b", "/prod"),
        (load_balancer(path="/a%20b"), "/a b", b"/a%20b", ""),
    ],
)
def test_a_path_is_decoded_once_and_its_stage_is_the_root(
    event: dict[str, Any], path: str, raw_path: bytes, root_path: str
) -> None:
    if not event.get("rawPath", "x"):
        event["requestContext"]["http"]["path"] = "/api/chat"

    scope, _ = to_scope(classify(event), event)

    assert (scope["path"], scope["raw_path"], scope["root_path"]) == (path, raw_path, root_path)


def test_a_rest_api_without_a_path_in_its_context_has_no_root() -> None:
    event = rest_api(path="/a")
    del event["requestContext"]["path"]

    scope, _ = to_scope(EventKind.REST_API, event)

    assert (scope["path"], scope["root_path"]) == ("/a", "")


@pytest.mark.parametrize(
    ("path", "root_path"),
    [("/chat/api/chat", "/chat"), ("/chat", "/chat"), ("/chatter", ""), ("/api", "")],
)
def test_a_base_path_is_the_root_of_what_is_below_it(path: str, root_path: str) -> None:
    scope, _ = to_scope(EventKind.FUNCTION_URL, function_url(path=path), base_path="/chat/")

    assert (scope["path"], scope["root_path"]) == (path, root_path)


def test_scheme_host_and_port_are_those_that_the_client_used() -> None:
    secure, _ = _request(function_url())
    plain, _ = _request(load_balancer())

    assert str(secure.url) == "https://abc123.lambda-url.eu-west-2.on.aws/api/chat"
    assert secure.scope["server"] == ("abc123.lambda-url.eu-west-2.on.aws", 443)
    assert plain.scope["scheme"] == "http"
    assert plain.scope["server"] == ("lb.example.com", 80)


def test_the_least_that_an_event_may_hold_is_enough() -> None:
    event = {"requestContext": {"http": {"method": "get"}}}

    request, body = _request(event)

    assert (request.method, request.url.path, body) == ("GET", "/", b"")
    assert request.headers["host"] == "localhost"
    assert request.scope["client"] == ("", 0)


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (function_url(body=1), r"Expected `str \| null`, got `int` - at `\$\.body`"),
        (function_url(headers={"x": 1}), "Expected `str`"),
        (function_url(body="%%%", isBase64Encoded=True), "not the base64"),
        (rest_api(method=""), "no HTTP method"),
        ({"requestContext": {"http": {}}}, "missing required field `method`"),
    ],
)
def test_what_cannot_be_read_is_refused_with_a_reason(event: dict[str, Any], reason: str) -> None:
    with pytest.raises(MalformedEvent, match=reason):
        to_scope(classify(event), event)


def test_half_a_surrogate_pair_anywhere_in_an_event_breaks_nothing() -> None:
    half = "\ud800"
    event = load_balancer(path=f"/{half}", body="")
    event["headers"] = {half: half, "host": "a"}
    event["queryStringParameters"] = {half: half}

    request, _ = _request(event)

    assert request.scope["raw_path"] == b"/?"
    assert request.scope["query_string"] == b"?=?"
    assert (b"?", b"?") in request.scope["headers"]


@pytest.mark.parametrize("event", [http_api(rawQueryString="\ud800"), rest_api(path="/\ud800")])
def test_an_api_gateways_surrogates_break_nothing(event: dict[str, Any]) -> None:
    event["queryStringParameters"] = {"a": "\ud800"}
    event.pop("multiValueQueryStringParameters", None)

    request, _ = _request(event)

    assert b"%3F" in request.scope["query_string"].replace(b"?", b"%3F")


def test_a_key_that_is_half_a_surrogate_pair_is_refused_with_a_reason() -> None:
    event = function_url()
    event["requestContext"]["\udfff"] = 1

    with pytest.raises(MalformedEvent, match="cannot be read"):
        to_scope(EventKind.FUNCTION_URL, event)


def test_a_load_balancer_that_names_no_client_breaks_nothing() -> None:
    event = load_balancer(multi_value=True)
    event["multiValueHeaders"]["x-forwarded-for"] = []

    request, _ = _request(event)

    assert request.client is not None
    assert request.client.host == ""


@pytest.mark.parametrize("port", ["9" * 400, "9" * 5000, "nan", "-5", ""])
def test_a_port_that_is_none_is_taken_for_that_of_https(port: str) -> None:
    event = load_balancer(body=_BODY)
    event["headers"] = {**event["headers"], "x-forwarded-port": port}

    request, _ = _request(event)

    assert request.scope["server"] == ("lb.example.com", 443)


def test_every_http_event_has_its_scope() -> None:
    events = {
        EventKind.FUNCTION_URL: function_url(path="/a%20b"),
        EventKind.HTTP_API: http_api(path="/prod/a b"),
        EventKind.REST_API: rest_api(path="/a b"),
        EventKind.ALB: load_balancer(path="/a%20b"),
    }

    scopes = [to_scope(kind, event)[0] for kind, event in events.items()]

    assert events.keys() == {kind for kind in EventKind if kind.is_http}
    assert [scope["path"].removeprefix(scope["root_path"]) for scope in scopes] == ["/a b"] * 4
