"""Which proxies the environment names."""

import subprocess
import sys

import pytest

from app.known_secrets import mask
from app.providers.openers.proxy_environment import proxies_of_environment


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for scheme in ("http", "https", "no", "all"):
        monkeypatch.delenv(f"{scheme}_proxy", raising=False)
        monkeypatch.delenv(f"{scheme}_proxy".upper(), raising=False)


def test_without_variables_there_is_none() -> None:
    proxies, is_excepted = proxies_of_environment()

    assert proxies == {}
    assert not is_excepted("")


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy"])
def test_variables_name_proxies_and_exceptions(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "http://p.test:1")
    monkeypatch.setenv("NO_PROXY", "a.test,.b.test:8080")

    proxies, is_excepted = proxies_of_environment()

    assert proxies["https"] == "http://p.test:1"
    assert is_excepted("a.test:443")
    assert is_excepted("x.b.test:8080")
    assert not is_excepted("x.b.test:443")
    assert not is_excepted("c.test:443")


def test_a_password_is_masked_from_then_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://user:proxy-pass-17@p.test:1")

    proxies_of_environment()

    assert "proxy-pass-17" not in mask("it said proxy-pass-17")


def test_without_variables_nothing_is_loaded() -> None:
    program = (
        "import os, sys\n"
        "for name in list(os.environ):\n"
        "    if name.lower().endswith('_proxy'): del os.environ[name]\n"
        "from app.providers.openers.proxy_environment import proxies_of_environment\n"
        "proxies_of_environment()\n"
        "print('urllib.request' in sys.modules)"
    )

    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)

    assert ran.stdout.split() == [b"False"]
