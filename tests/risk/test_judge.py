"""The referee: no skill for a coin or the last price, skill where it was planted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from stockcast import prices
from stockcast.contracts.forecast import QUANTILE_NAMES
from stockcast.contracts.risk import Judgement
from stockcast.errors import BadInput
from stockcast.evaluation.quantiles import LEVELS
from stockcast.models.baselines import ewma
from stockcast.risk.judge import judge
from stockcast.settings import Settings, load_settings


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return load_settings("sample", {"root": str(tmp_path_factory.mktemp("root"))})


@pytest.fixture(scope="module")
def close(settings: Settings) -> pd.Series:
    return prices.read(settings, "IBM").frame["close"]


@pytest.fixture(scope="module")
def traded(settings: Settings, close: pd.Series) -> pd.Series:
    found: pd.Series = prices.open_source(settings).history("IBM").frame["close"]
    return found[close.index]


def judged(settings: Settings, tmp_path: Path, made: pd.DatetimeIndex, h: int, close: pd.Series,
           **columns: object) -> Judgement:  # fmt: skip
    days = close.index[close.index.get_indexer(made) + h]
    frame = pd.DataFrame({"made_on": made, "ticker": "IBM", "for_date": days, **columns})
    frame.to_csv(tmp_path / "theirs.csv", index=False)
    return judge(settings, tmp_path / "theirs.csv")


def test_coins_show_no_skill(settings: Settings, tmp_path: Path, close: pd.Series) -> None:
    rng, made = np.random.default_rng(0), close.index[-400:-1]
    found = [
        judged(settings, tmp_path, made, 1, close, direction=rng.choice(["up", "down"], len(made)))
        for _ in range(20)
    ]
    assert sum(each.skilful for each in found) <= 1
    assert found[0].verdict.startswith("No skill: its share wrong is ")


def test_who_is_right_six_times_of_ten_has_skill(
    settings: Settings, tmp_path: Path, close: pd.Series
) -> None:
    made = close.index[-1000:-1]
    went = np.sign(np.diff(np.log(close[-1000:])))
    right = np.random.default_rng(2).random(len(made)) < 0.6
    direction = np.where(right, np.where(went == 0, 1, went), np.where(went > 0, -1, 1)).astype(int)
    found = judged(settings, tmp_path, made, 1, close, direction=direction)
    assert found.skilful
    assert found.ci95 is not None
    assert found.ci95[1] < 1


def test_the_last_price_shows_no_skill(
    settings: Settings, tmp_path: Path, close: pd.Series, traded: pd.Series
) -> None:
    made = close.index[-300:-5]
    found = judged(settings, tmp_path, made, 5, close, point=traded[made].to_numpy())
    assert not found.skilful
    assert found.ratios["last price"] == 1.0
    assert found.horizon == 5


def test_a_fan_and_its_shifted_copy_get_a_verdict_with_an_interval(
    settings: Settings, tmp_path: Path, close: pd.Series, traded: pd.Series
) -> None:
    made = pd.DatetimeIndex(close.index[-500:-1])
    fan = ewma(close, made, 1).values[:, 0]

    def columns(by: int) -> dict[str, object]:
        moved = np.exp(np.roll(fan, by, axis=0)) * traded[made].to_numpy()[:, None]
        return {QUANTILE_NAMES[p]: moved[:, k] for k, p in enumerate(LEVELS)}

    ours = judged(settings, tmp_path, made, 1, close, **columns(0))
    shifted = judged(settings, tmp_path, made, 1, close, **columns(60))
    assert set(ours.ratios) == {"naive", "climate", "garch"}
    assert ours.ratios["naive"] < shifted.ratios["naive"]
    assert ours.ci95 is not None
    assert ours.ci95[0] < ours.ratios["naive"] < ours.ci95[1]
    assert not shifted.skilful
    assert 0.75 < ours.coverage["80"] < 0.85


def test_a_price_of_before_a_split_is_taken_as_it_stood_then(
    settings: Settings, tmp_path: Path
) -> None:
    raw = prices.open_source(settings).history("AAPL").frame["close"]
    made = raw["2005-02-14":"2005-02-25"].index  # 2 for 1 on the 28th
    frame = pd.DataFrame({"made_on": made, "ticker": "AAPL", "for_date": "2005-03-01"})
    frame.assign(point=raw[made].to_numpy()).to_csv(tmp_path / "split.csv", index=False)
    assert judge(settings, tmp_path / "split.csv").ratios["last price"] == pytest.approx(1)


ROW = "2012-06-01,IBM,2012-06-04"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "Expected a CSV file of forecasts"),
        ("a,b\n1,2\n", "Expected the columns made_on, ticker and for_date"),
        ("made_on,ticker,for_date\n" + ROW + "\n", "Expected one of point, direction or quant"),
        (f"made_on,ticker,for_date,point,direction\n{ROW},1,up\n", "got quantiles|point and dir"),
        ("made_on,ticker,for_date,point\n", "without a row"),
        (f"made_on,ticker,for_date,point\n{ROW},-3\n", "Expected a point as point in row 2"),
        (f"made_on,ticker,for_date,direction\n{ROW},sideways\n", "in row 2, got 'sideways'"),
        ("made_on,ticker,for_date,point\nsoon,IBM,2012-06-04,3\n", "day as made_on in row 2"),
        ("made_on,ticker,for_date,point\n2012-06-04,IBM,2012-06-01,3\n", "after they are made"),
        (f"made_on,ticker,for_date,point\n{ROW},3\n{ROW},4\n", "one forecast of a day at a time"),
        (f"made_on,ticker,for_date,q05,q95\n{ROW},9,8\n", "quantiles in order"),
        ("made_on,ticker,for_date,point\n2000-03-02,IBM,2000-03-03,3\n", "baselines have a past"),
        ("made_on,ticker,for_date,point\n2011-06-01,IBM,2012-06-04,3\n", "for 1 to 63 sessions"),
        ("made_on,ticker,for_date,point\n2013-03-01,IBM,2013-03-04,3\n", "outcome is known"),
        ("made_on,ticker,for_date,point\n2012-06-01,NOPE,2012-06-04,3\n", "Expected a ticker of"),
    ],
)
def test_a_bad_file_gets_one_sentence(
    settings: Settings, tmp_path: Path, text: str, sentence: str
) -> None:
    (tmp_path / "theirs.csv").write_text(text, "utf-8")
    with pytest.raises(BadInput, match=sentence) as caught:
        judge(settings, tmp_path / "theirs.csv")
    assert "\n" not in str(caught.value)


def test_few_forecasts_are_too_few_to_say(
    settings: Settings, tmp_path: Path, close: pd.Series
) -> None:
    made = close.index[-20:-1]
    found = judged(settings, tmp_path, made, 1, close, direction="up")
    assert found.verdict.startswith("Too few to say: 19 days")
    assert found.ci95 is None
