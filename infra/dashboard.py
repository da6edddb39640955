"""The CloudWatch dashboard: how fast turns are, what they use, and what fails."""

import json
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.metrics import (
    CONCURRENCY,
    DURATION,
    FUNCTION_ERRORS,
    INPUT_TOKENS,
    INVOCATIONS,
    OUTPUT_TOKENS,
    THROTTLES,
    TIME_TO_FIRST_TOKEN,
    TURN_ERRORS,
)

_PERIOD_S = 300
_WIDTH, _HEIGHT = 12, 6


@dataclass(frozen=True, slots=True, kw_only=True)
class DashboardArgs:
    """
    Args:
        name: of the dashboard.
        function_name: the function that it shows.
        log_group_name: the log to which the app writes how turns ended.
        region: of the function and its log.
    """

    name: str
    function_name: pulumi.Input[str]
    log_group_name: pulumi.Input[str]
    region: pulumi.Input[str]


class Dashboard(pulumi.ComponentResource):
    """The dashboard.

    Attributes:
        url: of the dashboard in the AWS console.
    """

    url: pulumi.Output[str]

    def __init__(
        self, name: str, args: DashboardArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("deltaline:infra:Dashboard", name, None, opts)
        body = pulumi.Output.all(args.function_name, args.log_group_name, args.region).apply(
            lambda found: _body(function=found[0], log_group=found[1], region=found[2])
        )
        dashboard = aws.cloudwatch.Dashboard(
            name,
            dashboard_name=args.name,
            dashboard_body=body,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.url = pulumi.Output.format(
            "https://{0}.console.aws.amazon.com/cloudwatch/home?region={0}#dashboards/dashboard/{1}",
            args.region,
            dashboard.dashboard_name,
        )
        self.register_outputs({"url": self.url})


def _body(*, function: str, log_group: str, region: str) -> str:
    def graph(title: str, place: int, rows: list[list[object]]) -> dict[str, object]:
        properties = {
            "title": title,
            "region": region,
            "view": "timeSeries",
            "period": _PERIOD_S,
            "metrics": rows,
        }
        return {"type": "metric", **_box(place), "properties": properties}

    widgets = [
        graph(
            "Time to first token, ms",
            0,
            [TIME_TO_FIRST_TOKEN.row(function, p, p) for p in ("p50", "p90", "p99")],
        ),
        graph("Length of a turn, ms", 1, [DURATION.row(function, p, p) for p in ("p50", "p90")]),
        graph(
            "Tokens",
            2,
            [INPUT_TOKENS.row(function, "Sum", "in"), OUTPUT_TOKENS.row(function, "Sum", "out")],
        ),
        graph(
            "What fails",
            3,
            [
                TURN_ERRORS.row(function, "Sum", "turns"),
                FUNCTION_ERRORS.row(function, "Sum", "function"),
                THROTTLES.row(function, "Sum", "throttled"),
            ],
        ),
        graph(
            "Requests",
            4,
            [
                INVOCATIONS.row(function, "Sum", "requests"),
                CONCURRENCY.row(function, "Maximum", "at once"),
            ],
        ),
        {
            "type": "log",
            **_box(5),
            "properties": {
                "title": "How turns ended",
                "region": region,
                "view": "bar",
                "query": (
                    f"SOURCE '{log_group}' | filter ispresent(Duration) "
                    "| stats count(*) by FinishReason, ErrorCode"
                ),
            },
        },
    ]
    return json.dumps({"widgets": widgets})


def _box(place: int) -> dict[str, int]:
    """Return the position of a widget; two stand side by side."""
    return {
        "x": place % 2 * _WIDTH,
        "y": place // 2 * _HEIGHT,
        "width": _WIDTH,
        "height": _HEIGHT,
    }
