"""5,000 damaged products: each is refused or as it was, and costs no tile but its own."""

from __future__ import annotations

import contextlib
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from stockcast.contracts.model_record import child_name
from stockcast.dashboard import page, products
from stockcast.errors import BadInput, StockcastError
from stockcast.ledger import Ledger
from stockcast.models.bundle import Bundle, load_bundle, save_bundle
from stockcast.prices import read, snapshot
from stockcast.settings import Settings
from stockcast.workspace import Workspace
from tests.dashboard.products import place
from tests.models.test_bundle import bundle

pytestmark = pytest.mark.nightly

#: Mutations of each kind of product; they add up to 5,000.
PAGES, LEDGERS, SNAPSHOTS, MODELS = 2500, 1000, 800, 700
#: The tiles that show each document.
SHOWN = {
    "forecast": {"forecast", "skill", "risk", "why"},
    "record": {"skill"},
    "report": {"report"},
    "drift": {"drift", "ledger"},
    "prices": {"forecast", "skill", "risk", "drift", "report", "ledger", "stages"},  # age
}


def damaged(data: bytes, rng: random.Random) -> bytes:
    """Change something: a bit, a digit, a stretch that is lost, doubled, blank or from nowhere."""
    at, size = rng.randrange(len(data)), rng.choice([1, 1, 2, 8, 64, 1024])
    before, there, after = data[:at], data[at : at + size], data[at + size :]
    ways: list[Callable[[], bytes]] = [
        lambda: before + bytes([there[0] ^ (1 << rng.randrange(8))]) + data[at + 1 :],
        lambda: before + rng.randbytes(len(there)) + after,
        lambda: before + rng.randbytes(size) + data[at:],
        lambda: before + after,
        lambda: before + there + data[at:],
        lambda: before + bytes(len(there)) + after,
        lambda: before,
        lambda: before + b"[" * 100_000 + after,
        lambda: _other_digit(data, rng),
        lambda: _other_digit(data, rng),
    ]
    return rng.choice(ways)()


def _other_digit(data: bytes, rng: random.Random) -> bytes:
    at = rng.choice([match.start() for match in re.finditer(rb"\d", data)] or [0])
    others = b"0123456789".replace(data[at : at + 1], b"")
    return data[:at] + bytes([rng.choice(others)]) + data[at + 1 :]


@pytest.fixture
def placed(sample_settings: Callable[..., Settings]) -> Settings:
    """All products of AAPL and MSFT, each document with its hash."""
    settings = sample_settings(tickers="AAPL,MSFT")
    for ticker in ("AAPL", "MSFT"):
        place(settings, ticker)
    for contract, path in Workspace.of(settings).documents():
        contract.load(path).save(path)
    return settings


def tiles(settings: Settings, ticker: str = "AAPL") -> dict[str, str]:
    """The page's tiles by name, and the table of all tickers."""
    text = page.view(settings, products.read(settings, ticker))
    found = {
        re.search(r'id="t-(\w+)"', part)[1]: re.sub(r"\d+ \w+ ago|just now", "", part)  # type: ignore[index]
        for part in text.split("<section class=")[1:]
    }
    return found | {"overview": page.overview(settings)}


@pytest.mark.fault(
    "A forecast, record, report, drift document or pointer damaged in 2,500 ways",
    "one sentence in its own tile; all other tiles are as before, no changed number is shown",
    "stockcast run makes it again",
)
def test_a_damaged_document_costs_its_own_tile(placed: Settings) -> None:
    workspace, rng = Workspace.of(placed), random.Random(1)
    files = {
        "forecast": workspace.forecast("AAPL"),
        "record": workspace.record(child_name("AAPL")),
        "report": workspace.report("AAPL"),
        "drift": workspace.drift("AAPL"),
        "prices": workspace.price_pointer("AAPL"),
    }
    whole = {part: path.read_bytes() for part, path in files.items()}
    known, before, other = products.read(placed, "AAPL"), tiles(placed), tiles(placed, "MSFT")
    for number in range(PAGES):
        part = rng.choice(sorted(files))
        files[part].write_bytes(damaged(whole[part], rng))
        found, after = products.read(placed, "AAPL"), tiles(placed)
        same = getattr(found, part) == getattr(known, part)
        assert same or (getattr(found, part) is None and part in found.faults), (number, part)
        changed = {name for name in before if after[name] != before[name]}
        own = SHOWN[part] | ({"overview"} if part == "forecast" else set())
        assert changed <= (set() if same else own), (number, part)
        if part == "forecast" and not same:
            others = tiles(placed, "MSFT") | {"overview": other["overview"]}
            assert others == other, number
        files[part].write_bytes(whole[part])


@pytest.mark.fault(
    "A ledger damaged in 1,000 ways",
    "one sentence, or its whole rows; no row says what was not written, all other tiles are whole",
    "put a backup in its place, or take the file away: stockcast run begins a new one",
)
def test_a_damaged_ledger_says_nothing_false(placed: Settings) -> None:
    path, rng = Workspace.of(placed).ledger, random.Random(2)
    ledger, before, whole = Ledger(placed).rows(), tiles(placed), path.read_bytes()
    written = rows(ledger)
    for number in range(LEDGERS):
        for rest in path.parent.glob(f"{path.name}-*"):
            rest.unlink()
        path.write_bytes(damaged(whole, rng))
        products._opened.cache_clear()
        with contextlib.suppress(StockcastError):
            assert rows(Ledger(placed).rows()) <= written, number
        after = tiles(placed)
        assert {name for name in before if after[name] != before[name]} <= {"ledger"}, number


def rows(frame: pd.DataFrame) -> set[str]:
    told = frame.to_json(orient="records", lines=True, double_precision=15)
    return set(told.split())


@pytest.mark.fault(
    "A snapshot of prices damaged in 800 ways, a model's files in 700",
    "one sentence that names the file; what is read is what was written",
    "stockcast run makes it again",
)
def test_a_damaged_snapshot_or_model_is_refused(
    sample_settings: Callable[..., Settings], tmp_path: Path
) -> None:
    settings = sample_settings()
    pointer = snapshot.save(read(settings, "FB"), settings)
    (prices,) = pointer.parent.glob("*.parquet")
    model, rng = save_bundle(bundle(), tmp_path), random.Random(3)
    targets: list[tuple[Path, Callable[[], Any], Callable[[Any], Any]]] = [
        (prices, lambda: snapshot.load(prices), lambda history: history.frame.to_json()),
        (model / "weights.safetensors", lambda: load_bundle(model), told),
        (model / "model.json", lambda: load_bundle(model), told),
    ]
    for (file, load, say), count in zip(
        targets, (SNAPSHOTS, MODELS // 2, MODELS // 2), strict=True
    ):
        whole, true = file.read_bytes(), say(load())
        for number in range(count):
            file.write_bytes(damaged(whole, rng))
            with contextlib.suppress(BadInput):
                assert say(load()) == true, (number, file.name)
        file.write_bytes(whole)


def told(made: Bundle) -> Any:
    fitted = made.fitted
    weights = {name: value.tolist() for name, value in fitted.network.state_dict().items()}
    return weights, made.origin, fitted.levels, fitted.last_day, fitted.scaler.to_json()
