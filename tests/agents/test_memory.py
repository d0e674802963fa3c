"""A report is reused only while it is still true, and the answer says why or why not."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import pickle
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from stockcast.agents import memory
from stockcast.agents.memory import KEY_PARTS, Embedder, ReportKey, ReportStore
from stockcast.cache.seal import Seal
from stockcast.errors import Unavailable
from stockcast.settings import Settings, load_settings
from stockcast.workspace import Workspace
from tests.agents import worlds

DAY = 86_400.0
REPORT, _ = worlds.written(load_settings("sample"), worlds.subject(1))


class Clock:
    """A time that tests set."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def key(as_of: str = "2013-03-01", ticker: str = "AAPL", **other: str) -> ReportKey:
    return ReportKey(ticker, as_of, {name: f"{name} 1" for name in KEY_PARTS} | other)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(sample_settings: Callable[..., Settings], clock: Clock) -> Callable[[], ReportStore]:
    """The same store opened anew, as a new process would."""
    settings = sample_settings()
    return lambda: ReportStore(settings, now=clock)


def test_nothing_is_found_where_nothing_was_kept(store: Callable[[], ReportStore]) -> None:
    assert store().find(key()) == (None, "there is no earlier report on AAPL")


def test_the_same_report_is_found_again_and_the_answer_says_why(
    store: Callable[[], ReportStore], clock: Clock
) -> None:
    assert store().keep(key(), REPORT) is None
    clock.now += 125
    found, why = store().find(key())
    assert found == REPORT
    assert why.startswith("written 2 minutes ago; the prices, the model, ")
    assert why.endswith(" and the health of the data are the same")


@pytest.mark.parametrize("part", KEY_PARTS)
def test_whatever_changed_is_named(store: Callable[[], ReportStore], part: str) -> None:
    store().keep(key(), REPORT)
    found, why = store().find(key(**{part: "other"}))
    assert found is None
    assert why.startswith(f"{KEY_PARTS[part]} ha")
    assert why.endswith("changed since the last report")


def test_a_new_bar_is_told_with_its_day(store: Callable[[], ReportStore]) -> None:
    store().keep(key("2013-02-28"), REPORT)
    assert store().find(key("2013-03-01", data_hash="new", forecast="new")) == (
        None,
        "the prices and the forecast have changed since the last report "
        "(the last report is as of 2013-02-28, this one as of 2013-03-01)",
    )


def test_another_tickers_report_is_never_an_answer(store: Callable[[], ReportStore]) -> None:
    store().keep(key(ticker="MSFT"), REPORT)
    assert store().find(key(ticker="AAPL")) == (None, "there is no earlier report on AAPL")


@pytest.mark.fault(
    "A false report written into Qdrant",
    "nothing: it is not believed, and the report is written anew",
    "by itself",
)
def test_a_report_that_somebody_else_wrote_is_not_served(
    store: Callable[[], ReportStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:  # the secret of another installation
        patched.setattr(Seal, "kept_in", lambda _: Seal(b"another"))
        store().keep(key(), REPORT)
    assert store().find(key()) == (None, "this installation did not write the last report")


def test_likeness_decides_nothing(store: Callable[[], ReportStore]) -> None:
    """The very same report under another key is not found."""
    store().keep(key(), REPORT)
    assert store().find(key(news_hash="other"))[0] is None


def test_a_report_expires_after_its_day(store: Callable[[], ReportStore], clock: Clock) -> None:
    store().keep(key(), REPORT)
    clock.now += DAY - 1
    assert store().find(key())[0] == REPORT
    clock.now += 1
    assert store().find(key()) == (
        None,
        "the last report expired: it is 1 day old, and may be 1 day",
    )


@pytest.mark.fault(
    "System clock set back while reports are kept",
    "nothing: no report is taken for younger than it is",
    "by itself",
)
def test_a_clock_that_went_back_makes_no_report_young(
    store: Callable[[], ReportStore], clock: Clock
) -> None:
    store().keep(key(), REPORT)
    clock.now -= 3600
    assert store().find(key())[0] is None


def test_reuse_can_be_switched_off(sample_settings: Callable[..., Settings], clock: Clock) -> None:
    store = ReportStore(sample_settings(report_ttl="0"), now=clock)
    store.keep(key(), REPORT)
    assert "report_ttl is 0" in store.find(key())[1]


def test_rewriting_a_report_replaces_it(store: Callable[[], ReportStore], clock: Clock) -> None:
    store().keep(key(), REPORT)
    clock.now += 10
    store().keep(key(), REPORT.model_copy(update={"markdown": "# New"}))
    found, _ = store().find(key())
    assert found is not None
    assert found.markdown == "# New"


def test_earlier_days_come_newest_first(
    store: Callable[[], ReportStore],
) -> None:
    told = {"2013-02-26": "Low", "2013-02-27": "High", "2013-03-01": "Low", "2013-03-04": "Low"}
    for day in told:
        store().keep(key(day, data_hash=day), REPORT.model_copy(update={"confidence": told[day]}))
    found = store().earlier(key("2013-03-01"))
    assert [(entry.as_of, entry.confidence) for entry in found] == [
        ("2013-02-27", "High"),
        ("2013-02-26", "Low"),
    ]


def test_old_reports_make_room(
    store: Callable[[], ReportStore], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "KEPT", 3)
    for number in range(6):
        clock.now += 1
        store().keep(key(f"2013-02-0{number + 1}", data_hash=str(number)), REPORT)
    store().keep(key("2013-02-01", ticker="MSFT"), REPORT)
    days = [entry.as_of for entry in store().earlier(key("2013-12-31"), limit=9)]
    assert sorted(days) == ["2013-02-04", "2013-02-05", "2013-02-06"]


def test_each_embedder_has_a_collection_of_its_own(
    sample_settings: Callable[..., Settings], clock: Clock
) -> None:
    other = Embedder("nomic-embed-text", lambda text: [1.0, 2.0, 3.0])
    assert memory.OFFLINE.collection == "stockcast_reports"
    assert other.collection == "stockcast_reports_nomic_embed_text"
    settings = sample_settings()
    ReportStore(settings, [memory.OFFLINE], clock).keep(key(), REPORT)
    ReportStore(settings, [other], clock).keep(key(data_hash="x"), REPORT)
    assert memory.probe(settings).startswith("2 reports at ")
    assert ReportStore(settings, [other], clock).find(key())[0] is None


def test_an_embedder_that_fails_gives_way_to_the_next(
    sample_settings: Callable[..., Settings], clock: Clock
) -> None:
    asked = []

    def dead(text: str) -> list[float]:
        asked.append(text)
        raise Unavailable("no Ollama answered")

    store = ReportStore(sample_settings(), [Embedder("dead", dead), memory.OFFLINE], clock)
    assert store.keep(key(), REPORT) is None
    assert store.like("Another day.") != []
    assert len(asked) == 1


@pytest.fixture
def broken_server(request: pytest.FixtureRequest) -> Iterator[str]:
    """Give the URL of a Qdrant that is away, never answers, talks nonsense, or goes half-way."""
    answers = {
        "slow": None,
        "garbage": b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n<ht>",
        "gone": b'HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n{"result": {"coll',
    }
    if request.param == "down":
        yield "http://127.0.0.1:9"
        return
    held: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            with contextlib.suppress(OSError):
                while True:
                    held.append(listener.accept()[0])
                    said = answers[request.param]
                    if said is not None:
                        with held.pop() as conversation:
                            conversation.recv(65536)
                            conversation.sendall(said)

        threading.Thread(target=answer, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
    for conversation in held:
        conversation.close()


@pytest.mark.fault(
    "Qdrant down, slow (it never answers), gone in the middle, or answering garbage",
    "the report, within seconds; it says that the memory of reports cannot be used",
    "by itself, at the next report",
)
@pytest.mark.parametrize("broken_server", ["down", "slow", "garbage", "gone"], indirect=True)
def test_a_server_that_does_not_serve_is_a_reason_and_no_error(
    sample_settings: Callable[..., Settings], clock: Clock, broken_server: str
) -> None:
    store = ReportStore(sample_settings(qdrant_url=broken_server), now=clock)
    began = time.monotonic()
    assert "the memory of reports cannot be used" in store.find(key())[1]
    assert store.keep(key(), REPORT) is not None
    assert store.earlier(key()) == []
    assert time.monotonic() - began < 3 * memory.PATIENCE + 5  # and a busy machine's share


@pytest.mark.fault(
    "The memory of reports cut short",
    "nothing: the store is begun anew",
    "by itself; reports are products and stay",
)
@pytest.mark.parametrize("kept", [40, 5000])
def test_a_store_that_a_crash_cut_short_is_begun_anew(
    sample_settings: Callable[..., Settings], clock: Clock, kept: int
) -> None:
    settings = sample_settings()
    ReportStore(settings, now=clock).keep(key(), REPORT)
    file = Workspace.of(settings).qdrant / "points.sqlite"
    file.write_bytes(file.read_bytes()[:kept] + b"garbage")
    store = ReportStore(settings, now=clock)
    assert store.find(key())[0] is None
    assert store.keep(key(), REPORT) is None
    assert ReportStore(settings, now=clock).find(key())[0] == REPORT


def test_nothing_in_the_store_is_a_pickle_and_damaged_rows_are_set_aside(
    store: Callable[[], ReportStore], sample_settings: Callable[..., Settings]
) -> None:
    store().keep(key(), REPORT)
    file = Workspace.of(sample_settings()).qdrant / "points.sqlite"
    with closing(sqlite3.connect(file)) as connection, connection:
        (payload, vector), *_ = connection.execute("SELECT payload, vector FROM points")
        assert json.loads(payload)["ticker"] == "AAPL"
        assert len(vector) == 4 * 384
        connection.execute("UPDATE points SET payload = ?", (pickle.dumps({"ticker": "AAPL"}),))
    assert store().find(key())[0] is None
    assert store().keep(key(), REPORT) is None
    assert store().find(key())[0] == REPORT


def test_reports_are_found_by_what_they_mean(store: Callable[[], ReportStore]) -> None:
    told = {
        "AAPL": "Regulators look into the market for apps and the company may be fined.",
        "MSFT": "Supply of chips is short, factories stand still and deliveries are late.",
        "IBM": "The dividend was raised and the board approved a buyback of shares.",
    }
    for ticker, text in told.items():
        sections = {**REPORT.sections, "headline": text, "market_sentiment": text}
        report = REPORT.model_copy(update={"sections": sections, "headline": text})
        store().keep(key(ticker=ticker), report)
    for query, ticker in (
        ("antitrust investigation", "AAPL"),
        ("semiconductor shortage", "MSFT"),
        ("cash returned to shareholders", "IBM"),
    ):
        found = store().like(query, limit=2)
        assert found[0].ticker == ticker
        assert len(found) == 2
        assert 1 >= found[0].similarity >= found[1].similarity >= -1
        assert found[0].headline == told[ticker]


def test_a_day_is_found_once_with_its_newest_report(
    store: Callable[[], ReportStore], clock: Clock
) -> None:
    store().keep(key(), REPORT)
    store().keep(key(data_hash="2"), REPORT)
    store().keep(key("2013-02-28"), REPORT)
    assert sorted(str(found.as_of) for found in store().like("risks")) == [
        "2013-02-28",
        "2013-03-01",
    ]


def _work(settings: Settings, ticker: str, failures: Any) -> None:
    try:
        for number in range(4):
            about = key(f"2013-02-{number + 10}", ticker=ticker, data_hash=str(number))
            why = ReportStore(settings).keep(about, REPORT.model_copy(update={"ticker": ticker}))
            found, why_not = ReportStore(settings).find(about)
            if why or not found or found.ticker != ticker:
                failures.put(why or why_not)
    except BaseException as error:
        failures.put(repr(error))
        raise


def test_processes_that_share_the_embedded_store_do_not_collide(
    sample_settings: Callable[..., Settings],
) -> None:
    settings = sample_settings()
    ReportStore(settings).keep(key(ticker="IBM"), REPORT)  # imports and weights, once for all
    context = multiprocessing.get_context("fork")
    failures = context.Queue()
    workers = [
        context.Process(target=_work, args=(settings, ticker, failures))
        for ticker in ("AAPL", "MSFT")
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0]
    assert failures.empty()
    assert memory.probe(settings).startswith("9 reports at ")


def _hold(settings: Settings, opened: Any) -> None:
    with memory._connected(settings):
        opened.set()
        time.sleep(0.4)


def test_who_finds_the_embedded_store_open_elsewhere_waits_for_it(
    sample_settings: Callable[..., Settings],
) -> None:
    settings = sample_settings()
    ReportStore(settings).keep(key(), REPORT)
    context = multiprocessing.get_context("fork")
    opened = context.Event()
    holder = context.Process(target=_hold, args=(settings, opened))
    holder.start()
    assert opened.wait(30)
    assert ReportStore(settings).find(key())[0] == REPORT
    holder.join(30)
    assert holder.exitcode == 0


def test_a_key_is_the_same_point_for_the_same_parts() -> None:
    one = key()
    assert one.id == key().id
    assert len({one.id, key(writer="other").id, key("2013-02-28").id, key(ticker="IBM").id}) == 4


def test_a_found_report_takes_milliseconds(store: Callable[[], ReportStore]) -> None:
    store().keep(key(), REPORT.model_copy(update={"markdown": "word " * 4000}))
    took = []
    for _ in range(5):
        began = time.perf_counter()
        assert store().find(key())[0]
        took.append(time.perf_counter() - began)
    assert min(took) < 0.05


def test_the_store_lies_below_the_profiles_own_folder(
    sample_settings: Callable[..., Settings], tmp_path: Path
) -> None:
    settings = sample_settings()
    ReportStore(settings).keep(key(), REPORT)
    assert (Workspace.of(settings).qdrant).is_dir()
    assert {path.name for path in tmp_path.iterdir()} == {"products"}
