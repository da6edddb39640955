"""Alarms, and the topic that they notify."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.metrics import (
    FUNCTION_ERRORS,
    INVOCATIONS,
    READ_THROTTLES,
    THROTTLES,
    TIME_TO_FIRST_TOKEN,
    TURN_ERRORS,
    WRITE_THROTTLES,
    Metric,
)

_PERIOD_S = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmsArgs:
    """
    Args:
        name: prefix of the alarms' names.
        function_name: the function to watch.
        first_token_ms: an alarm is raised if more than one turn in ten waits longer for its first
            token.
        invocations: an alarm is raised if there are more requests in five minutes.
        topic_arn: an existing SNS topic to notify; empty: none.
        email: an address to notify through a new topic, once it has confirmed; empty: none.
        table_name: the table to watch, if there is one.
    """

    name: str
    function_name: pulumi.Input[str]
    first_token_ms: int
    invocations: int
    topic_arn: str
    email: str
    tags: Mapping[str, str]
    table_name: pulumi.Input[str] | None = None


class Alarms(pulumi.ComponentResource):
    """Alarms about failures, slow turns and many requests.

    Without a topic they show only in the console.
    """

    def __init__(
        self, name: str, args: AlarmsArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("deltaline:infra:Alarms", name, None, opts)
        self._args = args
        self._actions = self._topic(name, args)
        # Crashes and time-outs. Lambda counts a turn that reports its own failure as a success.
        self._alarm("function-errors", "The function failed", FUNCTION_ERRORS, statistic="Sum")
        self._alarm("turn-errors", "A chat turn ended with an error", TURN_ERRORS, statistic="Sum")
        self._alarm("throttles", "Lambda turned requests away", THROTTLES, statistic="Sum")
        self._alarm(
            "first-token",
            f"One turn in ten waited over {args.first_token_ms} ms for its first token",
            TIME_TO_FIRST_TOKEN,
            percentile="p90",
            threshold=args.first_token_ms,
        )
        # Every request costs, also one that the app refuses. What Lambda throttles is not in it.
        self._alarm(
            "invocations",
            f"There were over {args.invocations} requests in {_PERIOD_S // 60} minutes",
            INVOCATIONS,
            statistic="Sum",
            threshold=args.invocations,
        )
        if args.table_name is not None:
            # The app repeats what is throttled; a table that goes on throttling delays the ends of
            # turns, and resume is refused.
            for verb, metric in (("read", READ_THROTTLES), ("write", WRITE_THROTTLES)):
                self._alarm(
                    f"table-{verb}-throttles",
                    f"DynamoDB did not take every {verb} of the table",
                    metric,
                    statistic="Sum",
                    of=args.table_name,
                )
        self.register_outputs({})

    def _topic(self, name: str, args: AlarmsArgs) -> list[pulumi.Input[str]]:
        if args.topic_arn:
            return [args.topic_arn]
        if not args.email:
            return []
        child = pulumi.ResourceOptions(parent=self)
        topic = aws.sns.Topic(name, name=f"{args.name}-alarms", tags=args.tags, opts=child)
        aws.sns.TopicSubscription(
            name, topic=topic.arn, protocol="email", endpoint=args.email, opts=child
        )
        return [topic.arn]

    def _alarm(
        self,
        name: str,
        description: str,
        metric: Metric,
        *,
        statistic: str | None = None,
        percentile: str | None = None,
        threshold: int = 0,
        of: pulumi.Input[str] | None = None,
    ) -> None:
        aws.cloudwatch.MetricAlarm(
            name,
            name=f"{self._args.name}-{name}",
            alarm_description=f"{description}.",
            namespace=metric.namespace,
            metric_name=metric.name,
            dimensions=metric.dimensions(self._args.function_name if of is None else of),
            statistic=statistic,
            extended_statistic=percentile,
            period=_PERIOD_S,
            evaluation_periods=1,
            comparison_operator="GreaterThanThreshold",
            threshold=threshold,
            # No data means no chats, as at night.
            treat_missing_data="notBreaching",
            alarm_actions=self._actions,
            ok_actions=self._actions,
            tags=self._args.tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
