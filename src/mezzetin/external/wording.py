"""A service's words as one caption: a model that is asked for a sentence also writes headings, quotes and remarks.

Enters: text of any kind. Leaves: one line without control characters, at most 400 letters.
"""

from __future__ import annotations

import re
import unicodedata

LONGEST = 400
_THOUGHTS = re.compile(r"<think(?:ing)?>.*?(?:</think(?:ing)?>|\Z)", re.DOTALL | re.IGNORECASE)
_MARKUP = re.compile(r"\*\*|__|`+|^\s*(?:#{1,6}|[-*•>])\s+", re.MULTILINE)
_LABEL = re.compile(
    r"^\W*(?:caption|alt[ -]?text|description|answer|beschreibung|bildunterschrift|l[ée]gende)\W*:\s*", re.IGNORECASE
)
_QUOTES = {'"': '"', "“": "”", "„": "“", "«": "»", "'": "'", "‘": "’", "「": "」"}
_ABBREVIATION = re.compile(
    r"(?:^|[\s.(])(?:[A-ZÀ-Þ]|(?i:mr|mrs|ms|dr|prof|st|no|vs|etc|mt|jr|sr|ca|approx|bzw|z\.b|nr))\.$"
)
_END = re.compile(r"[.!?…]+[\"”’»)]*(?=\s+\S)|[。!?]+[」”]?")


def one_line(text: str) -> str:
    """Bring text to one line of printable characters, cut between words where it is too long."""
    printable = "".join(" " if unicodedata.category(letter)[0] in "CZ" else letter for letter in text)
    line = " ".join(printable.split())
    if len(line) <= LONGEST:
        return line
    return line[: LONGEST - 1].rpartition(" ")[0].rstrip(" ,;:") + "…" if " " in line[:LONGEST] else line[:LONGEST]


def one_sentence(text: str) -> str:
    """The first sentence of what a chat model answered, without its thoughts, headings, labels and quotes."""
    plain = _MARKUP.sub("", _THOUGHTS.sub("", text))
    lines = [one_line(line) for line in plain.splitlines()]
    # A line that ends in a colon announces the sentence: "Here is the caption:".
    said = next((line for line in lines if line and not line.endswith(":")), "")
    said = _unquoted(_LABEL.sub("", _unquoted(said)))
    for end in _END.finditer(said):
        if not _ABBREVIATION.search(said[: end.end()]):
            return _unquoted(said[: end.end()])
    return said


def _unquoted(text: str) -> str:
    if len(text) > 2 and _QUOTES.get(text[0]) == text[-1] and text[-1] not in text[1:-1]:
        return text[1:-1].strip()
    return text
