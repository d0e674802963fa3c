"""The real client against a server that breaks Ollama's protocol in every way we know."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from stockcast.agents import memory
from stockcast.agents.ollama import Model, NoAnswer, embed, probe
from stockcast.contracts.report import Critique
from stockcast.errors import BadInput
from stockcast.settings import Settings
from tests.agents import worlds
from tests.standins import ollama as standin

Asking = Callable[..., Settings]
MESSAGES = [("system", "You review."), ("human", "Facts (id):\nlast_close | x | 1 USD | as of 1")]

#: Fault -> its kind, how often the model is asked, and words of the reason.
KINDS = {
    "missing": ("missing", 1, "does not have the model"),
    "error": ("failed", 2, "HTTP 500"),
    "slow": ("slow", 1, "did not answer within 0.4 s"),
    "drip": ("slow", 1, "did not answer within 0.4 s"),
    "garbage": ("garbage", 2, "does not speak Ollama's protocol"),
    "cut": ("cut", 2, "cut off"),
    "unfinished": ("cut", 2, "cut off"),
    "length": ("cut", 2, "tokens"),
    "endless": ("endless", 1, "did not end within 0.4 s"),
    "schema": ("schema", 2, "breaks the schema"),
    "prose": ("schema", 2, "it is not JSON"),
    "error_line": ("failed", 2, "Ollama failed"),
}


def ask(settings: Settings, seconds: float = 20.0, **options: int) -> tuple[Critique, int]:
    return Model(settings, time.monotonic() + seconds).ask(Critique, MESSAGES, **options)


def test_an_answer_is_asked_for_with_schema_model_and_temperature(
    asking: Asking, server: standin.StandIn
) -> None:
    answer, tries = ask(asking())
    assert (answer.verdict, tries) == ("approve", 1)
    request = server.chats[0]
    assert request["model"] == "gpt-oss:20b-cloud"
    assert request["stream"] is True
    assert request["format"] == Critique.model_json_schema()
    assert request["options"]["temperature"] == 0.3
    assert [message["role"] for message in request["messages"]] == ["system", "user"]


def test_progress_tells_how_much_has_come(asking: Asking) -> None:
    heard: list[int] = []
    Model(asking(), time.monotonic() + 20).ask(Critique, MESSAGES, heard=heard.append)
    assert heard == sorted(heard)
    assert heard[-1] > heard[1] > 0


@pytest.mark.parametrize("prefix", ["<think>{maybe}</think>", "```json\n", "\n\n "])
def test_thoughts_and_fences_around_an_answer_are_passed_over(
    asking: Asking, server: standin.StandIn, prefix: str
) -> None:
    server.prefix = prefix
    assert ask(asking())[0].verdict == "approve"


def test_every_fault_of_the_stand_in_is_told_apart_here() -> None:
    assert set(KINDS) == set(standin.FAULTS)


@pytest.mark.parametrize("fault", KINDS)
def test_a_fault_is_told_apart_and_tried_again_only_where_that_may_help(
    asking: Asking, server: standin.StandIn, fault: str
) -> None:
    server.fault = fault
    kind, tries, words = KINDS[fault]
    began = time.monotonic()
    with pytest.raises(NoAnswer) as caught:
        ask(asking(ollama_timeout="0.4"))
    assert (caught.value.kind, caught.value.tries) == (kind, tries)
    assert words in caught.value.reason
    assert len(server.chats) == tries
    assert time.monotonic() - began < 5


def test_a_fault_that_passes_is_got_over(asking: Asking, server: standin.StandIn) -> None:
    server.fault, server.faulty_calls = "error", {1}
    assert ask(asking())[1] == 2


def test_a_refused_connection_is_tried_once_more(asking: Asking) -> None:
    with pytest.raises(NoAnswer) as caught:
        ask(asking(ollama_base_url="http://127.0.0.1:9"))
    assert (caught.value.kind, caught.value.tries) == ("unreachable", 2)


def test_no_answer_outlives_the_reports_deadline(asking: Asking, server: standin.StandIn) -> None:
    server.fault = "slow"
    began = time.monotonic()
    with pytest.raises(NoAnswer):
        ask(asking(ollama_timeout="60"), seconds=0.4)
    assert time.monotonic() - began < 4


def test_an_answer_without_end_stops_at_a_length(
    asking: Asking, server: standin.StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stockcast.agents.ollama.LONGEST", 2000)
    server.fault = "endless"
    with pytest.raises(NoAnswer) as caught:
        ask(asking(ollama_timeout="30"))
    assert caught.value.kind == "endless"
    assert "2,000 characters" in caught.value.reason


def test_a_reason_never_repeats_what_the_server_said(
    asking: Asking, server: standin.StandIn
) -> None:
    server.reply = lambda role, body: {"Say BULLISH": 1}
    with pytest.raises(NoAnswer) as caught:
        ask(asking())
    assert "BULLISH" not in caught.value.reason


def test_embeddings_come_from_the_model_of_the_settings(
    asking: Asking, server: standin.StandIn
) -> None:
    assert embed(asking(), "text") == pytest.approx(standin.vector("text"))
    path, body = server.requests[-1]
    assert (path, body["model"]) == ("/api/embed", "nomic-embed-text")
    with pytest.raises(NoAnswer):
        embed(asking(ollama_base_url="http://127.0.0.1:9"), "text")


def test_a_probe_says_the_version_or_that_nobody_answers(asking: Asking) -> None:
    assert probe(asking()) == "0.9.0"
    with pytest.raises(NoAnswer):
        probe(asking(ollama_base_url="http://127.0.0.1:9"))


@pytest.mark.parametrize("url", ["localhost:11434", "ftp://x", "http://", "http://x:port"])
def test_what_is_no_url_is_bad_input(asking: Asking, url: str) -> None:
    with pytest.raises(BadInput, match="ollama_base_url"):
        ask(asking(ollama_base_url=url))


@pytest.mark.fault(
    "Ollama down, slow, cut off in the middle, endless, or answering garbage",
    "the report, written without the language model; it says so and why",
    "by itself: such a report is not reused",
)
@pytest.mark.parametrize("fault", [*KINDS, "refused"])
def test_with_every_fault_the_report_is_written_and_says_so(
    asking: Asking, server: standin.StandIn, fault: str
) -> None:
    settings = asking(ollama_timeout="0.4", report_deadline="4")
    if fault == "refused":
        settings = asking(ollama_base_url="http://127.0.0.1:9")
    server.fault = fault
    worlds.place(settings)
    began = time.monotonic()
    report = worlds.report(settings)
    assert time.monotonic() - began < 8
    assert report.evaluation.status == "Pass"
    assert report.writer.degraded
    why = report.writer.parts["report_generator"]["why"]
    assert f"the report generator's part, because {why}." in report.markdown
    assert not report.cache.kept
    assert "without the language model" in report.cache.not_kept_because
    assert len(server.chats) <= 6
    assert memory.probe(settings).startswith("0 reports")


def test_what_was_written_without_the_model_is_not_reused_when_it_is_well_again(
    asking: Asking, server: standin.StandIn
) -> None:
    settings = asking()
    worlds.place(settings)
    server.fault = "error"
    assert worlds.report(settings).writer.degraded
    server.fault = None
    report = worlds.report(settings)
    assert (report.cache.hit, report.writer.degraded) == (False, False)
