"""Decides whether a claim is borne out by a fact: by value, rounding, unit, sign, day and subject.

The rules:

* **Rounding.** A figure with d decimals matches a fact within half a unit of its last digit.
* **Units.** Per cent match per cent, a currency its own prices, points points, days days; a bare
  figure matches a price, an index, a ratio or a count, and ``0.55`` a share of 55%. Weeks count
  five trading days.
* **Signs.** ``fell 2%``, ``2% below`` and ``-2%`` are negative, ``rose 2%`` is positive; a move
  must have the fact's sign, unless the words leave it open (``moved 2%``).
* **Days.** In a sentence that names a forecast day, a quantile must be that day's.
* **Subjects.** The sentence, or the one before it, must speak of what the fact is about; right in
  front of a figure, words such as "closed at" or "RSI" allow that one fact and no other.
* **References.** The figures in front of ``[id]`` must match the facts it names.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from stockcast.agents.claims import Claim, Prose
from stockcast.agents.facts import FactTable
from stockcast.agents.names import COMPANIES, INDICES, own_names
from stockcast.agents.rules import AFTER, ROLES, trait_of
from stockcast.agents.units import equal, is_day, tolerance, unit_fits
from stockcast.contracts.report import Fact

__all__ = ["Match", "matches"]


@dataclass(frozen=True)
class Match:
    """A claim with the fact that bears it out, or why none does.

    ``instead`` is the one fact that the words call for, when the figure is not its.
    """

    claim: Claim
    fact: str | None
    why: str = ""
    instead: str | None = None


_UP = re.compile(
    r"\b(?:rose|rise[ns]?|rising|gain(?:s|ed|ing)?|up|higher|above|advanc\w+|climb\w*|add(?:s|ed)"
    r"|increas\w+|over(?=\s+(?:its|the)\s+\d+-day\s+[am])|upside|positive|plus|ahead)\b",
    re.IGNORECASE,
)
_DOWN = re.compile(
    r"\b(?:fell|falls?|fallen|falling|los[est]\w*|lower|below|down|declin\w+|drop\w*|under(?=\s+(?:its|the)\s+\d+-day\s+[am])|slid\w*"
    r"|slip\w*|minus|negative|downside|short of|behind|decreas\w+|shed|gave up|off)\b",
    re.IGNORECASE,
)
_NEWS = re.compile(
    r"\bnews|headline|report(?:s|ed)\b|according|\bsaid|announc|[“\"]", re.IGNORECASE
)
_TOMORROW = re.compile(
    r"\b(?:next|following|coming)\s+(?:trading\s+)?(?:session|day)\b|\btomorrow|\bone[- ]day\b",
    re.IGNORECASE,
)
_AHEAD = re.compile(r"\b(?:next|coming|following|ahead)\s+(?:\w+\s+)?$", re.IGNORECASE)
_LOSS = re.compile(
    r"\s*(?:(?P<better>lower|below|less|better|smaller)|higher|above|more|worse|larger)\b",
    re.IGNORECASE,
)
_SIDE = re.compile(r"(?:^[\s\-•]*|[;,]\s+)(?P<side>support|resistance)\b", re.IGNORECASE)
_QUANTILE = re.compile(r"\s*(?:quantile|tail)", re.IGNORECASE)
_TAIL = re.compile(r"\btail\s*\($", re.IGNORECASE)
#: What is further ahead than the forecast reaches: a 12-month target.
_FAR = re.compile(
    r"[\s-]*(?:price\s+)?(?:target|forecast|outlook|estimate|view|horizon)\b", re.IGNORECASE
)
_WIDTH = re.compile(r"\s*(?:(?P<wider>wider)|narrower)\b", re.IGNORECASE)
#: What is right in front of the day of the results.
_RESULTS = re.compile(
    r"\b(?:results|earnings)\s+(?:(?:are|is|come)\s+)?(?:(?:due|expected)\s+)?on\s*$", re.IGNORECASE
)
_RANGE = re.compile(r"\s*(?:to|and|through|–|—|-)\s*")
_LEVEL_OF = re.compile(r"(?P<quantile>q\d\d)_\d+|(?:ledger_)?coverage_(?P<covered>\d+)")
_LEVEL_ENDS = {"50": ("q25", "q75"), "80": ("q10", "q90"), "90": ("q05", "q95")}
_HALF = re.compile(r"\bhalf of (?:the |all )?(?:probab|outcomes|cases)", re.IGNORECASE)
_NEAR = 60
_NAMED_WINDOWS = {"weeks": (1.0, 52.0), "months": (1.0, 3.0, 12.0), "years": (1.0,)}


def matches(prose: Prose, facts: FactTable) -> list[Match]:
    """Return every claim of ``prose`` with the fact that bears it out, or why none does."""
    return list(_Matcher(prose, facts).all())


class _Matcher:
    """Looks up the claims of one section."""

    def __init__(self, prose: Prose, facts: FactTable) -> None:
        self.prose, self.facts = prose, facts
        self.dates = {name: fact for name, fact in facts.items() if fact.unit == "date"}
        self.named = self._named_by_reference()

    def all(self) -> Iterator[Match]:
        kinds = {
            "number": self._number,
            "date": self._date,
            "ticker": self._ticker,
            "name": self._name,
            "reference": self._reference,
        }
        for claim in self.prose.claims:
            if claim.kind == "quote":
                fact = claim.ids[0] if claim.ids else None
                yield Match(claim, fact, "" if fact else "a quotation of something that is no fact")
            elif claim.kind == "address":
                yield Match(claim, None, "an address")
            else:
                yield kinds[claim.kind](claim)

    def _named_by_reference(self) -> dict[Claim, tuple[str, ...]]:
        """Return, for figures right in front of a reference, the facts that it names."""
        found: dict[Claim, tuple[str, ...]] = {}
        waiting: list[Claim] = []
        for claim in self.prose.claims:
            if claim.kind == "number" and claim.unit not in ("days", "weeks", "months", "years"):
                waiting.append(claim)
            elif claim.kind == "reference":
                ids = tuple(n for n in claim.ids if n in self.facts and self.facts[n].is_number)
                same = [c for c in waiting if c.sentence == claim.sentence]
                if ids:
                    found.update(dict.fromkeys(same[-len(ids) :], ids))
                waiting = []
        return found

    def _number(self, claim: Claim) -> Match:
        if math.isnan(claim.value):
            return Match(claim, None, "a multiple that is no fact")
        if self._is_beyond(claim):
            return Match(claim, None, "further ahead than the forecast reaches")
        if claim.unit in _NAMED_WINDOWS and abs(claim.value) in _NAMED_WINDOWS[claim.unit]:
            return Match(claim, "horizon")
        if claim.unit == "days" and self._is_window(claim):
            return Match(claim, "horizon")
        level = self._level(claim)
        if level:
            return Match(claim, level)
        if self._runs_backwards(claim):
            return Match(claim, None, "a range whose end is below its begin")
        role, named = self._role(claim), self.named.get(claim)

        def allowed(fact: Fact) -> bool:
            return (role is None or bool(role.fullmatch(fact.id))) and (
                not named or fact.id in named
            )

        same = [fact for fact in self.facts.numbers if equal(claim, fact) and allowed(fact)]
        signed = [fact for fact in same if self._sign_fits(claim, fact)]
        for fact in signed:
            if (
                self._day_fits(claim, fact)
                and self._subject_fits(claim, fact)
                and self._side_fits(claim, fact)
                and self._level_fits(claim, fact)
            ):
                return Match(claim, fact.id)
        told = self._told(claim)
        if told:
            return Match(claim, told)
        wanted = [fact for fact in self.facts.numbers if allowed(fact)]
        return Match(claim, None, self._why(claim, same, signed), self._instead(wanted, claim))

    def _level(self, claim: Claim) -> str | None:
        """Return the fact of which the figure is the name: the 5% quantile, the 90th percentile."""
        behind = self.prose.text[claim.end : claim.sentence[1]]
        tail = _TAIL.search(self.prose.text[claim.sentence[0] : claim.start])
        named = tail or _QUANTILE.match(behind)
        if claim.unit == "percentile" or (claim.unit == "%" and named):
            name = f"q{claim.value:02.0f}_{self.facts.number('horizon'):.0f}"
            if claim.value == round(claim.value) and name in self.facts:
                return name
        return None

    def _runs_backwards(self, claim: Claim) -> bool:
        """Say whether the figure is the second of a range and not above the first."""
        index = self.prose.claims.index(claim)
        if index == 0 or self.prose.claims[index - 1].kind != "number":
            return False
        first = self.prose.claims[index - 1]
        between = self.prose.text[first.end : claim.start]
        return (
            bool(_RANGE.fullmatch(between))
            and claim.unit == first.unit
            and claim.unit not in _NAMED_WINDOWS
            and claim.value <= first.value
            and not (claim.value == first.value and self._same_ends(claim))
        )

    def _same_ends(self, claim: Claim) -> bool:
        """Whether the range's two facts are written alike, as quantiles of a price of few ticks."""
        ids = self.named.get(claim, ())
        return len(ids) == 2 and len({self.facts[name].text for name in ids}) == 1

    def _why(self, claim: Claim, same: Sequence[Fact], signed: Sequence[Fact]) -> str:
        if same and not signed:
            return f"{same[0].id} has the other sign"
        if signed:
            return f"{signed[0].id} has this value, and the sentence is not about it"
        values = [
            fact
            for fact in self.facts.numbers
            if abs(abs(claim.value) - abs(fact.number)) <= tolerance(claim)
        ]
        if values:
            return f"{values[0].id} has this value, and is another thing or in another unit"
        return "no fact has this value"

    def _instead(self, wanted: Sequence[Fact], claim: Claim) -> str | None:
        """Return the one fact that the figure ought to be, when role or reference leave one."""
        if len(wanted) == len(self.facts.numbers):
            return None
        units = [fact for fact in wanted if unit_fits(claim, fact)]
        return units[0].id if len(units) == 1 else None

    def _is_beyond(self, claim: Claim) -> bool:
        """Say whether a window is given to a forecast that is not of so many days."""
        days = {"days": 1, "weeks": 5, "months": 21, "years": 252}.get(claim.unit)
        behind = self.prose.text[claim.end : claim.sentence[1]]
        ahead = self.facts.number("horizon")
        return days is not None and bool(_FAR.match(behind)) and abs(claim.value) * days > ahead

    def _is_window(self, claim: Claim) -> bool:
        """Say whether the days are those over which a fact is measured (20-day, 250 sessions), or
        within the forecast when they lie ahead."""
        text = self.prose.text
        front, behind = text[: claim.start][-30:], text[claim.end :][:10]
        if _AHEAD.search(front) or behind.strip().startswith("ahead"):
            return 1 <= claim.value <= self.facts.number("horizon")
        return f"{abs(claim.value):g}" in self._windows

    @functools.cached_property
    def _windows(self) -> set[str]:
        windows = {"14"} if "rsi14" in self.facts else set()
        windows |= {found for name in self.facts for found in re.findall(r"_(\d+)d$", name)}
        windows |= {"1", str(round(self.facts.number("horizon"))), "5"}
        if "vol_window" in self.facts:
            windows.add(f"{self.facts.number('vol_window'):.0f}")
        return windows

    def _role(self, claim: Claim) -> re.Pattern[str] | None:
        """Return the ids that the words around the figure allow; None for any."""
        text = self.prose.text
        behind = text[claim.end : claim.sentence[1]]
        for words, ids in AFTER:
            if words.match(behind):
                return ids
        begin = max(claim.sentence[0], claim.start - _NEAR)
        front = text[begin : claim.start]
        found = [(match.end(), ids) for words, ids in ROLES for match in words.finditer(front)]
        if not found:
            return None
        end, ids = max(found, key=lambda pair: pair[0])
        # a colon right behind the words is a label's: "80% interval: 410.20 to 449.80 USD"
        rest = re.sub(r"^\s*(?:\([^)]*\))?\s*:", "", front[end:])
        if re.search(r"[;:]|,\s(?:and|while|with|but)\b", rest):
            return None
        return ids if self._reaches(begin + end, claim) else None

    def _reaches(self, start: int, claim: Claim) -> bool:
        """Say whether the words that end at ``start`` still speak of ``claim``: another figure in
        between takes them, unless the two are the ends of a range."""
        between = [
            c
            for c in self.prose.claims
            if c.kind == "number" and start <= c.start < claim.start and c.unit != "days"
        ]
        if not between:
            return True
        join = self.prose.text[between[-1].end : claim.start]
        return len(between) == 1 and bool(
            re.fullmatch(r"[^,;.]{0,12}\b(?:to|and)\s|\s*[-–—]\s*", join)
        )

    def _sign_fits(self, claim: Claim, fact: Fact) -> bool:
        trait = trait_of(fact.id)
        if fact.id in ("skill_gain", "ledger_gain"):
            return self._loss_fits(claim, fact)
        if fact.id == "results_widening":
            return self._width_fits(claim, fact)
        if trait is None or not trait.signed or fact.number == 0:
            return not (claim.signed and claim.value * fact.number < 0)
        direction = self._direction(claim)
        if direction == 0 or round(abs(fact.number), claim.decimals) == 0:
            return True
        return (direction > 0) == (fact.number > 0)

    def _loss_fits(self, claim: Claim, fact: Fact) -> bool:
        """A loss lower by 3% is a gain of 3%; what is said of it must be the right way round."""
        side = _LOSS.match(self.prose.text[claim.end : claim.sentence[1]])
        return side is None or bool(side["better"]) == (fact.number >= 0)

    def _width_fits(self, claim: Claim, fact: Fact) -> bool:
        """An interval that is wider by -3% is narrower."""
        side = _WIDTH.match(self.prose.text[claim.end : claim.sentence[1]])
        return side is None or bool(side["wider"]) == (fact.number >= 0)

    def _side_fits(self, claim: Claim, fact: Fact) -> bool:
        """Support lies below the last close, resistance above."""
        front = self.prose.text[claim.sentence[0] : claim.start]
        side = next(reversed(list(_SIDE.finditer(front))), None)
        if side is None or fact.unit in ("%", "ratio", "points", "count", "days"):
            return True
        ahead = fact.number - self.facts.number("last_close")
        return ahead > -0.005 if side["side"].lower() == "resistance" else ahead < 0.005

    def _level_fits(self, claim: Claim, fact: Fact) -> bool:
        """Say whether interval or coverage is of a level that the sentence names, if it does."""
        level = _LEVEL_OF.fullmatch(fact.id)
        if level is None or (level["quantile"] and not self._in_range(claim)):
            return True
        named = {
            f"{other.value:.0f}"
            for other in self.prose.claims
            if other.sentence == claim.sentence and other.unit == "%" and other is not claim
        } & set(_LEVEL_ENDS)
        if _HALF.search(self.prose.sentence_of(claim)):
            named.add("50")
        ends = {end for one in named for end in _LEVEL_ENDS[one]}
        return not named or level["covered"] in named or level["quantile"] in ends

    def _in_range(self, claim: Claim) -> bool:
        """Say whether the figure is one end of a range: 410.20 to 449.80."""
        numbers = [other for other in self.prose.claims if other.kind == "number"]
        at = numbers.index(claim)
        pairs = zip(numbers[max(at - 1, 0) : at + 1], numbers[max(at - 1, 0) + 1 :], strict=False)
        return any(
            claim in pair and _RANGE.fullmatch(self.prose.text[pair[0].end : pair[1].start])
            for pair in pairs
        )

    def _direction(self, claim: Claim) -> int:
        """Return 1 or -1 for the sign that the words give the figure; 0 if they leave it open."""
        if claim.signed:
            return 1 if claim.value > 0 else -1
        text = self.prose.text
        behind = re.match(r"[^,;.()]{0,24}", text[claim.end : claim.sentence[1]])
        after = behind.group() if behind else ""
        begin = max(claim.sentence[0], claim.start - 30)
        front = re.split(r"[,;()]|\d", text[begin : claim.start])[-1]
        places = [(match.start(), 1) for match in _UP.finditer(after[:14])]
        places += [(match.start(), -1) for match in _DOWN.finditer(after[:14])]
        if places and not re.match(r"\s*(?:to|and|or|–|-)\b", after):
            return min(places)[1]
        before = [(match.end(), 1) for match in _UP.finditer(front)]
        before += [(match.end(), -1) for match in _DOWN.finditer(front)]
        return max(before)[1] if before else 0

    def _day_fits(self, claim: Claim, fact: Fact) -> bool:
        """Say whether a forecast is of the day that the words name: without one, of the last."""
        past = re.match(r"past_(\d+)", fact.id)
        told = {name[:6] for name in self._dates_in(claim) if name.startswith("past_")}
        if past or told:
            return bool(past) and (fact.id[:6] in told)
        ahead = re.fullmatch(r"(?:q\d\d|p_rise|p_fall|\w+_move|width)_(\d+)", fact.id)
        if ahead is None:
            return True
        around = f"{self.prose.before(claim)} {self.prose.sentence_of(claim)}"
        days = {name[7:] for name in self._dates_in(claim) if name.startswith("target_")}
        if _TOMORROW.search(around):
            days.add("1")
        return ahead[1] in (days or {f"{self.facts.number('horizon'):.0f}"})

    def _dates_in(self, claim: Claim) -> set[str]:
        """Return the facts that are dates in the sentence; in the one before when it has none."""
        dates = [other for other in self.prose.claims if other.kind == "date"]
        near = [other for other in dates if other.sentence == claim.sentence]
        if not near and self.prose.before(claim):
            spans = self.prose.spans
            earlier = spans[spans.index(claim.sentence) - 1]
            near = [other for other in dates if other.sentence == earlier]
        return {
            name
            for other in near
            for name, fact in self.dates.items()
            if is_day(other, str(fact.value))
        }

    def _subject_fits(self, claim: Claim, fact: Fact) -> bool:
        trait = trait_of(fact.id)
        if trait is None:
            return False
        # the figure itself is no word about its subject: "20.1" does not say "20 days"
        begin, end = claim.sentence
        text = self.prose.text
        own = re.sub(r"[\d.,]+", " ", claim.text)
        around = f"{text[begin : claim.start]} {own} {text[claim.end : end]}"
        return bool(trait.subject.search(around) or trait.subject.search(self.prose.before(claim)))

    def _date(self, claim: Claim) -> Match:
        front = self.prose.text[max(claim.sentence[0], claim.start - 40) : claim.start]
        fixed = re.search(
            r"\b(?:as of|last clos\w+|closed|closing price|finished|ended|settled at|last traded)\b"
            r"[^;:]{0,25}$",
            front,
            re.IGNORECASE,
        )
        candidates = self.dates
        if fixed and claim.day[2] is not None:
            candidates = {n: f for n, f in self.dates.items() if n == "as_of" or "past_" in n}
        elif _RESULTS.search(front):
            told = ("results_", "news_")  # headlines speak of earlier results
            candidates = {n: f for n, f in self.dates.items() if n.startswith(told)}
        for name, fact in candidates.items():
            if is_day(claim, str(fact.value)):
                return Match(claim, name)
        if fixed and claim.day[2] is not None:
            return Match(claim, None, "not the day of the report", "as_of")
        return Match(claim, None, "no fact has this date")

    def _ticker(self, claim: Claim) -> Match:
        own = str(self.facts["ticker"].value)
        if claim.text in own_names(own) or claim.text == own:
            return Match(claim, "ticker")
        return self._from_news(claim, "another ticker")

    def _name(self, claim: Claim) -> Match:
        own = own_names(str(self.facts["ticker"].value))
        bare = re.sub(r",?\s+(?:Inc|Corp|Corporation|Company|Co|Ltd|Group)\.?$", "", claim.text)
        if bare in own or claim.text in own:
            return Match(claim, "company" if "company" in self.facts else "ticker")
        listed = {n for names in (*COMPANIES.values(), *INDICES.values()) for n in names}
        return self._from_news(claim, "another company" if bare in listed else "an unknown name")

    def _told(self, claim: Claim) -> str | None:
        """Return the news that has this very figure, if the sentence speaks of the news."""
        if not _NEWS.search(self.prose.sentence_of(claim)):
            return None
        same = (claim.value, claim.unit, claim.scale)
        for name, fact in self.facts.items():
            if name.startswith("news_") and fact.unit == "text":
                figures = Prose(str(fact.value)).claims
                if same in {(c.value, c.unit, c.scale) for c in figures if c.kind == "number"}:
                    return name
        return None

    def _from_news(self, claim: Claim, otherwise: str) -> Match:
        """Match a name that stands in the news, in a sentence that speaks of the news."""
        sentence = self.prose.sentence_of(claim)
        if _NEWS.search(sentence) or _NEWS.search(self.prose.before(claim)):
            word = re.compile(rf"(?<!\w){re.escape(claim.text)}(?!\w)")
            for name, fact in self.facts.items():
                if name.startswith("news_") and word.search(f"{fact.value} {fact.label}"):
                    return Match(claim, name)
        return Match(claim, None, otherwise)

    def _reference(self, claim: Claim) -> Match:
        unknown = [name for name in claim.ids if name not in self.facts]
        if unknown:
            return Match(claim, None, f"a reference to {unknown[0]}, which is no fact")
        return Match(claim, claim.ids[0])
