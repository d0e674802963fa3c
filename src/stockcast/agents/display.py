"""Shows a report in a notebook: the note itself, and tables beside it."""

from __future__ import annotations

from typing import Any

import pandas as pd

from stockcast.contracts.report import Report

__all__ = ["evaluation", "facts", "facts_table", "headline", "note", "recommendation"]


def headline(report: Report) -> Any:
    """The title, the line below it, and how old the prices are if they are, as markdown."""
    title, line = report.markdown.split("\n\n")[:2]
    aged = f"\n\n**{report.freshness}**" if report.freshness else ""
    return _markdown(f"{title}\n\n{line}{aged}")


def recommendation(report: Report) -> pd.DataFrame:
    """Stance and confidence, and what the data allow."""
    rows = {
        "stance": report.stance,
        "confidence": report.confidence,
        "the data allow": ", ".join(report.ruling.allowed),
        "because": report.ruling.why,
        "written by": report.writer.name,
        "evaluation": f"{report.evaluation.status}, score {report.evaluation.score:g}",
    }
    if report.cache is not None:
        rows["from memory"] = f"{'yes' if report.cache.hit else 'no'}: {report.cache.why}"
    return pd.DataFrame({report.ticker: rows})


def note(report: Report) -> Any:
    """The text from the first section on, as markdown; what is not ours in it was escaped."""
    return _markdown("## " + report.markdown.split("\n## ", 1)[1])


def facts(report: Report) -> Any:
    """Every fact, folded: on a page of the report the table is longer than all the rest."""
    from IPython.display import HTML

    table = facts_table(report)
    title = f"All {len(table)} facts, {(table['in the text'] > 0).sum()} of them in the text"
    shown = f"<details><summary>{title}</summary>{table.to_html(max_rows=None)}</details>"
    return HTML(shown)  # type: ignore[no-untyped-call]  # IPython is not typed


def facts_table(report: Report) -> pd.DataFrame:
    """Every fact, with how often the text states it."""
    used = pd.Series([found.fact for found in report.grounding.references], dtype=object)
    table = pd.DataFrame([dict(fact) for fact in report.facts]).set_index("id")
    table["in the text"] = used.value_counts().reindex(table.index, fill_value=0).astype(int)
    return table[["label", "text", "as_of", "in the text"]].rename(columns={"as_of": "as of"})


def evaluation(report: Report) -> pd.DataFrame:
    """Every check of the evaluation."""
    checks = report.evaluation.checks
    return pd.DataFrame({"holds": {name: "yes" if held else "no" for name, held in checks.items()}})


def _markdown(text: str) -> Any:
    from IPython.display import Markdown

    return Markdown(text)  # type: ignore[no-untyped-call]  # IPython is not typed
