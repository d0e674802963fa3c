"""A folder of price files judged without training: what each holds, and whether a run would use it.

Every ticker goes through the calls that a run's ingestion makes, so the verdict is the run's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from stockcast import prices
from stockcast.contracts.check import FileReport, FolderReport, TickerReport
from stockcast.errors import BadInput, DataFault
from stockcast.ingestion import quality
from stockcast.ingestion.schema import Fault
from stockcast.markets import calendars
from stockcast.prices import RawPrices
from stockcast.prices.files import FileSource, named
from stockcast.prices.notices import NEWER, ended
from stockcast.settings import Settings

__all__ = ["check_folder"]

_CORRECT = "correct the file, or download it again"


def check_folder(
    settings: Settings, progress: Callable[[Sequence[Path]], Iterable[Path]] = iter
) -> FolderReport:
    """Judge every file of ``prices_dir``.

    Args:
        progress: yields the files that it is given, and shows how far it is.

    Raises:
        BadInput: there is no such folder, or nothing in it.
    """
    source = FileSource(settings)
    entries = source.entries()
    if not entries:
        raise BadInput(f"Expected price files in {settings.prices_dir}, got an empty folder.")
    files = [_judged_file(source, settings, path) for path in progress(entries)]
    files = _beside_each_other(files, source)
    return FolderReport(files=tuple(_beside_the_index(files, settings)))


def _judged_file(source: FileSource, settings: Settings, path: Path) -> FileReport:
    why = source.passed_over(path)
    if why is not None:
        return FileReport(file=path.name, layout=f"passed over: {why}")
    try:
        layout, held = source.layout(path).layout, source.held(path)
    except BadInput as error:
        owner = TickerReport(ticker=next(iter(named(path.name)), None))
        return FileReport(file=path.name, layout="unknown", tickers=(_refused(owner, error),))
    found = tuple(_judged(source, settings, path, ticker) for ticker in held)
    return FileReport(file=path.name, layout=layout, tickers=found)


def _judged(source: FileSource, settings: Settings, path: Path, ticker: str) -> TickerReport:
    report = TickerReport(ticker=ticker)
    try:
        raw = source.history_in(path, ticker)
        report = _described(ticker, raw)
        noted: list[Fault] = []
        history = prices.checked(settings, ticker, raw, notes=noted)
        exchange = settings.market(ticker).exchange
        recent = quality.check_recent(history.frame, ticker=ticker, exchange=exchange)
    except BadInput as error:
        return _refused(report, error)
    report = report.model_copy(update={"repairs": history.repairs})
    accept = next((fault.remedy for fault in noted if fault.suspicion), "")
    for note in history.notes:
        report = report.noted(note, accept)
    for note in (*_grouped(noted), *_grouped(recent)):
        report = report.noted(note)
    for note in ended(settings, ticker, history.as_of):
        report = report.noted(note, NEWER)
    return report


def _described(ticker: str, raw: RawPrices) -> TickerReport:
    days = raw.frame.index
    return TickerReport(
        ticker=ticker,
        rows=len(days),
        first=days[0].date(),
        last=days[-1].date(),
        last_close=float(raw.frame["close"].iloc[-1]),
        repairs=raw.repairs,
    )


def _refused(report: TickerReport, error: BadInput) -> TickerReport:
    suspicion = isinstance(error, DataFault) and error.suspicion
    verdict = "held" if suspicion else "refused"
    told = {"verdict": verdict, "problems": (str(error),), "remedy": error.remedy or _CORRECT}
    return report.model_copy(update=told)


def _grouped(found: Sequence[Fault]) -> list[str]:
    """One sentence for each column: its first fault, and how many more there are.

    Suspected splits are in the history's own notes.
    """
    found = [fault for fault in found if not fault.suspicion]
    counts = Counter(fault.column for fault in found)
    firsts = {fault.column: fault for fault in reversed(found)}
    more = {column: f" (and {count - 1} more)" for column, count in counts.items() if count > 1}
    return [f"{firsts[column]}{more.get(column, '')}." for column in counts]


def _beside_each_other(files: Sequence[FileReport], source: FileSource) -> list[FileReport]:
    """With what becomes of tickers that several files hold."""
    counts = Counter(each.ticker for file in files for each in file.tickers)

    def told(each: TickerReport, file: str) -> TickerReport:
        if each.ticker is None or counts[each.ticker] == 1:
            return each
        try:
            used = source.file_of(each.ticker).name
        except BadInput as error:
            return _refused(each, error)
        if used == file:
            return each
        return each.noted(f"A run takes {each.ticker} from {used} and not from here.")

    return _each(files, told)


def _beside_the_index(files: Sequence[FileReport], settings: Settings) -> list[FileReport]:
    """With whether the index of each ticker has its last bars."""
    every = [each for file in files for each in file.tickers if each.usable and each.last]
    last = {each.ticker: each.last for each in every}

    def told(each: TickerReport, _: str) -> TickerReport:
        index = settings.index_of(each.ticker) if each.ticker else None
        end = last.get(index)
        if end is None or each.last is None or not each.usable or each.last <= end:
            return each
        exchange = settings.market(str(index)).exchange
        missing = len(calendars.sessions(exchange, end, each.last)) - 1
        many = f"{missing} session{'s' * (missing != 1)}"
        remedy = f"add the missing bars of {index}"
        return each.noted(f"The index {index} ends {many} before {each.ticker}: {remedy}.", remedy)

    return _each(files, told)


def _each(
    files: Sequence[FileReport], told: Callable[[TickerReport, str], TickerReport]
) -> list[FileReport]:
    """The files with each ticker's report as ``told`` makes it from that and the file's name."""
    return [
        file.model_copy(update={"tickers": tuple(told(each, file.file) for each in file.tickers)})
        for file in files
    ]
