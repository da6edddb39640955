"""Pulumi.yaml and the example stacks say what the code does."""

import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.http import page_headers as app_page_headers
from app.settings import Settings
from tests.infra.cloud import Cloud
from tests.infra.deploying import run_program

KEY = {"openaiApiKey": "sk-secret", "authToken": "let-me-in"}


_ROOT = Path(__file__).parents[2]


def _project() -> dict[str, Any]:
    project: dict[str, Any] = yaml.safe_load((_ROOT / "Pulumi.yaml").read_text())
    return project


def test_the_schema_has_every_key_with_its_default_and_a_description() -> None:
    from infra.config import StackConfig, key_of

    schema = _project()["config"]

    defaults = {
        key_of(field.name): list(value) if isinstance(value := field.default, tuple) else value
        for field in fields(StackConfig)
    }
    documented = {key: entry["default"] for key, entry in schema.items()}
    # Secrets have no default in the code, and Pulumi's schema has no other way to say so.
    assert documented == {
        key: "" if default is None else default for key, default in defaults.items()
    }
    assert all(entry["description"].strip() for entry in schema.values())


def test_the_schema_has_the_types_of_the_code_and_only_words_that_pulumi_knows() -> None:
    from infra.config import StackConfig, key_of

    names = {bool: "boolean", int: "integer", tuple: "array", str: "string", type(None): "string"}

    schema = _project()["config"]

    for field in fields(StackConfig):
        entry = schema[key_of(field.name)]
        assert entry["type"] == names[type(field.default)]
        assert entry.get("items", {"type": "string"}) == {"type": "string"}
        assert ("items" in entry) == (entry["type"] == "array")
        assert entry.keys() <= {"type", "items", "default", "description"}


def test_the_project_is_run_from_infra_in_our_environment() -> None:
    project = _project()

    assert (project["name"], project["main"]) == ("deltaline", "infra")
    assert project["runtime"]["options"] == {"toolchain": "pip", "virtualenv": ".venv"}
    assert (_ROOT / "infra" / "__main__.py").is_file()


def test_what_pulumis_hint_names_installs_what_is_locked() -> None:
    """Without `make infra` Pulumi says "pip install -r requirements.txt", or "pulumi install"."""
    named = _ROOT / "infra" / "requirements.txt"

    lines = [line for line in named.read_text().splitlines() if not line.startswith("#")]

    assert lines == ["-r ../requirements-infra.lock"]
    assert (named.parent / lines[0].removeprefix("-r ")).is_file()


@pytest.mark.parametrize("name", ["dev", "prod"])
def test_the_example_stacks_can_be_made(cloud: Cloud, dockerfile: str, name: str) -> None:
    stack = yaml.safe_load((_ROOT / f"Pulumi.{name}.yaml").read_text())["config"]
    assert "aws:region" in stack
    config = {
        key.removeprefix("deltaline:"): value
        for key, value in stack.items()
        if key.startswith("deltaline:")
    }

    # As the comment on top of the one says; the other needs no token.
    secrets = {"dev": KEY, "prod": {"openaiApiKey": "sk-secret"}}[name]
    run_program(cloud, {"dockerfile": dockerfile, **config}, secrets=secrets, stack=name)

    url = cloud.client("lambda").get_function_url_config(FunctionName=f"deltaline-{name}")
    assert url["AuthType"] == {"dev": "NONE", "prod": "AWS_IAM"}[name]
    assert bool(cloud.of_type("aws:sns/topic:Topic")) == (name == "prod")


def test_what_the_environment_must_not_set_are_settings_of_the_app() -> None:
    from infra.config import StackConfig, key_of
    from infra.environment import ELSEWHERE

    known = {f"CHAT_{name.upper()}" for name in Settings.model_fields} | {
        name.upper() for name in Settings.model_fields
    }

    assert set(ELSEWHERE) - known == {"AZURE_OPENAI_API_KEY"}
    assert set(ELSEWHERE.values()) <= {key_of(field.name) for field in fields(StackConfig)}


def test_the_program_imports_nothing_from_the_app() -> None:
    lines = [
        line.strip()
        for path in (_ROOT / "infra").glob("*.py")
        for line in path.read_text().splitlines()
    ]

    assert not [line for line in lines if line.startswith(("from app", "import app"))]


def test_the_page_has_the_same_headers_wherever_it_is_served_from() -> None:
    from infra import page_headers

    for name in ("ASK_FIRST", "CONTENT_SECURITY_POLICY", "IMMUTABLE", "REFERRER_POLICY"):
        assert getattr(page_headers, name) == getattr(app_page_headers, name)


def test_collecting_these_tests_loads_neither_pulumi_nor_moto() -> None:
    modules = [f"tests.infra.{path.stem}" for path in Path(__file__).parent.glob("test_*.py")]
    code = (
        f"import sys, tests.infra.conftest, {', '.join(modules)}\n"
        "print({name.partition('.')[0] for name in sys.modules} & {'pulumi', 'moto'} or 'none')"
    )

    seen = subprocess.run(
        [sys.executable, "-c", code], cwd=_ROOT, capture_output=True, text=True, check=True
    )

    assert seen.stdout == "none\n"
