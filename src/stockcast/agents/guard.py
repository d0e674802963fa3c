"""Checks text with slots, mends what is beyond doubt, and strikes the sentences that cannot stand.

Figures are true by construction: code writes them. What is left to check is what stands outside of
the slots (a digit, a number word, a date, a name, an address, a quotation, an order), whether a
slot is in words that fit its fact, and whether words without a figure say the opposite of the data.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from stockcast.agents import claims
from stockcast.agents.facts import FactTable
from stockcast.agents.names import Found, names_in
from stockcast.agents.prompt_injection import gives_orders
from stockcast.agents.slots import RANGE, SLOT, Slot, Template, direction, pieces
from stockcast.agents.vocabulary import AFTER, ROLES, subject_of
from stockcast.contracts.report import Fact, Flag, Grounding, Reference, Repair
from stockcast.markets.companies import own_names
from stockcast.markets.exchanges import CURRENCIES, currency_code

__all__ = ["Grounded", "check", "describe", "ground"]

Sections = Mapping[str, str]

_MONTHS = (
    "January|February|March|April|May|June|July|August|September|October|November|December"
    "|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec"
)
#: A month by itself may be a verb; behind these words it is none.
_IN = "|".join(
    rf"(?<=\b{word}\s)"
    for word in ("in", "since", "until", "by", "of", "from", "through", "last", "next", "this")
)
_DATE = re.compile(
    rf"\b(?:{_MONTHS})\.?\s\d{{1,4}}(?:st|nd|rd|th)?(?:,?\s\d{{4}})?\b"
    rf"|\b\d{{1,2}}(?:st|nd|rd|th)?\s(?:of\s)?(?:{_MONTHS})\b(?:,?\s\d{{4}})?"
    rf"|(?:{_IN})(?:{_MONTHS})\b"
    r"|\b\d{4}[-/]\d{1,2}[-/]\d{1,2}\b"
)
_TENS = "twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety"
_ONES = "two|three|four|five|six|seven|eight|nine"
_UNIT_WORDS = (
    r"per\s?cent|percentage|points?|dollars?|euros?|cents?|out of"
    r"|in (?:a|two|three|four|five|ten|twenty)"
)
_NUMBER_WORD = re.compile(
    rf"\b(?:(?:{_TENS})(?:[\s-](?:one|{_ONES}))?|{_ONES}|ten|eleven|twelve|(?:thir|four|fif|six"
    r"|seven|eigh|nine)teen|dozens?|hundreds?|thousands?|[mbtz]\w{0,3}illions?|twice|thrice"
    r"|(?:doubl|tripl|quadrupl|halv)(?:e|es|ed|ing)|\w{2,12}fold)\b"
    rf"|\b(?:one|zero)(?=[\s-](?:{_UNIT_WORDS})\b)"
    r"|\b(?:a|one|two|three)[\s-](?:half|thirds?|quarters?|fifths?) (?:of|higher|lower|more|less)\b"
    r"|\bhalf of\b|\b(?:by|in|than) (?:(?:about|almost|nearly|roughly|over) )?"
    r"(?:a[\s-])?(?:half|thirds?|fifths?)\b",
    re.IGNORECASE,
)
_DIGITS = re.compile(
    r"[$€£¥+±−]?\.?\d(?:[\d.,]*\d)?(?:\s?(?:%|USD|EUR|GBP|GBp|JPY|million|billion))?"
)
_ADDRESS = re.compile(r"\b(?:https?://|www\.)\S+|\b[\w.]{1,64}@[\w.]{1,64}\.\w+", re.IGNORECASE)
_QUOTED = re.compile(r"“[^”\n]{1,2000}”|\"[^\"\n]{1,2000}\"")
#: Letters outside of the slots that make a quotation one of somebody's words.
_SHORTEST = 12
#: Names of facts that hold digits: RSI14, MACD (12, 26), a quarter of a year.
_TERMS = (
    r"\bRSI[\s-]?\(?14\)?|\b14-day (?=RSI|relative)|\bMACD(?: line)?\s?\(12, ?26(?:, ?9)?\)"
    r"|GARCH\s?\(1(?:, ?1){1,2}\)|\bQ[1-4](?:\s(?:19|20)\d\d)?\b|\b52-week (?=high|low)"
)
#: Windows of facts: 20-day, 250 sessions; not of a forecast.
_WINDOW = (
    r"(?<!next )(?<!coming )(?<!following )\b(?:{})[\s-](?:trading\s)?(?:days?|sessions?)\b"
    r"(?![\s-](?:price\s)?(?:target|forecast|outlook|estimate|view|horizon|ahead))"
)
_UNIT = re.compile(
    rf"\s?(?P<unit>%|per\s?cent\b|percent\b|percentage\spoints?\b|basis\spoints?\b|bps?\b|points?\b"
    rf"|dollars?\b|euros?\b|pence\b|cents?\b|x\b|times\b|-?fold\b|(?:trading\s)?days?\b|sessions?\b"
    rf"|weeks?\b|months?\b|years?\b|(?:{'|'.join(CURRENCIES)})\b)",
    re.IGNORECASE,
)
_SYMBOLS = {"$": "USD", "€": "EUR", "£": "GBP", "¥": "JPY"}
_SAME = {
    "%": "%|per ?cent",
    "points": "points?",
    "ratio": "x|times|-?fold",
    "days": "(?:trading )?days?|sessions?",
    "USD": "dollars?",
    "EUR": "euros?",
    "GBp": "pence",
}
_SIDE = re.compile(r"(?:^[\s\-•]*|[;,]\s+)(?P<side>support|resistance)\b", re.IGNORECASE)
_TOMORROW = re.compile(
    r"\b(?:next|following|coming)\s+(?:trading\s+)?(?:session|day)\b|\btomorrow", re.IGNORECASE
)
_LEVEL_ENDS = {"level_50": "q25|q75", "level_80": "q10|q90", "level_90": "q05|q95"}
_OF_DAY = re.compile(
    r"(?:q\d\d|p_rise|p_fall|(?:median|low|high|tail_\w+)_move|width|(?:var|shortfall)_\dpct)_(\d+)"
)
_CLOSED_ON = re.compile(
    r"\b(?:as of|last clos\w+|closed|closing price|finished|ended|settled at|last traded)\b"
    r"[^;:]{0,35}$",
    re.IGNORECASE,
)
_RESULTS_ON = re.compile(
    r"\b(?:results|earnings)\s+(?:(?:are|is|come)\s+)?(?:(?:due|expected)\s+)?on\s*$", re.IGNORECASE
)
_NEWS = re.compile(r"\bnews|headline|report(?:s|ed)\b|according|\bsaid|announc", re.IGNORECASE)
_NEAR = 70


@dataclass(frozen=True)
class Grounded:
    """Text with slots that may stand, and what was done to make it so."""

    sections: dict[str, str]
    struck: list[Flag] = field(default_factory=list)
    repaired: list[Repair] = field(default_factory=list)

    def account(self, facts: FactTable) -> Grounding:
        """Return every fact that is stated, and each claim that was struck."""
        references = tuple(
            Reference(section=name, text=written, fact=fact)
            for name, text in self.sections.items()
            for written, fact in pieces(text, facts)
            if fact is not None
        )
        return Grounding(
            checked=len(references) + len(self.struck),
            matched=len(references),
            struck=tuple(self.struck),
            repaired=tuple(self.repaired),
            references=references,
        )


def check(
    sections: Sections, facts: FactTable, stance: str | None = None, confidence: str | None = None
) -> list[Flag]:
    """Return what cannot stand; words on the stance count when ``stance`` is given."""
    checker = _Checker(facts, stance, str(confidence))
    return [flag for name, text in sections.items() for flag, _ in checker.flags(name, text)]


def ground(sections: Sections, facts: FactTable, stance: str, confidence: str) -> Grounded:
    """Mend the units around slots, and strike sentences until all that is left can stand."""
    checker = _Checker(facts, stance, confidence)
    repaired: list[Repair] = []
    struck: list[Flag] = []
    current = {name: _mended(name, text, facts, repaired) for name, text in sections.items()}
    for name in current:
        # what is struck changes what the next sentence follows, so look again
        while found := list(checker.flags(name, current[name])):
            struck += [flag for flag, _ in found]
            current[name] = _cut(current[name], {span for _, span in found})
    return Grounded(current, struck, repaired)


def describe(flags: Sequence[Flag]) -> list[str]:
    """Return each flag in a line that a critic can act on."""
    return [f"{f.section}: {f.text!r} in “{f.sentence}”: {f.why}" for f in flags]


class _Checker:
    """Checks texts against one fact table."""

    def __init__(self, facts: FactTable, stance: str | None, confidence: str) -> None:
        self._facts, self._stance, self._confidence = facts, stance, confidence
        windows = {found for name in facts for found in re.findall(r"_(\d+)d$", name)} | {"14"}
        # 7203.T is a name, and so is 3M
        own = "|".join(re.escape(name) for name in own_names(facts["ticker"].text))
        window = _WINDOW.format("|".join(sorted(windows)))
        self._allowed = re.compile(rf"(?<!\w)(?:{own})(?!\w)|{_TERMS}|{window}")

    def flags(self, name: str, text: str) -> Iterator[tuple[Flag, tuple[int, int]]]:
        """Yield what cannot stand, each with begin and end of its sentence."""
        template = Template(text)
        for start, words, kind, why in self._found(template):
            span = template.span_at(start)
            sentence = text[slice(*span)].strip()
            flag = Flag(section=name, text=words.strip(), sentence=sentence, kind=kind, why=why)
            yield flag, span

    def _found(self, template: Template) -> Iterator[Found]:
        yield from self._outside(template)
        for slot in template.slots:
            if why := self._misplaced(template, slot):
                yield slot.start, f"{{{slot.name}}}", "slot", why
        for begin, end in template.spans:
            if gives_orders(template.text[begin:end]):
                yield begin, template.text[begin:end], "order", "an instruction"
        plain = template.without_slots()
        for start, words, why in claims.opposites(plain, self._facts):
            yield start, words, "word", why
        if self._stance is not None:
            move = self._facts.number(f"median_move_{self._facts.end}")
            chosen = (self._stance, self._confidence)
            for start, words, why in claims.contradictions(plain, *chosen, move):
                yield start, words, "stance", why

    def _outside(self, template: Template) -> Iterator[Found]:
        """Yield what only a slot may say, hiding each kind before the next is looked for."""
        text = template.without_slots()
        for found in _QUOTED.finditer(text):
            if len(found.group().replace("\x00", "")) > _SHORTEST:
                yield found.start(), found.group(), "quote", "a quotation that is no fact"
                text = _hidden(text, found)
        for found in _ADDRESS.finditer(text):
            yield found.start(), found.group(), "address", "an address"
            text = _hidden(text, found)
        text = self._allowed.sub(lambda found: "\x00" * len(found.group()), text)
        for found in _DATE.finditer(text):
            yield found.start(), found.group(), "date", "a date outside of a slot"
            text = _hidden(text, found)
        for start, words, kind, why in names_in(text, template.spans):
            if not self._told_by_news(template, start, words):
                yield start, words, kind, why
            text = text[:start] + "\x00" * len(words) + text[start + len(words) :]
        for pattern, why in ((_DIGITS, "a figure"), (_NUMBER_WORD, "a number word")):
            for found in pattern.finditer(text):
                yield found.start(), found.group(), "number", f"{why} outside of a slot"
                text = _hidden(text, found)
        for start, sign in enumerate(text):
            if sign.isnumeric() and not sign.isdecimal():
                yield start, sign, "number", "a figure outside of a slot"

    def _told_by_news(self, template: Template, start: int, name: str) -> bool:
        """Whether a name stands in the news, in a sentence that speaks of the news."""
        near = template.around(template.span_at(start))
        word = re.compile(rf"(?<!\w){re.escape(name)}(?!\w)")
        return bool("{news_" in near or _NEWS.search(near)) and any(
            word.search(str(fact.value)) for key, fact in self._facts.items() if key[:5] == "news_"
        )

    def _misplaced(self, template: Template, slot: Slot) -> str | None:
        """Return why the fact of ``slot`` cannot stand there."""
        fact = self._facts.get(slot.name)
        if fact is None:
            return "no fact is called so"
        subject = subject_of(slot.name)
        if subject is None:
            return None
        if not subject.words.search(template.around(slot.sentence)):
            return "the sentence is not about it"
        said = direction(template.text, slot)
        if said and round(abs(fact.number), 1) and (said > 0) != (fact.number > 0):
            return "it has the other sign"
        rules = (self._unit, self._role, self._day, self._side, self._level, self._range)
        every = (rule(template, slot, fact) for rule in (*rules, _misdated))
        return next(filter(None, every), None)

    def _unit(self, template: Template, slot: Slot, fact: Fact) -> str | None:
        text = template.text
        behind = _UNIT.match(text, slot.end)
        if behind and fact.unit not in ("date", "count", "text") and not _is(behind["unit"], fact):
            return f"it is in {fact.unit}"
        front = text[max(slot.start - 2, 0) : slot.start]
        if front[-1:] in _SYMBOLS and _SYMBOLS[front[-1]] != fact.unit:
            return f"it is in {fact.unit}"
        signed = front[-1:] in ("-", "−", "+", "±") and front[:1] in ("", " ", "(", "\n")
        return "a sign in front of a slot" if signed and front != "- " else None

    def _role(self, template: Template, slot: Slot, fact: Fact) -> str | None:
        """The words right behind a slot, or in front of it, may be those of another fact."""
        text, begin = template.text, max(slot.sentence[0], slot.start - _NEAR)
        behind = text[slot.end : slot.sentence[1]]
        ids = next((ids for words, ids in AFTER if words.match(behind)), None)
        if ids is None:
            front = text[begin : slot.start]
            found = [(match.end(), ids) for words, ids in ROLES for match in words.finditer(front)]
            end, ids = max(found, key=lambda pair: pair[0], default=(0, None))
            ids = ids if self._reaches(front[end:]) else None
        if ids is None or not self._figure(slot.name) or ids.fullmatch(slot.name):
            return None
        return "the words around it are those of another fact"

    def _reaches(self, between: str) -> bool:
        """Say whether words still speak of the slot behind ``between``: another figure takes them,
        unless the two are the ends of a range."""
        # a colon right behind the words is a label's: "80% interval: 410.20 to 449.80 USD"
        rest = re.sub(r"^\s*(?:\([^)]*\))?\s*:", "", between)
        if re.search(r"[;:]|,\s(?:and|while|with|but)\b", rest):
            return False
        taken = [f for f in SLOT.finditer(rest) if f[1] in self._facts and self._figure(f[1])]
        return not taken or (len(taken) == 1 and bool(RANGE.fullmatch(rest[taken[0].end() :])))

    def _figure(self, name: str) -> bool:
        return self._facts[name].is_number and self._facts[name].unit != "days"

    def _day(self, template: Template, slot: Slot, fact: Fact) -> str | None:
        """A quantile is of the day that the words name: without one, of the last."""
        past = re.match(r"past_\d+", slot.name)
        near = SLOT.findall(template.text[slice(*slot.sentence)])
        told = {name[:6] for name in near if re.fullmatch(r"past_\d+_(?:date|end)", name)}
        if fact.is_number and (past or told):
            return None if past and past.group() in told else "of another report"
        ahead = _OF_DAY.fullmatch(slot.name)
        if ahead is None:
            return None
        around = template.around(slot.sentence)
        days = set(re.findall(r"\{target_(\d+)\}", template.text[slice(*slot.sentence)]))
        days = days or set(re.findall(r"\{target_(\d+)\}", around))
        if _TOMORROW.search(around):
            days.add("1")
        return None if ahead[1] in (days or {self._facts.end}) else "of another day"

    def _side(self, template: Template, slot: Slot, fact: Fact) -> str | None:
        """Support lies below the last close, resistance above."""
        front = template.text[slot.sentence[0] : slot.start]
        side = next(reversed(list(_SIDE.finditer(front))), None)
        if side is None or fact.unit != self._facts["last_close"].unit:
            return None
        ahead = fact.number - self._facts.number("last_close")
        fits = ahead > -0.005 if side["side"].lower() == "resistance" else ahead < 0.005
        return None if fits else "on the other side of the last close"

    def _level(self, template: Template, slot: Slot, fact: Fact) -> str | None:
        """An interval or a coverage is of the level that the sentence names, if it does."""
        near = set(SLOT.findall(template.text[slice(*slot.sentence)]))
        worst = re.fullmatch(r"(?:var|shortfall)_(\d)pct_\d+", slot.name)
        named = near & ({"level_1", "level_5"} if worst else set(_LEVEL_ENDS))
        covered = worst or re.fullmatch(r"(?:ledger_)?coverage_(\d+)", slot.name)
        if covered and named:
            return None if f"level_{covered[1]}" in named else "of another level"
        quantile = re.fullmatch(r"(q\d\d)_\d+", slot.name)
        if not (quantile and named and any(slot in pair for pair in template.ranges)):
            return None
        ends = "|".join(_LEVEL_ENDS[name] for name in named)
        return None if re.fullmatch(ends, quantile[1]) else "an end of another interval"

    def _range(self, template: Template, slot: Slot, fact: Fact) -> str | None:
        """A range runs upwards."""
        first = next((self._facts.get(a.name) for a, b in template.ranges if b == slot), None)
        falls = first and first.unit == fact.unit and fact.number < first.number
        return "a range that ends below its begin" if falls else None


def _misdated(template: Template, slot: Slot, fact: Fact) -> str | None:
    """The day of the close is the report's, and the day of results theirs."""
    if fact.unit != "date":
        return None
    front = template.text[max(slot.sentence[0], slot.start - 60) : slot.start]
    if _RESULTS_ON.search(front):
        told = slot.name.startswith(("results_", "news_"))
        return None if told else "not the day of the results"
    if _CLOSED_ON.search(front) and slot.name != "as_of" and slot.name[:5] != "past_":
        return "not the day of the report"
    return None


def _is(unit: str, fact: Fact) -> bool:
    """Say whether ``unit`` is how prose writes the fact's."""
    word = " ".join(unit.split())
    if fact.unit in CURRENCIES and currency_code(word) == fact.unit:
        return True
    return bool(re.fullmatch(_SAME.get(fact.unit, "(?!)"), word, re.IGNORECASE))


def _mended(name: str, text: str, facts: FactTable, repaired: list[Repair]) -> str:
    """Return ``text`` without a unit that stands beside a slot and in its fact: ``{vol_20d}%``."""
    for slot in reversed(Template(text).slots):
        fact = facts.get(slot.name)
        if fact is None or not fact.is_number or fact.unit in ("points", "ratio", "count"):
            continue
        behind = _UNIT.match(text, slot.end)
        end = behind.end() if behind and _is(behind["unit"], fact) else slot.end
        start = slot.start - (_SYMBOLS.get(text[slot.start - 1 : slot.start]) == fact.unit)
        if (start, end) != (slot.start, slot.end):
            became = text[slot.start : slot.end]
            repaired.append(Repair(section=name, text=text[start:end], became=became))
            text = text[:start] + became + text[end:]
    return text


def _hidden(text: str, found: re.Match[str]) -> str:
    return text[: found.start()] + "\x00" * len(found.group()) + text[found.end() :]


def _cut(text: str, spans: set[tuple[int, int]]) -> str:
    """Remove sentences, and the bullets that they leave empty."""
    for start, end in sorted(spans, reverse=True):
        newline = "\n" if "\n" in text[start:end] else ""
        text = text[:start].rstrip(" ") + newline + text[end:]
    lines = (line.rstrip() for line in text.split("\n"))
    return "\n".join(line for line in lines if line.strip(" -•*")).strip()
