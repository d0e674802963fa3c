"""Commands on what a forecast is worth."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stockcast.cli.app import Result, Tickers, app, with_settings
from stockcast.cli.forecasts import Ticker, current_forecast
from stockcast.cli.output import console, table

if TYPE_CHECKING:
    from rich.table import Table

    from stockcast.contracts.risk import (
        Backtest,
        Judgement,
        LiveTails,
        Portfolio,
        PositionRisk,
        TailTest,
    )
    from stockcast.settings import Settings

__all__: list[str] = []

TAILS_HEAD = (
    *("ticker", "forecasts", "level>", "breaches>", "Kupiec>", "independent>", "both>"),
    *("shortfall>", "light"),
)


@app.command()
@with_settings
def risk(
    settings: Settings,
    ticker: Ticker,
    position: Annotated[float, typer.Option(help="Capital in it, in its currency.")] = 10_000.0,
    horizon: Annotated[int | None, typer.Option(help="Days ahead (default: all).")] = None,
    live: Annotated[
        bool, typer.Option("--live", help="Test the tails of the forecasts in the ledger instead.")
    ] = False,
) -> Result:
    """Show what a position in one stock may lose, or whether the ledger's forecasts of it held."""
    from stockcast.risk.position import live_tails, position_risk
    from stockcast.settings import parse_ticker

    ticker = parse_ticker(ticker)
    if live:
        tails = live_tails(settings, ticker)
        return Result(tails, lambda: _show_live(tails))
    losses = position_risk(current_forecast(settings, ticker), position, horizon)
    return Result(losses, lambda: _show_position(losses))


def _show_position(found: PositionRisk) -> None:
    page = console()
    page.print(
        f"{found.position:,.0f} {found.currency} in {found.ticker} at the close of {found.as_of}; "
        f"volatility {found.volatility_annual:.0%} a year."
    )
    page.print(_losses_table(found, ",.0f"))


def _show_live(found: LiveTails) -> None:
    page = console()
    if found.tests:
        page.print(table(TAILS_HEAD, [_tail(each) for each in found.tests]))
    for level, days in found.breaches.items() if found.n else ():
        told = ", ".join(map(str, days)) or "none"
        page.print(f"Breaches of {level} in {found.n} days: {told}.", soft_wrap=True)
    page.print(found.verdict, soft_wrap=True)


@app.command()
@with_settings
def judge(
    settings: Settings,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV of somebody's forecasts.")],
) -> Result:
    """Judge somebody else's forecasts by the same baselines, gate and significance as our own.

    Columns: made_on, ticker, for_date, and a point, a direction or quantiles (q01 to q99).
    """
    from stockcast.risk.judge import judge as judged

    found = judged(settings, file)
    return Result(found, lambda: _show_judgement(found, file))


@app.command()
@with_settings
def backtest(
    settings: Settings,
    tickers: Tickers = None,
    cost: Annotated[float, typer.Option(help="Fees, in basis points of what is traded.")] = 5.0,
    slippage: Annotated[float, typer.Option(help="By how much fills are worse, likewise.")] = 5.0,
) -> Result:
    """Trade the test period by named rules on the forecasts, after costs, and test their tails."""
    from stockcast.errors import BadInput
    from stockcast.risk.past import run

    for name, given in (("cost", cost), ("slippage", slippage)):
        if not 0 <= given < 1000:
            raise BadInput(f"Expected a {name} of 0 to 1000 basis points, got {given:g}.")
    found = run(settings, settings.tickers, cost / 10_000, slippage / 10_000)
    return Result(found, lambda: _show_backtest(found))


def _show_backtest(found: Backtest) -> None:
    from stockcast.presentation.risk_tables import rule_cells

    page = console()
    page.print(
        f"{', '.join(found.tickers)} in equal parts, {found.first} to {found.last}, filled at "
        f"the next open, {10_000 * (found.cost + found.slippage):.0f} basis points paid on what is "
        "traded.",
        soft_wrap=True,
    )
    headings = ["rule", "forecasts", "return a year>", "95% interval>", "volatility>", "Sharpe>"]
    rows = [list(rule_cells(row).values()) for row in found.rows]
    page.print(table([*headings, "drawdown>", "turnover>"], rows))
    for row in found.rows:
        if row.target_missed_by is not None and row.model != "constant":
            page.print(
                f"Aiming at {found.target:.0%}, the volatility of a ticker was "
                f"{row.volatility_by_ticker:.1%} by {row.model}: {row.target_missed_by:.0%} off."
            )
    for edge in found.edges:
        page.print(edge.verdict, soft_wrap=True)
    page.print(table(TAILS_HEAD, [_tail(each) for each in found.tails]))
    _show_skipped(found.skipped)


def _show_skipped(skipped: dict[str, str]) -> None:
    for ticker, why in skipped.items():
        console().print(f"{ticker} is left out: {why}", markup=False, soft_wrap=True)


@app.command()
@with_settings
def portfolio(
    settings: Settings,
    tickers: Tickers = None,
    weights: Annotated[
        str | None, typer.Option(metavar="W,W", help="Shares of the capital (default: equal).")
    ] = None,
    backtest: Annotated[
        bool, typer.Option("--backtest", help="Test such figures over the test period.")
    ] = False,
    chart: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw the scenarios into this PNG.")
    ] = None,
) -> Result:
    """Show the joint risk of several stocks, and each one's share of it."""
    from stockcast.errors import BadInput
    from stockcast.risk.portfolio import portfolio as joint

    if chart is not None and chart.suffix.lower() != ".png":
        raise BadInput(f"Expected a chart that is called .png, got {chart}.")
    found = joint(settings, settings.tickers, _numbers(weights))
    if backtest:
        from stockcast.risk.joint_tails import portfolio_tails

        tails = portfolio_tails(settings, settings.tickers, _numbers(weights))
        found = found.model_copy(update={"tails": tails})
    if chart is not None:
        _draw(found, chart)
    return Result(found, lambda: _show_portfolio(found))


def _draw(found: Portfolio, path: Path) -> None:
    from stockcast.presentation.risk_charts import joint_fan
    from stockcast.storage.files import atomic_write

    with atomic_write(path) as whole:
        whole.write_bytes(joint_fan(found).png())


def _numbers(text: str | None) -> list[float]:
    from stockcast.errors import BadInput

    try:
        return [float(part) for part in text.split(",")] if text else []
    except ValueError:
        raise BadInput(f"Expected weights like 0.5,0.3,0.2, got {text!r}.") from None


def _show_portfolio(found: Portfolio) -> None:
    page = console()
    page.print(
        f"What may be lost from the close of {found.as_of}, of {found.scenarios} scenarios; "
        f"volatility {found.volatility_annual:.0%} a year."
    )
    page.print(_losses_table(found, ".2%"))
    holdings = [
        [each.ticker, f"{each.weight:.1%}", f"{each.share:.1%}", f"{each.alone:.2%}",
         ", ".join(each.events)]
        for each in found.holdings
    ]  # fmt: skip
    page.print(table(["ticker", "weight>", "share of ES>", "ES alone>", "events"], holdings))
    for ticker, share in found.lent.items():
        page.print(
            f"{ticker} lacks {share:.0%} of the past days; on those it moves as on the most "
            "similar day that it has.",
            soft_wrap=True,
        )
    page.print(f"Holding them together takes {found.diversified:.0%} off their shortfalls.")
    if found.tails:
        page.print(f"The next day's, {found.tails.first} to {found.tails.last}:")
        page.print(table(TAILS_HEAD, [_tail(each) for each in found.tails.tests]))
        _show_skipped(found.tails.skipped)


def _losses_table(found: Portfolio | PositionRisk, form: str) -> Table:
    levels = ("p95", "p975", "p99")
    rows = [
        [str(at.date), *(f"{getattr(each, p):{form}}" for each in (at, beyond) for p in levels)]
        for at, beyond in zip(found.value_at_risk, found.expected_shortfall, strict=True)
    ]
    names = [f"{what} {share}>" for what in ("VaR", "ES") for share in ("95%", "97.5%", "99%")]
    return table(["by", *names], rows)


def _tail(test: TailTest) -> list[str]:
    from stockcast.presentation.risk_tables import tail_cells

    cells = tail_cells(test)
    cells["breaches"] += f", {cells.pop('share')}"
    return [test.ticker, *cells.values()]


def _show_judgement(found: Judgement, file: Path) -> None:
    page = console()
    page.print(
        f"{file.name}: {found.kind} forecasts of {', '.join(found.tickers)}, made on {found.n} "
        f"days from {found.first} to {found.last}, up to {found.horizon} sessions ahead; "
        f"{found.rows} outcomes are known, {found.pending} are not.",
        markup=False,
        soft_wrap=True,
    )
    rows = [
        [name, f"{ratio:.3f}", "-" if found.dm_p[name] is None else f"{found.dm_p[name]:.2g}"]
        for name, ratio in found.ratios.items()
    ]
    page.print(table([f"{found.loss} over that of", "ratio>", "p of equal loss>"], rows))
    for share, inside in found.coverage.items():
        page.print(f"The {share}% interval held {inside:.1%} of the outcomes.")
    page.print(found.verdict, markup=False, soft_wrap=True)
