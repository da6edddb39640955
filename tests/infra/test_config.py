"""A configuration that is bad is refused with a sentence, before anything is made."""

import re
import zipfile
from pathlib import Path

import pytest

from tests.infra.aws_api import ACCOUNT, REGION
from tests.infra.cloud import Cloud
from tests.infra.deploying import refusal, run_program
from tests.infra.files import write_package

KEY = {"openaiApiKey": "sk-secret", "authToken": "let-me-in"}
ARN = f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/key"
KMS = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1234abcd"
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:operations"


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({"memoryMB": 512}, "memoryMB is not a key of this project; did you mean memoryMb?"),
        ({"colour": "red"}, "colour is not a key of this project."),
        ({"packaging": "jar"}, "packaging must be image or zip, not 'jar'."),
        ({"architecture": "arm"}, "architecture must be arm64 or x86_64, not 'arm'."),
        ({"auth": "PUBLIC"}, "auth must be NONE, AWS_IAM or COGNITO, not 'PUBLIC'."),
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
        ({"firstTokenAlarmMs": 0}, "firstTokenAlarmMs must be from 1 to 900000, not 0."),
        (
            {"invocationAlarmPer5Min": 0},
            "invocationAlarmPer5Min must be from 1 to 100000000, not 0.",
        ),
        ({"apiRatePerS": 0}, "apiRatePerS must be from 1 to 10000, not 0."),
        ({"apiBurst": 5001}, "apiBurst must be from 1 to 5000, not 5001."),
        ({"wafRatePer5Min": 9}, "wafRatePer5Min must be from 10 to 2000000000, not 9."),
        ({"budgetUsd": -1}, "budgetUsd must be from 0 to 1000000, not -1."),
        (
            {"budgetUsd": 50, "budgetEmail": "nobody"},
            "budgetEmail must be an e-mail address, not 'nobody'.",
        ),
        (
            {"budgetEmail": "money@example.com"},
            "budgetEmail has no budget: set budgetUsd to an amount a month.",
        ),
        (
            {"budgetUsd": 50},
            "budgetUsd has nobody to write to: set budgetEmail or alarmEmail.",
        ),
        ({"allowAnonymous": "yes"}, "allowAnonymous must be true or false, not 'yes'."),
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
    assert refusal(cloud, {"dockerfile": dockerfile, **config}, secrets=KEY) == sentence


@pytest.mark.parametrize("days", [0, 2, 31, 10_000])
def test_only_the_retentions_that_cloudwatch_knows_are_taken(
    cloud: Cloud, dockerfile: str, days: int
) -> None:
    config = {"dockerfile": dockerfile, "logRetentionDays": days}

    sentence = refusal(cloud, config, secrets=KEY)

    assert re.fullmatch(rf"logRetentionDays must be one of 1, .*, not {days}\.", sentence)


@pytest.mark.parametrize("key", ["openaiApiKey", "authToken"])
def test_a_secret_in_plain_text_is_refused(cloud: Cloud, dockerfile: str, key: str) -> None:
    assert refusal(cloud, {"dockerfile": dockerfile, key: "sk-plain"}) == (
        f"{key} is in plain text; store it with `pulumi config set --secret {key}`."
    )


def test_a_stack_without_a_key_for_the_model_is_refused(cloud: Cloud, dockerfile: str) -> None:
    sentence = refusal(cloud, {"dockerfile": dockerfile, "auth": "AWS_IAM"})

    assert sentence.startswith("There is no key for the model: run `pulumi config")


@pytest.mark.parametrize(
    "variable", ["CHAT_PROVIDER=scripted", "OPENAI_BASE_URL=https://models.example.com/v1"]
)
def test_a_model_that_wants_no_key_needs_none(cloud: Cloud, dockerfile: str, variable: str) -> None:
    config = {"dockerfile": dockerfile, "auth": "AWS_IAM", "environment": [variable]}

    run_program(cloud, config)

    assert len(cloud.of_type("aws:ssm/parameter:Parameter")) == 1


@pytest.mark.parametrize("stack", ["Prod", "a_b", "-dev", "dev-", "x" * 31])
def test_a_stack_whose_name_does_not_fit_is_refused(
    cloud: Cloud, dockerfile: str, stack: str
) -> None:
    sentence = refusal(cloud, {"dockerfile": dockerfile}, secrets=KEY, stack=stack)

    assert re.match(r"The stack's name '.*' becomes part of names in AWS", sentence)


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

    found = refusal(cloud, {"packaging": "zip", "zipFile": str(path)}, secrets=KEY)

    build = 'run `make zip ZIP="--arch arm64"`'
    assert found == sentence.format(zip=path, build=build)


def test_what_is_no_package_of_ours_is_refused(cloud: Cloud, tmp_path: Path) -> None:
    path = tmp_path / "function.zip"
    config = {"packaging": "zip", "zipFile": str(path)}
    path.write_text("no zip file")
    assert "is no zip file: run `make zip" in refusal(cloud, config, secrets=KEY)

    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("handler.py", "")

    assert "has no bootstrap: run `make zip" in refusal(cloud, config, secrets=KEY)
