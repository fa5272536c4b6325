"""What a search says of itself: which signal is missing, and how to get it."""

from __future__ import annotations

NO_SENTENCES = "no sentence model: texts are found by their words, not by their meaning; see docs/sentences.md"
NO_CAPTIONER = "no captioner: pictures are found by what is said of them alone"
NO_MATCHING = "this captioner has not learned to match words and pictures: found by what is said of them alone"

SLOWLY = "{:,} vectors are compared one by one: pip install 'mezzetin[search]' makes searches faster"


def missing_notes(sentences: bool, captioner: bool, matching: bool) -> list[str]:
    """What the reader should know of the models that are, or are not, there."""
    notes = [] if sentences else [NO_SENTENCES]
    if not captioner:
        return [*notes, NO_CAPTIONER]
    return notes if matching else [*notes, NO_MATCHING]


def state_notes(waiting: int, picture_vectors: int | None, compared: int = 0) -> list[str]:
    """The same of what the collection has: pictures whose texts have no vectors yet, no vectors of pictures, very many.

    `compared` is how many vectors are compared one by one for want of an extra.
    """
    notes = [SLOWLY.format(compared)] if compared else []
    if waiting:
        notes.append(f"the texts of {waiting:,} pictures are found by their words only until `mezzetin index` has run")
    if picture_vectors == 0:
        notes.append("no picture has a vector of this captioner: run `mezzetin index`")
    return notes
