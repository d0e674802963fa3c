"""Four roles in order, at most two drafts and six calls, on disk after every node."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stockcast.agents import graph
from stockcast.agents.facts import FactTable, build
from stockcast.agents.graph import Context, Event
from stockcast.agents.ollama import Model
from stockcast.agents.state import CRITIC, EXPERT, GENERATOR, PERFORMANCE, ROLES
from stockcast.contracts.report import MarketView, PerformanceAnalysis
from stockcast.settings import Settings
from tests.agents import worlds
from tests.standins import ollama as standin

Asking = Callable[..., Settings]


class Listener:
    """Keeps what the team tells, and may stop it when a node starts."""

    def __init__(self, stop_at: str | None = None) -> None:
        self.events: list[Event] = []
        self._stop_at = stop_at

    def __call__(self, event: Event) -> None:
        self.events.append(event)
        if event.event == "started" and event.node == self._stop_at:
            raise KeyboardInterrupt

    def nodes(self, event: str) -> list[str]:
        return [found.node for found in self.events if found.event == event]


@pytest.fixture(scope="module")
def facts() -> FactTable:
    about = worlds.subject(9, days=620, price=430, skilful=True, lean=0.1, horizon=5)
    return build(about)


def model(settings: Settings) -> Model:
    return Model(settings, time.monotonic() + 30)


def titles(server: standin.StandIn) -> list[str]:
    return [body["format"]["title"] for body in server.chats]


def test_the_roles_take_their_turns_and_tell_of_them(facts: FactTable) -> None:
    listener = Listener()
    end = graph.run(facts, Context(None, listener))
    assert listener.nodes("started") == list(ROLES) == listener.nodes("done")
    assert {part["by"] for part in end["parts"].values()} == {"deterministic writer"}
    assert end["flags"] == []


def test_four_answers_make_a_report_when_the_first_draft_is_good(
    facts: FactTable, asking: Asking, server: standin.StandIn
) -> None:
    end = graph.run(facts, Context(model(asking())))
    assert titles(server) == ["PerformanceAnalysis", "MarketView", "Draft", "Critique"]
    assert (end["calls"], end["round"]) == (4, 1)
    assert {part["by"] for part in end["parts"].values()} == {"gpt-oss:20b-cloud"}


def test_all_four_outputs_are_used(
    facts: FactTable, asking: Asking, server: standin.StandIn
) -> None:
    end = graph.run(facts, Context(model(asking())))
    generator, critic = (body["messages"][-1]["content"] for body in server.chats[2:])
    assert PerformanceAnalysis.model_validate_json(end["analysis"]).trend_reason in generator
    assert MarketView.model_validate_json(end["view"]).summary in generator
    assert graph.draft_of(end).headline in critic
    assert graph.critique_of(end).verdict == "approve"


def wrong_then_right(role: str, body: dict[str, Any]) -> dict[str, Any]:
    """A draft with an invented figure, and a true one once that was objected to."""
    answer = standin.truthful(role, body)
    if role == "Draft" and "Put right in it" not in body["messages"][-1]["content"]:
        answer["rationale"] = "Revenue rose to 77.7 billion USD. " + answer["rationale"]
    return answer


def test_the_critic_sends_a_wrong_draft_back_with_what_is_wrong(
    facts: FactTable, asking: Asking, server: standin.StandIn
) -> None:
    server.reply = wrong_then_right
    end = graph.run(facts, Context(model(asking())))
    assert titles(server)[2:] == ["Draft", "Critique", "Draft", "Critique"]
    assert "77.7 billion USD" in server.chats[4]["messages"][-1]["content"]
    assert (end["round"], end["flags"]) == (2, [])


def test_a_draft_that_stays_wrong_goes_round_once_and_no_more(
    facts: FactTable, asking: Asking, server: standin.StandIn
) -> None:
    def stubborn(role: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = standin.truthful(role, body)
        return answer | ({"rationale": "Revenue: 77.7 billion USD."} if role == "Draft" else {})

    server.reply = stubborn
    end = graph.run(facts, Context(model(asking())))
    assert (end["round"], end["calls"], len(server.chats)) == (2, 6, 6)
    assert end["flags"]


def test_a_critic_who_never_approves_ends_too(
    facts: FactTable, asking: Asking, server: standin.StandIn
) -> None:
    def never(role: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = standin.truthful(role, body)
        return answer | ({"verdict": "revise", "issues": ["Dull."]} if role == "Critique" else {})

    server.reply = never
    assert graph.run(facts, Context(model(asking())))["calls"] == 6


def test_tries_count_towards_the_six_calls(
    facts: FactTable, asking: Asking, server: standin.StandIn
) -> None:
    server.fault = "garbage"
    end = graph.run(facts, Context(model(asking())))
    assert (len(server.chats), end["calls"]) == (6, 6)


def test_one_role_without_an_answer_leaves_the_others_theirs(
    facts: FactTable, asking: Asking, server: standin.StandIn
) -> None:
    server.fault, server.faulty_calls = "schema", {2, 3}
    end = graph.run(facts, Context(model(asking())))
    assert end["parts"][EXPERT]["by"] == "deterministic writer"
    assert "breaks the schema" in end["parts"][EXPERT]["why"]
    assert [end["parts"][role]["by"] for role in (PERFORMANCE, GENERATOR, CRITIC)] == [
        "gpt-oss:20b-cloud"
    ] * 3


def test_a_dead_ollama_is_not_asked_by_every_role(facts: FactTable, asking: Asking) -> None:
    began = time.monotonic()
    end = graph.run(facts, Context(model(asking(ollama_base_url="http://127.0.0.1:9"))))
    assert time.monotonic() - began < 3
    assert end["calls"] == 2
    assert all("no Ollama answered" in end["parts"][r]["why"] for r in ROLES[:3])


@pytest.mark.parametrize("node", [EXPERT, GENERATOR, CRITIC])
def test_an_interrupted_report_goes_on_at_its_node(
    facts: FactTable, asking: Asking, server: standin.StandIn, tmp_path: Path, node: str
) -> None:
    place, settings = tmp_path / "c.db", asking()
    with pytest.raises(KeyboardInterrupt):
        graph.run(facts, Context(model(settings), Listener(stop_at=node)), place, "key")
    asked = len(server.chats)
    listener = Listener()
    end = graph.run(facts, Context(model(settings), listener), place, "key")
    assert listener.events[0] == Event("resumed", node)
    assert listener.nodes("started") == list(ROLES[ROLES.index(node) :])
    assert len(server.chats) == 4
    assert asked == ROLES.index(node)
    assert set(end["parts"]) == set(ROLES)
    assert list(tmp_path.iterdir()) == []


def test_a_report_on_other_facts_starts_anew(facts: FactTable, tmp_path: Path) -> None:
    place = tmp_path / "c.db"
    with pytest.raises(KeyboardInterrupt):
        graph.run(facts, Context(None, Listener(stop_at=CRITIC)), place, "old")
    listener = Listener()
    graph.run(facts, Context(None, listener), place, "new")
    assert listener.nodes("started") == list(ROLES)


def test_checkpoints_that_are_no_database_are_thrown_away(facts: FactTable, tmp_path: Path) -> None:
    place = tmp_path / "c.db"
    place.write_text("not a database, but long enough to be taken for one" * 50, "utf-8")
    assert graph.run(facts, Context(), place, "key")["stance"]
    assert list(tmp_path.iterdir()) == []


def test_a_checkpoint_needs_no_class_of_ours_to_be_read(facts: FactTable, tmp_path: Path) -> None:
    place = tmp_path / "c.db"
    with pytest.raises(KeyboardInterrupt):
        graph.run(facts, Context(None, Listener(stop_at=CRITIC)), place, "key")
    with sqlite3.connect(place) as connection:
        blobs = [row[0] for row in connection.execute("SELECT checkpoint FROM checkpoints")]
    connection.close()
    assert blobs
    assert not any(b"stockcast" in blob for blob in blobs)
