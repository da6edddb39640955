"""What a stack costs: the amounts of what the program makes, at the prices of one file."""

import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.events import TextDelta
from app.protocols.ui_message_stream import UIMessageStreamEncoder
from tests.infra.configurations import on_paper
from tests.infra.files import Files, write_files

_ROOT = Path(__file__).parents[2]
_KEYS = {"openaiApiKey": "sk-secret", "authToken": "let-me-in"}
_SECRETS = frozenset({"openai_api_key", "auth_token"})


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return write_files(tmp_path_factory.mktemp("files"))


def _amounts(secrets: frozenset[str] = _SECRETS, **fields: Any) -> Any:
    from infra.config import StackConfig
    from infra.cost.amounts import Turn, amounts
    from infra.cost.bill import table_use

    config = StackConfig(**fields)
    return amounts(config, secrets, Turn(), table_use(config))


def _report(tmp_path: Path, text: str, *changes: str) -> str:
    from infra.cost.amounts import Turn
    from infra.cost.prices import read_prices
    from infra.cost.report import report
    from infra.cost.stack_file import read_stack_file

    path = tmp_path / "Pulumi.dev.yaml"
    path.write_text(text)
    return report(read_stack_file(path, changes), "Stack dev", read_prices(), Turn(), 1000)


def _refusal(text: str, tmp_path: Path, *changes: str) -> str:
    from infra.config import ConfigError

    with pytest.raises(ConfigError) as caught:
        _report(tmp_path, text, *changes)
    return str(caught.value)


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"packaging": "zip", "secretStore": "secretsManager"},
        {"frontDoor": "cloudfront", "waf": True, "store": "dynamodb"},
        {"frontDoor": "apiGateway", "secretStore": "secretsManager", "store": "dynamodb"},
    ],
    ids=["plain", "zip", "site", "api"],
)
def test_what_is_billed_by_the_month_is_what_the_program_makes(
    config: Mapping[str, Any], files: Files
) -> None:
    from dataclasses import fields

    from infra.config import StackConfig, key_of

    made = {"dockerfile": files.dockerfile, "zipFile": files.package, "webDir": files.page}
    counted = Counter(
        resource.type.rpartition(":")[2] for resource in on_paper({**made, **config}, _KEYS)
    )
    known = {key_of(field.name): field.name for field in fields(StackConfig)}

    month = _amounts(**{known[key]: value for key, value in config.items()}).month

    assert month["alarm"] == counted["MetricAlarm"]
    assert month["dashboard"] == counted["Dashboard"]
    assert month.get("secret", 0) == counted["Secret"]
    assert month.get("web ACL", 0) == counted["WebAcl"]
    assert ("image storage" in month) == (counted["Repository"] == 1)


def test_each_rule_of_waf_is_billed(files: Files) -> None:
    from infra.cost.amounts import WAF_RULES

    config = {"dockerfile": files.dockerfile, "webDir": files.page, "frontDoor": "cloudfront"}
    stack = on_paper({**config, "waf": True}, _KEYS)

    (web_acl,) = [found for found in stack if found.type == "aws:wafv2/webAcl:WebAcl"]
    assert isinstance(web_acl.inputs["rules"], list)
    assert len(web_acl.inputs["rules"]) == WAF_RULES
    assert _amounts(front_door="cloudfront", waf=True).turn["WAF request"] == 1


def test_the_apps_metrics_are_billed_in_hours_with_turns() -> None:
    found = _amounts()

    assert found.of_month(0)["metric"] == 0
    assert found.of_month(72)["metric"] == pytest.approx(5 * 0.1)
    assert found.of_month(30_000)["metric"] == 5


def test_a_turn_is_paid_for_by_its_time_and_memory() -> None:
    from infra.cost.amounts import COLD_S, COLD_SHARE

    small, large = _amounts(memory_mb=512), _amounts(memory_mb=2048, architecture="x86_64")

    assert small.turn["duration arm64"] == pytest.approx((10 + COLD_SHARE * COLD_S) / 2)
    assert large.turn["duration x86_64"] == pytest.approx(4 * small.turn["duration arm64"])
    assert small.turn["requests"] == 1


def test_only_what_a_response_has_beyond_6_mb_is_paid_for_as_streamed() -> None:
    from infra.config import StackConfig
    from infra.cost.amounts import Turn, amounts

    long = Turn(seconds=800, tokens=200_000)

    assert "streamed" not in _amounts().turn
    assert amounts(StackConfig(), _SECRETS, long, None).turn["streamed"] == pytest.approx(
        (long.answer_bytes - 6 * 2**20) / 1e9
    )


def test_each_front_door_has_its_own_price() -> None:
    url, api, site = (_amounts(front_door=door) for door in ("url", "apiGateway", "cloudfront"))

    assert not {"REST request", "CloudFront request"} & url.turn.keys()
    assert api.turn["REST request"] == site.turn["CloudFront request"] == 1
    # What goes through CloudFront leaves AWS there.
    assert site.turn["transfer"] < url.turn["transfer"] == api.turn["transfer"]
    # The access log, if there is one.
    assert api.turn["log ingestion"] - url.turn["log ingestion"] == pytest.approx(300 / 1e9)
    assert (
        _amounts(front_door="apiGateway", access_logs=False).turn["log ingestion"]
        == (url.turn["log ingestion"])
    )


def test_secrets_are_read_when_an_environment_starts() -> None:
    own = _amounts(frozenset({"auth_token"}), openai_api_key_arn="arn:aws:ssm:…")
    theirs = _amounts(secret_store="secretsManager")

    assert own.turn["key call"] == theirs.turn["secret call"] == pytest.approx(3 * 0.05)
    assert "secret call" not in own.turn


def test_a_turn_takes_of_the_table_what_the_page_about_it_says() -> None:
    found = _amounts(store="dynamodb").turn

    page = (_ROOT / "docs" / "deploy.md").read_text()
    row = re.search(r"a turn of 200 tokens in 10 seconds \| ([\d.]+) \| ([\d.]+) \|", page)
    assert row is not None
    assert found["table write"] == pytest.approx(float(row[1]), rel=0.01)
    assert found["table read"] == pytest.approx(float(row[2]), rel=0.01)


def test_a_token_has_so_many_bytes_on_the_wire() -> None:
    from infra.cost.amounts import FRAME_BYTES

    encoder = UIMessageStreamEncoder()
    encoder.encode(TextDelta("The"))

    assert len(encoder.encode(TextDelta(" weather"))) == pytest.approx(FRAME_BYTES, abs=10)


def test_a_thousand_turns_a_day_cost_what_one_computes_by_hand() -> None:
    from infra.cost.bill import bill
    from infra.cost.prices import read_prices

    total = bill(_amounts(), read_prices(), 30_000)

    # Time, requests, the network, logs and keys; then alarms, the dashboard, metrics and an image.
    by_hand = 300_750 * 0.0000133334 + 0.006 + 30_000 * 17.6e-6 * 0.09 + 0.026 + 0.0135 + 0.001
    assert total.month == pytest.approx(by_hand + 0.5 + 3 + 1.5 + 0.008, rel=0.005)
    assert total.hour == pytest.approx(3.508 / 720)
    # All of that is within what is free, but for the image and old logs.
    assert total.beyond_free == pytest.approx(0.008 + 30_000 * 1.75e-6 * 14 / 30 * 0.03)


def test_the_tables_of_the_page_are_what_is_computed() -> None:
    from infra.cost.prices import read_prices
    from infra.cost.tables import PAGE, rendered

    page = PAGE.read_text()

    assert page == rendered(page, read_prices()), "python -m infra.cost --write writes it anew"


def test_the_sums_in_sentences_are_of_these_prices() -> None:
    from infra.config import StackConfig
    from infra.cost.amounts import most_at_once
    from infra.cost.bill import at_most
    from infra.cost.prices import read_prices

    prices, config = read_prices(), StackConfig()
    page = (_ROOT / "docs" / "deploy.md").read_text()
    project = yaml.safe_load((_ROOT / "Pulumi.yaml").read_text())
    waf = prices.of["web ACL"].usd + 2 * prices.of["WAF rule"].usd

    assert most_at_once(config) == 10
    assert at_most(config, prices, 10) == pytest.approx(350, rel=0.02)
    assert "some 350\ndollars of Lambda a month" in page or "some 350 dollars" in page
    assert "a thousand 35 000" in page
    assert "some 350 dollars a month" in (_ROOT / "infra" / "limits.py").read_text()
    assert f"some {waf:.0f} dollars a month" in project["config"]["waf"]["description"]
    assert "5 dollars a month, 1 for each of two rules, 0.60 per million requests" in page
    assert (prices.of["web ACL"].usd, prices.of["WAF rule"].usd) == (5, 1)
    assert prices.of["WAF request"].of(1e6) == 0.6


@pytest.mark.parametrize(
    ("reserved", "auth", "most"),
    [("auto", "NONE", 10), ("auto", "AWS_IAM", None), ("none", "NONE", None), ("7", "NONE", 7)],
)
def test_the_most_is_what_the_reservation_lets(reserved: str, auth: str, most: int | None) -> None:
    from infra.config import StackConfig
    from infra.cost.amounts import most_at_once

    assert most_at_once(StackConfig(reserved_concurrency=reserved, auth=auth)) == most


def test_the_report_says_what_is_in_it_and_what_is_not(tmp_path: Path) -> None:
    text = _report(
        tmp_path,
        "config:\n"
        "  aws:region: eu-west-1\n"
        "  deltaline:auth: AWS_IAM\n"
        "  deltaline:store: redis\n"
        "  deltaline:storeUrl: {secure: AAAB}\n"
        "  deltaline:vpcSubnetIds: [subnet-1]\n"
        "  deltaline:examples: true\n"
        "  deltaline:secretKmsKeyArn: arn:aws:kms:eu-west-1:123456789012:key/1\n",
    )

    assert "without the model's own price" in text
    assert "as many turns at once as the account lets" in text
    assert "The stack is in eu-west-1: look up its prices" in text
    for left_out in ("the NAT gateway", "the Redis", "the functions of examples/", "the KMS key"):
        assert f"Not in it: {left_out}" in text


def test_the_report_of_the_usual_stack_has_no_such_remarks(tmp_path: Path) -> None:
    text = _report(tmp_path, "config: {aws:region: us-east-1}", "memoryMb=512")

    assert "512 MB" in text
    assert "At most 10 at once" in text
    assert "Not in it" not in text
    assert "look up its prices" not in text


def test_a_file_of_a_stack_is_read_as_pulumi_reads_it(tmp_path: Path) -> None:
    from infra.cost.stack_file import read_stack_file

    path = tmp_path / "Pulumi.dev.yaml"
    path.write_text(
        "encryptionsalt: v1:abc\n"
        "config:\n"
        "  deltaline:allowedOrigins: [https://example.com]\n"
        "  deltaline:waf: false\n"
        '  deltaline:timeoutS: "60"\n'
        '  deltaline:alarmEmail: ""\n'
        "  deltaline:authToken: {secure: AAAB}\n"
        "  other:key: 1\n"
    )

    found = read_stack_file(path)

    assert found.config.allowed_origins == ("https://example.com",)
    assert (found.config.waf, found.config.timeout_s, found.config.alarm_email) == (False, 60, "")
    assert found.secrets == {"auth_token"}
    assert found.region == ""


def test_an_example_gets_the_secrets_that_its_user_adds(tmp_path: Path) -> None:
    from infra.cost.stack_file import read_stack_file

    path = tmp_path / "Pulumi.dev.yaml"
    path.write_text("")

    assert read_stack_file(path).secrets == {"openai_api_key", "auth_token"}
    assert read_stack_file(path, ["auth=AWS_IAM"]).secrets == {"openai_api_key"}


@pytest.mark.parametrize(
    ("text", "change", "sentence"),
    [
        ("config: {deltaline:memoryMB: 512}", "", "memoryMB is not a key of this project; did you"),
        ("config: {deltaline:memoryMb: much}", "", "memoryMb must be a whole number"),
        ("config: {deltaline:frontDoor: door}", "", "frontDoor must be url, cloudfront or api"),
        ("config: [1]", "", "config must hold keys and their values"),
        ("config: {", "", "is no YAML"),
        ("", "memoryMb", "A change must be KEY=VALUE, such as memoryMb=512, not 'memoryMb'."),
    ],
)
def test_a_file_or_change_that_cannot_be_used_is_refused(
    tmp_path: Path, text: str, change: str, sentence: str
) -> None:
    changes = [change] if change else []

    assert sentence in _refusal(text, tmp_path, *changes)


def _prices(tmp_path: Path, change: Any) -> Path:
    from infra.cost.prices import OURS

    kept = json.loads(OURS.read_text())
    change(kept)
    path = tmp_path / "prices.json"
    path.write_text(json.dumps(kept))
    return path


def test_other_prices_count_instead_of_ours(tmp_path: Path) -> None:
    from infra.cost.bill import bill
    from infra.cost.prices import read_prices

    def dearer(kept: Any) -> None:
        kept["region"] = "eu-west-1"
        kept["prices"]["dashboard"]["usd"] = 30

    ours, theirs = read_prices(), read_prices(_prices(tmp_path, dearer))

    assert theirs.region == "eu-west-1"
    assert bill(_amounts(), theirs, 0).month - bill(_amounts(), ours, 0).month == pytest.approx(27)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda kept: kept["prices"].pop("transfer"), "has no price of transfer."),
        (lambda kept: kept["prices"]["alarm"].pop("per"), "is no file of prices: copy prices.json"),
        (lambda kept: kept["prices"]["alarm"].update(usd="1"), "of 'alarm' must be numbers"),
        (lambda kept: kept["prices"]["alarm"].update(per=0), "of 'alarm' must be numbers"),
        (lambda kept: kept.pop("date"), "is no file of prices"),
    ],
)
def test_prices_that_cannot_be_used_are_refused(tmp_path: Path, change: Any, sentence: str) -> None:
    from infra.cost.prices import PriceError, read_prices

    with pytest.raises(PriceError, match=re.escape(sentence)):
        read_prices(_prices(tmp_path, change))


def test_every_price_says_where_it_is_from_and_is_needed() -> None:
    from infra.cost.prices import read_prices

    used = {
        name
        for fields in (
            {"secret_store": "secretsManager", "store": "dynamodb", "architecture": "x86_64"},
            {"front_door": "apiGateway"},
            {"front_door": "cloudfront", "waf": True},
        )
        for name in _amounts(**fields).of_month(1)
    }

    prices = read_prices()
    assert prices.of.keys() == used | {"streamed"}
    assert all(price.source for price in prices.of.values())
    assert re.fullmatch(r"20\d\d-\d\d-\d\d", prices.date)


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "infra.cost", *arguments],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_command_prints_a_report_or_a_sentence() -> None:
    found = _run("--stack", "prod", "--turns", "5", "--seconds", "20")
    missing = _run("--stack", "nowhere")

    assert (found.returncode, found.stderr) == (0, "")
    assert found.stdout.startswith("Stack prod: frontDoor url, ")
    assert "A turn of 20 s with 200 tokens" in found.stdout
    assert "5 such turns a day" in found.stdout
    assert missing.returncode == 2
    assert missing.stderr.endswith(
        "Pulumi.nowhere.yaml cannot be read: No such file or directory.\n"
    )


@pytest.mark.parametrize(
    "arguments", [["--turns", "0"], ["--seconds", "nan"], ["--tokens", "-1"], ["--prices", "/no"]]
)
def test_numbers_that_mean_nothing_are_refused(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    from infra.cost.__main__ import main

    try:
        status = main(arguments)
    except SystemExit as end:
        status = end.code  # type: ignore[assignment]

    assert status == 2
    assert capsys.readouterr().err


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (0.0, "0.00"),
        (0.0000123, "0.000012"),
        (0.0999, "0.100"),
        (0.5, "0.50"),
        (0.999, "1.00"),
        (12.345, "12.35"),
        (345.6, "346"),
        (5970.1, "5,970"),
    ],
)
def test_amounts_have_the_digits_that_say_something(amount: float, text: str) -> None:
    from infra.cost.bill import dollars

    assert dollars(amount) == text
