"""Rules, their tests, runbooks and dashboards are what the code says."""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from deploy.grafana import files as grafana
from deploy.grafana.boards import BOARDS
from deploy.grafana.model import Query, Sql
from deploy.prometheus import files as prometheus
from deploy.prometheus.alerts import ALERTS
from deploy.prometheus.cases import CASES
from deploy.prometheus.yaml import dump
from shared.telemetry import metrics
from tests.fixtures.monitoring import seconds

SECTIONS = ["What it means", "How to look", "What to do"]
UNBOUNDED = {"symbol", "run", "origin", "user", "path", "url"}
PROMETHEUS = {"service", "job", "instance"}  # of the target: a metric's own label of that name would be renamed


@pytest.mark.parametrize("made", [*prometheus.documents().items(), *grafana.documents().items()], ids=lambda made: made[0].name)
def test_a_generated_file_is_as_its_table_says(made: tuple[Path, str]) -> None:
    path, text = made
    assert path.read_text(encoding="utf-8") == text, "python -m deploy.prometheus; python -m deploy.grafana"


def test_no_file_is_left_of_an_alert_or_a_dashboard_that_is_gone() -> None:
    assert {path.name for path in (prometheus.ROOT / prometheus.RUNBOOKS).iterdir()} == {alert.page for alert in ALERTS}
    assert set(grafana.FOLDER.iterdir()) == set(grafana.documents())


def test_each_alert_has_a_case_that_fires_and_one_that_does_not() -> None:
    told = Counter((case.alert, bool(case.fires)) for case in CASES)
    assert set(told) == {(alert.name, fires) for alert in ALERTS for fires in (True, False)}


def test_each_alert_hides_alerts_that_exist_and_none_hides_the_one_that_hides_it() -> None:
    hides = {alert.name: set(alert.hides) for alert in ALERTS}
    assert all(hidden <= hides.keys() for hidden in hides.values())
    assert not [(one, other) for one in hides for other in hides[one] if one in hides[other]]


def test_what_an_alert_hides_waits_longer_to_be_told_and_has_time_to_end() -> None:
    holds = {alert.name: seconds(alert.hold) for alert in ALERTS}
    for alert in ALERTS:
        assert bool(alert.hides) == (seconds(alert.keeps) > 0), alert.name
        assert [name for name in alert.hides if holds[name] < holds[alert.name]] == [], alert.name


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_a_runbook_says_what_it_means_how_to_look_and_what_to_do(alert: Any) -> None:
    text = (prometheus.ROOT / prometheus.RUNBOOKS / alert.page).read_text(encoding="utf-8")
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == SECTIONS


def test_dashboards_have_fixed_uids_and_panels_that_do_not_overlap() -> None:
    for path in grafana.documents():
        board = json.loads(path.read_text(encoding="utf-8"))
        assert board["uid"] == path.stem
        cells = [
            (x, y)
            for p in board["panels"]
            for x in range(p["gridPos"]["x"], p["gridPos"]["x"] + p["gridPos"]["w"])
            for y in [p["gridPos"]["y"]]
        ]
        assert len(cells) == len(set(cells))
        assert max(x for x, _ in cells) < 24


def test_a_panel_asks_one_database() -> None:
    panels = [panel for board in BOARDS for panel in board.panels]
    assert all({type(query) for query in panel.queries} in ({Query}, {Sql}) for panel in panels)


def test_no_metric_has_a_label_that_data_can_make_grow() -> None:
    labels = {name: getattr(metric, "_labelnames", ()) for name, metric in vars(metrics).items() if hasattr(metric, "describe")}
    assert len(labels) > 30
    assert {name for name, found in labels.items() if (UNBOUNDED | PROMETHEUS) & set(found)} == set()


def test_yaml_is_what_json_says() -> None:
    assert dump({"a": {"b": [1, {"c": "d: e"}], "f": []}}, "x") == '# x\na:\n  b:\n    - 1\n    - c: "d: e"\n  f: []\n'
