"""``make cost``: what a stack costs an hour when nobody uses it, and a turn when somebody does.

python -m infra.cost --stack dev
python -m infra.cost --stack dev --set frontDoor=cloudfront --turns 5000
python -m infra.cost --write    # the tables of docs/deploy.md anew
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from infra.config import ROOT, ConfigError
from infra.cost.amounts import Turn
from infra.cost.prices import OURS, PriceError, read_prices
from infra.cost.report import report
from infra.cost.stack_file import read_stack_file
from infra.cost.tables import PAGE, TURNS_A_DAY, rendered


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "make cost",
        description="What a stack costs on AWS, from its configuration, without the model's price.",
    )
    parser.add_argument("--stack", default="dev", help="reads Pulumi.STACK.yaml (default: dev)")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="with another value of a key, such as memoryMb=512; may be given again",
    )
    parser.add_argument(
        "--turns", type=_positive, default=TURNS_A_DAY, help="a day (default: 1000)"
    )
    usual = Turn()
    parser.add_argument(
        "--seconds",
        type=_positive,
        default=usual.seconds,
        help=f"how long a turn takes; the dashboard shows it (default: {usual.seconds:g})",
    )
    parser.add_argument(
        "--tokens",
        type=_whole,
        default=usual.tokens,
        help=f"of an answer (default: {usual.tokens})",
    )
    parser.add_argument(
        "--question-bytes",
        type=_whole,
        default=usual.question_bytes,
        help=f"of a request with its history (default: {usual.question_bytes})",
    )
    parser.add_argument(
        "--prices",
        type=Path,
        default=OURS,
        metavar="FILE",
        help="other prices, such as of another region: a copy of infra/cost/prices.json",
    )
    parser.add_argument("--write", action="store_true", help="writes the tables of docs/deploy.md")
    return parser


def _positive(text: str) -> float:
    number = float(text)
    if not 0 < number < 1e12:
        raise argparse.ArgumentTypeError("must be more than 0")
    return number


def _whole(text: str) -> int:
    number = int(text)
    if not 0 < number < 10**9:
        raise argparse.ArgumentTypeError("must be a whole number, more than 0")
    return number


def main(arguments: Sequence[str] | None = None) -> int:
    given = _arguments().parse_args(arguments)
    try:
        prices = read_prices(given.prices)
        if given.write:
            PAGE.write_text(rendered(PAGE.read_text(encoding="utf-8"), prices), encoding="utf-8")
            return 0
        path = ROOT / f"Pulumi.{given.stack}.yaml"
        stack = read_stack_file(path, given.set)
    except (ConfigError, PriceError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    turn = Turn(seconds=given.seconds, tokens=given.tokens, question_bytes=given.question_bytes)
    text = report(stack, f"Stack {given.stack}", prices, turn, given.turns)
    sys.stdout.write(f"{text}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
