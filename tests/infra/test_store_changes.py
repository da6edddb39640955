"""What a second `pulumi up` would do: nothing, or what belongs to the other store."""

from collections.abc import Mapping
from typing import Any, TypeAlias

import httpx2

from tests.infra.cloud import Cloud
from tests.infra.deploying import run_program

_ADDRESS = "rediss://:very-secret-password@redis.example.com:6379"
_KEYS = {"openaiApiKey": "sk-secret", "authToken": "let-me-in"}
_CHAT = ("aws:lambda/function:Function", "chat")
_RIGHTS = ("aws:iam/rolePolicy:RolePolicy", "chat")
# By Pulumi's type and name, which make a resource the same one at the next `up`.
Stack: TypeAlias = Mapping[tuple[str, str], Any]


def _asked_for(cloud: Cloud, dockerfile: str, store: str) -> Stack:
    """Return the inputs of all resources of a stack that keeps its chats so."""
    httpx2.post(f"{cloud.endpoint_url}/moto-api/reset").raise_for_status()
    other = Cloud(cloud.endpoint_url)
    secrets = {**_KEYS, "storeUrl": _ADDRESS} if store == "redis" else _KEYS
    run_program(other, {"dockerfile": dockerfile, "store": store}, secrets=secrets)
    found = {(made.type, made.name): made.inputs for made in other.made}
    assert len(found) == len(other.made)
    return found


def _changes(before: Stack, after: Stack) -> tuple[set[str], set[str], set[tuple[str, str]]]:
    """Return the names of what is made and what is deleted, and what changes."""
    return (
        {name for _, name in after.keys() - before.keys()},
        {name for _, name in before.keys() - after.keys()},
        {key for key in before.keys() & after.keys() if before[key] != after[key]},
    )


def test_a_second_time_nothing_changes(cloud: Cloud, dockerfile: str) -> None:
    for store in ("none", "dynamodb", "redis"):
        first, second = (_asked_for(cloud, dockerfile, store) for _ in range(2))

        assert _changes(first, second) == (set(), set(), set())


def test_another_store_changes_the_function_and_its_rights_alone(
    cloud: Cloud, dockerfile: str
) -> None:
    none, table, redis = (
        _asked_for(cloud, dockerfile, store) for store in ("none", "dynamodb", "redis")
    )
    of_table = {"chats", "table-read-throttles", "table-write-throttles"}
    of_redis = {"store-url"}

    assert _changes(none, table) == (of_table, set(), {_CHAT, _RIGHTS})
    assert _changes(table, redis) == (of_redis, of_table, {_CHAT, _RIGHTS})
    assert _changes(redis, none) == (set(), of_redis, {_CHAT, _RIGHTS})


def test_only_the_variables_of_the_function_change(cloud: Cloud, dockerfile: str) -> None:
    none, table, redis = (
        _asked_for(cloud, dockerfile, store)[_CHAT] for store in ("none", "dynamodb", "redis")
    )

    variables = [found["environment"]["variables"] for found in (none, table, redis)]
    assert variables[1].keys() - variables[0].keys() == {"CHAT_STORE"}
    assert variables[2].keys() - variables[0].keys() == {"CHAT_STORE_ARN"}
    rest = [{**found, "environment": None} for found in (none, table, redis)]
    assert rest[0] == rest[1] == rest[2]
