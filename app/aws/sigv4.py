"""AWS Signature Version 4 for a request with headers and a body.

Pure: the time and the credentials are arguments.

Source: AWS, "Signature Version 4 signing process"; botocore 1.44, botocore/auth.py (`SigV4Auth`),
which is the oracle in the tests.
"""

import hashlib
import hmac
import posixpath
import re
import time
from collections.abc import Mapping
from urllib.parse import quote, urlsplit

import msgspec

_ALGORITHM = "AWS4-HMAC-SHA256"
_DEFAULT_PORTS = {"http": 80, "https": 443}


class Credentials(msgspec.Struct, frozen=True):
    """The AWS credentials of a caller. Those of a role have a ``session_token``."""

    access_key_id: str
    secret_access_key: str
    session_token: str | None = None

    def __repr__(self) -> str:
        return f"Credentials({self.access_key_id!r})"  # the rest is secret


def signature_headers(
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    credentials: Credentials,
    region: str,
    service: str,
    now: float,
) -> dict[str, str]:
    """Return the headers to add to a request: ``authorization``, ``x-amz-date`` and the token.

    Args:
        method: in capitals.
        url: absolute, percent-encoded as it is sent.
        headers: further headers to sign, which the client must send unchanged. ``host`` is signed
            in any case.
        body: the whole body.
        now: Unix time in seconds.
    """
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
    added = {"x-amz-date": stamp}
    if credentials.session_token is not None:
        added["x-amz-security-token"] = credentials.session_token
    signed = {"host": host_header(url), **_lower(headers), **added}
    names = ";".join(sorted(signed))
    parts = urlsplit(url)
    request = "\n".join(
        (
            method,
            _path(parts.path),
            _query(parts.query),
            *(f"{name}:{signed[name]}" for name in sorted(signed)),
            "",
            names,
            hashlib.sha256(body).hexdigest(),
        )
    )
    scope = f"{stamp[:8]}/{region}/{service}/aws4_request"
    digest = hashlib.sha256(request.encode()).hexdigest()
    key = b"AWS4" + credentials.secret_access_key.encode()
    for step in scope.split("/"):
        key = _hmac(key, step)
    signature = _hmac(key, f"{_ALGORITHM}\n{stamp}\n{scope}\n{digest}").hex()
    added["authorization"] = (
        f"{_ALGORITHM} Credential={credentials.access_key_id}/{scope}, "
        f"SignedHeaders={names}, Signature={signature}"
    )
    return added


def host_header(url: str) -> str:
    """Return the ``host`` header that HTTP clients send for ``url``."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if ":" in host:
        host = f"[{host}]"
    is_default = parts.port is None or parts.port == _DEFAULT_PORTS.get(parts.scheme)
    return host if is_default else f"{host}:{parts.port}"


def _path(path: str) -> str:
    """Return the path without dot segments, encoded again, as all services except S3 expect."""
    if not path:
        return "/"
    normal = posixpath.normpath("/" + path.lstrip("/"))
    if normal != "/" and path.endswith("/"):
        normal += "/"
    return quote(normal, safe="/-_.~")


def _query(query: str) -> str:
    pairs = (pair.partition("=") for pair in query.split("&") if pair)
    return "&".join(f"{name}={value}" for name, _, value in sorted(pairs))


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): re.sub(r"\s+", " ", value).strip() for name, value in headers.items()}


def _hmac(key: bytes, message: str) -> bytes:
    return hmac.digest(key, message.encode(), hashlib.sha256)
