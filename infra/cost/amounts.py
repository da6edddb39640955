"""What a stack costs: the amounts that AWS bills, from the stack's configuration. No I/O.

The model's own price is not in it, which is most of what a chat costs, nor what the stack does not
make: a Redis, a NAT gateway, a KMS key of one's own.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from bench.scaling.arithmetic import Flushing, Load, Parts, batches_per_turn
from infra.config import StackConfig
from infra.limits import PUBLIC_CONCURRENCY

# As bench/scaling has it.
MONTH_H = 30 * 24
MONTH_S = MONTH_H * 3600
_GB = 1e9
_MIB = 1024 * 1024

# Of one token in the UI message stream, and of the parts around an answer.
FRAME_BYTES = 65
AROUND_BYTES = 600
# What a request of Lambda's may stream before it is paid for.
_STREAMED_FREE_BYTES = 6 * _MIB
# Of a request: two lines of ours (the turn and its metrics), and Lambda's START, END and REPORT.
LOG_BYTES = 2 * 700 + 350
ACCESS_LOG_BYTES = 300
# An image is stored compressed; so is what the ten of the repository have in common.
IMAGE_GB = 0.08
# How many turns are the first of an environment of the function, and how long that starts.
COLD_SHARE, COLD_S = 0.05, 0.5

METRICS = 5
ALARMS, TABLE_ALARMS = 5, 2
WAF_RULES = 2
# How often the app writes a turn's log into the table.
_FLUSHING = Flushing(interval_s=0.25)


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A usual turn.

    Attributes:
        seconds: it takes; for so long the function runs.
        tokens: of its answer.
        question_bytes: of the request, and of what the model is sent.
    """

    seconds: float = 10.0
    tokens: int = 200
    question_bytes: int = 4000

    @property
    def answer_bytes(self) -> int:
        return self.tokens * FRAME_BYTES + AROUND_BYTES


@dataclass(frozen=True, slots=True)
class TableUse:
    """What a turn takes of the table, in units that DynamoDB bills (docs/scaling.json)."""

    writes: Parts
    reads: Parts


@dataclass(frozen=True, slots=True)
class Amounts:
    """What AWS bills, by the names of prices.

    Attributes:
        month: of what is there, used or not.
        used_month: of what is only billed in hours with turns, if all hours of the month have some.
        turn: of each turn.
    """

    month: Mapping[str, float]
    used_month: Mapping[str, float]
    turn: Mapping[str, float]

    def of_month(self, turns: float) -> Mapping[str, float]:
        """Return what a month takes in which so many turns are spread over all hours."""
        hours = min(1.0, turns / MONTH_H)
        total: dict[str, float] = {}
        for part, times in ((self.month, 1.0), (self.used_month, hours), (self.turn, turns)):
            for name, units in part.items():
                total[name] = total.get(name, 0.0) + units * times
        return total


def amounts(
    config: StackConfig, secrets: frozenset[str], turn: Turn, table: TableUse | None
) -> Amounts:
    """Return what a stack takes.

    Args:
        secrets: the names of the fields of secrets that are set.
        table: what a turn takes of the table, for ``store`` dynamodb.
    """
    return Amounts(
        _present(_month(config, secrets)),
        {"metric": METRICS},
        _present(
            {**_function(config, secrets, turn), **_door(config, turn), **_table(table, turn)}
        ),
    )


def most_at_once(config: StackConfig) -> int | None:
    """Return how many turns may run at once, or ``None``: as many as the account lets."""
    match config.reserved_concurrency:
        case "auto":
            return PUBLIC_CONCURRENCY if config.is_public else None
        case "none" | "-1":
            return None
        case number:
            return int(number)


def duration_price(config: StackConfig) -> str:
    """Return the name of the price of the function's time."""
    return f"duration {config.architecture}"


def gb_seconds(config: StackConfig, seconds: float) -> float:
    """Return what so many seconds of the function are, in the unit that Lambda bills."""
    return seconds * config.memory_mb / 1024


def _month(config: StackConfig, secrets: frozenset[str]) -> dict[str, float]:
    waf = config.waf
    return {
        "alarm": ALARMS + (TABLE_ALARMS if config.store == "dynamodb" else 0),
        "dashboard": 1,
        "image storage": IMAGE_GB if config.packaging == "image" else 0,
        "secret": len(_stored(secrets)) if config.secret_store == "secretsManager" else 0,
        "web ACL": 1 if waf else 0,
        "WAF rule": WAF_RULES if waf else 0,
    }


def _stored(secrets: frozenset[str]) -> frozenset[str]:
    """Return the secrets that the program stores: these, and the one that signs approvals."""
    return secrets | {"approval_secret"}


def _function(config: StackConfig, secrets: frozenset[str], turn: Turn) -> dict[str, float]:
    log_gb = LOG_BYTES / _GB
    if config.front_door == "apiGateway" and config.access_logs:
        log_gb += ACCESS_LOG_BYTES / _GB
    # The model's key may be in a store of its owner.
    read = len(_stored(secrets)) + bool(config.openai_api_key_arn)
    calls = read * COLD_SHARE
    return {
        "requests": 1,
        duration_price(config): gb_seconds(config, turn.seconds + COLD_SHARE * COLD_S),
        "streamed": max(0, turn.answer_bytes - _STREAMED_FREE_BYTES) / _GB,
        "log ingestion": log_gb,
        "log storage": log_gb * config.log_retention_days / 30,
        "key call": calls,
        "secret call": calls if config.secret_store == "secretsManager" else 0,
        # To the model, which is in the internet.
        "transfer": turn.question_bytes / _GB,
    }


def _door(config: StackConfig, turn: Turn) -> dict[str, float]:
    answer_gb, question_gb = turn.answer_bytes / _GB, turn.question_bytes / _GB
    match config.front_door:
        case "cloudfront":
            # What the function sends to CloudFront is free.
            return {
                "CloudFront request": 1,
                "CloudFront transfer": answer_gb,
                "CloudFront upload": question_gb,
                "WAF request": 1 if config.waf else 0,
            }
        case "apiGateway":
            return {"REST request": 1, "transfer": question_gb + answer_gb}
        case _:
            return {"transfer": question_gb + answer_gb}


def _table(table: TableUse | None, turn: Turn) -> dict[str, float]:
    if table is None:
        return {}
    load = Load(1, turn.seconds / turn.tokens, turn.tokens)
    batches = batches_per_turn(load, 1, _FLUSHING)

    def of(parts: Parts) -> float:
        return parts.of(turns=1, batches=batches, tokens=turn.tokens)

    # The messages; the log is deleted ten minutes after the end. Both for the first month.
    kept_gb = (turn.question_bytes + turn.answer_bytes) / _GB
    return {
        "table write": of(table.writes),
        "table read": of(table.reads),
        "table storage": kept_gb,
        "table backup": kept_gb,
    }


def _present(found: Mapping[str, float]) -> dict[str, float]:
    return {name: units for name, units in found.items() if units}
