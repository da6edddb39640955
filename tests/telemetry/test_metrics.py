"""The metrics of turns on Lambda: CloudWatch's embedded metric format."""

import io
import json
from typing import Any

import msgspec
import pytest

from app.events import Error, Usage
from app.telemetry.metrics import TurnMetrics
from app.turns.outcome import TurnLabels, TurnOutcome
from tests.chatting import chatting, ui_body

LABELS = TurnLabels(request_id="req-1")
OUTCOME = TurnOutcome(
    status=200,
    finish_reason=None,
    error=None,
    usage=Usage(),
    steps=1,
    first_token_ms=None,
    duration_ms=5,
    client_left=False,
)


def _line(labels: TurnLabels, outcome: TurnOutcome) -> dict[str, Any]:
    out = io.StringIO()
    TurnMetrics("deltaline-dev", out=out, now=lambda: 1767225600.25).put(labels, outcome)
    text = out.getvalue()
    assert text.endswith("\n")
    assert text.count("\n") == 1
    line: dict[str, Any] = json.loads(text)
    return line


def test_a_turn_is_one_line_with_metrics_and_facts() -> None:
    labels = TurnLabels(request_id="req-1", chat_id="chat-1", protocol="ui", model="gpt-4o-mini")
    outcome = msgspec.structs.replace(
        OUTCOME,
        finish_reason="stop",
        usage=Usage(12, 34),
        first_token_ms=210.5,
        duration_ms=1234.5,
    )

    line = _line(labels, outcome)

    assert line == {
        "_aws": {
            "Timestamp": 1767225600250,
            "CloudWatchMetrics": [
                {
                    "Namespace": "Deltaline",
                    "Dimensions": [["FunctionName"]],
                    "Metrics": [
                        {"Name": "TimeToFirstToken", "Unit": "Milliseconds"},
                        {"Name": "Duration", "Unit": "Milliseconds"},
                        {"Name": "InputTokens", "Unit": "Count"},
                        {"Name": "OutputTokens", "Unit": "Count"},
                        {"Name": "Errors", "Unit": "Count"},
                    ],
                }
            ],
        },
        "FunctionName": "deltaline-dev",
        "TimeToFirstToken": 210.5,
        "Duration": 1234.5,
        "InputTokens": 12,
        "OutputTokens": 34,
        "Errors": 0,
        "FinishReason": "stop",
        "Protocol": "ui",
        "Model": "gpt-4o-mini",
        "RequestId": "req-1",
    }


def test_what_is_not_known_is_not_said() -> None:
    failed = msgspec.structs.replace(OUTCOME, error=Error("provider_error", "It broke."))

    line = _line(LABELS, failed)

    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert [metric["Name"] for metric in directive["Metrics"]] == ["Duration", "Errors"]
    assert (line["Errors"], line["ErrorCode"]) == (1, "provider_error")
    assert not {"TimeToFirstToken", "InputTokens", "OutputTokens", "FinishReason"} & line.keys()


def test_every_metric_that_is_declared_has_a_number() -> None:
    line = _line(LABELS, msgspec.structs.replace(OUTCOME, first_token_ms=1.0))

    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert all(isinstance(line[metric["Name"]], int | float) for metric in directive["Metrics"])
    assert all(isinstance(line[name], str) for name in directive["Dimensions"][0])


async def test_a_turn_on_lambda_prints_its_line_and_none_of_its_content(
    model: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "deltaline-dev")
    async with chatting(model, openai_api_key="sk-secret") as chat:
        await chat.post(ui_body("a private question"))

    (text,) = capsys.readouterr().out.splitlines()
    line = json.loads(text)
    assert (line["FunctionName"], line["FinishReason"]) == ("deltaline-dev", "stop")
    assert line["OutputTokens"] > 0
    assert not [word for word in ("private", "sk-secret", "chat-1") if word in text]


async def test_a_turn_elsewhere_prints_nothing(
    model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async with chatting(model) as chat:
        await chat.post(ui_body("Hello"))

    assert capsys.readouterr().out == ""


def test_lines_go_to_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    TurnMetrics("deltaline-dev").put(LABELS, OUTCOME)

    assert json.loads(capsys.readouterr().out)["FunctionName"] == "deltaline-dev"
