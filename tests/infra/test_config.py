"""The configuration: documented where Pulumi looks, and refused with a sentence where it is bad."""

import zipfile
from dataclasses import fields
from pathlib import Path
from typing import Any

import pulumi
import pytest
import yaml

from app.settings import Settings
from infra.config import ROOT, ConfigError, StackConfig, key_of
from infra.environment import ELSEWHERE
from tests.infra.cloud import ACCOUNT, REGION, Cloud
from tests.infra.conftest import write_package
from tests.infra.deploying import run_program

KEY = {"openaiApiKey": "sk-secret"}
ARN = f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/key"
KMS = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1234abcd"
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:operations"


def _project() -> dict[str, Any]:
    project: dict[str, Any] = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())
    return project


def test_the_schema_has_every_key_with_its_default_and_a_description() -> None:
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
    assert (ROOT / "infra" / "__main__.py").is_file()


@pytest.mark.parametrize("name", ["dev", "prod"])
def test_the_example_stacks_can_be_made(cloud: Cloud, dockerfile: str, name: str) -> None:
    stack = yaml.safe_load((ROOT / f"Pulumi.{name}.yaml").read_text())["config"]
    assert "aws:region" in stack
    config = {
        key.removeprefix("deltaline:"): value
        for key, value in stack.items()
        if key.startswith("deltaline:")
    }

    run_program(cloud, {"dockerfile": dockerfile, **config}, secrets=KEY, stack=name)

    url = cloud.client("lambda").get_function_url_config(FunctionName=f"deltaline-{name}")
    assert url["AuthType"] == {"dev": "NONE", "prod": "AWS_IAM"}[name]
    assert bool(cloud.of_type("aws:sns/topic:Topic")) == (name == "prod")


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({"memoryMB": 512}, "memoryMB is not a key of this project; did you mean memoryMb?"),
        ({"colour": "red"}, "colour is not a key of this project."),
        ({"packaging": "jar"}, "packaging must be image or zip, not 'jar'."),
        ({"architecture": "arm"}, "architecture must be arm64 or x86_64, not 'arm'."),
        ({"auth": "PUBLIC"}, "auth must be NONE or AWS_IAM, not 'PUBLIC'."),
        (
            {"frontDoor": "alb"},
            "frontDoor must be url, cloudfront or apiGateway, not 'alb'.",
        ),
        ({"secretStore": "vault"}, "secretStore must be ssm or secretsManager, not 'vault'."),
        ({"memoryMb": "much"}, "memoryMb must be a whole number, not 'much'."),
        ({"memoryMb": 127}, "memoryMb must be from 128 to 10240, not 127."),
        ({"memoryMb": 99999}, "memoryMb must be from 128 to 10240, not 99999."),
        ({"timeoutS": 0}, "timeoutS must be from 1 to 900, not 0."),
        ({"timeoutS": 901}, "timeoutS must be from 1 to 900, not 901."),
        ({"reservedConcurrency": -2}, "reservedConcurrency must be from -1 to 1000, not -2."),
        ({"firstTokenAlarmMs": 0}, "firstTokenAlarmMs must be from 1 to 900000, not 0."),
        ({"examples": "yes"}, "examples must be true or false, not 'yes'."),
        (
            {"allowedOrigins": "https://example.com"},
            (
                "allowedOrigins must be a list of strings; set it with `pulumi config set --path "
                "'allowedOrigins[0]' …`."
            ),
        ),
        (
            {"allowedOrigins": ["https://example.com/chat"]},
            (
                "allowedOrigins must hold origins such as https://example.com, not "
                "'https://example.com/chat'."
            ),
        ),
        (
            {"allowedOrigins": ["localhost"]},
            "allowedOrigins must hold origins such as https://example.com, not 'localhost'.",
        ),
        (
            {"allowedOrigins": [f"https://{n}.example.com" for n in range(101)]},
            "allowedOrigins may hold 100 origins at most.",
        ),
        (
            {"openaiApiKeyArn": "sk-1"},
            (
                "openaiApiKeyArn must be the ARN of an SSM parameter or a secret of Secrets "
                "Manager, not 'sk-1'."
            ),
        ),
        ({"openaiApiKeyArn": ARN}, "Set openaiApiKey or openaiApiKeyArn, not both."),
        (
            {"secretKmsKeyArn": "alias/mine"},
            "secretKmsKeyArn must be the ARN of a KMS key, not 'alias/mine'.",
        ),
        (
            {"secretKmsKeyArn": KMS},
            "secretKmsKeyArn is the key of openaiApiKeyArn, which is not set.",
        ),
        (
            {"alarmTopicArn": "operations"},
            "alarmTopicArn must be the ARN of an SNS topic, not 'operations'.",
        ),
        ({"alarmEmail": "me"}, "alarmEmail must be an e-mail address, not 'me'."),
        (
            {"alarmEmail": "me@example.com", "alarmTopicArn": TOPIC},
            "Set alarmEmail or alarmTopicArn, not both.",
        ),
        ({"environment": ["CHAT_MODEL"]}, "environment must hold NAME=value, not 'CHAT_MODEL'."),
        ({"environment": ["1=2"]}, "environment must hold NAME=value, not '1=2'."),
        ({"environment": ["CHAT_MODEL="]}, "environment gives CHAT_MODEL no value."),
        ({"environment": ["TZ_=a", "TZ_=b"]}, "environment sets TZ_ twice."),
        (
            {"environment": ["AWS_REGION=eu-west-1"]},
            "environment must not set AWS_REGION, which Lambda sets itself.",
        ),
        (
            {"environment": ["OPENAI_API_KEY=sk-1"]},
            "environment must not set OPENAI_API_KEY; set openaiApiKey instead.",
        ),
        (
            {"environment": ["CHAT_AUTH_TOKEN=t"]},
            "environment must not set CHAT_AUTH_TOKEN; set authToken instead.",
        ),
        (
            {"environment": ["CHAT_ALLOWED_ORIGINS=*"]},
            "environment must not set CHAT_ALLOWED_ORIGINS; set allowedOrigins instead.",
        ),
        (
            {"environment": ["CHAT_APPROVAL_SECRET=s"]},
            "environment must not set CHAT_APPROVAL_SECRET, which the program makes itself.",
        ),
        (
            {"environment": [f"CHAT_SYSTEM_PROMPT={'x' * 4000}"]},
            "environment is larger than 3 KiB, which leaves Lambda's 4 KiB too full.",
        ),
        (
            {"frontDoor": "cloudfront", "auth": "AWS_IAM"},
            (
                "CloudFront itself signs what it sends to the function, so auth must be NONE; use "
                "authToken to keep others out."
            ),
        ),
        (
            {"frontDoor": "cloudfront", "allowedOrigins": ["https://example.com"]},
            "CloudFront serves page and API from one origin, so allowedOrigins must be empty.",
        ),
        (
            {"frontDoor": "cloudfront", "webDir": "nowhere"},
            "webDir has no built page: nowhere/index.html is missing; run `make web`.",
        ),
        (
            {"dockerfile": "Dockerfile.nowhere"},
            "packaging is image, and there is no Dockerfile.nowhere to build.",
        ),
        (
            {"packaging": "zip", "zipFile": "dist/nowhere.zip"},
            'zipFile has not been built: run `make zip ZIP="--arch arm64"`.',
        ),
        (
            {"examples": True, "zipFile": "dist/nowhere.zip", "architecture": "x86_64"},
            'zipFile has not been built: run `make zip ZIP="--arch x86_64"`.',
        ),
    ],
)
def test_a_bad_value_is_refused_in_one_sentence_before_anything_is_made(
    cloud: Cloud, dockerfile: str, config: dict[str, object], sentence: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        run_program(cloud, {"dockerfile": dockerfile, **config}, secrets=KEY)

    assert str(caught.value) == sentence
    # Which Pulumi prints without a stack trace.
    assert isinstance(caught.value, pulumi.RunError)
    assert not cloud.made


@pytest.mark.parametrize("days", [0, 2, 31, 10_000])
def test_only_the_retentions_that_cloudwatch_knows_are_taken(
    cloud: Cloud, dockerfile: str, days: int
) -> None:
    with pytest.raises(
        ConfigError, match=rf"^logRetentionDays must be one of 1, .*, not {days}\.$"
    ):
        run_program(cloud, {"dockerfile": dockerfile, "logRetentionDays": days}, secrets=KEY)


@pytest.mark.parametrize("key", ["openaiApiKey", "authToken"])
def test_a_secret_in_plain_text_is_refused(cloud: Cloud, dockerfile: str, key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        run_program(cloud, {"dockerfile": dockerfile, key: "sk-plain"})

    assert str(caught.value) == (
        f"{key} is in plain text; store it with `pulumi config set --secret {key}`."
    )
    assert not cloud.made


def test_a_stack_without_a_key_for_the_model_is_refused(cloud: Cloud, dockerfile: str) -> None:
    with pytest.raises(ConfigError, match=r"^There is no key for the model: run `pulumi config"):
        run_program(cloud, {"dockerfile": dockerfile})


@pytest.mark.parametrize(
    "variable", ["CHAT_PROVIDER=scripted", "OPENAI_BASE_URL=https://models.example.com/v1"]
)
def test_a_model_that_wants_no_key_needs_none(cloud: Cloud, dockerfile: str, variable: str) -> None:
    run_program(cloud, {"dockerfile": dockerfile, "environment": [variable]})

    assert len(cloud.of_type("aws:ssm/parameter:Parameter")) == 1


@pytest.mark.parametrize("stack", ["Prod", "a_b", "-dev", "dev-", "x" * 31])
def test_a_stack_whose_name_does_not_fit_is_refused(
    cloud: Cloud, dockerfile: str, stack: str
) -> None:
    with pytest.raises(ConfigError, match=r"^The stack's name '.*' becomes part of names in AWS"):
        run_program(cloud, {"dockerfile": dockerfile}, secrets=KEY, stack=stack)


@pytest.mark.parametrize(
    ("machine", "mode", "sentence"),
    [
        ("x86_64", 0o755, "zipFile {zip} was built for another architecture: {build}."),
        ("aarch64", 0o644, "The bootstrap in {zip} is not executable: {build}."),
    ],
)
def test_a_zip_file_that_could_not_start_is_refused(
    cloud: Cloud, tmp_path: Path, machine: str, mode: int, sentence: str
) -> None:
    path = write_package(tmp_path / "function.zip", machine=machine, mode=mode)

    with pytest.raises(ConfigError) as caught:
        run_program(cloud, {"packaging": "zip", "zipFile": str(path)}, secrets=KEY)

    build = 'run `make zip ZIP="--arch arm64"`'
    assert str(caught.value) == sentence.format(zip=path, build=build)


def test_what_is_no_package_of_ours_is_refused(cloud: Cloud, tmp_path: Path) -> None:
    path = tmp_path / "function.zip"
    config = {"packaging": "zip", "zipFile": str(path)}
    path.write_text("no zip file")
    with pytest.raises(ConfigError, match=r"is no zip file: run `make zip"):
        run_program(cloud, config, secrets=KEY)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("handler.py", "")

    with pytest.raises(ConfigError, match=r"has no bootstrap: run `make zip"):
        run_program(cloud, config, secrets=KEY)


def test_what_the_environment_must_not_set_are_settings_of_the_app() -> None:
    known = {f"CHAT_{name.upper()}" for name in Settings.model_fields} | {
        name.upper() for name in Settings.model_fields
    }

    assert set(ELSEWHERE) - known == {"AZURE_OPENAI_API_KEY"}
    assert set(ELSEWHERE.values()) <= {key_of(field.name) for field in fields(StackConfig)}


def test_the_program_imports_nothing_from_the_app() -> None:
    lines = [
        line.strip()
        for path in (ROOT / "infra").glob("*.py")
        for line in path.read_text().splitlines()
    ]

    assert not [line for line in lines if line.startswith(("from app", "import app"))]
