"""`app.setup.serving`: what a server gives to the apps that are made for it."""

import pytest

from app.main import create_app, create_lean_app
from app.settings import Settings
from app.setup.serving import Serving, present_server


def test_without_a_server_an_app_gets_what_it_is_given() -> None:
    settings = Settings(model="given")

    server = present_server()

    assert server.settings(settings) is settings
    assert (server.facts, server.refuse_other_sites, server.used_approvals) == ({}, False, None)
    assert present_server() is not server


def test_settings_that_nobody_gives_are_read_from_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CHAT_MODEL", "of-the-environment")

    assert present_server().settings().model == "of-the-environment"


def test_an_app_without_settings_gets_the_servers_with_its_share() -> None:
    def share(settings: Settings) -> Settings:
        return settings.model_copy(update={"tool_threads": 5})

    server = Serving(Settings(model="of-the-server"), share=share)
    with server.making():
        create_app()
        create_lean_app(Settings(model="given"))
    create_app(Settings(model="after"))

    found = [(made.settings.model, made.settings.tool_threads) for made in server.made]
    assert found == [("of-the-server", 5), ("given", 5)]


def test_a_server_that_is_made_inside_of_another_comes_first() -> None:
    outer, inner = Serving(), Serving()

    with outer.making():
        with inner.making():
            assert present_server() is inner
        assert present_server() is outer


def test_what_any_of_the_apps_needs_the_server_does() -> None:
    def limit(_: object) -> None:
        return None

    settings = Settings(provider="scripted")
    server = Serving(settings)
    assert (server.asks_who_asks, server.reads_addresses, server.metrics) == (False, False, None)
    with server.making():
        create_app()
    assert (server.asks_who_asks, server.reads_addresses, server.metrics) == (False, False, None)
    with server.making():
        create_app(Settings(auth_token="secret", metrics=True))
        create_app(limit=limit)

    assert (server.asks_who_asks, server.reads_addresses) == (True, True)
    assert server.metrics is server.made[1].metrics is not None
