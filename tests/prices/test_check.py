"""A folder judged without training: every file named, and the verdict that a run would come to."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from stockcast.cli import main
from stockcast.contracts.check import TickerReport
from stockcast.errors import BadInput
from stockcast.markets.calendars import sessions, today
from stockcast.monitoring.admission import admit
from stockcast.prices.check import check_folder
from stockcast.settings import Settings
from tests.prices.layouts import LAYOUTS

Make = Callable[..., Settings]
Output = pytest.CaptureFixture[str]

KEYS = ["ticker", "rows", "first", "last", "last_close", "repairs", "verdict", "problems", "remedy"]


def verdicts(settings: Settings) -> dict[str, TickerReport]:
    report = check_folder(settings)
    return {str(each.ticker): each for file in report.files for each in file.tickers}


@pytest.fixture
def recent(bars: pd.DataFrame) -> pd.DataFrame:
    """The bars on the last sessions up to today."""
    now = today("XNYS")
    days = sessions("XNYS", now - pd.Timedelta(days=600), now)[-len(bars) :]
    return bars.set_axis(days, axis=0).rename_axis("date").drop(columns="adj_close")


def halved_lately(frame: pd.DataFrame) -> pd.DataFrame:
    """A split three bars ago that nobody adjusted for."""
    spoilt = frame.copy()
    spoilt.iloc[-3:, :4] /= 4
    spoilt.iloc[-3:, 4] *= 4
    return spoilt


def negative(frame: pd.DataFrame) -> pd.DataFrame:
    spoilt = frame.copy()
    spoilt.iloc[100, 2] = -1
    return spoilt


def one_missing(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.drop(frame.index[100])


def test_each_verdict_is_that_of_a_run(
    recent: pd.DataFrame, folder: Path, files_settings: Make
) -> None:
    cases = {
        "GOOD": (recent, "ok"),
        "GAP": (one_missing(recent), "note"),
        "SPLIT": (halved_lately(recent), "held"),
        "SIGN": (negative(recent), "refused"),
        "SHORT": (recent.tail(20), "refused"),
    }
    for ticker, (frame, _) in cases.items():
        frame.to_csv(folder / f"{ticker}.csv")
    settings = files_settings()
    found = verdicts(settings)
    assert {ticker: found[ticker].verdict for ticker in cases} == {
        ticker: verdict for ticker, (_, verdict) in cases.items()
    }
    for ticker in cases:
        if found[ticker].usable:
            assert admit(settings, ticker).last_close == found[ticker].last_close
        else:
            with pytest.raises(BadInput) as caught:
                admit(settings, ticker)
            assert found[ticker].problems == (str(caught.value),)
            assert found[ticker].remedy


def test_a_held_ticker_is_told_the_line_that_accepts_the_move(
    recent: pd.DataFrame, folder: Path, files_settings: Make
) -> None:
    halved_lately(recent).to_csv(folder / "SPLIT.csv")
    held = verdicts(files_settings())["SPLIT"]
    day = f"{recent.index[-3]:%Y-%m-%d}"
    assert f"SPLIT,{day}" in held.remedy
    (folder / "accepted_moves.csv").write_text(f"SPLIT,{day}\n")
    assert verdicts(files_settings())["SPLIT"].usable


def test_an_old_move_that_looks_like_a_split_is_a_note_with_the_line_that_accepts_it(
    recent: pd.DataFrame, folder: Path, files_settings: Make
) -> None:
    spoilt = recent.copy()
    spoilt.iloc[-100:, :4] /= 4
    spoilt.iloc[-100:, 4] *= 4
    spoilt.to_csv(folder / "SPLIT.csv")
    found = verdicts(files_settings())["SPLIT"]
    assert found.verdict == "note"
    assert f"SPLIT,{recent.index[-100]:%Y-%m-%d}" in found.remedy


def test_what_was_read_is_told_with_its_repairs(
    bars: pd.DataFrame, folder: Path, files_settings: Make
) -> None:
    LAYOUTS["Nasdaq.com"](bars.round(2), folder)
    report = check_folder(files_settings(as_of="2013-03-01"))
    (file,) = report.files
    (each,) = file.tickers
    assert (file.file, file.layout) == ("AAPL.csv", "Nasdaq.com, CSV")
    assert (each.ticker, each.rows, each.verdict) == ("AAPL", 300, "ok")
    assert (str(each.first), str(each.last), each.last_close) == (
        "2011-12-19",
        "2013-03-01",
        430.47,
    )
    assert [(repair.kind, repair.count) for repair in each.repairs] == [("newest_first", 300)]


def test_prices_that_end_long_ago_are_told(
    bars: pd.DataFrame, folder: Path, files_settings: Make
) -> None:
    bars.to_csv(folder / "AAPL.csv")
    old = verdicts(files_settings())["AAPL"]
    assert old.verdict == "note"
    assert "Prices end on 2013-03-01" in old.problems[0]
    assert old.remedy in old.problems[0]
    assert verdicts(files_settings(as_of="2013-03-01"))["AAPL"].verdict == "ok"


def test_an_index_that_ends_before_its_stocks_is_told(
    recent: pd.DataFrame, folder: Path, files_settings: Make
) -> None:
    recent.to_csv(folder / "AAPL.csv")
    recent.iloc[:-2].to_csv(folder / "SPX.csv")
    found = verdicts(files_settings(parent_ticker="SPX"))
    assert found["SPX"].verdict == "ok"
    assert found["AAPL"].problems == (
        "The index SPX ends 2 sessions before AAPL: add the missing bars of SPX.",
    )


def test_every_file_is_named_and_why_it_is_passed_over(
    recent: pd.DataFrame, folder: Path, files_settings: Make
) -> None:
    recent.to_csv(folder / "AAPL.csv")
    (folder / "README.md").write_text("Mine.")
    (folder / "notes.txt").write_text("Bought in May.")
    (folder / "events.csv").write_text("ticker,date,when\n")
    (folder / "news").mkdir()
    files = {file.file: file for file in check_folder(files_settings()).files}
    assert list(files) == ["AAPL.csv", "README.md", "events.csv", "news", "notes.txt"]
    others = [file for name, file in files.items() if name != "AAPL.csv"]
    assert all(file.layout.startswith("passed over: ") and not file.tickers for file in others)
    assert "dates of results" in files["events.csv"].layout


def test_files_that_cannot_be_used_are_refused_with_a_remedy(
    recent: pd.DataFrame, folder: Path, files_settings: Make
) -> None:
    recent.to_csv(folder / "AAPL.csv")
    (folder / "CUT.parquet").write_bytes(b"PAR1 but no more")
    (folder / "EMPTY.csv").write_bytes(b"")
    recent.to_csv(folder / "my own prices.csv")
    files = {file.file: file.tickers[0] for file in check_folder(files_settings()).files}
    assert files["AAPL.csv"].usable
    assert files["CUT.parquet"].ticker == "CUT"
    assert files["my own prices.csv"].ticker is None
    for name in ("CUT.parquet", "EMPTY.csv", "my own prices.csv"):
        assert (files[name].verdict, files[name].rows) == ("refused", 0)
        assert files[name].remedy in files[name].problems[0]


def test_two_files_of_one_ticker(recent: pd.DataFrame, folder: Path, files_settings: Make) -> None:
    recent.to_csv(folder / "AAPL.csv")
    recent.to_csv(folder / "aapl.us.txt")
    recent.assign(symbol="MSFT").to_csv(folder / "all.csv")
    recent.to_csv(folder / "MSFT.csv")
    found = check_folder(files_settings()).files
    shown = {(file.file, each.verdict) for file in found for each in file.tickers}
    assert shown == {
        ("AAPL.csv", "refused"),
        ("aapl.us.txt", "refused"),
        ("all.csv", "note"),
        ("MSFT.csv", "ok"),
    }


def test_json_is_the_document_and_nothing_else(
    recent: pd.DataFrame, folder: Path, capsys: Output
) -> None:
    recent.to_csv(folder / "AAPL.csv")
    halved_lately(recent).to_csv(folder / "SPLIT.csv")
    assert main(["check", str(folder), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert list(document) == ["files"]
    assert [list(file) for file in document["files"]] == [["file", "layout", "tickers"]] * 2
    assert [list(each) for file in document["files"] for each in file["tickers"]] == [KEYS] * 2


def test_people_see_a_table_the_remedies_and_the_next_step(
    recent: pd.DataFrame, folder: Path, capsys: Output
) -> None:
    recent.to_csv(folder / "AAPL.csv")
    recent.to_csv(folder / "[odd].csv")
    halved_lately(recent).to_csv(folder / "SPLIT.csv")
    assert main(["check", str(folder), "--set", "parent_ticker=SPLIT"]) == 0
    shown = capsys.readouterr().out
    assert "columns by name, CSV" in shown
    assert "[odd].csv" in shown
    assert "accepted_moves.csv" in shown
    assert "3 tickers: 1 refused, 1 held, 1 ok." in shown
    assert "The index SPLIT is not among those that can be used" in shown
    assert "--set parent_ticker=INDEX -t AAPL" in " ".join(shown.split())
    assert f"--set prices_dir={folder}" in shown
    assert "[/" not in shown


@pytest.mark.parametrize("content", [None, b"", b"no prices"])
def test_a_folder_with_nothing_to_use_is_bad_input(
    content: bytes | None, folder: Path, capsys: Output
) -> None:
    if content is not None:
        (folder / "AAPL.csv").write_bytes(content)
    assert main(["check", str(folder)]) == 2


def test_no_folder_is_bad_input(folder: Path, capsys: Output) -> None:
    assert main(["check", str(folder / "nowhere")]) == 2
    assert "Expected a folder of price files" in capsys.readouterr().err


def test_nothing_is_written(recent: pd.DataFrame, folder: Path, tmp_path: Path) -> None:
    recent.to_csv(folder / "AAPL.csv")
    before = set(tmp_path.rglob("*"))
    main(["check", str(folder), "--set", f"root={tmp_path / 'root'}"])
    assert set(tmp_path.rglob("*")) == before


def test_many_files_take_seconds(recent: pd.DataFrame, folder: Path, files_settings: Make) -> None:
    rng = np.random.default_rng(3)
    for at in range(20):
        (recent * rng.uniform(0.5, 2)).round(2).to_csv(folder / f"T{at}.csv")
    seen: list[Path] = []
    report = check_folder(files_settings(), lambda paths: (seen.append(p) or p for p in paths))
    assert len(report.files) == len(seen) == 20
    assert all(file.tickers[0].verdict == "ok" for file in report.files)
