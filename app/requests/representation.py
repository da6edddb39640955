"""Which representation of a file a client takes, and whether it has that one already.

Source: RFC 9110, 12.4.2 (weights), 12.5.3 (Accept-Encoding), 13.1.2 (If-None-Match).
"""

import re
from collections.abc import Iterator, Sequence

_WEIGHT = re.compile(r"(?i:q)=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)")
_ENTITY_TAG = re.compile(r'(?:W/)?("[^"]*")')
_OTHER_NAMES = {"x-gzip": "gzip"}


def coding_for(accepted: str, offered: Sequence[str]) -> str | None:
    """Return the compression that a client likes best; None: it shall not be compressed.

    Args:
        accepted: the header Accept-Encoding, empty if there is none.
        offered: what there is, best first: of what a client likes as much as something else, it
            gets the first.
    """
    weights = dict(_weights(accepted))
    others = weights.get("*", 0.0)
    # Who does not name it takes it if there is nothing else, and that is so even with a weight of
    # 0: better than no page at all.
    least = weights.get("identity", 0.0)
    best = max(offered, key=lambda coding: weights.get(coding, others), default="")
    weight = weights.get(best, others) if best else 0.0
    return best if weight > 0 and weight >= least else None


def _weights(accepted: str) -> Iterator[tuple[str, float]]:
    """Give each coding with its weight, which is 0 if it cannot be read."""
    for item in accepted.split(","):
        name, *parameters = (word.strip() for word in item.split(";"))
        coding = name.lower()
        weight = 1.0
        for parameter in parameters:
            found = _WEIGHT.fullmatch(parameter)
            weight = float(found[1]) if found else 0.0
        if coding:
            yield _OTHER_NAMES.get(coding, coding), weight


def has(if_none_match: str, entity_tag: str) -> bool:
    """Return whether a client has the representation with this tag, quotes included.

    A front may have made the tag a weak one; for a GET that makes no difference.
    """
    if if_none_match.strip() == "*":
        return True
    return entity_tag in _ENTITY_TAG.findall(if_none_match)
