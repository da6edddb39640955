"""Which hosts are served, and which sites' pages may call, as the settings say."""

from starlette.applications import Starlette
from starlette.types import ASGIApp

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
    if (sites := _sites(settings, refuse_other_sites)) is not None:
        are_checked = _are_origins_checked(settings, refuse_other_sites)
        app.add_middleware(AllowedSites, sites=sites, are_origins_checked=are_checked)


def guarded(app: ASGIApp, settings: Settings, *, refuse_other_sites: bool) -> ASGIApp:
    """Return ``app``, whoever's it is, as `guard` would have it; CORS is its own."""
    sites = _sites(settings, refuse_other_sites)
    if sites is None:
        return app
    are_checked = _are_origins_checked(settings, refuse_other_sites)
    return AllowedSites(app, sites=sites, are_origins_checked=are_checked)


def _sites(settings: Settings, refuse_other_sites: bool) -> Sites | None:
    """Return what is served and who may call; None for everything and everybody."""
    if not (settings.allowed_hosts or _are_origins_checked(settings, refuse_other_sites)):
        return None
    return Sites(
        hosts=host_set(settings.allowed_hosts or (ANY,)),
        origins=frozenset(settings.allowed_origins) - {LOCALHOST},
        is_local_allowed=LOCALHOST in settings.allowed_origins,
    )


def _are_origins_checked(settings: Settings, refuse_other_sites: bool) -> bool:
    return refuse_other_sites or bool(settings.allowed_origins)
