"""Tokens of a real identity provider, `oidc-provider` of npm, got as a page gets them.

Code flow with PKCE, refresh, and keys that change while the server runs.
"""

import asyncio
import base64
import contextlib
import hashlib
import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx2
import pytest

from tests.chatting import Chat, chatting, ui_body

FOLDER = Path(__file__).parent / "provider"
AUDIENCE = "https://chat.example.com"
CALLBACK = "http://127.0.0.1/callback"
SAY_HI = ui_body("scenario: say text='Hi there.'")

pytestmark = [
    pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed"),
    pytest.mark.skipif(
        not (FOLDER / "node_modules").is_dir(),
        reason="run: npm ci --prefix tests/owners/provider",
    ),
]


class Provider:
    """The provider, and a browser that signs in there.

    Attributes:
        issuer: its address.
    """

    def __init__(self, issuer: str, http: httpx2.AsyncClient) -> None:
        self.issuer = issuer
        self.http = http

    async def test(self, path: str) -> None:
        """Change the provider while it runs."""
        (await self.http.post(f"{self.issuer}/test/{path}")).raise_for_status()

    async def sign_in(self, name: str) -> dict[str, str]:
        """Return what the token endpoint says at the end of the code flow."""
        verifier = "v" * 43
        digest = hashlib.sha256(verifier.encode()).digest()
        self.http.cookies.clear()
        response = await self.http.get(
            f"{self.issuer}/auth",
            params={
                "client_id": "page",
                "response_type": "code",
                "redirect_uri": CALLBACK,
                "scope": "openid offline_access chat",
                "prompt": "consent",
                "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
                "code_challenge_method": "S256",
            },
        )
        # It asks who he is, then whether the page may know; each with a form.
        while not response.headers.get("location", "").startswith(CALLBACK):
            if response.is_redirect:
                url = urljoin(self.issuer, response.headers["location"])
                response = await self.http.get(url)
                continue
            assert response.status_code == 200, response.text
            (action,) = re.findall(r'<form[^>]* action="([^"]+)"', response.text)
            (prompt,) = re.findall(r'name="prompt" value="(\w+)"', response.text)
            form = {"prompt": prompt, "login": name, "password": "any"}
            response = await self.http.post(urljoin(self.issuer, action), data=form)
        (code,) = parse_qs(urlsplit(response.headers["location"]).query)["code"]
        return await self._token(
            grant_type="authorization_code",
            code=code,
            redirect_uri=CALLBACK,
            code_verifier=verifier,
        )

    async def refresh(self, signed_in: dict[str, str]) -> dict[str, str]:
        """Return a new token for the refresh token."""
        return await self._token(
            grant_type="refresh_token", refresh_token=signed_in["refresh_token"]
        )

    async def _token(self, **form: str) -> dict[str, str]:
        response = await self.http.post(
            f"{self.issuer}/token", data={"client_id": "page", "resource": AUDIENCE, **form}
        )
        assert response.status_code == 200, response.text
        found: dict[str, str] = response.json()
        return found


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    process = await asyncio.create_subprocess_exec(
        "node",
        "provider.mjs",
        cwd=FOLDER,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert process.stdout is not None
    try:
        issuer = (await process.stdout.readline()).decode().strip()
        async with httpx2.AsyncClient(timeout=30) as http:
            yield Provider(issuer, http)
    finally:
        process.kill()
        await process.wait()


@contextlib.asynccontextmanager
async def _believing(provider: Provider, model: str, **settings: str) -> AsyncIterator[Chat]:
    async with chatting(
        model,
        store="memory",
        jwt_issuer=provider.issuer,
        **{"jwt_audience": AUDIENCE, **settings},  # type: ignore[arg-type]
    ) as chat:
        yield chat


async def _ask(chat: Chat, token: str) -> int:
    response = await chat.post(SAY_HI, headers={"authorization": f"Bearer {token}"})
    return response.status_code


async def _owners_chats(chat: Chat, token: str) -> int:
    response = await chat.http.get("/api/chats", headers={"authorization": f"Bearer {token}"})
    return len(response.json()["chats"])


async def test_two_who_have_signed_in_have_chats_of_their_own(
    provider: Provider, model: str
) -> None:
    async with _believing(provider, model) as chat:
        ada, bob = await provider.sign_in("ada"), await provider.sign_in("bob")

        assert await _ask(chat, ada["access_token"]) == 200
        assert await _owners_chats(chat, ada["access_token"]) == 1
        assert await _owners_chats(chat, bob["access_token"]) == 0

        # A refreshed token is another token, and the same person.
        refreshed = await provider.refresh(ada)
        assert refreshed["access_token"] != ada["access_token"]
        assert await _owners_chats(chat, refreshed["access_token"]) == 1


async def test_a_token_for_the_page_is_not_one_for_us(provider: Provider, model: str) -> None:
    """The ID token: the same issuer, the same person, but another audience."""
    async with _believing(provider, model) as chat:
        signed_in = await provider.sign_in("ada")

        assert await _ask(chat, signed_in["id_token"]) == 401
        assert await _ask(chat, signed_in["access_token"]) == 200
        assert await _ask(chat, signed_in["refresh_token"]) == 401
    async with _believing(provider, model, jwt_audience="page") as chat:
        assert await _ask(chat, signed_in["id_token"]) == 200
        assert await _ask(chat, signed_in["access_token"]) == 401


async def test_keys_change_while_the_server_runs(provider: Provider, model: str) -> None:
    async with _believing(provider, model) as chat:
        old = await provider.sign_in("ada")
        assert await _ask(chat, old["access_token"]) == 200

        await provider.test("rotate")
        new = await provider.sign_in("ada")
        assert await _ask(chat, new["access_token"]) == 200
        assert await _ask(chat, old["access_token"]) == 200

        # A second change within the minute has to wait; nothing else does.
        await provider.test("rotate?forget=1")
        newest = await provider.sign_in("ada")
        assert await _ask(chat, newest["access_token"]) == 401
        assert await _ask(chat, new["access_token"]) == 200


async def test_keys_that_come_late_keep_only_those_waiting_who_need_them(
    provider: Provider, model: str
) -> None:
    async with _believing(provider, model) as chat:
        old = await provider.sign_in("ada")
        assert await _ask(chat, old["access_token"]) == 200
        await provider.test("rotate")
        new = await provider.sign_in("bob")
        await provider.test("delay?ms=5000")

        waiting = asyncio.create_task(_ask(chat, new["access_token"]))
        others = [await _ask(chat, old["access_token"]) for _ in range(20)]
        is_still_waiting = not waiting.done()

        assert others == [200] * 20
        assert is_still_waiting
        assert await waiting == 200
