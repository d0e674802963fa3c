"""Drafts as different models would write them: slots for the facts, in words of their own."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

Facts = dict[str, str]


def end_of(facts: Facts) -> str:
    """What the ids of the last forecast day end in."""
    return max((name[7:] for name in facts if re.fullmatch(r"p_rise_\d+", name)), key=int)


def plain(facts: Facts) -> dict[str, Any]:
    """Short sentences."""
    end = end_of(facts)
    return {
        "headline": "{ticker} holds at {last_close} for now",
        "executive_summary": (
            "The shares ended {as_of} at {last_close}. Over the coming {horizon} the median path"
            f" leads to {{q50_{end}}}, and the odds of a gain stand at {{p_rise_{end}}}."
        ),
        "technical_outlook": (
            "Momentum shows an RSI of {rsi14}. Annualised volatility over the last 20 days came to"
            " {vol_20d}. Buyers and sellers look evenly matched, and neither side has forced the"
            " issue in recent sessions."
        ),
        "key_levels": (
            "- Support sits at the 20-day low of {low_20d}.\n"
            "- Resistance waits at the 20-day high of {high_20d}."
        ),
        "market_sentiment": (
            "We counted {news_count} headlines up to the day of this note, and they do not settle"
            " the question of direction."
        ),
        "risks": (
            f"- A bad week would look like the {{level_5}} quantile, {{q05_{end}}}.\n"
            "- Models of this kind learn from calm years and can be late in a storm."
        ),
        "track_record": (
            "In the test the {level_80} interval covered {coverage_80} of outcomes, and the ledger"
            " holds {ledger_settled} settled outcomes so far."
        ),
        "rationale": (
            "The distribution is what speaks here: its centre lies close to the last price, and its"
            " width tells how much a position may lose before the forecast is wrong."
        ),
        "stance": "NEUTRAL",
        "confidence": "Low",
    }


def wire(facts: Facts) -> dict[str, Any]:
    """A newsroom: dollar signs in front of slots, a day in each sentence, dashes for ranges."""
    end = end_of(facts)
    word = "down" if facts["return_1d"].startswith("-") else "up"
    return {
        "headline": "{ticker} Ends Session at ${last_close}",
        "executive_summary": (
            f"{{ticker}} closed at ${{last_close}} on {{as_of}}, {word} {{return_1d}} on the day."
            f" The model's {{level_80}} interval for {{target_{end}}} runs from"
            f" ${{q10_{end}}}–${{q90_{end}}}, with the median at ${{q50_{end}}}."
        ),
        "technical_outlook": (
            "The 14-day RSI stands at {rsi14}. Realized volatility is running at {vol_20d}"
            " annualized over the past 20 sessions, and the MACD line reads {macd}. The chance of a"
            f" higher close by {{target_{end}}} is {{p_rise_{end}}}."
        ),
        "key_levels": (
            "- The 20-day low of ${low_20d} is the first line of support\n"
            "- The 20-day high of ${high_20d} caps the upside"
        ),
        "market_sentiment": (
            "The file holds {news_count} headlines dated on or before {as_of}. None of them"
            " changes the picture that the prices paint."
        ),
        "risks": (
            f"- The {{level_5}} quantile on {{target_{end}}} is ${{q05_{end}}}\n"
            "- A shock overnight would leave the interval behind"
        ),
        "track_record": (
            "The {level_80} interval held {coverage_80} of outcomes across {backtest_n} forecasts"
            " in the test. {ledger_settled} outcomes have been settled since."
        ),
        "rationale": (
            f"With odds of a gain at {{p_rise_{end}}}, the forecast by itself is no reason to take"
            " a side; the range is what a reader should take away."
        ),
        "stance": "NEUTRAL",
        "confidence": "Low",
    }


def letter(facts: Facts) -> dict[str, Any]:
    """A letter to clients: units behind slots that have them, and braces of other templates."""
    end = end_of(facts)
    return {
        "headline": "A range, and no direction, for {ticker}",
        "executive_summary": (
            "At {last_close} USD the share asks for patience. Over {{horizon}} we see a"
            f" {{p_rise_{end}}} per cent probability of a rise. The expected size of the move is"
            f" {{ expected_move_{end} }} in either direction."
        ),
        "technical_outlook": (
            "Volatility of {vol_20d:.1f} a year sets the scale of what may come. The model puts one"
            " day's volatility at {sigma_day}. Relative strength reads {rsi14} points, and it says"
            " little by itself."
        ),
        "key_levels": (
            "- Over the last 20 sessions the low was {low_20d}\n"
            "- Over the last 20 sessions the high was {high_20d}"
        ),
        "market_sentiment": "The headlines do not move our view, and we would not trade on them.",
        "risks": (
            f"- Few outcomes should end below the {{level_5}} quantile of {{q05_{end}}}; it will"
            " happen some day.\n"
            "- The model knows prices, and nothing of what the company is about to announce."
        ),
        "track_record": (
            "Tested on {backtest_n} forecasts, the {level_80} interval contained {coverage_80} of"
            " what happened. A promise of {level_80} was meant, so that is near enough."
        ),
        "rationale": "We stay neutral, because the distribution gives no reason to do otherwise.",
        "stance": "NEUTRAL",
        "confidence": "Low",
    }


def ticket(facts: Facts) -> dict[str, Any]:
    """A trading desk: fragments, labels and colons."""
    end = end_of(facts)
    return {
        "headline": f"{{ticker}}: {{level_80}} range {{q10_{end}}}-{{q90_{end}}}",
        "executive_summary": (
            "Last close: {last_close}.\n"
            f"Median {{target_{end}}}: {{q50_{end}}}.\n"
            f"Probability of a rise: {{p_rise_{end}}}.\n"
            f"Probability of a fall: {{p_fall_{end}}}."
        ),
        "technical_outlook": (
            "RSI14: {rsi14}.\n"
            "MACD: {macd}.\n"
            "Realised volatility (20 days, annualised): {vol_20d}.\n"
            "Volume: {volume_ratio}x the 20-day average."
        ),
        "key_levels": (
            "- 20-day high: {high_20d}\n"
            "- 20-day low: {low_20d}\n"
            f"- {{level_80}} interval: {{q10_{end}}} to {{q90_{end}}}"
        ),
        "market_sentiment": "News items: {news_count}. No clear tone.",
        "risks": (
            f"- {{level_90}} interval: {{q05_{end}}} to {{q95_{end}}}\n"
            "- Gaps on results or guidance are not in the model"
        ),
        "track_record": (
            "Coverage of the {level_80} interval in the test: {coverage_80}, n = {backtest_n}.\n"
            "Ledger: {ledger_settled} settled outcomes."
        ),
        "rationale": "No edge in direction worth paying for; the range itself is what counts.",
        "stance": "NEUTRAL",
        "confidence": "Low",
    }


VOICES: dict[str, Callable[[Facts], dict[str, Any]]] = {
    "plain": plain,
    "wire": wire,
    "letter": letter,
    "ticket": ticket,
}
