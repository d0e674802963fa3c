"""Drafts as different models would write them: true to the facts, each in words of its own."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from typing import Any

Facts = dict[str, str]


def end_of(facts: Facts) -> str:
    """What the ids of the last forecast day end in."""
    return max((name[7:] for name in facts if re.fullmatch(r"p_rise_\d+", name)), key=int)


def plain(facts: Facts) -> dict[str, Any]:
    """Short sentences with figures as the facts give them."""
    end = end_of(facts)
    return {
        "headline": f"{facts['ticker']} holds at {facts['last_close']} [last_close] for now",
        "executive_summary": (
            f"The shares ended {facts['as_of']} [as_of] at {facts['last_close']} [last_close]. Over"
            f" the coming {facts['horizon']} [horizon] the median path leads to"
            f" {facts[f'q50_{end}']} [q50_{end}], and the odds of a gain stand at"
            f" {facts[f'p_rise_{end}']} [p_rise_{end}]."
        ),
        "technical_outlook": (
            f"Momentum shows an RSI of {facts['rsi14']} [rsi14]. Annualised volatility over the"
            f" last 20 days came to {facts['vol_20d']} [vol_20d]. Buyers and sellers look evenly"
            " matched, and neither side has forced the issue in recent sessions."
        ),
        "key_levels": (
            f"- Support sits at the 20-day low of {facts['low_20d']} [low_20d].\n"
            f"- Resistance waits at the 20-day high of {facts['high_20d']} [high_20d]."
        ),
        "market_sentiment": (
            f"We counted {facts['news_count']} [news_count] headlines up to the day of this note,"
            " and they do not settle the question of direction."
        ),
        "risks": (
            f"- A bad week would look like the 5% quantile, {facts[f'q05_{end}']} [q05_{end}].\n"
            "- Models of this kind learn from calm years and can be late in a storm."
        ),
        "track_record": (
            f"In the test the 80% interval covered {facts['coverage_80']} [coverage_80] of"
            f" outcomes, and the ledger holds {facts['ledger_settled']} [ledger_settled] settled"
            " outcomes so far."
        ),
        "rationale": (
            "The distribution is what speaks here: its centre lies close to the last price, and its"
            " width tells how much a position may lose before the forecast is wrong."
        ),
        "stance": "NEUTRAL",
        "confidence": "Low",
    }


def wire(facts: Facts) -> dict[str, Any]:
    """A newsroom: dollar signs, dates in words, dashes for ranges, no references."""
    end = end_of(facts)
    on, until = _long(facts["as_of"]), _long(facts[f"target_{end}"])
    change = _size(facts["return_1d"])
    word = "down" if facts["return_1d"].startswith("-") else "up"
    return {
        "headline": f"{facts['ticker']} Ends Session at {_dollars(facts['last_close'])}",
        "executive_summary": (
            f"{facts['ticker']} closed at {_dollars(facts['last_close'])} on {on}, {word} {change}"
            f" on the day. The model's 80% interval for {until} runs from"
            f" {_dollars(facts[f'q10_{end}'])} to {_dollars(facts[f'q90_{end}'])}, with the median"
            f" at {_dollars(facts[f'q50_{end}'])}."
        ),
        "technical_outlook": (
            f"The 14-day RSI stands at {facts['rsi14']}. Realized volatility is running at"
            f" {facts['vol_20d']} annualized over the past 20 sessions, and the MACD signal line"
            f" reads {facts['macd'].split()[0]}. The chance of a higher close by {until} is"
            f" {facts[f'p_rise_{end}']}."
        ),
        "key_levels": (
            f"- The 20-day low of {_dollars(facts['low_20d'])} is the first line of support\n"
            f"- The 20-day high of {_dollars(facts['high_20d'])} caps the upside"
        ),
        "market_sentiment": (
            f"The file holds {facts['news_count']} headlines dated on or before {on}. None of them"
            " changes the picture that the prices paint."
        ),
        "risks": (
            f"- The 5% quantile on {until} is {_dollars(facts[f'q05_{end}'])}\n"
            "- A shock overnight would leave the interval behind"
        ),
        "track_record": (
            f"The 80% interval held {facts['coverage_80']} of outcomes across {facts['backtest_n']}"
            f" forecasts in the test. {facts['ledger_settled']} outcomes have been settled since."
        ),
        "rationale": (
            f"With odds of a gain at {facts[f'p_rise_{end}']}, the forecast by itself is no reason"
            " to take a side; the range is what a reader should take away."
        ),
        "stance": "NEUTRAL",
        "confidence": "Low",
    }


def letter(facts: Facts) -> dict[str, Any]:
    """A letter to clients: rounded figures, per cent in words, numbers spelt out."""
    end = end_of(facts)
    span = {"1": "one trading day", "3": "three trading days", "5": "five trading days"}
    days = span.get(end, f"{end} trading days")
    rise = round(float(facts[f"p_rise_{end}"].rstrip("%")))
    price = round(float(facts["last_close"].split()[0].replace(",", "")), 1)
    return {
        "headline": f"A range, and no direction, for {facts['ticker']}",
        "executive_summary": (
            f"At {price} USD [last_close] the share asks for patience. Over {days} [horizon] we see"
            f" a {rise} per cent [p_rise_{end}] probability of a rise. The expected size of the"
            f" move is {facts[f'expected_move_{end}']} [expected_move_{end}] in either direction."
        ),
        "technical_outlook": (
            f"Volatility of {facts['vol_20d']} [vol_20d] a year sets the scale of what may come."
            f" The model puts one day's volatility at {facts['sigma_day']} [sigma_day]. Relative"
            f" strength reads {facts['rsi14']} points [rsi14], and it says little by itself."
        ),
        "key_levels": (
            f"- Over the last 20 sessions the low was {facts['low_20d']} [low_20d]\n"
            f"- Over the last 20 sessions the high was {facts['high_20d']} [high_20d]"
        ),
        "market_sentiment": "The headlines do not move our view, and we would not trade on them.",
        "risks": (
            f"- Only one outcome in twenty should end below {facts[f'q05_{end}']} [q05_{end}]; it"
            " will happen some day.\n"
            "- The model knows prices, and nothing of what the company is about to announce."
        ),
        "track_record": (
            f"Tested on {facts['backtest_n']} [backtest_n] forecasts, the 80% interval contained"
            f" {facts['coverage_80']} [coverage_80] of what happened. A promise of 80% [level_80]"
            " was meant, so that is near enough."
        ),
        "rationale": "We stay neutral, because the distribution gives no reason to do otherwise.",
        "stance": "NEUTRAL",
        "confidence": "Low",
    }


def ticket(facts: Facts) -> dict[str, Any]:
    """A trading desk: fragments, labels and colons."""
    end = end_of(facts)
    low, high = facts[f"q10_{end}"].split()[0], facts[f"q90_{end}"].split()[0]
    return {
        "headline": f"{facts['ticker']}: 80% range {low}-{high} USD into {facts[f'target_{end}']}",
        "executive_summary": (
            f"Last close: {facts['last_close']} [last_close].\n"
            f"Median {facts[f'target_{end}']}: {facts[f'q50_{end}']} [q50_{end}].\n"
            f"Probability of a rise: {facts[f'p_rise_{end}']} [p_rise_{end}].\n"
            f"Probability of a fall: {facts[f'p_fall_{end}']} [p_fall_{end}]."
        ),
        "technical_outlook": (
            f"RSI14: {facts['rsi14']} [rsi14].\n"
            f"MACD: {facts['macd']} [macd].\n"
            f"Realised volatility (20 days, annualised): {facts['vol_20d']} [vol_20d].\n"
            f"Volume: {facts['volume_ratio']}x the 20-day average [volume_ratio]."
        ),
        "key_levels": (
            f"- 20-day high: {facts['high_20d']} [high_20d]\n"
            f"- 20-day low: {facts['low_20d']} [low_20d]\n"
            f"- 80% interval: {low} to {high} USD [q10_{end}, q90_{end}]"
        ),
        "market_sentiment": f"News items: {facts['news_count']} [news_count]. No clear tone.",
        "risks": (
            f"- 90% interval: {facts[f'q05_{end}']} to {facts[f'q95_{end}']}"
            f" [q05_{end}, q95_{end}]\n"
            "- Gaps on results or guidance are not in the model"
        ),
        "track_record": (
            f"80% coverage in the test: {facts['coverage_80']} [coverage_80], n ="
            f" {facts['backtest_n']} [backtest_n].\n"
            f"Ledger: {facts['ledger_settled']} [ledger_settled] settled outcomes."
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


def _long(day: str) -> str:
    return dt.date.fromisoformat(day).strftime("%B %-d, %Y")


def _dollars(price: str) -> str:
    return f"${price.split()[0]}"


def _size(move: str) -> str:
    return move.lstrip("-")
