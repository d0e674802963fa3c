"""Sentences as analysts write them: those that the facts bear out pass, the others are flagged."""

from __future__ import annotations

import pytest

from stockcast.agents import paragraphs
from stockcast.agents.facts import build
from stockcast.agents.guard import check
from stockcast.agents.slots import fill
from stockcast.agents.stance import rule
from tests.agents import worlds

#: A skilful model that leans to neither side, so that only NEUTRAL is allowed.
TABLE = build(worlds.subject(9, days=620, price=430, skilful=True, lean=0.1, horizon=5))
RULING = rule(TABLE)

BORNE_OUT = [
    "{company} shares finished {as_of} at {last_close}.",
    "By {target_5} the model sees it between {q10_5} and {q90_5} with {level_80} probability.",
    "{level_50} of the probability lies between {q25_5} and {q75_5}.",
    "The {level_80} band is {q10_5} to {q90_5}, the {level_90} band {q05_5} to {q95_5}.",
    "The {level_80} interval covered {coverage_80} of outcomes.",
    "Support lies at the 20-day low of {low_20d}; resistance at the 20-day high of {high_20d}.",
    "The downside tail ({level_5}) by {target_5} is {tail_low_move_5}.",
    "The horizon of {horizon} ends on {target_5}.",
    "The forecast is for a close of {q50_5} on {target_5}.",
    "Realised volatility is {vol_20d}, annualised.",
    "Nothing in the forecast justifies a call to buy or to sell.",
    "The stance is NEUTRAL; our confidence in it is medium.",
]
INVENTED = {
    "a later day": "{company} shares finished {target_1} at {last_close}.",
    "a day's volatility as a year's": "Annualised volatility is {sigma_day}.",
    "dollars as cents": "It last traded at {last_close} cents.",
    "half for four per cent": "The model cuts the naive forecast's loss by half.",
    "a target beyond the forecast": "Our 12-month target stands at {q50_5}.",
    "a longer forecast": "The 20-day forecast is {q50_5}.",
    "a stance in a sentence of its own": "We rate the shares a sell.",
    "an advice": "Investors should buy now.",
    "an order": "The range is wide. Sell the rally.",
    "a strong word": "A strong buy.",
    "an adverb before the stance": "The outlook is strongly bearish.",
    "confidence with words between": "Confidence in this view is high.",
    "conviction for confidence": "Our conviction is high.",
    "a certainty": "The {level_80} interval will hold the close for sure.",
    "the ends of another interval": "There is {level_80} probability between {q25_5} and {q75_5}.",
    "the ends of a wider interval": "{level_50} of cases lie between {q10_5} and {q90_5}.",
    "the coverage of another level": "Its {level_90} intervals contained {coverage_80} of cases.",
    "the last close as the forecast": "The forecast is for a close of {last_close} on {target_5}.",
    "a tail as the expected size": "Expect a {tail_high_move_5} swing by {target_5}.",
    "a product that no fact names": "Sales of the iPhone rose.",
    "support above the price": "Support lies at {high_20d}.",
}


def flags(sentence: str) -> list[str]:
    found = check({"text": sentence}, TABLE, RULING.stance, RULING.confidence)
    return [f"{flag.text}: {flag.why}" for flag in found]


@pytest.mark.parametrize("sentence", BORNE_OUT)
def test_what_is_borne_out_is_left_alone(sentence: str) -> None:
    assert flags(sentence) == []


@pytest.mark.parametrize("sentence", INVENTED.values(), ids=INVENTED)
def test_what_is_invented_is_flagged(sentence: str) -> None:
    assert flags(sentence)


#: Results are near: the interval is wider than a week ago for them.
WIDE = build(worlds.subject(6, days=620, price=430, skilful=True, lean=0.1, horizon=5))
TRUE_REASONS = [
    "The {level_80} interval is {wider_week} wider than a week ago.",
    "It is wider than last week because of the results.",
    "Results ahead widened it by {wider_events}.",
    "The interval is {wider_events} wider for the results ahead.",
    "Results narrowed the loss of the quarter, and spreads are wider on the market.",
    "Not volatility but the results ahead widen the interval.",
    "With a probability of {level_1} the loss exceeds {var_1pct_5}.",
    "The mean loss in the worst {level_5} of outcomes is {shortfall_5pct_5}.",
    "The value at risk by {target_5} is {var_5pct_5}.",
]
FALSE_REASONS = {
    "the other sign": "The {level_80} interval is {wider_week} narrower than a week ago.",
    "the other sign without a figure": "The interval is narrower than a week ago.",
    "another reason": "The interval is wider because of the index.",
    "another reason in front": "Recalibration widened the interval.",
    "a reason that is another's": "Results ahead widened it by {wider_index}.",
    "a whole that is a part": "The interval is {wider_events} wider than a week ago.",
    "usual for a week ago": "The interval is {wider_usual} wider than a week ago.",
    "a part without its reason": "The interval is {wider_events} wider.",
    "a loss of another probability": "With a probability of {level_5} the loss is {var_1pct_5}.",
    "a quantile as a mean": "The mean loss in the worst {level_5} of cases is {var_5pct_5}.",
    "a loss of another day": "By tomorrow the loss exceeds {var_5pct_5}.",
}


def reasoned(sentence: str) -> bool:
    ruling = rule(WIDE)
    return not check({"text": sentence}, WIDE, ruling.stance, ruling.confidence)


@pytest.mark.parametrize("sentence", TRUE_REASONS)
def test_a_reason_for_the_width_that_is_one_stands(sentence: str) -> None:
    assert reasoned(sentence)


@pytest.mark.parametrize("sentence", FALSE_REASONS.values(), ids=FALSE_REASONS)
def test_a_reason_for_the_width_that_is_none_is_flagged(sentence: str) -> None:
    assert WIDE.number("wider_events") > WIDE.number("wider_week") / 2 > 0
    assert max(WIDE.number("wider_index"), WIDE.number("wider_recalibration")) < 0
    assert not reasoned(sentence)


def test_no_reason_is_borne_out_where_none_is_known() -> None:
    plain = build(worlds.subject(8))
    assert "wider_week" not in plain
    assert check({"text": "The interval is wider because of the index."}, plain)
    assert check({"text": "The interval is wider than usual."}, plain)


@pytest.mark.parametrize(
    ("seed", "said"),
    [
        (0, "there is no calendar of results"),
        (1, "before the open, inside the horizon: the 80% interval is 34.3% wider for it."),
        (2, " interval is 2.7% narrower for it."),
        (3, "results are due on 2013-04-13, beyond the horizon."),
        (4, "no results ahead were known on 2013-03-01"),
    ],
)
def test_results_ahead_are_told_and_checked(seed: int, said: str) -> None:
    table = build(worlds.subject(seed))
    (line,) = (text for text in paragraphs.risks(table) if text.startswith("Events: "))
    ruling = rule(table)

    def flagged(text: str) -> bool:
        return bool(check({"text": text}, table, ruling.stance, ruling.confidence))

    assert said in fill(line, table)
    assert not flagged(line)
    assert "{results_date}" not in line or flagged(line.replace("{results_date}", "{as_of}"))
    for true, false in (("wider", "narrower"), ("narrower", "wider")):
        assert f"}} {true}" not in line or flagged(line.replace(f"}} {true}", f"}} {false}"))
