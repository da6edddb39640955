"""Which hosts are served, and which sites' pages may call, as the settings say."""

from starlette.applications import Starlette

from app.http.allowed_sites import AllowedSites
from app.requests.sites import ANY, Sites, host_set
from app.setting_checks import LOCALHOST
from app.settings import Settings


def guard(app: Starlette, settings: Settings, *, refuse_other_sites: bool) -> None:
    """Let ``app`` serve its hosts only, and the pages that may call it.

    Args:
        refuse_other_sites: whether others are refused even if the settings allow none.
    """
    if settings.allowed_origins:
        from app.http.cors import add_cors

        origins = [origin for origin in settings.allowed_origins if origin != LOCALHOST]
        add_cors(app, origins, is_local_allowed=LOCALHOST in settings.allowed_origins)
    are_origins_checked = refuse_other_sites or bool(settings.allowed_origins)
    if settings.allowed_hosts or are_origins_checked:
        sites = Sites(
            hosts=host_set(settings.allowed_hosts or (ANY,)),
            origins=frozenset(settings.allowed_origins) - {LOCALHOST},
            is_local_allowed=LOCALHOST in settings.allowed_origins,
        )
        app.add_middleware(AllowedSites, sites=sites, are_origins_checked=are_origins_checked)
