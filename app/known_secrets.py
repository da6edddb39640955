"""The secrets that this process knows, so that they can be masked wherever text leaves it.

Kept for the whole process and not for one app: all apps of a process share its log, and a secret
may become known at any depth, such as when AWS credentials are renewed.

A secret of less than `LEAST_CHARS` characters is masked only behind ``Bearer`` or ``Basic``: alone,
it may be a part of any word or number, which masking would spoil and give away.
"""

import json
import re
from base64 import b64encode
from collections.abc import Iterator, Mapping
from urllib.parse import quote, quote_plus, unquote, urlsplit

MASK = "[secret]"
LEAST_CHARS = 8
# Credentials that are renewed each hour must not fill the memory.
_MOST_SECRETS = 200

# The last word of the names of variables that hold secrets: OPENAI_API_KEY, AWS_SESSION_TOKEN.
_SECRET_NAME = re.compile(r"(?:^|_)(?:KEY|TOKEN|SECRET|PASSWORD)$", re.IGNORECASE)
# What stands before the host in a URL, also in one that is none, such as with a / in its password.
_BEFORE_HOST = re.compile(r"(?<=//)(?s:.*)@|[^\s/'\"]*:(?!//)\S*@")
# A credential of which we know nothing, in a header that somebody else's text quotes. A digit or
# a capital tells it from "Basic authentication".
_CREDENTIAL = re.compile(r"\b(Bearer|Basic) (?=[\w.~+/-]*[0-9A-Z])[\w.~+/-]{12,}=*")


class KnownSecrets:
    """Some secrets and everything they may look like."""

    def __init__(self) -> None:
        self._secrets: dict[str, tuple[str, ...]] = {}
        # Replaced, never changed: other threads may be masking.
        self._forms: tuple[str, ...] = ()

    def remember(self, *secrets: str | None) -> None:
        """Mask these from now on; ``None`` and ``""`` are ignored."""
        new = [secret for secret in secrets if secret and secret not in self._secrets]
        if not new:
            return
        kept = {**self._secrets, **{secret: tuple(_forms(secret)) for secret in new}}
        self._secrets = dict(tuple(kept.items())[-_MOST_SECRETS:])
        forms = {form for known in self._secrets.values() for form in known}
        # The longest first: one secret may be a part of another.
        self._forms = tuple(sorted(forms, key=len, reverse=True))

    def mask(self, text: str) -> str:
        """Return ``text`` without the secrets."""
        for form in self._forms:
            if form in text:
                text = text.replace(form, MASK)
        if "Bearer " in text or "Basic " in text:
            text = _CREDENTIAL.sub(rf"\1 {MASK}", text)
        return text


_KNOWN = KnownSecrets()
remember = _KNOWN.remember
mask = _KNOWN.mask


def secrets_in(environ: Mapping[str, str]) -> Iterator[str]:
    """Yield what an environment keeps secret.

    That is the value of every variable whose name ends in ``KEY``, ``TOKEN``, ``SECRET`` or
    ``PASSWORD``, and the password in every URL, such as a proxy's.
    """
    for name, value in environ.items():
        if _SECRET_NAME.search(name):
            yield value.strip()
        elif "@" in value:
            yield from password_in(value)


def password_in(url: str) -> Iterator[str]:
    """Yield the password in ``url``, alone and with its user, as it is written and as it is meant.

    With the user it is what the base64 of ``Basic`` holds.
    """
    try:
        # A proxy may be given without a scheme.
        parts = urlsplit(url if "//" in url else f"//{url}")
        user, password = parts.username or "", parts.password
    except ValueError:
        return
    if password:
        for text in (password, f"{user}:{password}"):
            yield from (text, unquote(text))


def without_credentials(text: str) -> str:
    """Return ``text`` without the user and the password of a URL in it, which nobody knows yet.

    What cannot be told from them goes too.
    """
    return _BEFORE_HOST.sub(f"{MASK}@", text)


def _forms(secret: str) -> Iterator[str]:
    """Yield what ``secret`` may look like: in JSON, in Python's reprs, in a URL, in base64."""
    data = secret.encode("utf-8", "surrogatepass")
    written = [secret]
    for text in (secret, repr(secret)[1:-1], repr(data)[2:-1]):
        once = json.dumps(text)[1:-1]
        # Twice: JSON that is quoted in JSON.
        written += (text, once, json.dumps(once)[1:-1])
        written.append(json.dumps(text, ensure_ascii=False)[1:-1])
    for quoted in (quote(data, safe=""), quote(data), quote_plus(data)):
        written += (quoted, re.sub(r"%..", lambda found: found[0].lower(), quoted))
    if len(secret) < LEAST_CHARS:
        yield from (f"Bearer {text}" for text in written)
        yield f"Basic {b64encode(data).decode()}"
        return
    yield from written
    for shift in range(3):
        # In the middle of something else, such as ``user:password``: the characters that the
        # secret alone decides, whatever stands before and behind it.
        encoded = b64encode(b"\0" * shift + data).decode()
        decided = encoded[(0, 2, 3)[shift] : (shift + len(data)) * 8 // 6]
        yield from (decided, decided.translate(_URL_SAFE))


_URL_SAFE = str.maketrans("+/", "-_")
