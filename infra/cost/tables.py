"""The tables of docs/deploy.md about what stacks cost."""

from collections.abc import Sequence

from infra.config import ROOT
from infra.cost.amounts import Turn, amounts
from infra.cost.bill import bill, dollars, table_use
from infra.cost.prices import Price, Prices
from infra.cost.stack_file import read_stack_file

PAGE = ROOT / "docs" / "deploy.md"
PRICES_MARK = "<!-- What AWS asks for, by `python -m infra.cost --write`. -->"
EXAMPLES_MARK = "<!-- What stacks cost, by `python -m infra.cost --write`. -->"
END_MARK = "<!-- End of it. -->"

# What the tables of docs/deploy.md compare.
TURNS_A_DAY = 1000
_EXAMPLES: Sequence[tuple[str, str, Sequence[str]]] = (
    ("`Pulumi.dev.yaml`", "dev", ()),
    ("… with 512 MB", "dev", ("memoryMb=512",)),
    ("… on x86_64", "dev", ("architecture=x86_64",)),
    ("… from a zip file", "dev", ("packaging=zip",)),
    ("… secrets in Secrets Manager", "dev", ("secretStore=secretsManager",)),
    ("… behind API Gateway", "dev", ("frontDoor=apiGateway",)),
    ("… behind CloudFront", "dev", ("frontDoor=cloudfront",)),
    ("… and WAF", "dev", ("frontDoor=cloudfront", "waf=true")),
    ("… with `store: dynamodb`", "dev", ("store=dynamodb",)),
    ("`Pulumi.prod.yaml`", "prod", ()),
)


def prices_table(prices: Prices) -> str:
    """Return the prices as Markdown."""
    rows = [
        [name, _usd(price), _free(price), _linked(price.source)]
        for name, price in prices.of.items()
    ]
    return _table(["price", "US dollars", "free a month", "source"], "---", rows)


def examples_table(prices: Prices) -> str:
    """Return what some stacks cost, as Markdown."""
    turn = Turn()
    rows = []
    for name, stack, changes in _EXAMPLES:
        read = read_stack_file(ROOT / f"Pulumi.{stack}.yaml", changes)
        secrets = read.secrets
        found = amounts(read.config, secrets, turn, table_use(read.config))
        total = bill(found, prices, 30 * TURNS_A_DAY)
        rows.append(
            [
                name,
                dollars(total.hour),
                dollars(1000 * total.turn),
                dollars(total.month),
                dollars(total.beyond_free),
            ]
        )
    head = ["stack", "an idle hour", "1,000 turns", f"a month of {TURNS_A_DAY:,} a day"]
    return _table([*head, "… less what is free"], "---:", rows)


def _table(head: Sequence[str], others: str, rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---", *[others] * (len(head) - 1)], *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def rendered(page: str, prices: Prices) -> str:
    """Return docs/deploy.md with both tables made anew."""
    tables = ((PRICES_MARK, prices_table(prices)), (EXAMPLES_MARK, examples_table(prices)))
    for mark, table in tables:
        before, rest = page.split(mark)
        _, after = rest.split(END_MARK, 1)
        page = f"{before}{mark}\n\n{table}\n{END_MARK}{after}"
    return page


def _usd(price: Price) -> str:
    each = f"{price.usd:.10f}".rstrip("0").rstrip(".")
    return f"{each} per {f'{price.per:,.0f} {price.unit}s' if price.per > 1 else price.unit}"


def _free(price: Price) -> str:
    return f"{price.free:,.0f}" if price.free else "–"


def _linked(source: str) -> str:
    return " ".join(
        f"<{word.rstrip(',;')}>{word[len(word.rstrip(',;')) :]}" if "://" in word else word
        for word in source.split()
    )
