"""The dashboards and the collector's settings show and take what is there."""

import json
import re
from pathlib import Path
from typing import Any

import yaml

from app.telemetry.prometheus import PrometheusMetrics
from infra.dashboard import _body

OBSERVE = Path(__file__).parents[2] / "examples" / "observe"
DASHBOARD: dict[str, Any] = json.loads((OBSERVE / "grafana.json").read_text())
# What Prometheus adds to the names of histograms and counters.
_ENDS = ("", "_total", "_bucket", "_count", "_sum")


def _expressions() -> list[str]:
    return [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]


def test_every_metric_of_the_dashboard_is_shown_and_every_one_shown_is_on_it() -> None:
    families = [family.name for family in PrometheusMetrics().registry.collect()]
    known = {f"{name}{end}": name for name in families for end in _ENDS}

    used = {name for text in _expressions() for name in re.findall(r"\bdeltaline_\w+", text)}

    assert used - known.keys() == set()
    assert {known[name] for name in used} == set(families)


def test_every_label_of_the_dashboard_is_one_of_the_metrics() -> None:
    metrics = PrometheusMetrics()
    labels = {
        label for metric in vars(metrics).values() for label in getattr(metric, "_labelnames", ())
    }

    used = {label for text in _expressions() for label in re.findall(r"by \((\w+)\)", text)}

    assert used - {"le"} <= labels


def test_both_dashboards_answer_the_same_six_questions_in_the_same_order() -> None:
    on_aws = json.loads(_body(function="f", log_group="g", region="r"))["widgets"]

    def said(title: str) -> str:
        return title.removesuffix(", ms")

    titles = [said(widget["properties"]["title"]) for widget in on_aws]
    assert [panel["title"] for panel in DASHBOARD["panels"]] == titles
    assert len(titles) == 6


def test_no_panel_lies_on_another() -> None:
    places = [tuple(panel["gridPos"].values()) for panel in DASHBOARD["panels"]]

    assert len(set(places)) == len(places)
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(places)


def test_the_collector_takes_both_transports_and_both_signals() -> None:
    settings = yaml.safe_load((OBSERVE / "collector.yaml").read_text())

    assert settings["receivers"]["otlp"]["protocols"].keys() == {"http", "grpc"}
    assert settings["service"]["pipelines"].keys() == {"traces", "metrics"}
    for pipeline in settings["service"]["pipelines"].values():
        assert set(pipeline["receivers"]) <= settings["receivers"].keys()
        assert set(pipeline["exporters"]) <= settings["exporters"].keys()
