"""Refuses, before anything runs, what was sent to another host or by the page of another site.

Around the whole app, so that the demo page and the documentation are covered too. ``/health`` is
open: load balancers ask by address, and it does nothing. `serve` always checks; `create_app` only
what its settings name, so that inside another app that app decides.
"""

import secrets

from starlette.types import ASGIApp, Receive, Scope, Send

from app.aws.asgi_extensions import DIRECT
from app.errors import Forbidden, MisdirectedRequest, RequestError
from app.http.responses import failure
from app.requests.sites import Sites
from app.telemetry.log import RequestLine, log_request

_OPEN_PATH = "/health"


class AllowedSites:
    """An ASGI app around another.

    Args:
        app: the other.
        sites: what is served, and who may call.
        are_origins_checked: whether pages of other sites are refused.
    """

    def __init__(self, app: ASGIApp, *, sites: Sites, are_origins_checked: bool) -> None:
        self._app = app
        self._sites = sites
        self._are_origins_checked = are_origins_checked

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        error = self._refusal(scope) if scope["type"] == "http" else None
        if error is None:
            await self._app(scope, receive, send)
            return
        request_id = secrets.token_hex(12)
        log_request(RequestLine(request_id=request_id, status=error.status, error_code=error.code))
        headers = {**error.headers(), "x-request-id": request_id}
        await failure(error.public_message, error.status, headers)(scope, receive, send)

    def _refusal(self, scope: Scope) -> RequestError | None:
        if DIRECT in (scope.get("extensions") or {}):
            return None  # it did not come over HTTP
        if scope["path"].removeprefix(scope.get("root_path", "")) == _OPEN_PATH:
            return None
        hosts: list[str] = []
        origin = fetch_site = None
        for name, value in scope["headers"]:
            if name == b"host":
                hosts.append(value.decode("latin-1"))
            elif name == b"origin":
                origin = value.decode("latin-1")
            elif name == b"sec-fetch-site":
                fetch_site = value.decode("latin-1")
        if not self._sites.serves(hosts):
            return MisdirectedRequest(
                "This server does not serve that host; CHAT_ALLOWED_HOSTS names those that it does."
            )
        if self._are_origins_checked and not self._sites.allows(
            scope["method"],
            host=hosts[0] if hosts else "",
            origin=origin,
            fetch_site=fetch_site,
        ):
            return Forbidden(
                "Pages of that site may not call this server; "
                "CHAT_ALLOWED_ORIGINS names those that may."
            )
        return None
