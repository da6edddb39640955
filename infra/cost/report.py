"""What `make cost` says of a stack."""

from collections.abc import Iterable, Mapping

from infra.config import StackConfig
from infra.cost.amounts import MONTH_H, Turn, amounts, most_at_once
from infra.cost.bill import at_most, bill, dollars, table_use
from infra.cost.prices import OURS, Prices
from infra.cost.stack_file import StackFile


def report(stack: StackFile, title: str, prices: Prices, turn: Turn, turns_a_day: float) -> str:
    """Return what `make cost` prints."""
    config = stack.config
    found = amounts(config, stack.secrets, turn, table_use(config))
    total = bill(found, prices, 30 * turns_a_day)
    lines = [
        f"{title}: {', '.join(_described(config))}.",
        f"US dollars, prices of {prices.region} of {prices.date}, without the model's own price.",
        "",
        f"An hour without a turn: {dollars(total.hour)} ({dollars(total.hour * MONTH_H)} a month)",
        *_rows(found.month, prices, " a month"),
        "",
        f"A turn of {turn.seconds:g} s with {turn.tokens} tokens: {dollars(total.turn)}",
        *_rows({name: 1000 * units for name, units in found.turn.items()}, prices, " for 1,000"),
        "",
        (
            f"{turns_a_day:,.0f} such turns a day: {dollars(total.month)} a month; "
            f"{dollars(total.beyond_free)} after what is free for an account"
        ),
        *_rows(found.used_month, prices, " a month, in hours with turns"),
        *_notes(config, prices, stack.region),
    ]
    return "\n".join(lines)


def _described(config: StackConfig) -> Iterable[str]:
    yield from (f"frontDoor {config.front_door}", f"packaging {config.packaging}")
    yield from (config.architecture, f"{config.memory_mb} MB", f"auth {config.auth}")
    yield f"secretStore {config.secret_store}"
    if config.waf:
        yield "waf"
    if config.store != "none":
        yield f"store {config.store}"


def _rows(found: Mapping[str, float], prices: Prices, when: str) -> list[str]:
    rows = []
    for name, units in sorted(found.items(), key=lambda one: -prices.of[one[0]].of(one[1])):
        price = prices.of[name]
        rows.append(
            f"  {dollars(price.of(units)):>9}{when}  {name}, {_short(units)} × {price.unit}"
            + (f" ({price.free:,.0f} a month are free)" if price.free else "")
        )
    return rows


def _notes(config: StackConfig, prices: Prices, region: str) -> Iterable[str]:
    at_once = most_at_once(config)
    if at_once is None:
        yield "No limit: as many turns at once as the account lets (reservedConcurrency)."
    else:
        yield (
            f"At most {at_once} at once: all of them busy day and night are "
            f"{dollars(at_most(config, prices, at_once))} of Lambda a month."
        )
    if region and region != prices.region:
        yield (
            f"The stack is in {region}: look up its prices, and give them with --prices FILE, a "
            f"copy of infra/{OURS.name}."
        )
    if config.vpc_subnet_ids:
        yield "Not in it: the NAT gateway of the subnets, by the hour and by the GB."
    if config.store == "redis":
        yield "Not in it: the Redis."
    if config.examples:
        yield "Not in it: the functions of examples/, which cost when they are invoked."
    if config.secret_kms_key_arn:
        yield "Not in it: the KMS key of secretKmsKeyArn, a dollar a month."


def _short(units: float) -> str:
    return f"{units:,.0f}" if units >= 100 else f"{units:.3g}"
