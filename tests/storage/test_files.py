"""Files: whole or not at all, and for those whom the umask lets read them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from stockcast.errors import BadInput
from stockcast.storage.documents import write_json
from stockcast.storage.files import check_folder, listed, share, write_text
from stockcast.storage.tables import write_parquet


@pytest.fixture(params=[0o077, 0o027, 0o022, 0o002])
def mode(request: pytest.FixtureRequest) -> Iterator[int]:
    """The mode that a new file has under the umask of the process."""
    before = os.umask(request.param)
    yield 0o666 & ~request.param
    os.umask(before)


@pytest.mark.fault(
    "An operator whose umask keeps files from others, or gives them to a group",
    "nothing: every product has the mode that the umask leaves it",
    "nothing to do",
)
def test_files_have_the_mode_that_the_umask_leaves_them(mode: int, tmp_path: Path) -> None:
    write_json(tmp_path / "deep" / "a.json", {})
    write_text(tmp_path / "a.html", "")
    write_parquet(tmp_path / "a.parquet", pd.DataFrame({"a": [1.0]}))
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {path.stat().st_mode & 0o777 for path in files} == {mode}
    assert len(files) == 3
    write_text(tmp_path / "secret", "", 0o600)
    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600 & mode


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    write_text(tmp_path / "file", "")
    expected = "Expected a folder that can be written at .*, got: (Not a directory|File exists)"
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(BadInput, match=expected):
            check_folder(folder)
    with pytest.raises(BadInput, match=expected):
        share(tmp_path / "file", tmp_path / "file" / "copy")


def test_a_listing_is_read_again_as_soon_as_its_folder_has_changed(tmp_path: Path) -> None:
    for number in range(20):
        (tmp_path / f"{number:02}.csv").touch()
        assert listed(tmp_path)[-1] == f"{number:02}.csv"
    (tmp_path / ".hidden").touch()
    os.utime(tmp_path, (0, 0))
    assert len(listed(tmp_path)) == 20
    (tmp_path / "19.csv").unlink()
    assert len(listed(tmp_path)) == 19
    with pytest.raises(FileNotFoundError):
        listed(tmp_path / "none")


def test_a_listing_of_an_unchanged_folder_is_not_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "AAPL.csv").touch()
    os.utime(tmp_path, (0, 0))
    assert listed(tmp_path) == ("AAPL.csv",)
    monkeypatch.setattr(os, "listdir", lambda _: pytest.fail("it was read again"))
    assert listed(tmp_path) == ("AAPL.csv",)
