"""An issuer of tokens in a test: its keys, and whatever it signs, also what it should not."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import jwt
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

ISSUER = "https://issuer.example.com/"
AUDIENCE = "https://chat.example.com"

_MAKERS: Mapping[str, Any] = {
    "RS": lambda: rsa.generate_private_key(public_exponent=65537, key_size=2048),
    "PS": lambda: rsa.generate_private_key(public_exponent=65537, key_size=2048),
    "ES": lambda: ec.generate_private_key(ec.SECP256R1()),
    "Ed": lambda: ed25519.Ed25519PrivateKey.generate(),
}


class SigningKey:
    """One pair of keys.

    Args:
        kid: its id.
        algorithm: what it signs with.
    """

    def __init__(self, kid: str = "k1", algorithm: str = "ES256") -> None:
        self.kid = kid
        self.algorithm = algorithm
        self.private = _MAKERS[algorithm[:2]]()

    def public(self, **more: Any) -> dict[str, Any]:
        """Return the public half as an issuer lists it."""
        algorithm = jwt.get_algorithm_by_name(self.algorithm)
        written = algorithm.to_jwk(self.private.public_key())
        return {**json.loads(written), "kid": self.kid, "use": "sig", **more}

    def sign(
        self, claims: Mapping[str, Any] | None = None, *, header: Mapping[str, Any] | None = None
    ) -> str:
        """Return a token that is right but for ``claims`` and ``header``; None leaves one out."""
        now = int(time.time())
        right = {"iss": ISSUER, "aud": AUDIENCE, "sub": "ada", "iat": now, "exp": now + 300}
        said = {**right, **(claims or {})}
        head = {"kid": self.kid, **(header or {})}
        return jwt.encode(
            {name: value for name, value in said.items() if value is not None},
            self.private,
            algorithm=self.algorithm,
            headers={name: value for name, value in head.items() if value is not None},
        )


def listed(*keys: SigningKey) -> dict[str, Any]:
    """Return the key set of an issuer that has these keys."""
    return {"keys": [key.public() for key in keys]}


K1, K2 = SigningKey("k1"), SigningKey("k2")


class Issuer:
    """A server with a key set.

    Attributes:
        documents: JSON by path.
        asked: the paths that were asked for.
        going: closed while nobody gets an answer.
    """

    def __init__(self) -> None:
        self.documents: dict[str, Any] = {"/keys": listed(K1)}
        self.asked: list[str] = []
        self.going = asyncio.Event()
        self.going.set()
        self.reached = asyncio.Event()
        self.url = ""

    @property
    def settings(self) -> dict[str, Any]:
        """Of an app that believes this issuer and keeps chats."""
        return {
            "store": "memory",
            "jwt_issuer": self.url,
            "jwt_audience": AUDIENCE,
            "jwt_jwks_url": f"{self.url}/keys",
        }

    def sign(self, subject: str, **claims: Any) -> str:
        """Return a token of this issuer."""
        return K1.sign({"iss": self.url, "sub": subject, **claims})

    async def serve(self, request: web.Request) -> web.Response:
        self.asked.append(request.path)
        self.reached.set()
        await self.going.wait()
        if request.path == "/moved":
            raise web.HTTPFound("/keys")
        document = self.documents.get(request.path)
        if document is None:
            raise web.HTTPNotFound
        text = document if isinstance(document, str) else json.dumps(document)
        return web.Response(text=text)


@asynccontextmanager
async def running_issuer() -> AsyncIterator[Issuer]:
    issuer = Issuer()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", issuer.serve)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    issuer.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield issuer
    finally:
        issuer.going.set()
        await runner.cleanup()
