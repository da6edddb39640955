"""The proxies that the environment names."""

import os
import sys
from collections.abc import Callable, Mapping

from app.known_secrets import password_in, remember

# Where they may also stand in the system's own settings, which urllib knows to read.
_SYSTEMS_WITH_SETTINGS = ("darwin", "win32")


def proxies_of_environment() -> tuple[Mapping[str, str], Callable[[str], object]]:
    """Return the addresses of proxies by scheme, and what says whether a host is excepted.

    Their passwords are masked in the log from now on.
    """
    if sys.platform not in _SYSTEMS_WITH_SETTINGS and not any(
        name.lower().endswith("_proxy") for name in os.environ
    ):
        return {}, bool
    # Loads http.client and the parser of e-mails: a tenth of the start, which most need not pay.
    from urllib.request import getproxies, proxy_bypass

    proxies = getproxies()
    for address in proxies.values():
        remember(*password_in(address))
    return proxies, proxy_bypass
