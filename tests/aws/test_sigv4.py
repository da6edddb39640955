"""`app.aws.sigv4`, compared with botocore's own signer."""

import calendar
import time

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotoCredentials
from hypothesis import given
from hypothesis import strategies as st

from app.aws.sigv4 import Credentials, host_header, signature_headers

KEYS = Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
ROLE = Credentials("ASIAEXAMPLE", "secret/of+a/role", "token//with+signs==")
URL = "https://abc123.lambda-url.eu-central-1.on.aws/invoke"

unreserved = "abcXYZ019-_.~"
segments = st.text(alphabet=unreserved + "%:@$&+,;=!*'()", max_size=8)
paths = st.lists(st.one_of(segments, st.sampled_from([".", "..", ""])), max_size=5).map(
    lambda parts: "".join(f"/{part}" for part in parts)
)
pairs = st.tuples(
    st.text(alphabet=unreserved, min_size=1, max_size=5),
    st.text(alphabet=unreserved + "%20", max_size=5),
)
queries = st.lists(pairs, max_size=4).map(
    lambda items: "&".join(f"{name}={value}" for name, value in items)
)
headers_to_sign = st.dictionaries(
    st.sampled_from(["Content-Type", "x-amz-target", "accept", "X-Custom"]),
    st.text(alphabet=" \tabc;=/,", max_size=12).map(str.strip),
)


def botocore_headers(
    method: str, url: str, headers: dict[str, str], body: bytes, credentials: Credentials
) -> dict[str, str]:
    """Sign with botocore at the current time."""
    request = AWSRequest(method=method, url=url, headers=headers, data=body)
    keys = BotoCredentials(
        credentials.access_key_id, credentials.secret_access_key, credentials.session_token
    )
    SigV4Auth(keys, "lambda", "eu-central-1").add_auth(request)
    return {name.lower(): value for name, value in request.headers.items()}


def unix_time(stamp: str) -> float:
    return calendar.timegm(time.strptime(stamp, "%Y%m%dT%H%M%SZ"))


def check(
    method: str, url: str, headers: dict[str, str], body: bytes, credentials: Credentials
) -> None:
    expected = botocore_headers(method, url, headers, body, credentials)

    added = signature_headers(
        method,
        url,
        headers,
        body,
        credentials=credentials,
        region="eu-central-1",
        service="lambda",
        now=unix_time(expected["x-amz-date"]),
    )

    assert added == {name: expected[name] for name in added}
    assert ("x-amz-security-token" in expected) == ("x-amz-security-token" in added)


@pytest.mark.parametrize("credentials", [KEYS, ROLE], ids=["keys", "role"])
def test_a_call_of_a_function_url_is_signed_as_botocore_does(credentials: Credentials) -> None:
    check("POST", URL, {"content-type": "application/json"}, b'{"args":{}}', credentials)


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org",
        "https://example.org/",
        "https://example.org//a///b/",
        "https://example.org/a/./b/../c/.",
        "https://example.org/a/..",
        "https://example.org/../..",
        "https://example.org:443/x",
        "https://example.org:8443/x",
        "http://127.0.0.1:80/x",
        "http://[::1]:9000/x",
        "https://EXAMPLE.org/x?b=2&a=1&a=0&c",
        "https://lambda.eu-west-1.amazonaws.com/2021-11-15/functions/arn%3Aaws%3Alambda/invocations",
    ],
)
def test_urls_of_all_kinds_are_signed_as_botocore_does(url: str) -> None:
    check("POST", url, {}, b"", KEYS)


@given(st.sampled_from(["GET", "POST", "PUT"]), paths, queries, headers_to_sign, st.binary())
def test_any_request_is_signed_as_botocore_does(
    method: str, path: str, query: str, headers: dict[str, str], body: bytes
) -> None:
    url = f"https://example.org{path}" + (f"?{query}" if query else "")

    check(method, url, headers, body, ROLE)


def test_the_time_is_that_of_the_caller() -> None:
    added = signature_headers(
        "POST", URL, {}, b"", credentials=KEYS, region="r", service="s", now=1767225600.9
    )

    assert added["x-amz-date"] == "20260101T000000Z"
    assert "Credential=AKIDEXAMPLE/20260101/r/s/aws4_request, " in added["authorization"]


def test_a_host_is_written_as_clients_send_it() -> None:
    assert host_header("http://user:pw@Example.org:80/") == "example.org"
    assert host_header("https://[::1]:80/") == "[::1]:80"


def test_secrets_do_not_show() -> None:
    assert repr(ROLE) == "Credentials('ASIAEXAMPLE')"
