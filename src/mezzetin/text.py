"""Words: a caption becomes tokens, tokens become a sentence for people, left and right change places.

Enters: a caption as somebody wrote it. Leaves: lower-case tokens in the Penn Treebank's manner without its
punctuation marks, as the published captioning scores count them (PTBTokenizer of the Microsoft COCO caption
evaluation, Chen et al. 2015, arXiv 1504.00325).
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Callable, Sequence
from itertools import pairwise

TOKENISER = "ptb-py"
TUTORIAL = "tutorial"

# Marks that the COCO evaluation drops. Runs such as "?!" and the brackets' names are not among them there,
# because it drops "-LRB-" after lower-casing; scores are comparable only if we keep what it keeps.
_DROPPED = frozenset(["'", "`", '"', ".", "?", "!", ",", ":", "-", ";"])
_BRACKETS = {"(": "-lrb-", ")": "-rrb-", "[": "-lsb-", "]": "-rsb-", "{": "-lcb-", "}": "-rcb-"}
_QUOTES = str.maketrans({"‘": "'", "’": "'", "“": '"', "”": '"', "—": " - ", "–": " - ", "…": ".", "\u00ad": None})
_ABBREVIATIONS = (
    "mr mrs ms dr prof st ave blvd rd mt ft jr sr vs etc inc co corp ltd dept est rev gen sgt capt lt col "
    "gov sen rep hon jan feb aug sept oct nov dec mon tues wed thurs fri al"
).replace(" ", "|")
_PUNCTUATION = str.maketrans("", "", string.punctuation)
# Letters of any script, with the vowel signs and accents that Python's \w leaves out.
_W = r"[\w\u0300-\u036f\u0591-\u05bd\u064b-\u065f\u0670\u0900-\u0963\u0966-\u0dff\u0e31-\u0e4e\u200c\u200d]"
_CLITIC = rf"(?:s|m|d|re|ve|ll)(?!{_W})"
_TOKEN = re.compile(
    rf"""
      https?://\S+ | www\.[^\s,;]+ | [\w.+-]+@[\w-]+(?:\.[\w-]+)+
    | -(?:lrb|rrb|lsb|rsb|lcb|rcb)-
    | (?:{_ABBREVIATIONS})\.(?!{_W}) | no\.(?=\s*\d)                # abbreviations keep their stop
    | [^\W\d_](?:\.[^\W\d_])*\.(?!{_W})                             # initials: p. t.v. s.c.u.b.a.
    | (?:(?<!\S)[+-])?\d*(?:[.,:]\d+)+                              # .5 1,000.50 5:30
    | (?<!\S)[+-]\d+(?!{_W})
    | 'n' | '\d\ds?(?!{_W}) | '{_CLITIC} | n't(?!{_W})              # what leans on its neighbour
    | 't(?=(?:(?:is|was)(?!{_W}))|(?!{_W}))
    | can(?=not(?!{_W})) | (?:gon|wan)(?=na(?!{_W})) | got(?=ta(?!{_W})) | (?:gim|lem)(?=me(?!{_W}))
    | {_W}+?(?=n't(?!{_W}))
    | {_W}+(?:\.[^\W\d_]{_W}*)+                                     # avrovulcan.com
    | [^\W\d_]+'(?!{_CLITIC}|n')[^\W\d_]+(?!{_W})(?:-{_W}+)*        # o'clock
    | {_W}+(?:[-/]{_W}+)*
    | [?!]{{2,}} | \*+ | \S
    """,
    re.VERBOSE,
)

_LEANS_LEFT = frozenset(["'s", "'m", "'d", "'re", "'ve", "'ll", "n't", "%", "-rrb-", "-rsb-", "-rcb-"])
_LEANS_RIGHT = frozenset(["$", "#", "£", "€", "'t", "-lrb-", "-lsb-", "-lcb-"])
_ONE_WORD = frozenset([("can", "not"), ("gon", "na"), ("wan", "na"), ("got", "ta"), ("gim", "me"), ("lem", "me")])
_SHOWN = {name: sign for sign, name in _BRACKETS.items()}

_SIDES = re.compile(r"(?<![^\W_])(left|right)(?=$|\W|most|hand|side|ward|wing|field|y$|ies$)")
_OTHER_SIDE = {"left": "right", "right": "left"}
# "Left alone", "right behind" and "has left the room" name no side, unless a word such as "the" precedes.
_NO_SIDE_BEFORE = re.compile(
    "a|after|above|alone|alongside|an|away|before|behind|below|beside|inside|next|now|outside|over|the|through|where"
)
_SIDE_AFTER = re.compile(
    "at|bottom|cent(?:er|re)|far|from|her|his|its|look(?:s|ing)?|lower|my|on|our|the|their|to|top"
    "|turn(?:s|ing)?|upper|your"
)


def tokenise(caption: str) -> list[str]:
    """Split a caption into lower-case Penn Treebank tokens without punctuation marks.

    The text is brought to Unicode NFC and lower-cased first, so the result does not depend on case.
    """
    text = unicodedata.normalize("NFC", caption.lower()).translate(_QUOTES)
    tokens = (_BRACKETS.get(token, token) for token in _TOKEN.findall(text))
    return [token for token in tokens if token not in _DROPPED]


def clean_words(caption: str) -> list[str]:
    """Split a caption as the well-known tutorials on Flickr8k clean it, for models to be compared with theirs.

    Lower case; ASCII punctuation is removed, also inside words ("don't" is "dont"); words of one letter and words with
    anything but letters are dropped.
    """
    words = (word.translate(_PUNCTUATION) for word in caption.lower().split())
    return [word for word in words if len(word) > 1 and word.isalpha()]


#: How a caption becomes words, by the name that a vocabulary keeps.
TOKENISERS: dict[str, Callable[[str], list[str]]] = {TOKENISER: tokenise, TUTORIAL: clean_words}


def sentence(tokens: Sequence[str]) -> str:
    """Write tokens as a sentence for people; no tokens give the empty string.

    `tokenise` of the sentence gives the tokens again, for tokens that came from it: where the pleasant
    spelling would not ("the letter p" and a full stop would read as the initial "p."), words and stop are
    set apart.
    """
    tokens = list(tokens)
    if not tokens:
        return ""
    pleasant = _capitalised(_joined(tokens))
    if tokens[-1].endswith(("!", "?", ".")):
        candidates = [pleasant, f"{pleasant}."]
    else:
        candidates = [f"{pleasant}.", f"{pleasant} ."]
    apart = " ".join(tokens)
    candidates += [f"{_capitalised(apart)} .", f"{apart} ."]
    return next((text for text in candidates if tokenise(text) == tokens), candidates[0])


def mirror_words(tokens: Sequence[str]) -> list[str]:
    """Exchange left and right in the tokens of a caption whose picture is mirrored.

    Compounds follow ("leftmost", "right-handed", "left-to-right"). Words that merely contain the letters
    ("bright") stay, and so does what names no side ("left alone", "right behind"). Twice is the original.
    """
    mirrored = []
    for before, token, after in zip(["", *tokens], tokens, [*tokens[1:], ""], strict=False):
        names_side = _NO_SIDE_BEFORE.fullmatch(after) is None or _SIDE_AFTER.fullmatch(before)
        if names_side or token not in _OTHER_SIDE:
            token = _SIDES.sub(lambda found: _OTHER_SIDE[found[1]], token)
        mirrored.append(token)
    return mirrored


def _joined(tokens: Sequence[str]) -> str:
    text = _SHOWN.get(tokens[0], tokens[0])
    for before, token in pairwise(tokens):
        close = (
            token in _LEANS_LEFT or before in _LEANS_RIGHT or (before, token) in _ONE_WORD or token.strip("?!") == ""
        )
        text += ("" if close else " ") + _SHOWN.get(token, token)
    return text


def _capitalised(text: str) -> str:
    first = text[:1].upper()
    # Some letters have no capital of their own (ß); such a word stays as it is.
    return first + text[1:] if len(first) == 1 and first.lower() == text[0] else text
