"""Runs of the pipeline in processes of their own, and forecasts from a warm process."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from stockcast import cache, forecasting
from stockcast.contracts.model_record import ModelRecord, child_name
from stockcast.models.bundle import load_bundle
from stockcast.models.panel.inference import walk_panel
from stockcast.models.postprocessing.calibration import recalibrate
from stockcast.settings import Settings, load_settings
from stockcast.workspace import Workspace
from tests.bench.processes import command, watched
from tests.bench.timing import Row, Time, limited, median, timed
from tests.bench.training import CHILD, worlds

__all__ = ["rows"]

Say = Callable[[str], None]


def rows(*, full: bool, say: Say) -> list[Row]:
    """Measure runs and forecasts; ``full`` runs all tickers of the profile."""
    made: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="stockcast-bench-") as folder:
        say(f"Pipeline from scratch for {CHILD} ...")
        made += _runs(Path(folder) / "one", [CHILD])
        say("Forecasts ...")
        made += _forecasts(
            load_settings("sample", {"root": Path(folder) / "one", "tickers": CHILD})
        )
        if full:
            say("Pipeline from scratch for the whole sample ...")
            made += _runs(Path(folder) / "all", [])
    return made


def _runs(root: Path, tickers: list[str]) -> list[Row]:
    chosen = ["-t", ",".join(tickers)] if tickers else []
    run = command("run", "-p", "sample", "--set", f"root={root}", "--json", *chosen)
    name = ", ".join(tickers) or "the whole sample"
    first, again = watched(run), watched(run)
    note = f"{len(first.document['ran'])} notebooks, {first.took.cpu:.0f} s of CPU time"
    whole, peak = f"Run from scratch: {name}", f"Peak memory of that run from scratch: {name}"
    return [
        limited(whole, first.took.wall, "s", None if tickers else 240, note=note),
        _nothing_to_do(f"Run without a change: {name}", again.took, again.document["ran"]),
        limited(peak, first.peak(), "GB", 3, note="all processes"),
    ]


def _nothing_to_do(what: str, took: Time, ran: list[str]) -> Row:
    if ran:  # the code was edited in between, or a task is never up to date
        return Row(what, took.wall, target="below 15 s", met=False, note=f"it ran {', '.join(ran)}")
    return limited(what, took.wall, "s", 15, note=f"{took.cpu:.1f} s of CPU time")


def _forecasts(settings: Settings) -> list[Row]:
    served = forecasting.compute(settings, CHILD).model
    as_it_is = _computed(settings, f"{served.kind} by {served.strategy} serves")
    try:
        forecasting.forecast(settings, CHILD)
        recalled = [timed(lambda: forecasting.forecast(settings, CHILD)) for _ in range(100)]
    finally:
        cache.stop(settings)
    if not all(document.cached for _, document in recalled):
        raise RuntimeError("Expected every forecast but the first from the cache.")
    cached = median([took for took, _ in recalled])
    _let_the_network_serve(settings)
    return [
        as_it_is,
        _computed(settings, "the child's network serves, whatever the gate said of it"),
        limited("Forecast, warm process, Redis", 1000 * cached.wall, "ms", 10),
    ]


def _computed(settings: Settings, note: str) -> Row:
    forecasting.compute(settings, CHILD)
    took = median([timed(lambda: forecasting.compute(settings, CHILD))[0] for _ in range(50)])
    return limited("Forecast, warm process, no cache", 1000 * took.wall, "ms", 50, note=note)


def _let_the_network_serve(settings: Settings) -> None:
    """Rewrite the record of a root that is thrown away: a network is slower than a baseline."""
    path = Workspace.of(settings).record(child_name(CHILD))
    record = ModelRecord.load(path)
    folder = f"{record.name}/{record.candidate}"
    bundle = load_bundle(Workspace.of(settings).models / folder)
    _, stock = worlds(settings, (settings.parent_ticker, CHILD))
    raw = walk_panel(bundle.fitted, stock.samples, stock.split.validation_start)
    _, state = recalibrate(raw, stock.close, state=bundle.start)
    record.model_copy(update={"bundle": folder, "calibration": state.contract()}).save(path)
