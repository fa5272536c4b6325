"""The linter: a text in, what a person should look at out. Pure: no file, no model, no change of the text.

What it looks for is what the guidelines for alternative texts agree on: W3C's "alt decision tree" and WCAG 2.2
(1.1.1), the Cooper Hewitt guidelines for image description, and Museweb's for describing people. A "gender" or
"identity" word is no mistake: it says something about a person that a picture may not show, so somebody looks at it.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from mezzetin.alttext.findings import CODES, Finding, Severity
from mezzetin.alttext.house import HouseRules
from mezzetin.alttext.language import Wording, wording_of

Kind = Literal["alt", "description"]
_ERRORS = frozenset(["empty", "too_long", "file_name", "markup"])
_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
_FILE = re.compile(r"\b\S+\.(?:jpe?g|png|gif|tiff?|webp|bmp|svg)\b|\b(?:IMG|DSC[NF]?|P)_?\d{3,}\b", re.IGNORECASE)
_MARKUP = re.compile(r"<[A-Za-z/!][^>]*>|&(?:[a-z]+|#\d+);|\bhttps?://\S+|\bwww\.\S+")
_OF_A_CONTENT_WORD = 3
"""So many times one word that carries meaning is too often for a short text."""


@dataclass(frozen=True, slots=True)
class _Case:
    text: str
    words: tuple[re.Match[str], ...]
    wording: Wording
    house: HouseRules
    kind: Kind
    title: str | None
    confidence: float | None
    pictures: int


Found = tuple[str, int, int]


def lint(
    text: str,
    *,
    rules: HouseRules | None = None,
    language: str = "en",
    kind: Kind = "alt",
    title: str | None = None,
    confidence: float | None = None,
    pictures: int = 1,
) -> tuple[Finding, ...]:
    """Flag what a person should look at, in the order of the text.

    `language` is a BCP 47 tag: openings and words about people are known in some languages only, everything else in
    all. `confidence` (0..1) is the captioner's where no person has written or approved the text. So many
    `pictures` have the very same text.
    """
    house = rules or HouseRules()
    if not text.strip():
        return _told("empty", [(CODES["empty"], 0, len(text))], house)
    case = _Case(text, tuple(_WORD.finditer(text)), wording_of(language), house, kind, title, confidence, pictures)
    found = [finding for code, look in _LOOKS.items() for finding in _told(code, look(case), house)]
    return tuple(sorted(found, key=lambda finding: (finding.start, finding.end)))


def _told(code: str, found: Iterator[Found] | list[Found], house: HouseRules) -> tuple[Finding, ...]:
    if code in house.rules.off:
        return ()
    severity: Severity = "error" if code in _ERRORS else "look"
    return tuple(Finding(code, severity, *each) for each in found)


def _too_long(case: _Case) -> Iterator[Found]:
    most = getattr(case.house, case.kind).most
    if len(case.text) > most:
        yield f"{len(case.text)} characters, and {most} are the most", most, len(case.text)


def _long(case: _Case) -> Iterator[Found]:
    lengths = getattr(case.house, case.kind)
    if lengths.about < len(case.text) <= lengths.most:
        yield f"{len(case.text)} characters: {lengths.about} or fewer read better", lengths.about, len(case.text)


def _opening(case: _Case) -> Iterator[Found]:
    start = case.words[0].start() if case.words else 0
    said = _plain(case.text[start:])
    if any(_begins(said, allowed) for allowed in case.house.words.allowed):
        return
    for opening in (*case.house.words.openings, *case.wording.openings):
        if _begins(said, opening):
            shown = case.text[start : start + len(opening)]
            yield f'leave out "{shown}": a reader knows that it is a picture', start, start + len(opening)
            return


def _full_stop(case: _Case) -> Iterator[Found]:
    bare = case.text.rstrip().rstrip("\"'”’»)]")
    if bare and unicodedata.category(bare[-1]) != "Po":
        yield "end it with a full stop: a screen reader pauses there", len(bare) - 1, len(bare)


def _repetition(case: _Case) -> Iterator[Found]:
    said = [_plain(word.group()) for word in case.words]
    for at in range(1, len(said)):
        if said[at] == said[at - 1]:
            yield f'"{case.words[at].group()}" twice in a row', case.words[at - 1].start(), case.words[at].end()
    seen: set[tuple[str, ...]] = set()
    for at in range(len(said) - 2):
        three = tuple(said[at : at + 3])
        if three in seen:
            first, last = case.words[at], case.words[at + 2]
            yield f'"{case.text[first.start() : last.end()]}" twice', first.start(), last.end()
        seen.add(three)
    if case.kind == "alt":
        yield from _too_often(case, said)


def _too_often(case: _Case, said: list[str]) -> Iterator[Found]:
    counts = Counter(word for word in said if len(word) > 3 and word not in case.wording.small)
    for word, count in counts.items():
        if count >= _OF_A_CONTENT_WORD:
            last = max(at for at, other in enumerate(said) if other == word)
            yield f'"{word}" {count} times', case.words[last].start(), case.words[last].end()


def _title(case: _Case) -> Iterator[Found]:
    letters = [_plain(word.group()) for word in case.words]
    if case.title and letters and letters == [_plain(word) for word in _WORD.findall(case.title)]:
        yield "the title stands beside it already: say what is to be seen", 0, len(case.text)


def _same(case: _Case) -> Iterator[Found]:
    if case.pictures > 1:
        yield f"{case.pictures:,} pictures have this text: say what tells this one apart", 0, len(case.text)


def _unsure(case: _Case) -> Iterator[Found]:
    for words in case.wording.unsure:
        for start, end in _places(case.text, words):
            yield f'"{case.text[start:end]}": say what is to be seen, or leave it out', start, end


def _file_name(case: _Case) -> Iterator[Found]:
    for name in _FILE.finditer(case.text):
        yield f'"{name.group()}" is the name of a file', name.start(), name.end()


def _markup(case: _Case) -> Iterator[Found]:
    for part in _MARKUP.finditer(case.text):
        yield f'"{part.group()[:40]}" is read aloud as it stands', part.start(), part.end()
    for at, character in enumerate(case.text):
        # Joiners belong to the writing of some languages.
        if unicodedata.category(character) in ("Cc", "Cf", "Co", "Cs") and character not in "\u200c\u200d\u00ad":
            yield f"a character that can't be seen (U+{ord(character):04X})", at, at + 1


def _capitals(case: _Case) -> Iterator[Found]:
    long = [word for word in case.words if len(word.group()) > 3]
    if len(long) >= 2 and all(word.group().isupper() for word in long):
        yield "write it in small letters", case.words[0].start(), case.words[-1].end()


def _instead(case: _Case) -> Iterator[Found]:
    for word, better in case.house.words.instead.items():
        for place in _places(case.text, word):
            yield f'say "{better}" here', *place


def _gender(case: _Case) -> Iterator[Found]:
    for word in case.words:
        if _plain(word.group()) in case.wording.gender and not _is_allowed(case, word.group()):
            yield f'can the picture show that "{word.group()}" is right?', word.start(), word.end()


def _identity(case: _Case) -> Iterator[Found]:
    for words in case.wording.identity:
        if not _is_allowed(case, words):
            for start, end in _places(case.text, words):
                yield f'can the picture show that "{case.text[start:end]}" is right, and does it matter?', start, end
    said = [_plain(word.group()) for word in case.words]
    for at, word in enumerate(said[:-1]):
        # "A black man" is about somebody, "a black dog" is not.
        if word in case.wording.looks and said[at + 1] in case.wording.people and not _is_allowed(case, word):
            here = case.words[at]
            yield f'"{here.group()}" is about somebody\'s looks: does it matter?', here.start(), here.end()


def _low_confidence(case: _Case) -> Iterator[Found]:
    least = case.house.rules.min_confidence
    if case.confidence is not None and case.confidence < least:
        yield f"the captioner trusts it {case.confidence:.2f}, below {least:.2f}", 0, len(case.text)


def _is_allowed(case: _Case, word: str) -> bool:
    return any(_plain(word) == _plain(allowed) for allowed in case.house.words.allowed)


def _places(text: str, words: str) -> Iterator[tuple[int, int]]:
    for place in re.finditer(rf"(?<!\w){re.escape(words)}(?!\w)", text, re.IGNORECASE):
        yield place.span()


def _begins(said: str, opening: str) -> bool:
    wanted = _plain(opening)
    # "Imagery" is no "image", but "photo d'un banc" begins with "photo d'".
    return said.startswith(wanted) and not (wanted[-1].isalnum() and said[len(wanted) : len(wanted) + 1].isalnum())


def _plain(text: str) -> str:
    return text.lower().replace("’", "'")


_LOOKS: dict[str, Callable[[_Case], Iterator[Found]]] = {
    "too_long": _too_long,
    "long": _long,
    "opening": _opening,
    "full_stop": _full_stop,
    "repetition": _repetition,
    "title": _title,
    "same": _same,
    "unsure": _unsure,
    "file_name": _file_name,
    "markup": _markup,
    "capitals": _capitals,
    "instead": _instead,
    "gender": _gender,
    "identity": _identity,
    "low_confidence": _low_confidence,
}
