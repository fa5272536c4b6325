"""What a person typed, made into words to look up: any string at all is a query.

Enters: a string, of any length, with whatever in it. Leaves: a `Query`: plain text for the encoders, and an expression
for FTS5 in which every word is quoted, so that no character of the query is an operator.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

LONGEST = 1000
"""Letters of a query that are read; what follows is left out, and said so."""
_MOST_WORDS = 32
_WORD = re.compile(r"[^\W_]+", re.UNICODE)
_QUOTED = re.compile(r'"([^"]*)"|\u201c([^\u201d]*)\u201d|\u201e([^\u201c]*)\u201c')
_UNSEEN = frozenset({"Cc", "Cn", "Co", "Zl", "Zp"})
# Words that say little of a picture: a text need not hold them to match.
_SMALL_WORDS = """
a about above across after all along also am among an and any are around as at away be been before behind being
below beneath beside between both but by can could did do does down during each for from had has have he her here
him his how i if image in inside into is it its itself just like me my near nearby next no not of off on one onto
or other our out outside over painting photo photograph picture pictures she show showing shows so some
something than that the their them then there these they this those through to together toward towards under up
upon us very was we were what when where which while who whose with within without would you your
au aux ce ces dans de des du elle en est et il ils je la le les leur lui mais ne ou par pas pour qui sa se ses
sur un une
als am an auf aus bei das dem den der des die ein eine einem einen einer er es ihr im in ist mit sie sind um und
von vor wird zu zum zur
al con de del el en es la las lo los para por se su sus un una y
"""
_SMALL = frozenset(_SMALL_WORDS.split())


@dataclass(frozen=True, slots=True)
class Query:
    """A query: `text` is clean, `words` are those that a text must hold, `phrases` those that it must hold in a row.

    `cut` says that the query was longer than what is read of it.
    """

    text: str
    words: tuple[str, ...]
    phrases: tuple[str, ...]
    cut: bool

    @classmethod
    def of(cls, typed: str) -> Query:
        """Read what was typed."""
        cut = len(typed) > LONGEST
        text = cleaned(typed[:LONGEST])
        phrases = tuple(
            phrase for found in _QUOTED.finditer(text) if (phrase := " ".join(_WORD.findall("".join(_parts(found)))))
        )
        plain = " ".join(_QUOTED.sub(" ", text).split())
        every = list(dict.fromkeys(word.casefold() for word in _WORD.findall(plain)))
        telling = [word for word in every if word not in _SMALL] or ([] if phrases else every)
        spoken = " ".join(text.translate(dict.fromkeys(map(ord, '"\u201c\u201d\u201e'))).split())
        return cls(spoken, tuple(telling[:_MOST_WORDS]), phrases[:_MOST_WORDS], cut or len(telling) > _MOST_WORDS)

    def expression(self) -> str:
        """The FTS5 expression that every word and phrase matches; empty where there is none."""
        return " AND ".join(f'"{one}"' for one in (*self.words, *self.phrases))


def cleaned(text: str) -> str:
    """The text in NFC, without control characters and halves of characters, its white space made single."""
    whole = unicodedata.normalize("NFC", text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace"))
    kept = "".join(
        " " if unicodedata.category(letter) in ("Cc", "Cn", "Co", "Zl", "Zp") else letter for letter in whole
    )
    return " ".join(kept.replace("\ufffd", " ").split())


def _parts(found: re.Match[str]) -> list[str]:
    return [part for part in found.groups() if part is not None]
