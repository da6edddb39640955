"""Requests to AWS, each checked against botocore's model of the service before it is sent."""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import boto3

from tests.infra.service_model import faults

REGION = "eu-west-1"
ACCOUNT = "123456789012"

State: TypeAlias = dict[str, Any]


@functools.cache
def _client(service: str, endpoint_url: str) -> Any:
    # Not for nothing: making one takes as long as twenty requests.
    make: Any = boto3.client
    return make(
        service,
        endpoint_url=endpoint_url,
        region_name=REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


@dataclass
class Aws:
    """An AWS at one address.

    Attributes:
        sent: every service and operation that was asked for.
    """

    endpoint_url: str
    sent: set[tuple[str, str]] = field(default_factory=set)

    def client(self, service: str) -> Any:
        return _client(service, self.endpoint_url)

    def send(self, service: str, operation: str, **parameters: Any) -> Any:
        """Send one request after it was checked against the service's model."""
        found = faults(service, operation, parameters)
        assert not found, found
        self.sent.add((service, operation))
        method = "".join(f"_{c.lower()}" if c.isupper() else c for c in operation).lstrip("_")
        return getattr(self.client(service), method)(**parameters)


# Makes one resource from its inputs; returns its id and what the provider adds to its state.
Maker: TypeAlias = Callable[[Aws, State], tuple[str, State]]


def present(**parameters: Any) -> State:
    return {name: value for name, value in parameters.items() if value is not None}


def pascal(value: Any) -> Any:
    """Turn the keys of a nested input as Lambda's API spells them."""
    return {f"{key[:1].upper()}{key[1:]}": item for key, item in value.items()}


def tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]
