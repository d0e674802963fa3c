"""Recognises text that gives orders to whoever writes the report (prompt injection).

English, French, German and Spanish, also where an order is split by characters that nobody sees,
spelled letter by letter, or written with letters of another alphabet that look the same. It keeps
no secret and proves nothing: what gets past it is still data in the prompt, and every figure of the
answer is checked.
"""

from __future__ import annotations

import re
import unicodedata

__all__ = ["gives_orders"]

#: Letters of Cyrillic, Greek and Latin, and what they look like.
_ALIKE = str.maketrans(
    "аеорсхуіјԁԛѕһѵԝгкмнтвьпαβειικνορτυχωγηıɩɑɡℓǀłøđΗΝΥ",
    "aeopcxyijdqshvwrkmhtbbnabeiikvoptuxwyniiaglllodHNY",
)
#: What takes no room, and is neither a format character nor an accent.
_UNSEEN = frozenset("\u115f\u1160\u2800")
#: Letters with the same sign between each two of them.
_SPELLED = re.compile(r"(?<!\w)\w([ .*_|-])\w(?:\1\w){2,60}(?!\w)")

_FORGET = (
    r"(?:ignore\w?|disregard|forget|override|bypass|oublie[rz]?|neglige[rz]?|ne ten(?:ez|ons) pas"
    r"|ne tiens pas|ignoriere?n?|vergiss|vergesst|vergessen sie|missachten?|ubergehen?|umgehen?"
    r"|ignor(?:a|ad|en)|olvid(?:a|e|en|ad)|omit[ae]|descart[ae]|no tengas?|no hagas?"
    r"|(?:haz|haga) caso omiso)"
)
_RULES = (
    r"(?:previous|prior|above|earlier|everything|instructions?|rules?|prompts?|facts?|guidelines?"
    r"|the (?:data|forecast)|consignes?|tout ce qui"
    r"|toutes les regles|(?:regles|directives) (?:precedentes|ci-dessus)"
    r"|anweisung(?:en)?|vorgaben|(?:vor(?:her)?ige|bisherige|obige|alle)[ns]? regeln"
    r"|alles (?:vor(?:her)?ige|bisherige|obige)|instruccion(?:es)?|indicaciones"
    r"|reglas anteriores|todas las reglas|todo lo)"
)
_BEFORE = (
    r"(?:^|[.!?:;,\"'()-] ?|\b(?:and|then|please|must|should|instead|always|only|just|now|et|puis"
    r"|maintenant|toujours|dois|devez|und|dann|bitte|jetzt|immer|musst|mussen sie|y|luego|ahora"
    r"|siempre|por favor|debes?) )"
)
_SAY = (
    r"(?:say|write|output|print|respond|reply|answer|repeat|state|set|mark|rate|report|recommend"
    r"|dis|dites|ecri(?:s|vez)|repond(?:s|ez)|affiche[rz]?|indique[rz]?|recommande[rz]?"
    r"|sag|sagen sie|schreibe?n?|antworten?|gib|geben sie|empfiehl|empfehlen sie|bewerten?"
    r"|di que|diga|escrib[ae]|respond[ae]|muestr[ae]|indi(?:ca|que)|recomi(?:enda|ende))"
)
_VERDICT = (
    r"(?:bullish|bearish|neutral|stance|confidence|verbatim|exactly|strong buy|haussier|baissier"
    r"|neutre|confiance|acheter|bullisch|barisch|zuversicht|kaufen|wortlich"
    r"|alcista|bajista|confianza|comprar|literalmente)"
)
_ORDERS = re.compile(
    rf"\b{_FORGET}\b.{{0,40}}\b{_RULES}\b"
    rf"|{_BEFORE}{_SAY}\b.{{0,30}}\b{_VERDICT}\b"
    r"|\b(?:system|developer) (?:prompt|message|instructions?)\b"
    r"|\b(?:message|prompt|instructions?) (?:du )?systeme\b|\bsystem(?:nachricht|anweisung)"
    r"|\b(?:mensaje|prompt|instrucciones) del sistema\b"
    r"|\b(?:you are now|pretend (?:to|that)|from now on|as an? (?:ai|language model|assistant)"
    r"|(?:tu es|vous etes) (?:maintenant|desormais)|(?:fais|faites) (?:semblant|comme si)"
    r"|(?:du bist|sie sind) (?:jetzt|nun|ab sofort)|tu so,? als|ahora eres|eres ahora|finge que)\b"
    r"|\bnew instructions?\b|\bnouvelles? (?:instructions?|consignes?) ?:"
    r"|\bneue anweisung(?:en)? ?:|\bnuevas? instruccion(?:es)? ?:"
    r"|\b(?:the|this|dear) (?:assistant|model|writer|analyst|critic|ai|llm) "
    r"(?:must|should|shall|has to|will)\b|\bl.assistant (?:doit|devrait)\b"
    r"|\bder assistent (?:muss|soll|sollte)\b|\bel asistente (?:debe|deberia|tiene que)\b"
    r"|\b(?:assistant|system|user|human|assistent|asistente|systeme|sistema) ?:"
    r"|<\||\[/?inst\]|```|\b(?:jailbreak|prompt injection)\b"
)


def gives_orders(text: str) -> bool:
    """Say whether ``text`` reads like an instruction to a writer; takes time linear in its length.

    Letter case, accents, line breaks and what cannot be seen make no difference.
    """
    # a few characters are written out as 18, which would hide nothing from a reader
    decomposed = unicodedata.normalize("NFKD", text)[: 3 * len(text)]
    seen = "".join(filter(_is_seen, decomposed))
    plain = seen.translate(_ALIKE).casefold().translate(_ALIKE)
    joined = _SPELLED.sub(lambda found: found.group()[::2], plain)
    return any(_ORDERS.search(" ".join(each.split())) for each in {plain, joined})


def _is_seen(character: str) -> bool:
    kind = unicodedata.category(character)
    hidden = kind in ("Cf", "Mn", "Me") or (kind == "Cc" and not character.isspace())
    return not hidden and character not in _UNSEEN
