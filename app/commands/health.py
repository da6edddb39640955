"""Whether the container is up, asked from inside of it every two seconds.

So nothing is imported that a socket does not need: this costs a fifth of what reading all settings
would. Bad settings have stopped the container before.
"""

import socket
import sys
from collections.abc import Mapping

from app.setting_kinds import read_as

_LOOPBACK = "127.0.0.1"
_TIMEOUT_S = 5.0
# The app says that it is up. That of `CHAT_APP` may have ours below another path, or a login before
# everything. A local Lambda is asked without starting a function; one that wants a token, or serves
# other hosts only, is up too.
_OF_THE_APP = ("GET /health", (200,))
_OF_AN_OWN_APP = ("GET /health", range(200, 500))
_OF_A_LOCAL_LAMBDA = ("POST /2015-03-31/functions/function/invocations", (204, 401, 421))


def is_healthy(environ: Mapping[str, str]) -> bool:
    """Return whether what runs here answers as it should; print why nobody does.

    Args:
        environ: ``PORT``, ``CHAT_DIRECT`` and ``CHAT_APP`` of the container.
    """
    port = environ.get("PORT", "8080")
    is_direct = read_as(bool, environ.get("CHAT_DIRECT") or "false")
    of_the_app = _OF_AN_OWN_APP if environ.get("CHAT_APP") else _OF_THE_APP
    request, healthy = of_the_app if is_direct else _OF_A_LOCAL_LAMBDA
    try:
        return _status(request, int(port)) in healthy
    except OSError as error:
        print(f"deltaline: no answer on port {port}: {error}", file=sys.stderr)
        return False


def _status(request: str, port: int) -> int:
    """Return the HTTP status of the response; 0 if it is none."""
    head = (
        f"{request} HTTP/1.1\r\nHost: {_LOOPBACK}:{port}\r\nX-Amz-Invocation-Type: DryRun\r\n"
        "Content-Length: 0\r\nConnection: close\r\n\r\n"
    )
    with socket.create_connection((_LOOPBACK, port), timeout=_TIMEOUT_S) as connection:
        connection.sendall(head.encode())
        version, _, rest = connection.makefile("rb").readline().partition(b" ")
    status = rest[:3]
    return int(status) if version.startswith(b"HTTP/1.") and status.isdigit() else 0
