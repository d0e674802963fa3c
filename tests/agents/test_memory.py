"""A report is reused only while it is still true, and the answer says why or why not."""

from __future__ import annotations

import contextlib
import dataclasses
import multiprocessing
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from stockcast.agents import memory
from stockcast.agents.memory import CONDITIONS, Embedder, Outline, Shelf
from stockcast.errors import Unavailable
from stockcast.settings import Settings, load_settings
from tests.agents import worlds

DAY = 86_400.0
REPORT, _ = worlds.written(load_settings("sample"), worlds.subject(1))


class Clock:
    """A time that tests set."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def outline(
    as_of: str = "2013-03-01", text: str = "", ticker: str = "AAPL", **other: str
) -> Outline:
    conditions = {key: f"{key} 1" for key in CONDITIONS} | other
    words = text or f"Report on {ticker} as of {as_of}. The forecast is calm; the news is quiet."
    return Outline(ticker, as_of, words, conditions)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def shelf(sample_settings: Callable[..., Settings], clock: Clock) -> Callable[[], Shelf]:
    """A new shelf on the same store, as a new process would have."""
    settings = sample_settings()
    return lambda: Shelf(settings, now=clock)


def test_nothing_is_found_where_nothing_was_kept(shelf: Callable[[], Shelf]) -> None:
    recall = shelf().recall(outline())
    assert (recall.report, recall.why) == (None, "there is no earlier report on AAPL")


def test_the_same_report_is_found_again_and_the_answer_says_why(
    shelf: Callable[[], Shelf], clock: Clock
) -> None:
    assert shelf().keep(outline(), REPORT) is None
    clock.now += 125
    recall = shelf().recall(outline())
    assert recall.report == REPORT
    assert recall.similarity == pytest.approx(1.0)
    assert recall.why.startswith("written 2 minutes ago; the prices, the model, ")
    assert "are the same (similarity 1.000)" in recall.why


@pytest.mark.parametrize("key", CONDITIONS)
def test_whatever_changed_is_named(shelf: Callable[[], Shelf], key: str) -> None:
    shelf().keep(outline(), REPORT)
    recall = shelf().recall(outline(**{key: "other"}))
    assert recall.report is None
    assert recall.why.startswith(f"{CONDITIONS[key]} ha")
    assert recall.why.endswith("changed since the last report")


def test_a_new_bar_is_told_with_its_day(shelf: Callable[[], Shelf]) -> None:
    shelf().keep(outline("2013-02-28"), REPORT)
    recall = shelf().recall(outline("2013-03-01", data_hash="new", forecast="new"))
    assert recall.report is None
    assert recall.why == (
        "the prices and the forecast have changed since the last report "
        "(the last report is as of 2013-02-28, this one as of 2013-03-01)"
    )


def test_another_tickers_report_is_never_an_answer(shelf: Callable[[], Shelf]) -> None:
    shelf().keep(outline(ticker="MSFT", text="The same words."), REPORT)
    recall = shelf().recall(outline(ticker="AAPL", text="The same words."))
    assert (recall.report, recall.why) == (None, "there is no earlier report on AAPL")


def test_a_text_about_something_else_is_too_far(shelf: Callable[[], Shelf]) -> None:
    shelf().keep(outline(text="A calm week with no news of note."), REPORT)
    recall = shelf().recall(outline(text="Regulators ban the product and the price collapses."))
    assert recall.report is None
    assert recall.similarity is not None
    assert recall.similarity <= memory.SIMILAR
    assert "not above 0.95" in recall.why


def test_nearly_the_same_text_with_the_same_conditions_will_do(shelf: Callable[[], Shelf]) -> None:
    shelf().keep(outline(text="Report on Apple. Median 430.47, calm. News: none."), REPORT)
    recall = shelf().recall(outline(text="Report on Apple. Median 430.48, calm. News: none."))
    assert recall.report == REPORT
    assert recall.similarity is not None
    assert 0.95 < recall.similarity < 1


def test_a_report_expires_after_its_day(shelf: Callable[[], Shelf], clock: Clock) -> None:
    shelf().keep(outline(), REPORT)
    clock.now += DAY - 1
    assert shelf().recall(outline()).report == REPORT
    clock.now += 1
    recall = shelf().recall(outline())
    assert recall.report is None
    assert recall.why == "the last report expired: it is 1 day old, and may be 1 day"


@pytest.mark.fault(
    "System clock set back while reports are kept",
    "nothing: no report is taken for younger than it is",
    "by itself",
)
def test_a_clock_that_went_back_makes_no_report_young(
    shelf: Callable[[], Shelf], clock: Clock
) -> None:
    shelf().keep(outline(), REPORT)
    clock.now -= 3600
    assert shelf().recall(outline()).report is None


def test_reuse_can_be_switched_off(sample_settings: Callable[..., Settings], clock: Clock) -> None:
    shelf = Shelf(sample_settings(report_ttl="0"), now=clock)
    shelf.keep(outline(), REPORT)
    assert "report_ttl is 0" in shelf.recall(outline()).why


def test_rewriting_a_report_replaces_it(shelf: Callable[[], Shelf], clock: Clock) -> None:
    shelf().keep(outline(), REPORT)
    clock.now += 10
    shelf().keep(outline(), REPORT.model_copy(update={"markdown": "# New"}))
    found = shelf().recall(outline())
    assert found.report is not None
    assert found.report.markdown == "# New"


def test_earlier_days_are_offered_as_memory_and_today_is_not(shelf: Callable[[], Shelf]) -> None:
    told = {"2013-02-26": "Low", "2013-02-27": "High", "2013-03-01": "Low", "2013-03-04": "Low"}
    for day in told:
        shelf().keep(
            outline(day, data_hash=day), REPORT.model_copy(update={"confidence": told[day]})
        )
    found = shelf().similar(outline("2013-03-01"), limit=5)
    assert sorted(entry.as_of for entry in found) == ["2013-02-26", "2013-02-27"]
    assert {entry.confidence for entry in found} == {"Low", "High"}


def test_old_reports_make_room(
    shelf: Callable[[], Shelf], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "KEPT", 3)
    for number in range(6):
        clock.now += 1
        shelf().keep(outline(f"2013-02-0{number + 1}", data_hash=str(number)), REPORT)
    shelf().keep(outline("2013-02-01", ticker="MSFT"), REPORT)
    days = [entry.as_of for entry in shelf().similar(outline("2013-12-31"), limit=9)]
    assert sorted(days) == ["2013-02-04", "2013-02-05", "2013-02-06"]


def test_each_embedder_has_a_collection_of_its_own(
    sample_settings: Callable[..., Settings], clock: Clock
) -> None:
    other = Embedder("nomic-embed-text", lambda text: [1.0, 2.0, 3.0])
    assert memory.OFFLINE.collection == "stockcast_reports"
    assert other.collection == "stockcast_reports_nomic_embed_text"
    settings = sample_settings()
    Shelf(settings, [memory.OFFLINE], clock).keep(outline(), REPORT)
    Shelf(settings, [other], clock).keep(outline(text="x", data_hash="x"), REPORT)
    assert memory.probe(settings).startswith("2 reports at ")
    assert Shelf(settings, [other], clock).recall(outline()).report is None


def test_an_embedder_that_fails_gives_way_to_the_next(
    sample_settings: Callable[..., Settings], clock: Clock
) -> None:
    asked = []

    def dead(text: str) -> list[float]:
        asked.append(text)
        raise Unavailable("no Ollama answered")

    shelf = Shelf(sample_settings(), [Embedder("dead", dead), memory.OFFLINE], clock)
    assert shelf.keep(outline(), REPORT) is None
    assert shelf.similar(outline("2013-03-05", text="Another day.")) != []
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
    shelf = Shelf(sample_settings(qdrant_url=broken_server), now=clock)
    began = time.monotonic()
    assert "the memory of reports cannot be used" in shelf.recall(outline()).why
    assert shelf.keep(outline(), REPORT) is not None
    assert shelf.similar(outline()) == []
    assert time.monotonic() - began < 3 * memory.PATIENCE + 5  # and a busy machine's share


@pytest.mark.fault(
    "The memory of reports cut short",
    "nothing: the store is begun anew",
    "by itself; reports are products and stay",
)
@pytest.mark.parametrize("file", ["meta.json", "collection/stockcast_reports/storage.sqlite"])
def test_a_store_that_a_crash_cut_short_is_begun_anew(
    sample_settings: Callable[..., Settings], clock: Clock, file: str
) -> None:
    settings = sample_settings()
    Shelf(settings, now=clock).keep(outline(), REPORT)
    (settings.state / "qdrant" / file).write_bytes(b'{"collections": {"stockc')
    shelf = Shelf(settings, now=clock)
    assert shelf.recall(outline()).report is None
    assert shelf.keep(outline(), REPORT) is None
    assert Shelf(settings, now=clock).recall(outline()).report == REPORT


def _work(settings: Settings, ticker: str, failures: Any) -> None:
    try:
        for number in range(4):
            about = outline(f"2013-02-{number + 10}", ticker=ticker, data_hash=str(number))
            why = Shelf(settings).keep(about, REPORT.model_copy(update={"ticker": ticker}))
            found = Shelf(settings).recall(about)
            if why or not found.report or found.report.ticker != ticker:
                failures.put(why or found.why)
    except BaseException as error:
        failures.put(repr(error))
        raise


def test_processes_that_share_the_embedded_store_do_not_collide(
    sample_settings: Callable[..., Settings],
) -> None:
    settings = sample_settings()
    Shelf(settings).keep(outline(ticker="IBM"), REPORT)  # imports and weights, once for all
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
    Shelf(settings).keep(outline(), REPORT)
    context = multiprocessing.get_context("fork")
    opened = context.Event()
    holder = context.Process(target=_hold, args=(settings, opened))
    holder.start()
    assert opened.wait(30)
    assert Shelf(settings).recall(outline()).report == REPORT
    holder.join(30)
    assert holder.exitcode == 0


def test_an_outline_is_the_same_point_for_the_same_words_and_conditions() -> None:
    one = outline()
    assert one.id == outline().id
    assert one.id != outline(writer="other").id
    assert one.id != dataclasses.replace(one, text="other").id


def test_a_found_report_takes_milliseconds(shelf: Callable[[], Shelf]) -> None:
    shelf().keep(outline(), REPORT.model_copy(update={"markdown": "word " * 4000}))
    took = []
    for _ in range(5):
        began = time.perf_counter()
        assert shelf().recall(outline()).report
        took.append(time.perf_counter() - began)
    assert min(took) < 0.05


def test_the_store_lies_below_the_profiles_own_folder(
    sample_settings: Callable[..., Settings], tmp_path: Path
) -> None:
    settings = sample_settings()
    Shelf(settings).keep(outline(), REPORT)
    assert (settings.state / "qdrant").is_dir()
    assert {path.name for path in tmp_path.iterdir()} == {"products"}
