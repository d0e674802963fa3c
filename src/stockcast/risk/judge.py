"""What somebody else's forecasts are worth: the same baselines, gate and significance as our own.

A file has one row a forecast: ``made_on, ticker, for_date`` and either ``point`` (a price),
``q01`` … ``q99`` (prices) or ``direction`` (up or down). A price is meant as prices stood on the
day it was made; splits and dividends since then are taken out. A forecast made on a day without a
session is one of the session before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stockcast import prices
from stockcast.contracts.forecast import QUANTILE_NAMES
from stockcast.contracts.risk import Judgement
from stockcast.errors import BadInput
from stockcast.evaluation.metrics import pinball_losses
from stockcast.evaluation.quantiles import QuantileForecasts
from stockcast.evaluation.significance import diebold_mariano
from stockcast.evaluation.walkforward import outcomes
from stockcast.models.baselines import climate, first_origin, garch, naive
from stockcast.models.selection import gate
from stockcast.settings import Settings, parse_ticker

__all__ = ["judge"]

Kind = Literal["point", "quantiles", "direction"]
Floats = NDArray[np.float64]

WHERE = ("made_on", "ticker", "for_date")
#: Sessions ahead that a baseline is asked for at most: a quarter.
FURTHEST = 63
DIRECTIONS = {"up": 1.0, "down": -1.0, "1": 1.0, "-1": -1.0, "+1": 1.0, "1.0": 1.0, "-1.0": -1.0}
LOSS = {"point": "absolute error", "quantiles": "pinball loss", "direction": "share wrong"}
#: The references of a kind; the first two are the gate's.
REFERENCES: dict[Kind, tuple[str, ...]] = {
    "point": ("last price", "climate"),
    "quantiles": ("naive", "climate", "garch"),
    "direction": ("usual direction", "coin"),
}


def judge(settings: Settings, path: Path) -> Judgement:
    """Put the forecasts of a file through baselines, gate and significance.

    Raises:
        BadInput: the file cannot be read or judged; says which row and why.
    """
    rows, kind = _read(path)
    levels = [level for level, name in QUANTILE_NAMES.items() if name in rows]
    scored = [_score(settings, str(t), part, kind, levels) for t, part in rows.groupby("ticker")]
    known = pd.concat([each for each in scored if len(each)] or [pd.DataFrame()])
    if known.empty:
        raise BadInput(f"Expected forecasts whose outcome is known in {path.name}, got none.")
    return _judged(rows, known, kind)


def _judged(rows: pd.DataFrame, known: pd.DataFrame, kind: Kind) -> Judgement:
    references = REFERENCES[kind]
    horizon = int(known["h"].max())
    unit = known.groupby("ticker")[references[0]].transform("mean").clip(lower=1e-12)
    losses = known[["loss", *references]].div(unit, axis=0).groupby(known["origin"]).mean()
    ours, *theirs = (losses[name].to_numpy(float) for name in losses)
    verdict = gate.decide(ours, theirs[0], horizon=horizon, loss_climate=theirs[1])
    ratios = {name: _ratio(ours, each) for name, each in zip(references, theirs, strict=True)}
    p = {n: _p_value(ours, each, horizon) for n, each in zip(references, theirs, strict=True)}
    inside = known.filter(regex="^inside_").mean()
    ci95 = None if verdict.low is None or verdict.high is None else (verdict.low, verdict.high)
    return Judgement(
        kind=kind,
        tickers=tuple(sorted(known["ticker"].unique())),
        first=known["origin"].min().date(),
        last=known["origin"].max().date(),
        n=len(losses),
        rows=len(known),
        pending=len(rows) - len(known),
        horizon=horizon,
        loss=LOSS[kind],
        ratios=ratios,
        ci95=ci95,
        dm_p=p,
        coverage={name.removeprefix("inside_"): share for name, share in inside.items()},
        skilful=verdict.skilful,
        verdict=_sentence(kind, verdict, ratios),
    )


def _sentence(kind: Kind, verdict: gate.Verdict, ratios: dict[str, float]) -> str:
    first, second = REFERENCES[kind][:2]
    if verdict.low is None or verdict.high is None:
        return (
            f"Too few to say: {verdict.n} days of forecasts have a known outcome, "
            f"{gate.MIN_ORIGINS} are needed."
        )
    said = (
        f"its {LOSS[kind]} is {ratios[first]:.3f} (95% interval {verdict.low:.3f} to "
        f"{verdict.high:.3f}) of the {first}'s over {verdict.n} days"
    )
    if verdict.skilful:
        return f"Skill: {said}, and {ratios[second]:.3f} of the {second}'s."
    if verdict.high < 1:
        return f"No skill: {said}, but {ratios[second]:.3f} of the {second}'s, not surely below 1."
    return f"No skill: {said}, which is not surely below 1."


def _ratio(ours: Floats, theirs: Floats) -> float:
    return float(ours.mean() / max(theirs.mean(), 1e-12))


def _p_value(ours: Floats, theirs: Floats, horizon: int) -> float | None:
    p = diebold_mariano(ours, theirs, horizon)
    return p if np.isfinite(p) else None


@dataclass(frozen=True, eq=False)
class _Forecasts:
    """One ticker's rows with a known outcome: where they stand, what came, what was forecast."""

    close: pd.Series
    origins: pd.DatetimeIndex
    row: NDArray[np.intp]
    steps: NDArray[np.intp]
    y: Floats
    given: Floats


def _score(
    settings: Settings, ticker: str, rows: pd.DataFrame, kind: Kind, levels: list[float]
) -> pd.DataFrame:
    """Losses of each row whose outcome is known, ours and the references'."""
    found = _placed(settings, ticker, rows, kind)
    if not len(found.y):
        return pd.DataFrame()
    table = pd.DataFrame({"ticker": ticker, "origin": found.origins[found.row], "h": found.steps})
    for name, losses in _losses(found, kind, levels).items():
        table[name] = losses
    for low, level in enumerate(levels):
        for high in np.flatnonzero(np.isclose(levels, 1 - level)):
            if low < high:
                inside = (found.given[:, low] <= found.y) & (found.y <= found.given[:, high])
                table[f"inside_{round(100 * (1 - 2 * level))}"] = inside
    return table


def _losses(found: _Forecasts, kind: Kind, levels: list[float]) -> dict[str, Floats]:
    def asked(baseline: Callable[..., QuantileForecasts], at: Sequence[float]) -> Floats:
        made = baseline(found.close, found.origins, int(found.steps.max()), at)
        return made.values[found.row, found.steps - 1]

    if kind == "quantiles":
        walks = {"naive": naive, "climate": climate, "garch": garch}
        quantiles = {"loss": found.given, **{n: asked(w, levels) for n, w in walks.items()}}
        return {name: pinball_losses(found.y, q, levels) for name, q in quantiles.items()}
    median = asked(climate, (0.5,))[:, 0]
    if kind == "point":
        still = np.zeros_like(median)
        points = {"loss": found.given[:, 0], "last price": still, "climate": median}
        return {name: np.abs(found.y - point) for name, point in points.items()}
    went = np.sign(found.y)
    half = np.where(went == 0, 0.0, 0.5)  # a price that stood still is nobody's mistake
    signs = {"loss": found.given[:, 0], "usual direction": np.where(median < 0, -1.0, 1.0)}
    wrong = {name: ((went * sign) < 0).astype(float) for name, sign in signs.items()}
    return {**wrong, "coin": half}


def _placed(settings: Settings, ticker: str, rows: pd.DataFrame, kind: Kind) -> _Forecasts:
    history = prices.read(settings, ticker)
    close = history.frame["close"]
    days = pd.DatetimeIndex(close.index)
    made, wanted = (
        days.searchsorted(rows[name], side="right") - 1 for name in ("made_on", "for_date")
    )
    earliest = days.get_loc(first_origin(close, FURTHEST))
    if (made < earliest).any():
        early = rows["made_on"].iloc[int(np.argmax(made < earliest))].date()
        raise BadInput(
            f"Expected forecasts of {ticker} from {days[earliest].date()} on, where its baselines "
            f"have a past to learn from, got one made on {early}."
        )
    known = rows["for_date"].to_numpy() <= days[-1]
    steps = wanted - made
    bad = known & ((steps < 1) | (steps > FURTHEST))
    if bad.any():
        row = rows.iloc[int(np.argmax(bad))]
        raise BadInput(
            f"Expected a forecast of {ticker} for 1 to {FURTHEST} sessions ahead, got one made on "
            f"{row['made_on'].date()} for {row['for_date'].date()}."
        )
    places, row_of = np.unique(made[known], return_inverse=True)
    origins = pd.DatetimeIndex(days[places])
    ahead = outcomes(close, origins, int(steps[known].max()) if known.any() else 1)
    y = ahead[row_of, steps[known] - 1] if known.any() else np.empty(0)
    given = rows.loc[known, [name for name in rows if name not in WHERE]].to_numpy(float)
    if kind != "direction":
        traded = prices.open_source(settings).history(ticker).frame["close"]
        given = np.log(given / traded[days[made[known]]].to_numpy(float)[:, None])
    certain = np.isfinite(y)
    parts = (row_of[certain], steps[known][certain], y[certain], given[certain])
    return _Forecasts(close, origins, *parts)


def _read(path: Path) -> tuple[pd.DataFrame, Kind]:
    try:
        rows = pd.read_csv(path, dtype=str, skipinitialspace=True)
    except (OSError, UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        reason = str(error).strip().splitlines()[0]
        raise BadInput(f"Expected a CSV file of forecasts at {path}, got: {reason}.") from None
    rows.columns = rows.columns.str.strip().str.lower()
    missing = [name for name in WHERE if name not in rows]
    if missing:
        raise BadInput(
            f"Expected the columns made_on, ticker and for_date in {path.name}, "
            f"got no {', '.join(missing)}."
        )
    names, kind = _columns(rows, path)
    rows = rows[[*WHERE, *names]].copy()
    if rows.empty:
        raise BadInput(f"Expected forecasts in {path.name}, got a file without a row.")
    for name in ("made_on", "for_date"):
        rows[name] = _parsed(rows, name, lambda each: pd.to_datetime(each, errors="coerce"), "day")
    rows["ticker"] = [parse_ticker(str(each)) for each in rows["ticker"]]
    for name in names:
        rows[name] = _parsed(rows, name, _direction if kind == "direction" else _price, kind)
    _check_order(rows, names, kind)
    return rows.sort_values(list(WHERE[:1]), ignore_index=True), kind


def _columns(rows: pd.DataFrame, path: Path) -> tuple[list[str], Kind]:
    quantiles = [name for name in QUANTILE_NAMES.values() if name in rows]
    kinds: dict[Kind, list[str]] = {
        "quantiles": quantiles,
        "point": ["point"] if "point" in rows else [],
        "direction": ["direction"] if "direction" in rows else [],
    }
    found = [(names, kind) for kind, names in kinds.items() if names]
    if len(found) != 1:
        got = " and ".join(kind for _, kind in found) or ", ".join(rows.columns)
        raise BadInput(
            f"Expected one of point, direction or quantiles ({', '.join(QUANTILE_NAMES.values())}) "
            f"in {path.name}, got {got}."
        )
    return found[0]


def _parsed(
    rows: pd.DataFrame, name: str, read: Callable[[pd.Series], pd.Series], what: str
) -> pd.Series:
    found = read(rows[name])
    if found.isna().any():
        place = int(np.argmax(found.isna()))
        raise BadInput(
            f"Expected a {what} as {name} in row {place + 2}, got {rows[name].iloc[place]!r}."
        )
    return found


def _price(texts: pd.Series) -> pd.Series:
    found = pd.to_numeric(texts, errors="coerce")
    return found.where((found > 0) & np.isfinite(found))


def _direction(texts: pd.Series) -> pd.Series:
    return texts.astype(str).str.strip().str.lower().map(DIRECTIONS)


def _check_order(rows: pd.DataFrame, names: list[str], kind: Kind) -> None:
    def refuse(bad: NDArray[np.bool_], expected: str) -> None:
        if bad.any():
            row = rows.iloc[int(np.argmax(bad))]
            made, wanted = (row[name].date() for name in ("made_on", "for_date"))
            raise BadInput(
                f"Expected {expected}, got one of {row['ticker']} made on {made} for {wanted}."
            )

    refuse(
        (rows["for_date"] <= rows["made_on"]).to_numpy(), "forecasts of days after they are made"
    )
    refuse(rows.duplicated(list(WHERE)).to_numpy(), "one forecast of a day at a time")
    if kind == "quantiles":
        crossing = (np.diff(rows[names].to_numpy(float), axis=1) < 0).any(axis=1)
        refuse(np.asarray(crossing), "quantiles in order")
