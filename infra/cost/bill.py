"""What amounts come to at some prices."""

from collections.abc import Mapping
from typing import NamedTuple

from bench.scaling.constants import read_constants
from infra.config import ROOT, StackConfig
from infra.cost.amounts import (
    MONTH_H,
    MONTH_S,
    Amounts,
    TableUse,
    duration_price,
    gb_seconds,
)
from infra.cost.prices import Prices

_MEASURED = ROOT / "docs" / "scaling.json"


class Bill(NamedTuple):
    """What a stack costs, in US dollars.

    Attributes:
        hour: without a turn.
        turn: one more.
        month: with so many turns, and what of that is left after what is free for an account.
    """

    hour: float
    turn: float
    month: float
    beyond_free: float


def bill(found: Amounts, prices: Prices, turns: float) -> Bill:
    """Return what a month of 30 days with so many turns costs."""
    month = found.of_month(turns)
    return Bill(
        _sum(found.month, prices) / MONTH_H,
        _sum(found.turn, prices),
        _sum(month, prices),
        sum(prices.of[name].beyond_free(units) for name, units in month.items()),
    )


def at_most(config: StackConfig, prices: Prices, at_once: int) -> float:
    """Return what a month of Lambda costs in which so many turns run all the time."""
    return prices.of[duration_price(config)].of(gb_seconds(config, at_once * MONTH_S))


def table_use(config: StackConfig) -> TableUse | None:
    if config.store != "dynamodb":
        return None
    engine = read_constants(_MEASURED.read_text(encoding="utf-8")).engines["dynamodb"]
    assert engine is not None, "docs/scaling.json has no DynamoDB; `make scale` measures it"
    return TableUse(engine.costs["write units"], engine.costs["read units"])


def dollars(amount: float) -> str:
    """Return an amount with as many digits as say something."""
    if amount >= 100:
        return f"{amount:,.0f}"
    if amount >= 0.995 or not amount:
        return f"{amount:.2f}"
    digits = next(n for n in range(1, 12) if amount * 10**n >= 1)
    return f"{amount:.{digits + 1}f}"


def _sum(found: Mapping[str, float], prices: Prices) -> float:
    return sum(prices.of[name].of(units) for name, units in found.items())
