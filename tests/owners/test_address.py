"""`app.owners.address`: for whom an address stands, and who may say it."""

import json
from typing import Any

import pytest

from app.owners.address import network, source_of


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:DB8:1:2::", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::1", "::/64"),
        ("testclient", ""),
        ("", ""),
    ],
)
def test_an_address_stands_for_whoever_can_choose_it(address: str, expected: str) -> None:
    assert network(address) == expected


@pytest.mark.parametrize(
    ("context", "forwarded", "expected"),
    [
        ({"http": {"sourceIp": "203.0.113.7"}}, "198.51.100.1", "203.0.113.7"),
        ({"identity": {"sourceIp": "203.0.113.7"}}, None, "203.0.113.7"),
        ({"http": {"method": "GET"}, "identity": {"sourceIp": None}}, "198.51.100.1", ""),
        # A load balancer adds the last entry; what stands before may be the client's own.
        ({"elb": {}}, "203.0.113.9, 198.51.100.1", "198.51.100.1"),
        ({"elb": {}}, None, ""),
        ({}, "198.51.100.1", ""),
        ([], "198.51.100.1", ""),
        (None, "198.51.100.1", ""),
    ],
)
def test_a_lambda_front_says_from_where_a_request_comes(
    context: Any, forwarded: str | None, expected: str
) -> None:
    assert source_of(json.dumps(context), forwarded) == expected


@pytest.mark.parametrize("context", [None, "", "{", "\ud800"])
def test_what_is_no_context_says_nothing(context: str | None) -> None:
    assert source_of(context, "198.51.100.1") == ""
