"""Cards: what is shown of one text of one picture, and of what stands beside it.

Enters: texts of a collection, and what somebody typed or did. Leaves: values for the templates.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from mezzetin.alttext import Finding, HouseRules, lint
from mezzetin.collection import pictures, texts
from mezzetin.collection.opening import Reader
from mezzetin.collection.queue import Item
from mezzetin.collection.rows import Picture, Text
from mezzetin.errors import InputError
from mezzetin.pages import visible
from mezzetin.serving.thumbnails.answering import picture_address as address_below


@dataclass(frozen=True, slots=True)
class Decided:
    """What was just done to a text: the verb, and the change that takes it back."""

    verb: str
    change: int


@dataclass(frozen=True, slots=True)
class Card:
    """A text with its picture, the other texts of the same kind, and what is to be looked at.

    `draft` is what somebody typed and has not saved; `theirs` what somebody else made of the text meanwhile, and
    `trouble` says so; `decided` closes the card.
    """

    text: Text
    picture: Picture
    others: Sequence[Text] = ()
    findings: Sequence[Finding] = ()
    draft: str | None = None
    theirs: Text | None = None
    trouble: str | None = None
    decided: Decided | None = None
    back: str = "/review"
    alone: bool = False

    @property
    def id(self) -> str:
        """The card's name in its page."""
        return f"t{self.text.id}"

    @property
    def words(self) -> str:
        """What stands in the field."""
        return (self.text.text or "") if self.draft is None else self.draft

    @property
    def offered(self) -> list[tuple[int, str]]:
        """What the captioner could also have said, by number."""
        seen = {self.text.text}
        return [
            (number, one.text) for number, one in enumerate(self.text.alternatives) if not _is_repeated(one.text, seen)
        ]

    @property
    def can_be_judged(self) -> bool:
        """Whether there is something to approve."""
        return self.text.text is not None and self.text.status not in ("approved", "edited", "rejected")


def _is_repeated(words: str, seen: set[str | None]) -> bool:
    if words in seen:
        return True
    seen.add(words)
    return False


def findings(rules: HouseRules, text: Text, picture: Picture, words: str | None = None) -> tuple[Finding, ...]:
    """What is to be looked at in a text, or in the words that somebody would put in its place."""
    if words is None and text.text is None:
        return ()
    own = words is not None and words != shown(text.text)
    return lint(
        (text.text or "") if words is None else words,
        rules=rules,
        language=text.lang,
        kind="description" if text.kind == "description" else "alt",
        title=picture.title,
        confidence=text.confidence if text.status == "machine" and not own else None,
    )


def card_of(reader: Reader, rules: HouseRules, text_id: int, draft: str | None = None) -> Card:
    """The card of one text.

    Raises:
        InputError: there is no such text.

    """
    text = texts.get(reader, text_id)
    picture = pictures.get(reader, text.picture_id) if text is not None else None
    if text is None or picture is None:
        raise InputError(f"there is no text {text_id} in this collection: it may have been forgotten")
    (card,) = cards(reader, rules, [Item(text, picture)])
    return replace(card, draft=draft, findings=findings(rules, text, picture, draft))


def cards(reader: Reader, rules: HouseRules, items: Sequence[Item], back: str = "/review") -> list[Card]:
    """The cards of a page of the queue."""
    beside = texts.of_pictures(reader, {item.picture.id for item in items})
    return [
        Card(
            item.text,
            item.picture,
            others=_others(item.text, beside[item.picture.id]),
            findings=findings(rules, item.text, item.picture),
            back=back,
        )
        for item in items
    ]


def _others(text: Text, beside: Iterable[Text]) -> list[Text]:
    """What else is said in the same language, the same kind first."""
    alike = [one for one in beside if one.id != text.id and one.lang == text.lang]
    return sorted(alike, key=lambda one: one.kind != text.kind)


@dataclass(frozen=True, slots=True)
class Group:
    """All texts of one kind in one language."""

    kind: str
    lang: str
    cards: list[Card] = field(default_factory=list)


def groups(rules: HouseRules, picture: Picture, found: Sequence[Text], back: str) -> list[Group]:
    """The texts of a picture, short ones first, each group with the one that counts first."""
    by_slot: dict[tuple[str, str], Group] = {}
    for text in found:
        group = by_slot.setdefault((text.kind, text.lang), Group(text.kind, text.lang))
        group.cards.append(
            Card(text, picture, findings=findings(rules, text, picture), back=back, alone=True),
        )
    return sorted(by_slot.values(), key=lambda group: (group.kind, group.lang))


def shown(text: str | None) -> str:
    """A text as its field shows it and a browser sends it back."""
    return str(visible(text or "")).replace("\r\n", "\n").replace("\r", "\n")


def picture_address(picture: Picture, size: str) -> str:
    """Where the small copy of a picture is."""
    return address_below("/review", picture, size)
