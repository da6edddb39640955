"""Alarms, their topic, the budget and the dashboard."""

import json

import pytest

from app.telemetry import metrics as app_metrics
from tests.infra.aws_api import ACCOUNT, REGION
from tests.infra.cloud import Cloud
from tests.infra.deploying import run_program

KEY = {"openaiApiKey": "sk-secret", "authToken": "let-me-in"}


def test_alarms_watch_errors_throttles_the_first_token_and_requests(
    cloud: Cloud, dockerfile: str
) -> None:
    config = {"dockerfile": dockerfile, "firstTokenAlarmMs": 2500}

    run_program(cloud, config, secrets=KEY)

    alarms = cloud.client("cloudwatch").describe_alarms()["MetricAlarms"]
    assert {
        (alarm["AlarmName"], alarm["Namespace"], alarm["MetricName"], alarm["Threshold"])
        for alarm in alarms
    } == {
        ("deltaline-dev-function-errors", "AWS/Lambda", "Errors", 0),
        ("deltaline-dev-turn-errors", "Deltaline", "Errors", 0),
        ("deltaline-dev-throttles", "AWS/Lambda", "Throttles", 0),
        ("deltaline-dev-first-token", "Deltaline", "TimeToFirstToken", 2500),
        ("deltaline-dev-invocations", "AWS/Lambda", "Invocations", 1000),
    }
    assert all(
        alarm["Dimensions"] == [{"Name": "FunctionName", "Value": "deltaline-dev"}]
        for alarm in alarms
    )
    assert not any(alarm["AlarmActions"] for alarm in alarms)
    (first_token,) = [a for a in alarms if a["MetricName"] == "TimeToFirstToken"]
    assert first_token["ExtendedStatistic"] == "p90"


def test_an_email_gets_a_topic_and_all_alarms_go_there(cloud: Cloud, dockerfile: str) -> None:
    config = {"dockerfile": dockerfile, "alarmEmail": "operations@example.com"}

    run_program(cloud, config, secrets=KEY)

    (topic,) = cloud.client("sns").list_topics()["Topics"]
    (subscription,) = cloud.client("sns").list_subscriptions()["Subscriptions"]
    alarms = cloud.client("cloudwatch").describe_alarms()["MetricAlarms"]
    assert (subscription["Protocol"], subscription["Endpoint"]) == (
        "email",
        "operations@example.com",
    )
    assert all(alarm["AlarmActions"] == [topic["TopicArn"]] for alarm in alarms)
    assert all(alarm["OKActions"] == [topic["TopicArn"]] for alarm in alarms)


def test_more_requests_than_the_stack_expects_raise_an_alarm(cloud: Cloud, dockerfile: str) -> None:
    config = {"dockerfile": dockerfile, "invocationAlarmPer5Min": 42}

    run_program(cloud, config, secrets=KEY)

    (alarm,) = cloud.client("cloudwatch").describe_alarms(AlarmNames=["deltaline-dev-invocations"])[
        "MetricAlarms"
    ]
    assert (alarm["Statistic"], alarm["Period"], alarm["Threshold"]) == ("Sum", 300, 42)
    assert alarm["AlarmDescription"] == "There were over 42 requests in 5 minutes."


@pytest.mark.parametrize(
    "config",
    [{"budgetEmail": "money@example.com"}, {"alarmEmail": "money@example.com"}],
    ids=["its own address", "the address of the alarms"],
)
def test_a_budget_writes_when_the_account_costs_more(
    cloud: Cloud, dockerfile: str, config: dict[str, object]
) -> None:
    run_program(cloud, {"dockerfile": dockerfile, "budgetUsd": 50, **config}, secrets=KEY)

    budgets = cloud.client("budgets")
    (budget,) = budgets.describe_budgets(AccountId=ACCOUNT)["Budgets"]
    notices = budgets.describe_notifications_for_budget(
        AccountId=ACCOUNT, BudgetName="deltaline-dev"
    )["Notifications"]
    inputs = cloud.one("aws:budgets/budget:Budget").inputs
    assert (budget["BudgetName"], budget["BudgetType"]) == ("deltaline-dev", "COST")
    assert budget["TimeUnit"] == "MONTHLY"
    assert float(budget["BudgetLimit"]["Amount"]) == 50
    assert {(notice["NotificationType"], notice["Threshold"]) for notice in notices} == {
        ("ACTUAL", 50),
        ("ACTUAL", 100),
        ("FORECASTED", 100),
    }
    assert all(
        notice["subscriberEmailAddresses"] == ["money@example.com"]
        for notice in inputs["notifications"]
    )


def test_without_an_amount_there_is_no_budget(cloud: Cloud, dockerfile: str) -> None:
    config = {"dockerfile": dockerfile, "alarmEmail": "operations@example.com"}

    run_program(cloud, config, secrets=KEY)

    assert not cloud.of_type("aws:budgets/budget:Budget")


def test_alarms_can_go_to_a_topic_of_ones_own(cloud: Cloud, dockerfile: str) -> None:
    arn = f"arn:aws:sns:{REGION}:{ACCOUNT}:operations"

    run_program(cloud, {"dockerfile": dockerfile, "alarmTopicArn": arn}, secrets=KEY)

    alarms = cloud.client("cloudwatch").describe_alarms()["MetricAlarms"]
    assert all(alarm["AlarmActions"] == [arn] for alarm in alarms)
    assert not cloud.of_type("aws:sns/topic:Topic")


def test_the_dashboard_shows_the_metrics_that_the_app_emits(cloud: Cloud, dockerfile: str) -> None:
    run_program(cloud, {"dockerfile": dockerfile}, secrets=KEY)
    from infra import metrics

    body = json.loads(
        cloud.client("cloudwatch").get_dashboard(DashboardName="deltaline-dev")["DashboardBody"]
    )
    rows = [row for widget in body["widgets"] for row in widget["properties"].get("metrics", [])]
    ours = {row[1] for row in rows if row[0] == app_metrics.NAMESPACE}
    assert ours == {"TimeToFirstToken", "Duration", "InputTokens", "OutputTokens", "Errors"}
    assert all(row[2:4] == ["FunctionName", "deltaline-dev"] for row in rows)
    assert metrics.NAMESPACE == app_metrics.NAMESPACE
