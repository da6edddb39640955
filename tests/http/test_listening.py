"""`app.http.listening`: the socket, its URL, and what is said if there is none."""

import socket

import pytest

from app.http.listening import ListenError, listen, url_of


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_the_url_has_the_name_that_was_asked_for_and_the_port_that_was_given(host: str) -> None:
    with listen(host, 0) as listener:
        url = url_of(listener, host)
        port = listener.getsockname()[1]
        socket.create_connection((host, port)).close()

    assert url == f"http://{host}:{port}"


def test_an_address_of_ipv6_is_in_brackets() -> None:
    with listen("127.0.0.1", 0) as listener:
        assert url_of(listener, "::1").startswith("http://[::1]:")


def test_a_port_in_use_is_a_sentence() -> None:
    with listen("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(ListenError, match=f"cannot listen on 127.0.0.1 port {port}: "):
            listen("127.0.0.1", port)
