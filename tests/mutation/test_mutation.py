"""A small change is made where it counts, and a test that is there notices it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.mutation.__main__ import SAMPLE, change, changes, judged

CODE = """
from functools import cache
LIMIT = 3
@cache
def low(x: int | None = 1) -> bool:
    return x < LIMIT
class Scale:
    @property
    def size(self) -> int:
        return LIMIT + 1
"""


def test_one_place_is_changed_at_a_time_and_the_same_ones_each_time() -> None:
    made = changes(CODE, "seed")
    assert [each[:2] for each in made] == [
        (3, "LIMIT = 3"),
        (5, "def low(x: int | None = 1) -> bool:"),
        (6, "return x < LIMIT"),
        (10, "return LIMIT + 1"),
        (10, "return LIMIT + 1"),
    ]
    assert made == changes(CODE, "seed")
    assert len(changes(CODE * SAMPLE, "seed")) == SAMPLE
    for _, was, becomes, source in made:
        assert was != becomes
        assert source.count("\n") == CODE.count("\n")


def test_a_change_reaches_who_imported_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "test_changed.py").write_text(CODE)
    (tmp_path / "test_user.py").write_text("from test_changed import LIMIT, Scale, low")
    import test_changed  # type: ignore[import-not-found]
    import test_user  # type: ignore[import-not-found]

    change(test_changed, CODE.replace("= 3", "= 2").replace("<", ">").replace("+ 1", "- 5"))
    assert (test_user.LIMIT, test_user.low(3), test_user.Scale().size) == (2, True, -3)
    for name in ("test_changed", "test_user"):
        del sys.modules[name]


def test_what_no_test_holds_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The gate's constants, by a test that looks at one of them."""
    monkeypatch.setattr("tests.mutation.__main__.RESULTS", tmp_path)
    monkeypatch.setattr(
        "tests.mutation.__main__.changes",
        lambda source, name: [
            (
                20,
                "MIN_ORIGINS = 60",
                "MIN_ORIGINS = 61",
                source.replace("ORIGINS = 60", "ORIGINS = 61"),
            ),
            (22, "WORSE_BY = 0.005", "WORSE_BY = 1.005", source.replace("0.005", "1.005")),
        ],
    )
    held = tmp_path / "test_held.py"
    held.write_text(
        "from stockcast.models.selection.gate import MIN_ORIGINS\n"
        "def test_origins(): assert MIN_ORIGINS == 60\n"
    )
    assert not judged("gate", "models/selection/gate.py", [str(held)], warm=False, alike=[])
    assert "gate: 1 of 2 noticed" in capsys.readouterr().out
