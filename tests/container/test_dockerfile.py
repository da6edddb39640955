"""The Dockerfile keeps its rules, and each way to spoil it that we thought of breaks one."""

import json
import re

import pytest

from tests.aws.build_adapter import VERSION
from tests.container.docker import ROOT
from tests.container.dockerfile_rules import RULES, Dockerfile, Rule, broken
from tests.container.mutations import MUTATIONS, Mutation, spoiled

_TEXT = (ROOT / "Dockerfile.streaming").read_text()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_rule(rule: Rule) -> None:
    rule(Dockerfile(_TEXT))


@pytest.mark.parametrize("mutation", MUTATIONS.values(), ids=list(MUTATIONS))
def test_a_spoiled_dockerfile_breaks_the_rule_that_it_is_about(mutation: Mutation) -> None:
    assert broken(_TEXT) == set()
    assert mutation.rule in broken(spoiled(_TEXT, mutation))


def test_each_rule_has_a_mutation_that_breaks_it() -> None:
    assert {mutation.rule for mutation in MUTATIONS.values()} == {rule.__name__ for rule in RULES}


def test_renovate_pins_images_and_knows_where_the_adapters_version_stands() -> None:
    renovate = json.loads((ROOT / "renovate.json").read_text())
    (manager,) = renovate["customManagers"]
    (pattern,), (version,) = manager["managerFilePatterns"], manager["matchStrings"]
    path = "tests/aws/build_adapter.py"

    assert re.search(pattern.strip("/"), path)
    # Renovate names groups as JavaScript does.
    found = re.search(version.replace("(?<", "(?P<"), (ROOT / path).read_text())
    assert found is not None
    assert found["currentValue"] == VERSION
    pins = [rule["matchManagers"] for rule in renovate["packageRules"] if rule.get("pinDigests")]
    assert pins == [["dockerfile"]]


def test_the_version_on_the_label_is_the_packages_own() -> None:
    version = (ROOT / "pyproject.toml").read_text().partition('\nversion = "')[2].partition('"')[0]

    assert f"\nARG VERSION={version}\n" in _TEXT
