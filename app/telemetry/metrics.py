"""Metrics of chat turns on Lambda: one line each in CloudWatch's embedded metric format.

Lambda sends what a function prints to CloudWatch Logs, and CloudWatch extracts the metrics from
lines like this one, without an agent, a request or an SDK. Like the log, a line holds no content.

    {"_aws":{"Timestamp":1767225600000,"CloudWatchMetrics":[{"Namespace":"Deltaline",
     "Dimensions":[["FunctionName"]],"Metrics":[{"Name":"Duration","Unit":"Milliseconds"}]}]},
     "FunctionName":"deltaline-dev","Duration":1234.5,"FinishReason":"stop"}

Source: Amazon CloudWatch User Guide, "Specification: Embedded metric format".
"""

import json
import sys
import time
from collections.abc import Callable
from typing import TextIO

from app.turns.outcome import TurnLabels, TurnOutcome

NAMESPACE = "Deltaline"


class TurnMetrics:
    """Writes the metrics of each turn.

    Args:
        function_name: the only dimension.
        out: where lines go; standard output if not given.
        now: Unix time in seconds.
    """

    def __init__(
        self,
        function_name: str,
        *,
        out: TextIO | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._function_name = function_name
        self._out = out
        self._now = now

    def put(self, labels: TurnLabels, outcome: TurnOutcome) -> None:
        """Write the line of a turn that is over. Unknown values are left out."""
        measured = {
            "TimeToFirstToken": (outcome.first_token_ms, "Milliseconds"),
            "Duration": (outcome.duration_ms, "Milliseconds"),
            "InputTokens": (outcome.usage.input_tokens, "Count"),
            "OutputTokens": (outcome.usage.output_tokens, "Count"),
            "Errors": (int(outcome.error is not None), "Count"),
        }
        known = {name: pair for name, pair in measured.items() if pair[0] is not None}
        # Not dimensions: CloudWatch charges for each value of a dimension.
        facts = {
            "FinishReason": outcome.finish_reason,
            "ErrorCode": None if outcome.error is None else outcome.error.code,
            "Protocol": labels.protocol,
            "Model": labels.model,
            "RequestId": labels.request_id,
        }
        directive = {
            "Namespace": NAMESPACE,
            "Dimensions": [["FunctionName"]],
            "Metrics": [{"Name": name, "Unit": unit} for name, (_, unit) in known.items()],
        }
        line = {
            "_aws": {
                "Timestamp": int(self._now() * 1000),
                "CloudWatchMetrics": [directive],
            },
            "FunctionName": self._function_name,
            **{name: value for name, (value, _) in known.items()},
            **{name: fact for name, fact in facts.items() if fact},
        }
        out = sys.stdout if self._out is None else self._out
        out.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n")
        # Lambda freezes the process once the response is complete.
        out.flush()
