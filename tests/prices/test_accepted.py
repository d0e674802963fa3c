"""A move like a split: held while it is fresh, accepted by a line, else taken for one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from stockcast import prices
from stockcast.errors import BadInput, DataFault
from stockcast.evaluation.walkforward import outcomes
from stockcast.monitoring.admission import admit
from stockcast.prices import quarantine, snapshot
from stockcast.prices.sample import SampleSource
from stockcast.settings import Settings, load_settings

OLD, FRESH = pd.Timestamp("2012-06-01"), pd.Timestamp("2013-02-20")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "prices").mkdir()
    return tmp_path / "prices"


def plant(folder: Path, day: pd.Timestamp, ratio: float = 0.5) -> pd.DataFrame:
    """IBM with prices from ``day`` on that nobody adjusted for; what they would have been."""
    bars = SampleSource().history("IBM").frame.drop(columns="adj_close").loc["2012":]
    spoilt = bars.copy()
    spoilt.loc[day:, ["open", "high", "low", "close"]] *= ratio
    spoilt.to_csv(folder / "IBM.csv")
    return bars


def settings(folder: Path, **more: Any) -> Settings:
    where = {"prices_dir": folder, "root": folder.parent / "root", "parent_ticker": "IBM"}
    return load_settings("files", {**where, **more})


def accept(folder: Path, text: str) -> None:
    (folder / "accepted_moves.csv").write_text(text)


def test_a_fresh_move_is_held_and_the_sentence_names_the_line_that_accepts_it(folder: Path) -> None:
    plant(folder, FRESH)
    with pytest.raises(DataFault) as refused:
        admit(settings(folder), "IBM")
    said = str(refused.value)
    assert said.startswith("IBM 2013-02-20, close: expected one unit and one basis, got 0.49")
    assert "2:1" in said
    line, _, where = said.partition("by the line ")[2].partition(" in ")
    path = Path(where.partition(" (or --set accept=IBM:2013-02-20)")[0])
    assert path == folder / "accepted_moves.csv"
    assert quarantine.reason(settings(folder), "IBM") == said
    path.write_text(line + "\n")
    assert quarantine.reason(settings(folder), "IBM") is None
    assert admit(settings(folder), "IBM").suspect == ()


@pytest.mark.parametrize("header", ["", "ticker,date\n", "Ticker, Date\n"])
def test_the_file_of_accepted_moves_may_have_a_header(folder: Path, header: str) -> None:
    plant(folder, FRESH)
    accept(folder, f"{header}GME,2021-02-02\n\n ibm , 2013-02-20 ,it fell\n")
    assert prices.read(settings(folder), "IBM").suspect == ()


def test_a_setting_accepts_a_move_too(folder: Path) -> None:
    plant(folder, FRESH)
    assert prices.read(settings(folder, accept="GME:2021-02-02,IBM:2013-02-20"), "IBM").notes == ()
    with pytest.raises(DataFault):
        prices.read(settings(folder, accept="IBM:2013-02-19"), "IBM")
    with pytest.raises(DataFault):
        prices.read(settings(folder, accept="GME:2013-02-20"), "IBM")


@pytest.mark.parametrize("entry", ["IBM", "IBM:", "IBM:20.2.2013", ":2013-02-20", "I M:2013-02-20"])
def test_an_entry_that_is_no_move_is_refused(entry: str) -> None:
    with pytest.raises(BadInput, match="TICKER:DATE"):
        load_settings("sample", {"accept": entry})


def test_a_line_that_is_no_move_is_refused_with_its_number(folder: Path) -> None:
    plant(folder, FRESH)
    accept(folder, "ticker,date\nIBM,tomorrow\n")
    with pytest.raises(BadInput, match=r"in line 2 of .*accepted_moves.csv, got 'IBM,tomorrow'\.$"):
        prices.read(settings(folder), "IBM")


def test_the_file_of_accepted_moves_is_not_one_of_prices(folder: Path) -> None:
    plant(folder, OLD)
    accept(folder, "ticker,date\nGME,2021-02-02\n")
    assert prices.available(settings(folder)) == ["IBM"]


def test_a_line_is_a_new_fingerprint_of_its_ticker_alone(folder: Path) -> None:
    plant(folder, OLD)
    before = prices.fingerprint(settings(folder), "IBM")
    accept(folder, "GME,2021-02-02\n")
    assert prices.fingerprint(settings(folder), "IBM") == before
    accept(folder, "GME,2021-02-02\nIBM,2012-06-01\n")
    assert prices.fingerprint(settings(folder), "IBM") != before


def test_fresh_is_a_setting(folder: Path) -> None:
    plant(folder, FRESH)
    assert len(prices.read(settings(folder, fresh_sessions=7), "IBM").suspect) == 1
    with pytest.raises(DataFault):
        prices.read(settings(folder, fresh_sessions=8), "IBM")


def test_an_old_move_is_taken_for_the_split_it_seems_to_be_and_said(folder: Path) -> None:
    truth = plant(folder, OLD)
    history = admit(settings(folder), "IBM")
    assert history.suspect == (OLD,)
    (note,) = history.notes
    assert note.startswith("2012-06-01: the close is 0.4901 times")
    assert "2:1" in note
    assert "neither fitted on nor scored" in note
    assert "IBM,2012-06-01 in" in note
    np.testing.assert_allclose(history.frame["close"], truth["close"] / 2)
    assert quarantine.reason(settings(folder), "IBM") is None


def test_returns_over_it_are_unknown_after_the_snapshot_is_read_again(folder: Path) -> None:
    plant(folder, OLD)
    where = settings(folder)
    history = snapshot.load(snapshot.save(prices.read(where, "IBM"), where))
    assert history.suspect == (OLD,)
    close = history.frame["close"].loc["2012-02":]
    at = close.index.get_loc(OLD)
    known = np.isfinite(outcomes(close, close.index[at - 4 : at + 2], 3))
    assert known.tolist() == [
        [True, True, True],
        [True, True, False],
        [True, False, False],
        [False, False, False],
        [True, True, True],
        [True, True, True],
    ]
    assert not np.isfinite(outcomes(close, close.index[-2:], 3)[:, 1:]).any()


def test_an_accepted_old_move_stays_as_it_is(folder: Path) -> None:
    truth = plant(folder, OLD)
    accept(folder, "IBM,2012-06-01\n")
    history = prices.read(settings(folder), "IBM")
    assert (history.suspect, history.notes) == ((), ())
    np.testing.assert_allclose(
        history.frame["close"].loc[:"2012-05"], truth["close"].loc[:"2012-05"]
    )
