"""Requests to AWS, each checked against botocore's model of the service before it is sent."""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import boto3
from botocore import xform_name

from tests.infra.service_model import faults

REGION = "eu-west-1"
ACCOUNT = "123456789012"

State: TypeAlias = dict[str, Any]


@functools.cache
def _client(service: str, endpoint_url: str, region: str) -> Any:
    # Not for nothing: making one takes as long as twenty requests.
    make: Any = boto3.client
    return make(
        service,
        endpoint_url=endpoint_url,
        region_name=region,
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

    def client(self, service: str, region: str = REGION) -> Any:
        return _client(service, self.endpoint_url, region)

    def send(self, service: str, operation: str, *, region: str = REGION, **parameters: Any) -> Any:
        """Send one request after it was checked against the service's model."""
        self.check(service, operation, **parameters)
        return getattr(self.client(service, region), xform_name(operation))(**parameters)

    def check(self, service: str, operation: str, **parameters: Any) -> None:
        """Check a request that moto cannot answer, and note that it was asked for."""
        found = faults(service, operation, parameters)
        assert not found, found
        self.sent.add((service, operation))


# Makes one resource from its inputs; returns its id and what the provider adds to its state.
Maker: TypeAlias = Callable[[Aws, State], tuple[str, State]]


def present(**parameters: Any) -> State:
    return {name: value for name, value in parameters.items() if value is not None}


def pascal(value: Any) -> Any:
    """Turn the keys of a nested input as Lambda's API spells them."""
    return {f"{key[:1].upper()}{key[1:]}": item for key, item in value.items()}


def pascal_all(value: Any) -> Any:
    """Turn the keys at every depth."""
    if isinstance(value, dict):
        return {name: pascal_all(item) for name, item in pascal(value).items()}
    return [pascal_all(item) for item in value] if isinstance(value, list) else value


def tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]
