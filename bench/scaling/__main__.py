"""``make scale``: what many streams need. Measures the engines that are here, and checks itself.

python -m bench.scaling              # counts, compares with a real run, writes docs/scaling.*
python -m bench.scaling --render     # makes the page's tables anew from docs/scaling.json
python -m bench.scaling --only redis # the others keep what was measured before
"""

import argparse
import asyncio
import sys
from pathlib import Path

from bench.machine import machine
from bench.scaling.constants import Constants, read_constants, write_constants
from bench.scaling.page import CONSTANTS, ENGINES, publish_again

ROOT = Path(__file__).parents[2]
# More than this between what was counted and what was computed is an error.
TOLERANCE = 0.1


def main() -> int:
    """Measure; return 1 if the arithmetic is wrong."""
    parser = argparse.ArgumentParser(prog="python -m bench.scaling", description=__doc__)
    parser.add_argument("--render", action="store_true", help="measure nothing")
    parser.add_argument("--only", choices=ENGINES, help="measure this engine only")
    options = parser.parse_args()
    if options.render:
        publish_again(ROOT)
        return 0
    from bench.scaling.measuring import measure, measure_followers, today

    path = ROOT / CONSTANTS
    before = read_constants(path.read_text()) if path.exists() else Constants("", "", {}, {})
    engines = {name: before.engines.get(name) for name in ENGINES}
    followers = dict(before.followers)
    is_right = True
    for name in [options.only] if options.only else ENGINES:
        print(f"{name}: turns …", flush=True)
        measured = asyncio.run(measure(name))
        engines[name] = measured
        for check in measured.checks:
            computed = f"arithmetic {check.arithmetic:,.0f}, simulation {check.simulated:,.0f}"
            print(
                f"  {check.what}: counted {check.counted:,.0f}, {computed}, late {check.late:,.0f}"
            )
            is_right &= check.error <= TOLERANCE
        print(f"{name}: followers …", flush=True)
        followers[name] = asyncio.run(measure_followers(name))
        print(f"  {followers[name]}")
    found = Constants(today(), machine(), engines, followers)
    path.write_text(write_constants(found), encoding="utf-8")
    publish_again(ROOT)
    if not is_right:
        print(f"The arithmetic is off by more than {TOLERANCE:.0%}.")
    return 0 if is_right else 1


if __name__ == "__main__":
    sys.exit(main())
