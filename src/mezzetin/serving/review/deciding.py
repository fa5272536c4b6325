"""Decisions: a form's verb in, an `Outcome` out, which a page or a script tells its reader.

What a person saw has a version; where somebody was quicker nothing is written, and both texts are kept in view: theirs
and what was typed here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from mezzetin.alttext import HouseRules
from mezzetin.collection import history, people, texts
from mezzetin.collection.conflict import Conflict
from mezzetin.collection.opening import Collection, Reader
from mezzetin.collection.rows import Actor, Text
from mezzetin.errors import InputError
from mezzetin.serving.review.asked import number, words_of
from mezzetin.serving.review.cards import Card, Decided, card_of, shown
from mezzetin.serving.review.words import DONE

_PLAIN: dict[str, Callable[..., Text]] = {
    "approve": people.approve,
    "reject": people.reject,
    "delete": people.delete,
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a decision went: `said` in words, the card as it is now, and the status of the answer."""

    said: str
    card: Card
    status: int = 200
    code: str = "done"

    @property
    def change(self) -> int | None:
        """What takes it back."""
        return self.card.decided.change if self.card.decided else None


def decide(collection: Collection, rules: HouseRules, actor: Actor, text_id: int, fields: Mapping[str, str]) -> Outcome:
    """Do what a card's form asks for.

    Raises:
        InputError: there is no such text or verb, or the form is not whole.

    """
    before = card_of(collection, rules, text_id)
    verb, typed = _verb(fields, before.text)
    version = number(fields, "version")
    is_changed = typed is not None and typed != fields.get("shown", shown(before.text.text))
    if verb == "check":
        return Outcome("Checked, and not saved", card_of(collection, rules, text_id, typed), code="checked")
    if verb in ("reject", "delete") and is_changed:
        words = f"You have changed this text: save it, or put it back before you {verb} it"
        return _refused(collection, rules, text_id, typed, words, "unsaved")
    if verb == "approve" and is_changed:
        verb = "edit"
    if verb == "edit" and not is_changed and before.text.status not in ("rejected", "deleted"):
        return _refused(collection, rules, text_id, typed, "You have changed nothing: approve it, or change it", "same")
    try:
        if verb == "edit":
            done = people.edit(collection, actor, text_id, typed or "", version=version)
        else:
            done = _PLAIN[verb](collection, actor, text_id, version=version)
    except Conflict as conflict:
        return _overtaken(collection, rules, text_id, typed if is_changed else None, conflict)
    except InputError as error:
        return _refused(collection, rules, text_id, typed, str(error), "refused")
    return outcome(collection, rules, verb, done)


def write(collection: Collection, rules: HouseRules, actor: Actor, picture: int, fields: Mapping[str, str]) -> Outcome:
    """Keep a text of a person's own; raises as `decide` does."""
    typed = words_of(fields) or ""
    kind, lang = fields.get("kind", "alt"), fields.get("lang", "").strip()
    try:
        done = people.write(collection, actor, picture, typed, kind=kind, lang=lang)
    except Conflict as conflict:
        if conflict.current is None:
            raise
        return _overtaken(collection, rules, conflict.current.id, typed, conflict)
    return outcome(collection, rules, "write", done)


def undo(collection: Collection, rules: HouseRules, actor: Actor, change: int) -> Outcome:
    """Take a change back; raises as `decide` does."""
    try:
        done = history.undo(collection, actor, change)
    except Conflict as conflict:
        if conflict.current is None:
            raise
        return _overtaken(collection, rules, conflict.current.id, None, conflict)
    card = card_of(collection, rules, done.id)
    return Outcome("Undone: the text is as it was before", card, code="undone")


def outcome(reader: Reader, rules: HouseRules, verb: str, text: Text) -> Outcome:
    """What is told of a decision that was made."""
    change = change_of(reader, text)
    card = card_of(reader, rules, text.id)
    words = f"{DONE[verb]}: {_short(text.text) or 'no text is left here'}"
    if verb in ("edit", "write") and card.findings:
        words += f" ({len(card.findings)} to look at)"
    return Outcome(words, replace(card, decided=Decided(verb, change)))


def change_of(reader: Reader, text: Text) -> int:
    """The number of the change that made a text what it is."""
    row = reader.one("SELECT max(id) FROM history WHERE text_id = ? AND version = ?", (text.id, text.version))
    return int(row[0]) if row and row[0] else 0


def _verb(fields: Mapping[str, str], text: Text) -> tuple[str, str | None]:
    """What is asked for, and the words in the field; an alternative that is taken over is its own words."""
    verb, typed = fields.get("verb", ""), words_of(fields)
    if "take" in fields:
        taken = number(fields, "take")
        if taken >= len(text.alternatives):
            raise InputError("this alternative is not there any more: load the page again")
        words = text.alternatives[taken].text
        if typed is not None and typed != fields.get("shown", shown(text.text)):
            # What was typed would be lost.
            return "check", typed
        return "edit", words
    if verb not in ("edit", "check", *_PLAIN):
        raise InputError(f"{verb!r} is nothing that is done to a text: load the page again")
    return verb, typed


def _overtaken(
    collection: Collection, rules: HouseRules, text_id: int, typed: str | None, conflict: Conflict
) -> Outcome:
    card = card_of(collection, rules, text_id, typed)
    theirs = texts.get(collection, text_id)
    return Outcome(str(conflict), replace(card, theirs=theirs, trouble=str(conflict)), 409, "conflict")


def _refused(
    collection: Collection, rules: HouseRules, text_id: int, typed: str | None, words: str, code: str
) -> Outcome:
    card = card_of(collection, rules, text_id, typed)
    return Outcome(words, replace(card, trouble=words), 422, code)


def _short(text: str | None) -> str:
    return "" if text is None else text if len(text) <= 90 else f"{text[:89]}…"
