"""The dashboards and alerts as files: sound, and about metrics that exist."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from stockcast.settings import HOME
from stockcast.telemetry.catalogue import CATALOGUE

PROMETHEUS = HOME / "dashboards" / "prometheus"
GRAFANA = sorted((HOME / "dashboards" / "grafana").glob("*.json"))


def promtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("promtool")
    assert program, "promtool comes with Debian's prometheus"
    return subprocess.run([program, *arguments], cwd=PROMETHEUS, capture_output=True, text=True)


@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "config", "--lint-fatal", "prometheus.yml"),
        ("check", "rules", "--lint-fatal", "alerts.yml"),
        ("test", "rules", "alerts_test.yml"),
    ],
    ids=lambda arguments: " ".join(arguments[:2]),
)
def test_promtool_is_content(arguments: tuple[str, ...]) -> None:
    checked = promtool(*arguments)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_every_alert_is_tested_both_ways() -> None:
    (group,) = yaml.safe_load((PROMETHEUS / "alerts.yml").read_text("utf-8"))["groups"]
    tests = yaml.safe_load((PROMETHEUS / "alerts_test.yml").read_text("utf-8"))["tests"]
    cases = [case for test in tests for case in test["alert_rule_test"]]
    fires = {case["alertname"] for case in cases if case.get("exp_alerts")}
    silent = {case["alertname"] for case in cases if not case.get("exp_alerts")}
    assert {rule["alert"] for rule in group["rules"]} == fires == silent


@pytest.mark.parametrize("path", GRAFANA, ids=lambda path: path.stem)
def test_a_dashboard_can_be_provisioned_with_any_data_source(path: Path) -> None:
    dashboard: dict[str, Any] = json.loads(path.read_text("utf-8"))
    variables = {variable["name"]: variable for variable in dashboard["templating"]["list"]}
    assert variables["datasource"]["type"] == "datasource"
    assert "id" not in dashboard  # of one Grafana's database
    assert dashboard["uid"] == f"stockcast-{path.stem}"
    for panel in dashboard["panels"]:
        assert panel["datasource"]["uid"] == "${datasource}"
        assert panel["title"]
        for target in panel["targets"]:
            assert target["datasource"]["uid"] == "${datasource}"
            used = set(re.findall(r"\$\{?(\w+)", target["expr"])) - {"__rate_interval"}
            assert used <= set(variables)


def test_panels_do_not_overlap() -> None:
    for path in GRAFANA:
        taken: set[tuple[int, int]] = set()
        for panel in json.loads(path.read_text("utf-8"))["panels"]:
            at = panel["gridPos"]
            cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
            assert not cells & taken, panel["title"]
            assert at["x"] + at["w"] <= 24
            taken |= cells


def test_every_metric_is_shown_and_none_is_made_up() -> None:
    texts = [path.read_text("utf-8") for path in (*GRAFANA, PROMETHEUS / "alerts.yml")]
    name = r"\b(?:stockcast_\w+|system_\w+|prediction\w*_\w+|redis_\w+)"
    named = set(re.findall(name, "".join(texts)))
    known = {re.sub(r"_(bucket|sum|count)$", "", name) for name in named}
    assert known == set(CATALOGUE)
