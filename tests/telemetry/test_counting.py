"""Counts add up over processes and runs, and no caller can make a series."""

from __future__ import annotations

import multiprocessing
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from stockcast.pipeline.plans import read_pipeline
from stockcast.settings import Settings
from stockcast.telemetry import exposition, metrics
from stockcast.telemetry.catalogue import CATALOGUE, STAGES
from stockcast.telemetry.totals import _open_here
from stockcast.workspace import Workspace

Make = Callable[..., Settings]

#: What a process of its own does, given a root and a number.
COUNT = """
import os, signal, sys
from stockcast.telemetry import metrics
from stockcast.settings import load_settings
settings = load_settings("sample", {"root": sys.argv[1]})
for _ in range(int(sys.argv[2])):
    metrics.forecast_served(settings, "AAPL", "child", 0.004, cached=True)
assert "prometheus_client" not in sys.modules
assert "pandas" not in sys.modules
os.kill(os.getpid(), signal.SIGKILL)
"""


def told(settings: Settings) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    text = exposition.exposition(settings).decode()
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(settings: Settings, name: str, **labels: str) -> float:
    return told(settings)[name, frozenset(labels.items())]


def count_and_die(root: Path, times: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", COUNT, str(root), str(times)], stderr=subprocess.PIPE, text=True
    )


def test_processes_and_threads_add_up_and_a_killed_one_loses_nothing(
    settings: Settings, tmp_path: Path
) -> None:
    def count() -> None:
        for _ in range(50):
            metrics.forecast_served(settings, "AAPL", "child", 0.004, cached=True)

    count()
    others = [count_and_die(tmp_path, 40) for _ in range(3)]
    forked = multiprocessing.get_context("fork").Process(target=count)
    forked.start()
    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for each in (forked, *threads):
        each.join()
    for other in others:
        _, said = other.communicate(timeout=60)
        assert other.returncode == -signal.SIGKILL, said
    assert value(settings, "predictions_total", type="child") == 50 + 3 * 40 + 50 + 4 * 50
    latency = "prediction_latency_seconds"
    assert value(settings, f"{latency}_count", type="child") == 420
    assert value(settings, f"{latency}_bucket", type="child", le="0.0025") == 0
    assert value(settings, f"{latency}_bucket", type="child", le="0.005") == 420


def test_strangers_are_counted_together(settings: Settings) -> None:
    before = len(told(settings))
    for number in range(100):
        metrics.forecast_served(settings, f"X{number}", f"k{number}", 0.1, cached=False)
        metrics.stage_ended(settings, f"stage{number}", f"o{number}", 1.0)
        metrics.fell_back(settings, f"because {number}")
        metrics.http_request(settings, None, f"M{number}", 900 + number, 0.1)
    assert value(settings, "stockcast_forecasts_total", ticker="other", source="model") == 100
    assert value(settings, "stockcast_fallbacks_total", reason="other") == 100
    assert len(told(settings)) < before + 80  # a series per name, and the buckets of three


def test_a_ticker_that_the_profile_no_longer_lists_is_told_as_other(make_settings: Make) -> None:
    metrics.rows_ingested(make_settings(tickers="IBM,ACME"), "ACME", 5)
    settings = make_settings(tickers="IBM")
    assert value(settings, "stockcast_rows_ingested_total", ticker="other") == 5


def test_every_series_that_may_come_is_there_from_zero(settings: Settings) -> None:
    assert value(settings, "stockcast_fallbacks_total", reason="cache") == 0
    assert value(settings, "stockcast_rows_ingested_total", ticker="MSFT") == 0
    assert value(settings, "prediction_latency_seconds_count", type="baseline") == 0


def test_counts_start_again_when_the_products_are_removed(settings: Settings) -> None:
    metrics.rows_ingested(settings, "AAPL", 7)
    shutil.rmtree(Workspace.of(settings).state)
    metrics.rows_ingested(settings, "AAPL", 2)
    assert value(settings, "stockcast_rows_ingested_total", ticker="AAPL") == 2


@pytest.mark.fault(
    "The file of metrics cut short, or no database any more",
    "one warning; the file is set aside",
    "by itself: counts start again from zero",
)
@pytest.mark.parametrize("damage", ["cut", "garbage"])
def test_damaged_counts_are_set_aside_and_start_again(
    settings: Settings, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(500):
        metrics.rows_ingested(settings, f"T{number}", 7)
    _open_here.clear()  # as a new process would find it
    path = Workspace.of(settings).metrics / "totals.db"
    content = path.read_bytes() if damage == "cut" else b"no database " * 1000
    for other in path.parent.glob("totals.db-*"):
        other.unlink()
    path.write_bytes(content[: len(content) // 2])
    for _ in range(2):
        metrics.rows_ingested(settings, "AAPL", 7)
    assert value(settings, "stockcast_rows_ingested_total", ticker="AAPL") == 14
    assert caplog.text.count("start again from zero") == 1
    assert path.with_name("totals.db.unreadable").is_file()


def test_what_cannot_be_counted_fails_nothing(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "products").write_text("a file where a folder should be")
    metrics.rows_ingested(settings, "AAPL", 7)
    assert value(settings, "stockcast_rows_ingested_total", ticker="AAPL") == 0


def test_every_stage_of_the_pipeline_has_its_label() -> None:
    names = {stage.name.split("-")[0] for stage in read_pipeline().stages}
    assert names <= set(STAGES)


def test_no_gauge_of_the_machine_stays_unset(settings: Settings) -> None:
    for name in ("system_cpu_percent", "system_memory_mb", "system_disk_percent"):
        assert value(settings, name) > 0
    assert value(settings, "redis_connection_status") == 1


def test_names_follow_the_rules_of_prometheus() -> None:
    for metric in CATALOGUE.values():
        assert metric.name.endswith("_total") == (metric.kind == "counter")
        assert metric.help.endswith(".")
        assert bool(metric.buckets) == (metric.kind == "histogram")


def test_one_process_holds_the_file_of_one_profile_open(
    tmp_path: Path, sample_settings: Make
) -> None:
    roots = [sample_settings(root=str(tmp_path / name)) for name in "abc"]
    for settings in (*roots, *roots):
        metrics.forecast_served(settings, "AAPL", "child", 0.004, cached=True)
    opened = [str(path.readlink()) for path in Path("/proc/self/fd").iterdir() if path.is_symlink()]
    assert {Path(name).parts[-5] for name in opened if str(tmp_path) in name} == {"c"}
    name = "stockcast_forecasts_total"
    assert [sum(v for k, v in told(each).items() if k[0] == name) for each in roots] == [2, 2, 2]
