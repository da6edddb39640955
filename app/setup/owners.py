"""Who finds out who asks: the application's own `authenticate`, or what the settings name."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple

from app.http.own_authentication import OwnAuthenticate, dependent, is_plain, plain
from app.owners.authentication import (
    Authenticate,
    on_lambda,
    or_direct,
    shared,
    signed_in,
    trusted_header,
)
from app.requests.bearer import SharedTokens
from app.setting_checks import is_protected
from app.setting_kinds import secret_text
from app.settings import Settings, SettingsError


class Owners(NamedTuple):
    """How owners are found.

    Attributes:
        authenticate: finds out who asks.
        dependency: what FastAPI has to call before.
        closing: what has to be closed at the end.
    """

    authenticate: Authenticate
    dependency: Callable[..., Any] | None = None
    closing: Sequence[Callable[[], Awaitable[None]]] = ()


def make_owners(
    settings: Settings, own: OwnAuthenticate | None, *, has_dependencies: bool
) -> Owners:
    """Return who is asked.

    Args:
        own: of the application; nothing else is asked then.
        has_dependencies: whether the app is one of FastAPI, which can call a dependency.

    Raises:
        SettingsError: the settings contradict each other.
        TypeError: ``own`` is a dependency, and nobody can call it.
    """
    if own is not None:
        if is_plain(own):
            return Owners(or_direct(plain(own)))
        if not has_dependencies:
            raise TypeError("this app has no FastAPI: authenticate has to take the request alone")
        dependency, authenticate = dependent(own)
        return Owners(or_direct(authenticate), dependency)
    text = secret_text(settings.auth_token)
    tokens = None if text is None else SharedTokens(text)
    if settings.jwt_issuer is not None:
        return _signed_in(settings, settings.jwt_issuer, tokens)
    if settings.trusted_user_header is not None:
        return Owners(or_direct(trusted_header(settings.trusted_user_header, tokens)))
    if settings.is_on_lambda:
        return Owners(or_direct(on_lambda(tokens)))
    return Owners(or_direct(shared(tokens)))


def _signed_in(settings: Settings, issuer: str, tokens: SharedTokens | None) -> Owners:
    if not settings.jwt_audience:
        raise SettingsError("CHAT_JWT_ISSUER needs CHAT_JWT_AUDIENCE: whom its tokens are for.")
    try:
        # By those who want them: both load slowly.
        from app.owners.jwt_check import JwtCheck
        from app.owners.jwt_owners import JwtOwners
        from app.owners.key_source import KeySource
    except ImportError as error:
        raise SettingsError(
            f"CHAT_JWT_ISSUER needs the package {error.name!r}; install pyjwt[crypto]."
        ) from error
    if settings.jwt_jwks_url is None and not is_protected(issuer):
        raise SettingsError(
            "CHAT_JWT_ISSUER is no https:// address; set CHAT_JWT_JWKS_URL, where its keys are."
        )
    check = JwtCheck(issuer=issuer, audiences=settings.jwt_audience)
    owners = JwtOwners(check, KeySource(issuer, settings.jwt_jwks_url))
    return Owners(or_direct(signed_in(owners.owner, tokens)), closing=(owners.aclose,))
