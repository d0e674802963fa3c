"""The command that judges a folder of price files: the first step with prices of one's own."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stockcast.cli.app import AsJson, Overrides, Profile, app, settings_for
from stockcast.cli.output import console, print_json, results_only, table
from stockcast.contracts import numbers

if TYPE_CHECKING:
    from stockcast.contracts.check import FileReport, FolderReport, TickerReport
    from stockcast.settings import Settings

#: The verdicts, the worst first, and their colours on a terminal.
_COLOURS = {"refused": "red", "held": "magenta", "note": "yellow", "ok": "green"}
#: Tickers of the same remark that are named.
_NAMED = 5


@app.command()
def check(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of price files.")],
    profile: Profile = None,
    assignments: Overrides = None,
    as_json: AsJson = False,
) -> int:
    """Judge a folder of price files, without training: layout, span, repairs, verdict, remedy."""
    from stockcast.prices.check import check_folder

    given = [*(assignments or ()), "source=files", f"prices_dir={folder}"]
    settings = settings_for(profile or "files", given)
    with results_only():
        report = check_folder(settings, _progress)
    if as_json:
        print_json(report.model_dump(mode="json"))
    else:
        _show(report, settings)
    return 0 if report.usable else 2


def _progress(paths: Sequence[Path]) -> Iterator[Path]:
    from tqdm import tqdm

    # a terminal sees how far it is; a log does not
    yield from tqdm(paths, unit="file", file=sys.stderr, disable=None, leave=False)


def _show(report: FolderReport, settings: Settings) -> None:
    page = console()
    judged = [(file, each) for file in report.files for each in file.tickers]
    if judged:
        headings = ["ticker", "verdict", "bars>", "first", "last", "last close>", "file", "layout"]
        page.print(table(headings, [_row(*each) for each in judged]))
    for verdict, line in _remarks([each for _, each in judged]):
        page.print(f"[{_COLOURS[verdict]}]{verdict:8}[/]", end="")
        page.print(line, markup=False)
    for file in report.files:
        if not file.tickers:
            page.print(f"{file.file} is {file.layout}.", markup=False)
    page.print(_summary([each for _, each in judged], settings), markup=False)


def _row(file: FileReport, each: TickerReport) -> list[str]:
    from rich.markup import escape

    close = "-" if each.last_close is None else numbers.price(each.last_close)
    days = [str(day or "-") for day in (each.first, each.last)]
    colour = _COLOURS[each.verdict]
    return [
        escape(each.ticker or "-"),
        f"[{colour}]{each.verdict}[/]",
        f"{each.rows:,}" if each.rows else "-",
        *days,
        close,
        escape(file.file),
        escape(file.layout),
    ]


def _remarks(found: Sequence[TickerReport]) -> Iterator[tuple[str, str]]:
    """What to know and to do, the worst first; what is the same of several tickers is said once."""
    from stockcast.contracts.prices import repaired

    same: dict[tuple[str, str], dict[str, bool]] = {}
    for each in found:
        lines = list(each.problems)
        if each.remedy and each.remedy not in " ".join(lines):
            lines.append(f"{each.remedy[:1].upper()}{each.remedy[1:]}.")
        lines += filter(None, [repaired(each.repairs)])
        for line in lines:
            whose = same.setdefault((each.verdict, line), {})
            whose[each.ticker or "?"] = line.startswith(f"{each.ticker} ")
    for verdict in _COLOURS:
        for (of, line), named in same.items():
            if of == verdict:
                yield verdict, line if all(named.values()) else f"{_few(list(named))}: {line}"


def _few(tickers: list[str]) -> str:
    more = len(tickers) - _NAMED
    return ", ".join(tickers[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def _summary(found: Sequence[TickerReport], settings: Settings) -> str:
    counts = Counter[str](each.verdict for each in found)
    said = ", ".join(f"{counts[verdict]} {verdict}" for verdict in _COLOURS if counts[verdict])
    usable = dict.fromkeys(each.ticker for each in found if each.usable and each.ticker)
    lines = [f"{len(found)} ticker{'s' * (len(found) != 1)}: {said or 'none'}."]
    index = settings.parent_ticker
    if usable and index not in usable:
        lines.append(
            f"The index {index} is not among those that can be used; name yours in place of INDEX."
        )
        index = "INDEX"
    stocks = [ticker for ticker in usable if ticker != settings.parent_ticker]
    if stocks:
        lines.append(
            f"Next: stockcast run -p {settings.profile} --set prices_dir={settings.prices_dir} "
            f"--set parent_ticker={index} -t {','.join(stocks[:3])}"
        )
    return "\n".join(lines)
