"""Meaning: sentences as vectors, without torch, by a sentence encoder found on this machine.

Enters: texts of any house. Leaves: unit vectors whose cosine says how much alike two texts are in meaning. The model is
none of ours and no dependency: it is looked for, and where there is none, whoever asks goes without and says so.
"""

from mezzetin.meaning.encoder import SentenceEncoder
from mezzetin.meaning.finding import find_sentences

__all__ = ["SentenceEncoder", "find_sentences"]
