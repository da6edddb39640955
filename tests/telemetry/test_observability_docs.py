"""docs/observability.md says what is there, and nothing else."""

import re
from pathlib import Path
from typing import get_args, get_type_hints

import msgspec
import pytest

from app.telemetry import conventions
from app.telemetry.log import JsonFormatter, RequestLine, log_request
from app.telemetry.prometheus import PrometheusMetrics
from tests.chatting import chatting, logged, ui_body

PAGE = (Path(__file__).parents[2] / "docs" / "observability.md").read_text(encoding="utf-8")
_JSON_TYPES = {str: "text", int: "number", float: "number", bool: "true or false"}


def table(heading: str) -> list[list[str]]:
    """Return the cells of the first table below a heading."""
    below = PAGE.partition(f"## {heading}\n")[2]
    rows = re.search(r"((?:^\|.*\n)+)", below, re.MULTILINE)
    assert rows is not None
    return [[cell.strip() for cell in row.strip("|\n").split("|")] for row in rows[1].splitlines()][
        2:
    ]


def _documented() -> dict[str, str]:
    return {
        name: kind for names, kind, *_ in table("The log") for name in re.findall(r"`(\w+)`", names)
    }


def test_the_page_has_every_field_of_a_request_with_its_type() -> None:
    hints = get_type_hints(RequestLine)
    types = {name: (get_args(hint) or (hint,))[0] for name, hint in hints.items()}

    assert _documented() == {name: _JSON_TYPES[kind] for name, kind in types.items()}
    assert list(_documented()) == list(RequestLine.__struct_fields__)


async def test_the_line_of_a_real_turn_fits_the_page(model: str) -> None:
    documented = _documented()
    with logged() as log:
        async with chatting(model) as chat:
            trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
            await chat.post(ui_body("scenario: say text=Hi"), headers={"traceparent": trace})
            await log.request()

    (record,) = [record for record in log.records if record.getMessage() == "chat request"]
    line = msgspec.json.decode(JsonFormatter().format(record))
    own = {name: value for name, value in line.items() if name in documented}
    assert line.keys() - own.keys() == {"time", "level", "logger", "message"}
    assert {name: _JSON_TYPES[type(value)] for name, value in own.items()} == {
        name: documented[name] for name in own
    }
    assert own.keys() == documented.keys() - {"owner", "tool", "error_code"}
    assert own["trace_id"] == "0af7651916cd43dd8448eb211c80319c"


@pytest.mark.parametrize("left_out", ["chat_id", "trace_id", "owner", "tool"])
def test_what_is_unknown_is_left_out(left_out: str) -> None:
    with logged() as log:
        log_request(RequestLine(request_id="r1"))

    assert left_out not in log.requests[0]


def test_the_page_has_every_metric_of_prometheus_and_no_other() -> None:
    kinds = {
        f"{family.name}_total" if family.type == "counter" else family.name: family.type
        for family in PrometheusMetrics().registry.collect()
    }

    assert {name.strip("`"): kind for name, kind, *_ in table("Prometheus")} == kinds


def test_the_page_has_every_metric_of_opentelemetry_and_no_other() -> None:
    below = PAGE.partition("| metric | kind | |\n")[2].partition("\n\n")[0]
    documented = set(re.findall(r"^\| `([\w.]+)`", below, re.MULTILINE))

    own = {
        value
        for value in vars(conventions).values()
        if isinstance(value, str) and value.startswith("deltaline.") and value in below
    }
    version = conventions.V1_41
    assert documented == (own - {conventions.LIMIT}) | {
        version.model_duration,
        version.model_first_chunk,
        version.token_usage,
    }
    metrics = {"TURN_DURATION", "TURN_FIRST_TOKEN", "RUNNING_TURNS", "STORE_FLUSH", "LIMITS_HIT"}
    assert own - {"deltaline.limit"} == {getattr(conventions, name) for name in metrics}
