"""What changed since the last daily run: one page of a screen or two, and the same as text."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd

from stockcast.contracts import numbers
from stockcast.contracts.digest import Digest, Item, Kind, State
from stockcast.contracts.drift import DriftReport
from stockcast.contracts.forecast import Forecast
from stockcast.errors import BadInput
from stockcast.ledger import Ledger, next_day
from stockcast.presentation import event_wording, width_wording
from stockcast.presentation.templates import STYLE, environment
from stockcast.redaction import mask
from stockcast.settings import Settings
from stockcast.storage.files import write_text
from stockcast.workspace import Workspace

__all__ = ["page", "write"]

Result = TypeVar("Result")

#: By what share an interval must be wider to be told.
WIDER = 0.20
#: Items of a kind, and rows of the table, that the page shows: it stays a screen or two.
SHOWN = 12
HEADINGS: dict[Kind, str] = {
    "failed": "Failed",
    "stale": "Old prices",
    "breach": "Losses beyond the value at risk",
    "gate": "The gate turned",
    "width": "Wider intervals",
    "results": "Results ahead",
    "drift": "Drift",
}
#: Columns of the ledger with a value at risk, the rarer first, and in how many days it is exceeded.
LIMITS = {"q01": 100, "q05": 20}


def write(
    settings: Settings,
    session: pd.Timestamp | None,
    *,
    begun: dt.datetime,
    failed: Sequence[str] = (),
    stale: Sequence[str] = (),
) -> Digest:
    """Compare with the last digest, and put the new one and its page in its place.

    Args:
        session: the last one, which the run was about.
        begun: when the run began (UTC); at the first run, outcomes since then count as new.
        failed, stale: why tasks failed, and which prices are old, a sentence each.

    Raises:
        StockcastError: the ledger cannot be read, or the page not be written.
    """
    workspace = Workspace.of(settings)
    before = _readable(partial(Digest.load, workspace.digest))
    forecasts = {
        ticker: _readable(partial(workspace.read_forecast, ticker)) for ticker in settings.tickers
    }
    known = {ticker: found for ticker, found in forecasts.items() if found is not None}
    drift = {
        ticker: _readable(partial(DriftReport.load, workspace.drift(ticker))) for ticker in known
    }
    stocks = {ticker: _state(found, drift[ticker]) for ticker, found in known.items()}
    earlier = before.stocks if before else {}
    items = [Item(kind="failed", text=mask(each, settings)) for each in failed]
    items += [Item(kind="stale", text=each) for each in stale]
    items += _breaches(settings, before.made_at if before else begun)
    for ticker, forecast in known.items():
        told = (forecast, stocks[ticker], earlier.get(ticker))
        items += [*_gate(*told), *_width(*told), *_results(*told)]
        items += _drifted(ticker, drift[ticker], earlier.get(ticker))
    digest = Digest(
        profile=settings.profile,
        session=session.date() if session is not None else None,
        made_at=dt.datetime.now(dt.UTC).replace(tzinfo=None),
        since=before.made_at if before else None,
        items=tuple(sorted(items, key=lambda item: list(HEADINGS).index(item.kind))),
        stocks={**earlier, **stocks},
    )
    write_text(workspace.digest_page, page(workspace, digest, known))
    digest.save(workspace.digest)
    return digest


def _readable(read: Callable[[], Result]) -> Result | None:
    """What is there; None if nothing is, or nothing that can be read, which the run tells."""
    try:
        return read()
    except BadInput:
        return None


def _state(forecast: Forecast, drift: DriftReport | None) -> State:
    last = forecast.last_day
    return State(
        skilful=forecast.verdict.skilful,
        width=math.log(last.q90 / last.q10),
        health=drift.health if drift else None,
        results=tuple(event.date for event in forecast.events if event.inside_horizon),
    )


def _gate(forecast: Forecast, now: State, before: State | None) -> Iterator[Item]:
    if before is not None and now.skilful != before.skilful:
        turned = "is skilful now" if now.skilful else "is no longer skilful"
        text = f"{forecast.ticker} {turned}. {forecast.verdict.reason}"
        yield Item(kind="gate", ticker=forecast.ticker, text=text)


def _width(forecast: Forecast, now: State, before: State | None) -> Iterator[Item]:
    if before is not None and now.width > (1 + WIDER) * before.width > 0:
        share = now.width / before.width - 1
        why = f" {width_wording.sentence(forecast)}" if forecast.why else ""
        text = (
            f"{forecast.ticker}: the 80% interval is {share:.0%} wider than at the last run.{why}"
        )
        yield Item(kind="width", ticker=forecast.ticker, text=text)


def _results(forecast: Forecast, now: State, before: State | None) -> Iterator[Item]:
    """Results when they come within the horizon, and again on the session before."""
    told = before.results if before else ()
    for event in forecast.events:
        if not event.inside_horizon:
            continue
        soon = event_wording.answered_on(forecast, event) == forecast.days[0].date
        if soon or event.date not in told:
            text = f"{forecast.ticker}: {event.kind} on {event_wording.moment(event)}."
            yield Item(kind="results", ticker=forecast.ticker, text=text)


def _drifted(ticker: str, drift: DriftReport | None, before: State | None) -> Iterator[Item]:
    usual = before.health if before and before.health else "Healthy"
    if drift is None or drift.health == usual:
        return
    if drift.health == "Healthy":
        text = f"{ticker} is healthy again."
    else:
        text = " ".join((f"{ticker} is {drift.health.lower()}:", *drift.reasons, drift.what_to_do))
    yield Item(kind="drift", ticker=ticker, text=text)


def _breaches(settings: Settings, since: dt.datetime) -> Iterator[Item]:
    """Next-day losses beyond a value at risk whose outcome was written down ``since`` then."""
    rows = next_day(Ledger(settings).rows())
    new = rows[rows["settled_at"] >= since]
    for row in new.sort_values(["target_date", "ticker"]).itertuples():
        for name, days in LIMITS.items():
            limit = getattr(row, name)
            if row.log_return < limit:
                text = (
                    f"{row.ticker} lost {-math.expm1(row.log_return):.1%} on "
                    f"{row.target_date:%Y-%m-%d}, beyond the {-math.expm1(limit):.1%} that one day "
                    f"in {days} exceeds."
                )
                yield Item(kind="breach", ticker=str(row.ticker), text=text)
                break


def page(workspace: Workspace, digest: Digest, forecasts: dict[str, Forecast]) -> str:
    """One HTML file that asks no other host and runs no script."""
    sections = [
        (heading, items[:SHOWN], [item.ticker for item in items[SHOWN:]])
        for kind, heading in HEADINGS.items()
        if (items := [item for item in digest.items if item.kind == kind])
    ]
    told = {item.ticker for item in digest.items}
    rows = [_row(workspace, forecasts[ticker]) for ticker in forecasts if ticker in told]
    template = environment(Path(__file__).parent / "templates").get_template("digest.html.j2")
    return template.render(
        digest=digest,
        sections=sections,
        rows=rows[:SHOWN],
        index=_below(workspace, workspace.index),
        css=STYLE.read_text("utf-8"),
    )


def _row(workspace: Workspace, forecast: Forecast) -> dict[str, Any]:
    last, risk = forecast.last_day, forecast.risk
    report = workspace.page("report", forecast.ticker).with_suffix(".html")
    return {
        "ticker": forecast.ticker,
        "page": _below(workspace, report),
        "close": numbers.price(forecast.last_close, forecast.currency),
        "interval": f"{forecast.price(last.q10)} to {forecast.price(last.q90)}",
        "losses": [risk.value_at_risk[0].p95, risk.value_at_risk[0].p99] if risk else [],
    }


def _below(workspace: Workspace, path: Path) -> str:
    """Where a page lies, seen from the digest; nothing if there is none."""
    return path.relative_to(workspace.digest_page.parent).as_posix() if path.exists() else ""
