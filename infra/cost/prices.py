"""What AWS asks for, by infra/prices.json: one file with its date, its region and its sources."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

OURS = Path(__file__).with_name("prices.json")


class PriceError(Exception):
    """A file of prices cannot be used; the message is one sentence."""


@dataclass(frozen=True, slots=True)
class Price:
    """What something costs, in US dollars without taxes.

    Attributes:
        usd: of ``per`` units.
        unit: in the singular.
        free: so many units a month cost nothing, of all that an account uses.
        source: where the number is from.
    """

    usd: float
    per: float
    unit: str
    free: float
    source: str

    def of(self, units: float) -> float:
        """Return what so many units cost, none of them free."""
        return self.usd * units / self.per

    def beyond_free(self, units: float) -> float:
        """Return what so many units of a month cost if the account uses no others."""
        return self.of(max(0.0, units - self.free))


@dataclass(frozen=True, slots=True)
class Prices:
    """Prices of one region.

    Attributes:
        date: when they were written down, as 2026-11-22.
    """

    date: str
    region: str
    of: Mapping[str, Price]


def read_prices(path: Path = OURS) -> Prices:
    """Read a file of prices.

    Raises:
        PriceError: it has not the form of ours, or not the same prices.
    """
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        prices = {name: _price(path, name, found) for name, found in kept["prices"].items()}
        read = Prices(str(kept["date"]), str(kept["region"]), prices)
    except OSError as error:
        raise PriceError(f"{path} cannot be read: {error.strerror}.") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise PriceError(
            f"{path} is no file of prices: copy {OURS.name} and change its numbers."
        ) from None
    if path != OURS:
        missing = sorted(read_prices().of.keys() - read.of.keys())
        if missing:
            raise PriceError(f"{path} has no price of {', '.join(missing)}.")
    return read


def _price(path: Path, name: str, found: Mapping[str, Any]) -> Price:
    price = Price(**{field.name: found[field.name] for field in fields(Price)})
    numbers = (price.usd, price.per, price.free)
    if any(type(number) not in (int, float) or number < 0 for number in numbers) or not price.per:
        raise PriceError(f"{path}: usd, per and free of {name!r} must be numbers, and per not 0.")
    return price
