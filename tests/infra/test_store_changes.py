"""What a second `pulumi up` would do: nothing, or what belongs to the other store."""

from collections.abc import Mapping
from typing import Any, TypeAlias

import pytest

from tests.infra.configurations import on_paper
from tests.infra.engine import Stack, check, steps
from tests.infra.files import Files, write_files

_ADDRESS = "rediss://:very-secret-password@redis.example.com:6379"
_KEYS = {"openaiApiKey": "sk-secret", "authToken": "let-me-in"}
_FUNCTION = "aws:lambda/function:Function"
# The function and its rights.
_CHANGED = {("update", "chat", _FUNCTION), ("update", "chat", "aws:iam/rolePolicy:RolePolicy")}

Stacks: TypeAlias = Mapping[str, Stack]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return write_files(tmp_path_factory.mktemp("files"))


def _asked_for(files: Files, store: str) -> Stack:
    """Return the resources of a stack that keeps its chats so."""
    secrets = {**_KEYS, "storeUrl": _ADDRESS} if store == "redis" else _KEYS
    return on_paper({"dockerfile": files.dockerfile, "store": store}, secrets)


@pytest.fixture(scope="module")
def stacks(files: Files) -> Stacks:
    return {store: _asked_for(files, store) for store in ("none", "dynamodb", "redis")}


def _changes(before: Stack, after: Stack) -> tuple[set[str], set[str], set[tuple[str, str, str]]]:
    """Return the names of what is made and what is deleted, and what else is done."""
    done = steps(before, after)
    check(before, done)
    named = {
        (operation, resource.urn.rpartition("::")[2], resource.type) for operation, resource in done
    }
    return (
        {name for operation, name, _ in named if operation == "create"},
        {name for operation, name, _ in named if operation == "delete"},
        {found for found in named if found[0] not in ("create", "delete")},
    )


def _function(stack: Stack) -> dict[str, Any]:
    (found,) = [resource.inputs for resource in stack if resource.type == _FUNCTION]
    return dict(found)


def test_a_second_time_nothing_changes(files: Files, stacks: Stacks) -> None:
    for store, stack in stacks.items():
        assert _changes(stack, _asked_for(files, store)) == (set(), set(), set())


def test_another_store_changes_the_function_and_its_rights_alone(stacks: Stacks) -> None:
    none, table, redis = (stacks[store] for store in ("none", "dynamodb", "redis"))
    of_table = {"chats", "table-read-throttles", "table-write-throttles"}
    of_redis = {"store-url"}

    assert _changes(none, table) == (of_table, set(), _CHANGED)
    assert _changes(table, redis) == (of_redis, of_table, _CHANGED)
    assert _changes(redis, none) == (set(), of_redis, _CHANGED)


def test_only_the_variables_of_the_function_change(stacks: Stacks) -> None:
    none, table, redis = (_function(stacks[store]) for store in ("none", "dynamodb", "redis"))

    variables = [found["environment"]["variables"] for found in (none, table, redis)]
    assert variables[1].keys() - variables[0].keys() == {"CHAT_STORE"}
    assert variables[2].keys() - variables[0].keys() == {"CHAT_STORE_ARN"}
    rest = [{**found, "environment": None} for found in (none, table, redis)]
    assert rest[0] == rest[1] == rest[2]
