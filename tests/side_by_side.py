"""How the tests share several processes: `pytest -n 4`, which is what `make test` does.

Tests that share something slow to start (a browser, a node client, a container's chain, a module's
own fixtures) form a group, which one process runs as a whole. The longest groups begin first, so
that none of them is left over at the end. A plain `pytest` is not concerned.
"""

import importlib
import re
from collections.abc import Sequence
from typing import Any

import pytest

# A group is what the brackets of the first of these patterns find in a test's id.
_GROUPS = (
    # The clients of a major run all of their flows at its first test.
    re.compile(r"(tests/test_conformance\.py::)test_(?:flow|no_client)\w*(\[\d+)"),
    # One running container for each chain.
    re.compile(r"(tests/container/test_chains\.py::)\w+(\[(?:web-adapter|runtime)\b)"),
    # One browser for all tests of the page: each one drawing by itself takes a whole core.
    re.compile(r"(tests/web/)"),
    # Pulumi, its AWS package and moto: seconds of every process that loads them.
    re.compile(r"(tests/infra/)"),
    re.compile(r"([^:]+)"),  # the module
)

# Longest first. What needs the Lambda Web Adapter comes as late as it can, since `make test` builds
# it meanwhile, and what has no place here comes after that.
_ORDER = (
    "tests/web/",
    "tests/infra/",
    "tests/test_conformance.py",
    "tests/lambda_runtime/test_conformance.py",
    "tests/test_package_zip.py",
    "tests/http/test_chat.py",
    "tests/http/",
    "tests/emulator/",
    "tests/test_bench_lambda.py",
    "tests/turns/test_tool_turns.py",
    "tests/container/",
    "tests/aws/test_adapter.py",
    "tests/tools/test_canonical_json.py",
    "tests/aws/",
)


def group_of(nodeid: str) -> str:
    """Return the name of the group that a test belongs to."""
    found = next(filter(None, (pattern.match(nodeid) for pattern in _GROUPS)), None)
    return nodeid if found is None else "".join(found.groups())


def place_of(nodeid: str) -> int:
    """Return the place of a test's group in the queue; the sort that uses it is stable."""
    return next((n for n, prefix in enumerate(_ORDER) if nodeid.startswith(prefix)), len(_ORDER))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """Hand out the groups in their order, whatever ``--dist`` says."""
    # xdist has no types, and a plain pytest does without it.
    scheduling: Any = importlib.import_module("xdist.scheduler").LoadScopeScheduling(config, log)
    scheduling._split_scope = group_of
    config.option.loadscopereorder = False
    return scheduling


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Sort the tests of a process that is one of several."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: place_of(item.nodeid))


def groups(nodeids: Sequence[str]) -> Sequence[str]:
    """Return the groups in the order in which they begin."""
    return tuple(dict.fromkeys(map(group_of, sorted(nodeids, key=place_of))))
