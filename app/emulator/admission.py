"""Which requests to the public port are served. On Lambda, IAM decides; here nobody else does.

A page of another site, and a host that is not ours, are refused at every address, as
`app.requests.sites` explains; ``/health`` is open. Beyond loopback the invoke addresses ask for the
token of the app, which asks for it itself at its Function URL.
"""

import json

from app.emulator.connection import Request
from app.emulator.http_response import Head, WholeResponse
from app.emulator.options import Options, setting
from app.requests.bearer import SharedTokens, sent_token
from app.requests.sites import ANY, LOOPBACK_HOSTS, Sites, host_set, is_loopback

_OPEN_PATH = "/health"
_NAMES = {401: "UnauthorizedException", 403: "AccessDeniedException", 421: "InvalidHostException"}


def refusal(
    sites: Sites, request: Request, *, token: str | None, invokes: bool
) -> WholeResponse | None:
    """Return the response to a request that is not served, ``None`` for one that is.

    Args:
        sites: of the emulator (`sites_of`).
        request: to the public port.
        token: what the invoke addresses ask for; ``None`` for none.
        invokes: whether the request is to one of Lambda's own addresses.
    """
    if request.path == _OPEN_PATH:
        return None
    host, headers = request.header("host"), dict(request.headers)
    if not sites.serves([host]):
        return _response(421, "CHAT_ALLOWED_HOSTS does not name this host.")
    if not sites.allows(
        request.method,
        host=host,
        origin=headers.get("origin"),
        fetch_site=headers.get("sec-fetch-site"),
    ):
        return _response(403, "Pages of other sites may not call; CHAT_ALLOWED_ORIGINS names some.")
    if invokes and token is not None and request.method != "OPTIONS":
        sent = sent_token(
            authorization=request.header("authorization"),
            x_chat_token=request.header("x-chat-token"),
        )
        if not SharedTokens(token).hold(sent):
            return _response(401, "Send CHAT_AUTH_TOKEN in the header x-chat-token.")
    return None


def sites_of(options: Options) -> Sites:
    """Return the hosts that are served, and whose pages may call: what the app's settings name."""
    is_local = is_loopback(options.host)
    default = (*LOOPBACK_HOSTS, options.host) if is_local else (ANY,)
    hosts = _names(options, "CHAT_ALLOWED_HOSTS") or default
    origins = (
        *_names(options, "CHAT_ALLOWED_ORIGINS"),
        *(options.cors.allow_origins if options.cors else ()),
    )
    # As at the invoke addresses (`cors.local_page`), a page of this machine may always call.
    return Sites(host_set(hosts), frozenset(origins), is_local_allowed=True)


def _names(options: Options, name: str) -> tuple[str, ...]:
    parts = (part.strip() for part in setting(options.variables, name).split(","))
    return tuple(part for part in parts if part)


def _response(status: int, message: str) -> WholeResponse:
    # Both addresses' errors: `Message` is what a Function URL says, `message` what Lambda says.
    body = {"Type": "User", "message": message, "Message": message}
    headers = [("content-type", "application/json"), ("x-amzn-errortype", _NAMES[status])]
    if status == 401:
        headers.append(("www-authenticate", "Bearer"))
    return Head(status, tuple(headers)), json.dumps(body).encode()
