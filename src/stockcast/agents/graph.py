"""The team as a LangGraph: analyst, market expert, report generator, critic, and back at most once.

Each node asks the language model for its role's schema. Where that fails, or where there is none,
the deterministic writer writes the same part in the same node, and the state says so and why. The
state is kept on disk after every node, so that a report that was interrupted goes on where it was.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from pydantic import BaseModel, ValidationError

from stockcast.agents import guard, prompts, stance, writer
from stockcast.agents.facts import FactTable
from stockcast.agents.ollama import Model, NoAnswer
from stockcast.agents.page import tidy
from stockcast.agents.state import CRITIC, EXPERT, GENERATOR, PERFORMANCE, SECTIONS, Draft, State
from stockcast.contracts.report import Critique, MarketView, Part, PerformanceAnalysis

if TYPE_CHECKING:
    from langgraph.runtime import Runtime

__all__ = ["MOST_CALLS", "ROUNDS", "Context", "Event", "critique_of", "draft_of", "prose_of", "run"]

#: Drafts that are written at most, answers that are asked for at most, and steps of the graph.
ROUNDS, MOST_CALLS, STEPS = 2, 6, 12

Answer = TypeVar("Answer", bound=BaseModel)


@dataclass(frozen=True)
class Event:
    """What a node does; ``heard`` says how many characters its model has written so far, ``done``
    how long it took, who wrote its part, and why not who should have."""

    event: Literal["resumed", "started", "heard", "done"]
    node: str
    characters: int = 0
    seconds: float = 0.0
    by: str = ""
    why: str | None = None


Progress = Callable[[Event], None]


@dataclass(frozen=True)
class Context:
    """Who is asked (None: the deterministic writer alone), and who hears what each node does."""

    model: Model | None = None
    progress: Progress = lambda event: None


def run(
    facts: FactTable, context: Context, checkpoints: Path | None = None, key: str = ""
) -> State:
    """Return the state at the end.

    The SQLite file ``checkpoints`` keeps the state meanwhile. A run goes on where an interrupted
    one with the same ``key``, a hash of what the report is made from, left off.
    """
    with _saver(checkpoints) as saver:
        graph = _builder().compile(checkpointer=saver)
        config: Any = {"recursion_limit": STEPS, "configurable": {"thread_id": key}}
        begun = saver is not None and bool(graph.get_state(config).next)
        if begun:
            context.progress(Event("resumed", graph.get_state(config).next[0]))
        end = graph.invoke(
            None if begun else {"facts": facts.json()},
            config,
            context=context,
            durability="sync" if saver is not None else None,
        )
    if checkpoints is not None:
        _remove(checkpoints)
    return end  # type: ignore[no-any-return]  # the graph's state is ours


def prose_of(draft: Draft) -> dict[str, str]:
    """Return the parts of a draft that are prose."""
    return draft.model_dump(include={"headline", *SECTIONS})


def _builder() -> Any:
    from langgraph.graph import END, START, StateGraph

    graph = StateGraph(State, context_schema=Context)
    nodes = ((PERFORMANCE, _performance), (EXPERT, _expert), (GENERATOR, _generator))
    graph.add_sequence([*nodes, (CRITIC, _critic)])
    graph.add_edge(START, PERFORMANCE)
    graph.add_conditional_edges(CRITIC, _next, {GENERATOR: GENERATOR, END: END})
    return graph


def _performance(state: State, runtime: Runtime[Context]) -> State:
    facts = _facts(state)
    turn = _Turn(PERFORMANCE, state, runtime.context)
    answer = turn.take(
        PerformanceAnalysis, lambda: prompts.performance(facts), lambda: writer.analyse(facts)
    )
    return turn.update({"analysis": answer.model_dump_json()})


def _expert(state: State, runtime: Runtime[Context]) -> State:
    facts = _facts(state)
    turn = _Turn(EXPERT, state, runtime.context)
    answer = turn.take(MarketView, lambda: prompts.expert(facts), lambda: writer.survey(facts))
    return turn.update({"view": answer.model_dump_json()})


def _generator(state: State, runtime: Runtime[Context]) -> State:
    facts = _facts(state)
    ruling = stance.rule(facts)
    issues = [*state.get("flags", []), *(critique_of(state).issues if "critique" in state else [])]
    analysis = PerformanceAnalysis.model_validate_json(state["analysis"])
    view = MarketView.model_validate_json(state["view"])
    before = draft_of(state) if "draft" in state else None
    turn = _Turn(GENERATOR, state, runtime.context)
    answer = turn.take(
        Draft,
        lambda: prompts.generator(facts, ruling, analysis, view, issues, before),
        lambda: writer.compose(facts, ruling, analysis, view),
    )
    return turn.update({"draft": answer.model_dump_json(), "round": state.get("round", 0) + 1})


def _critic(state: State, runtime: Runtime[Context]) -> State:
    """Check the draft, ask the critic, and derive stance and confidence anew from the data."""
    facts, draft = _facts(state), draft_of(state)
    ruling = stance.rule(facts)
    proposed = ruling.settle(draft.stance, draft.confidence)
    flags = guard.describe(guard.check(prose_of(draft), facts, *proposed))
    turn = _Turn(CRITIC, state, runtime.context)
    # what the deterministic writer wrote needs no model to read it
    written = state["parts"][GENERATOR]["by"] != writer.NAME
    answer = turn.take(
        Critique,
        (lambda: prompts.critic(facts, ruling, draft, flags)) if written else None,
        lambda: writer.review(ruling, flags),
    )
    approved = answer.stance in ruling.allowed
    final = ruling.settle(answer.stance if approved else draft.stance, answer.confidence)
    return turn.update(
        {
            "critique": answer.model_dump_json(),
            "flags": flags,
            "stance": final[0],
            "confidence": final[1],
        }
    )


def draft_of(state: State) -> Draft:
    """Return the last draft of a state."""
    return Draft.model_validate_json(state["draft"])


def critique_of(state: State) -> Critique:
    """Return the last critique of a state."""
    return Critique.model_validate_json(state["critique"])


def _next(state: State) -> str:
    """Send a draft back that is not good enough, while another round may make it better."""
    from langgraph.graph import END

    by_model = state["parts"][GENERATOR]["by"] != writer.NAME
    wanting = bool(state["flags"]) or critique_of(state).verdict == "revise"
    again = by_model and wanting and state["round"] < ROUNDS and not state.get("given_up")
    return GENERATOR if again else END


class _Turn:
    """One role's turn: asks the model, else the writer, and keeps account of it."""

    def __init__(self, role: str, state: State, context: Context) -> None:
        self._role, self._state, self._context = role, state, context
        self._began = time.monotonic()
        self._calls = 0
        self._given_up = state.get("given_up", "")
        self._part: Part = {"by": "", "why": None}
        context.progress(Event("started", role))

    def take(
        self,
        schema: type[Answer],
        ask: Callable[[], prompts.Messages] | None,
        write: Callable[[], Answer],
    ) -> Answer:
        """Return the model's answer, or what ``write`` gives when there is none."""
        model = self._context.model
        if model is None or ask is None:
            self._part = {"by": writer.NAME, "why": None}
            return write()
        try:
            answer = _tidied(schema, self._asked(model, schema, ask()))
        except NoAnswer as error:
            if error.kind in NoAnswer.FINAL:
                self._given_up = error.reason
            self._part = {"by": writer.NAME, "why": error.reason}
            return write()
        self._part = {"by": model.name, "why": None}
        return answer

    def update(self, found: State) -> State:
        """Return ``found`` with what the node adds besides, and tell whoever listens."""
        seconds = round(time.monotonic() - self._began, 3)
        self._context.progress(Event("done", self._role, seconds=seconds, **self._part))
        return {
            **found,
            "parts": {self._role: self._part},
            "calls": self._calls,
            "given_up": self._given_up,
        }

    def _asked(self, model: Model, schema: type[Answer], messages: prompts.Messages) -> Answer:
        left = MOST_CALLS - self._state.get("calls", 0)
        if self._given_up:
            raise NoAnswer("unreachable", self._given_up)
        if left <= 0:
            raise NoAnswer("refused", f"the model had been asked {MOST_CALLS} times already")

        def heard(characters: int) -> None:
            self._context.progress(Event("heard", self._role, characters=characters))

        try:
            answer, self._calls = model.ask(schema, messages, min(2, left), heard)
        except NoAnswer as error:
            self._calls = error.tries
            raise
        return answer


def _tidied(schema: type[Answer], answer: Answer) -> Answer:
    """Return the answer as plain text throughout."""

    def plain(value: Any) -> Any:
        if isinstance(value, list):
            return [text for text in map(plain, value) if text]
        return tidy(value) if isinstance(value, str) else value

    try:
        return schema.model_validate({k: plain(v) for k, v in answer.model_dump().items()})
    except ValidationError:
        raise NoAnswer("schema", "its answer was markup and no text") from None


def _facts(state: State) -> FactTable:
    return FactTable.of(state["facts"])


@contextlib.contextmanager
def _saver(path: Path | None) -> Iterator[Any]:
    """Open the checkpoints; a file that is no database is thrown away."""
    if path is None:
        yield None
        return
    from langgraph.checkpoint.sqlite import SqliteSaver

    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with contextlib.closing(sqlite3.connect(path)) as found:
            found.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.DatabaseError:
        _remove(path)
    with SqliteSaver.from_conn_string(str(path)) as saver:
        # enough to survive the death of the process; nobody mourns a draft lost with the power
        saver.conn.execute("PRAGMA synchronous = OFF")
        yield saver


def _remove(path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
