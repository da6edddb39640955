"""The metrics of the alarms and the dashboard.

Our own come from the log lines that the app writes on Lambda (`app/telemetry/metrics.py`). Their
only dimension is the function's name, because CloudWatch charges for every value of a dimension.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi

NAMESPACE = "Deltaline"
DIMENSION = "FunctionName"


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric of one function, or of what else ``dimension`` says, by its namespace and name."""

    namespace: str
    name: str
    dimension: str = DIMENSION

    def dimensions(self, of: pulumi.Input[str]) -> Mapping[str, pulumi.Input[str]]:
        return {self.dimension: of}

    def row(self, function_name: str, statistic: str, label: str) -> list[object]:
        """Return the metric in the form that a widget of a dashboard takes."""
        options = {"stat": statistic, "label": label}
        return [self.namespace, self.name, DIMENSION, function_name, options]


TIME_TO_FIRST_TOKEN = Metric(NAMESPACE, "TimeToFirstToken")
DURATION = Metric(NAMESPACE, "Duration")
INPUT_TOKENS = Metric(NAMESPACE, "InputTokens")
OUTPUT_TOKENS = Metric(NAMESPACE, "OutputTokens")
TURN_ERRORS = Metric(NAMESPACE, "Errors")

# AWS Lambda Developer Guide, "Types of metrics for Lambda functions".
FUNCTION_ERRORS = Metric("AWS/Lambda", "Errors")
THROTTLES = Metric("AWS/Lambda", "Throttles")
INVOCATIONS = Metric("AWS/Lambda", "Invocations")
CONCURRENCY = Metric("AWS/Lambda", "ConcurrentExecutions")

# Amazon DynamoDB Developer Guide, "DynamoDB metrics and dimensions".
READ_THROTTLES = Metric("AWS/DynamoDB", "ReadThrottleEvents", "TableName")
WRITE_THROTTLES = Metric("AWS/DynamoDB", "WriteThrottleEvents", "TableName")
