"""What is no ticker and no task's id gets one sentence, and reaches no file and no command."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from stockcast import jobs
from stockcast.errors import BadInput
from stockcast.settings import Settings, load_settings, parse_ticker

PARTS = ["../", "..\\", "/etc/passwd", "%2e%2e/", "\x00", "\n", "$(id)", "`id`", ";rm -rf .", "|"]
PARTS += ["'", '"', "<script>", "{{7*7}}", "[[ticker]]", "*", "?", "~", "AAPL", "^GSPC", "ﬀ", "İ"]
HOSTILE = st.one_of(
    st.lists(st.sampled_from(PARTS), min_size=1, max_size=6).map("".join), st.text(max_size=300)
)
PLAIN = re.compile(r"[A-Z0-9^][A-Z0-9^.=&-]{0,23}")


@pytest.mark.fault(
    "1,000 hostile tickers",
    "one sentence",
    "nothing to do",
)
@seed(20261124)
@settings(max_examples=1000, deadline=None, database=None)
@given(HOSTILE)
def test_hostile_ticker_is_refused_in_one_sentence(text: str) -> None:
    ticker, said = parsed(text)
    if ticker:
        assert PLAIN.fullmatch(ticker)
    else:
        assert said.startswith("Expected a ticker of 1 to 24 letters")
        assert len(said.splitlines()) == 1


def parsed(text: str) -> tuple[str, str]:
    try:
        return parse_ticker(text), ""
    except BadInput as error:
        return "", str(error)


@seed(20261124)
@settings(
    max_examples=200,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(text=HOSTILE)
def test_hostile_ticker_or_id_writes_nothing(
    text: str, sample_settings: Callable[..., Settings], tmp_path: Path
) -> None:
    here = sample_settings()
    assert jobs.status(here, text) is None
    with pytest.raises(BadInput):
        jobs.start(here, text if text.strip().upper() not in ("AAPL", "^GSPC") else "../AAPL")
    with pytest.raises(BadInput):
        load_settings("sample", {"parent_ticker": f"../{text}"})
    assert list(tmp_path.iterdir()) == []
