"""Objects: which things a caption names, and which of them no reference bears out.

Enters: tokens. Leaves: mentions and evidence as bit masks over the classes of `objects.txt`, and verdicts. In the
manner of CHAIR (Rohrbach et al., EMNLP 2018), with people's references in place of boxes, and with wider classes:
"animal" is borne out by "dog".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

from mezzetin.evaluation.colours import BASIC
from mezzetin.evaluation.lexicon import words
from mezzetin.evaluation.rates import Question, Verdict
from mezzetin.neutral.lexicon import ARTICLES, NUMBERS, POSSESSIVES

#: Kinds of objects, the headings of the lexicon, as a title has them.
KINDS = {"living": "people and animals", "clothing": "clothing", "things": "things", "places": "places"}
_LONGEST = 4
_PREPOSITIONS = (
    "on in of with from through over into off under near by at behind beside down up along past across for onto"
)
_ADJECTIVES = (
    "big large small little tall long short old wooden metal steel brick plastic stone concrete snowy sandy rocky "
    "grassy empty crowded wet muddy steep bright dark city tire rope water soccer tennis"
)
_BEFORE_A_NOUN = {
    *(ARTICLES | POSSESSIVES | BASIC.keys()),
    *words("the this these some several many another"),
    *NUMBERS,
    *words(_PREPOSITIONS),
    *words(_ADJECTIVES),
}
_LINE = re.compile(r"(?P<name>[\w-]+)(?: < (?P<wider>[\w, ]+))?: (?P<named>[^|]+?)(?: \| (?P<also>.+))?")


@dataclass(slots=True)
class Word:
    """What a word says, as bit masks of classes: those that it names, and all that it bears out.

    `kind` is one of `KINDS`; `verb` tells a word that names something only where it stands like a noun.
    """

    named: int = 0
    evident: int = 0
    kind: str = ""
    verb: bool = False


@dataclass(frozen=True, slots=True)
class Mention:
    """One thing that a caption names: its word, the classes of which one must be borne out, its kind."""

    word: str
    classes: int
    kind: str


@dataclass(frozen=True, slots=True)
class Objects:
    """What a caption says of objects: the things it names, and the classes that it bears out."""

    mentions: tuple[Mention, ...]
    evident: int


def objects_in(tokens: Sequence[str]) -> Objects:
    """Find the objects of a caption; words of the same class are one mention."""
    known = load_words()
    mentions: dict[int, Mention] = {}
    evident = 0
    for at, text in expressions(tokens):
        word = known[text]
        evident |= word.evident
        if word.named and not (word.verb and (at == 0 or tokens[at - 1] not in _BEFORE_A_NOUN)):
            mentions.setdefault(word.named, Mention(text, word.named, word.kind))
    for token in tokens:
        if "-" in token and token not in known:
            for part in token.split("-"):
                evident |= known[part].evident if part in known else 0
    return Objects(tuple(mentions.values()), evident)


def unfounded(said: Objects, theirs: Sequence[Objects]) -> list[Mention]:
    """Return what a caption names and none of its references bears out."""
    evident = 0
    for reference in theirs:
        evident |= reference.evident
    return [mention for mention in said.mentions if not mention.classes & evident]


_CLAUSE = "wider words count, and words that imply a thing; what nobody mentions may still be in the picture"
QUESTIONS = (
    Question(
        "objects",
        "Objects named that no reference names (CHAIR-i)",
        f"Of the different things that captions name, those that no reference of the picture names; {_CLAUSE}.",
    ),
    Question(
        "captions_with_objects",
        "Captions that name such an object (CHAIR-s)",
        "Of the captions that name anything, those that name at least one thing that no reference names.",
    ),
    *(
        Question(
            f"objects_{kind}",
            f"Of these: {title}",
            f"Of the {title} that captions name, those that no reference of the picture names.",
        )
        for kind, title in KINDS.items()
    ),
)


def judge_objects(said: Objects, theirs: Sequence[Objects]) -> tuple[Verdict, ...]:
    """Hold one caption against its references; verdicts in the order of `QUESTIONS`."""
    wrong = unfounded(said, theirs)
    named = len(said.mentions)
    parts = []
    for kind in KINDS:
        missed = sum(mention.kind == kind for mention in wrong)
        parts.append(Verdict(missed, sum(mention.kind == kind for mention in said.mentions), missed))
    total = Verdict(len(wrong), named, len(wrong))
    return (total, Verdict(bool(wrong), bool(named), len(wrong)), *parts)


def expressions(tokens: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Yield place and text of every known expression of a caption, the longest first where they overlap."""
    known, starts = load_words(), _starts()
    at = 0
    while at < len(tokens):
        step = 1
        for length in range(_LONGEST if tokens[at] in starts else 1, 0, -1):
            text = " ".join(tokens[at : at + length])
            if text in known and at + length <= len(tokens):
                yield at, text
                step = length
                break
        at += step


def words_under(name: str) -> frozenset[str]:
    """Return the single words that name a class or a narrower one."""
    places = {own: place for place, own in enumerate(load_classes())}
    wide = 0
    for own in places:
        if name == own or name in _all_wider(own):
            wide |= 1 << places[own]
    return frozenset(text for text, word in load_words().items() if word.named & wide and " " not in text)


@cache
def load_classes() -> Mapping[str, tuple[str, ...]]:
    """Read the classes of the lexicon, each with the next wider ones; a class's bit is its position."""
    return {name: wider for name, wider, *_ in _lines()}


@cache
def load_words() -> Mapping[str, Word]:
    """Read the words of the lexicon, plurals included; several words are joined by blanks."""
    places = {name: place for place, name in enumerate(load_classes())}
    known: dict[str, Word] = {}
    for name, _, kind, named, also in _lines():
        bit = 1 << places[name] if kind in KINDS else 0
        evident = bit
        for wider in _all_wider(name):
            evident |= 1 << places[wider]
        for form in named:
            for text in _forms(form.removesuffix("*")) if bit else [form.replace("_", " ")]:
                word = known.setdefault(text, Word(kind=kind))
                word.named |= bit
                word.evident |= evident if bit else 0
                word.verb |= form.endswith("*")
                word.kind = word.kind or kind
        for form in also:
            word = known.setdefault(form.replace("_", " "), Word())
            word.evident |= evident
    for word in known.values():
        word.named &= ~_wider_than(word.named)
    return known


def _wider_than(named: int) -> int:
    """The classes above those of a mask."""
    wider = 0
    for place, name in enumerate(load_classes()):
        if named >> place & 1:
            for above in _all_wider(name):
                wider |= 1 << list(load_classes()).index(above)
    return wider


@cache
def _starts() -> frozenset[str]:
    return frozenset(text.split()[0] for text in load_words() if " " in text)


def _all_wider(name: str) -> set[str]:
    found: set[str] = set()
    for wider in load_classes()[name]:
        found |= {wider} | _all_wider(wider)
    return found


def _lines() -> Iterator[tuple[str, tuple[str, ...], str, list[str], list[str]]]:
    """Each class: its name, the next wider ones, its kind, the words that name it, the words that imply it."""
    kind = ""
    text = resources.files("mezzetin.evaluation").joinpath("objects.txt").read_text(encoding="utf-8")
    for line in text.splitlines():
        if line.startswith("["):
            kind = line.strip("[]")
        elif line and not line.startswith("#"):
            found = _LINE.fullmatch(line)
            if found is None:
                raise ValueError(f"objects.txt: {line!r} is no class")
            wider = tuple((found["wider"] or "").replace(",", " ").split())
            yield found["name"], wider, kind, found["named"].split(), (found["also"] or "").split()


def _forms(form: str) -> list[str]:
    """A word and its regular plural."""
    word = form.replace("_", " ")
    if word.endswith(("s", "x", "ch", "sh")):
        return [word, f"{word}es"]
    if word.endswith("y") and word[-2:-1] not in "aeiou":
        return [word, f"{word[:-1]}ies"]
    return [word, f"{word}s"]
