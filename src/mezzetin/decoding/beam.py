"""The one beam search: a captioner's step function in, ranked word sequences out.

Tensor names carry their shape: B images, K beams an image, V words of the vocabulary; `...` is the decoder's own.
All images of a batch advance together; an image whose beams are decided leaves the batch. Nothing here knows
ONNX or torch: a step is any function over NumPy arrays.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mezzetin.vocabulary import END, PAD, START, UNKNOWN

FloatArray = NDArray[np.floating[Any]]
IntArray = NDArray[np.int64]


class Step(Protocol):
    """One word further: `token_BK, state_BK..., memory_B... -> log_probabilities_BKV, state_BK...`."""

    def __call__(self, token_BK: IntArray, state: FloatArray, memory: FloatArray, /) -> tuple[FloatArray, FloatArray]:
        """Return the natural log-probability of every next word, and the state after `token_BK`."""


@dataclass(frozen=True, slots=True)
class DecodingOptions:
    """How captions are searched for.

    `beam` hypotheses are kept an image (1 is greedy); `max_words` bounds a caption; hypotheses are ranked by
    log-probability / length ** `length_penalty`, the end counted as a word (Wu et al. 2016 without the 5).
    """

    beam: int = 3
    max_words: int = 20
    length_penalty: float = 0.7

    def describe(self) -> str:
        """A short text for score signatures."""
        return f"beam={self.beam}|max_words={self.max_words}|length_penalty={self.length_penalty:g}"


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """A finished word sequence: numbers without start and end, and each word's log-probability (nats).

    The last log-probability is that of ending there, so there is one more than there are words.
    """

    words: tuple[int, ...]
    log_probabilities: tuple[float, ...]

    @property
    def log_probability(self) -> float:
        """The sum over the words and the end."""
        return float(sum(self.log_probabilities))

    def rank(self, length_penalty: float) -> float:
        """What hypotheses of different length are ordered by; higher is better."""
        return float(self.log_probability / len(self.log_probabilities) ** length_penalty)


class _Image:
    """The beams of one image: finished hypotheses, and the words so far of the living ones."""

    def __init__(self, beam: int) -> None:
        self.finished: list[Hypothesis] = []
        self.words: list[tuple[int, ...]] = [()] * beam
        self.scores: list[tuple[float, ...]] = [()] * beam

    def decided(self, options: DecodingOptions, best_living: float) -> bool:
        """Whether no living beam can still enter the list of the best."""
        if len(self.finished) < options.beam:
            return False
        if options.beam == 1:
            return True  # greedy: where the end is likeliest, there it ends
        worst = sorted(h.rank(options.length_penalty) for h in self.finished)[-options.beam]
        # A living beam only loses log-probability, but a longer one is divided by more.
        attainable = best_living / float((options.max_words + 1) ** options.length_penalty)
        return attainable <= worst


def beam_search(
    step: Step, memory: FloatArray, start_state: FloatArray, options: DecodingOptions
) -> list[list[Hypothesis]]:
    """Search the best captions of each image.

    Args:
        step: the decoder.
        memory: what the encoder said, `[B, ...]`.
        start_state: the decoder's state before the first word, without the B and K axes.
        options: beam width, length bound and ranking.

    Returns:
        For each image at most `options.beam` hypotheses, best first; none only where the model leaves no word
        possible (NaN, or a vocabulary without words).

    """
    images = [_Image(options.beam) for _ in range(len(memory))]
    active = np.arange(len(memory))
    token_BK = np.full((len(memory), 1), START, np.int64)
    totals_BK: FloatArray = np.zeros((len(memory), 1))
    state = np.broadcast_to(start_state, (len(memory), 1, *start_state.shape)).astype(np.float32)
    for position in range(options.max_words + 1):
        if not len(active):
            break
        logp_BKV, state = step(token_BK, state, memory)
        _constrain(logp_BKV, first=position == 0, last=position == options.max_words)
        parent_BK, token_BK, totals_BK = _extend(images, active, logp_BKV, totals_BK, options)
        # Whole rows are copied; take_along_axis would go number by number.
        state = state[np.arange(len(active))[:, None], parent_BK]
        living = np.array([not images[i].decided(options, float(totals_BK[row].max())) for row, i in enumerate(active)])
        living &= np.isfinite(totals_BK).any(1)
        if not living.all():
            active, token_BK, totals_BK = active[living], token_BK[living], totals_BK[living]
            state, memory = state[living], memory[living]
    return [sorted(image.finished, key=lambda h: -h.rank(options.length_penalty))[: options.beam] for image in images]


def _constrain(logp_BKV: FloatArray, *, first: bool, last: bool) -> None:
    """Never say a reserved word; never an empty caption; at the length bound only the end is left."""
    logp_BKV[..., [PAD, START, UNKNOWN]] = -np.inf
    if first:
        logp_BKV[..., END] = -np.inf
    if last:
        logp_BKV[..., np.arange(logp_BKV.shape[-1]) != END] = -np.inf


def _extend(
    images: list[_Image],
    active: NDArray[np.intp],
    logp_BKV: FloatArray,
    totals_BK: FloatArray,
    options: DecodingOptions,
) -> tuple[NDArray[np.intp], IntArray, FloatArray]:
    """Take the best continuations of each image; the ended ones are filed, the others are the new beams."""
    beam, vocabulary = options.beam, logp_BKV.shape[-1]
    # Single precision is enough to choose by, and twice as fast over a whole vocabulary.
    scores_BN = (logp_BKV + totals_BK[:, :, None].astype(np.float32)).reshape(len(active), -1)
    # At most `beam` of the candidates end (one for each parent), so twice as many always leave enough.
    best = _highest(scores_BN, min(2 * beam, scores_BN.shape[1]))
    parents = np.zeros((len(active), beam), np.intp)
    tokens = np.full((len(active), beam), END, np.int64)
    totals = np.full((len(active), beam), -np.inf)
    for row, index in enumerate(active):
        image, words, logps, slot = images[index], [], [], 0
        for rank, candidate in enumerate(best[row]):
            parent, word = divmod(int(candidate), vocabulary)
            score = float(scores_BN[row, candidate])
            if slot == beam:
                break
            history = (*image.scores[parent], float(logp_BKV[row, parent, word]))
            if word == END:
                # An end counts only where it would have been kept: among the best `beam` candidates.
                if rank < beam:
                    image.finished.append(Hypothesis(image.words[parent], history))
                continue
            parents[row, slot], tokens[row, slot], totals[row, slot] = parent, word, score
            words.append((*image.words[parent], word))
            logps.append(history)
            slot += 1
        image.words = words + [()] * (beam - slot)
        image.scores = logps + [()] * (beam - slot)
    return parents, tokens, totals


def _highest(scores_BN: FloatArray, wanted: int) -> list[NDArray[np.intp]]:
    """Where each row's highest numbers stand, best first, equal ones in order; fewer than `wanted` if -inf or NaN."""
    least_B = np.partition(scores_BN, -wanted, axis=1)[:, -wanted]
    found = []
    for row, least in zip(scores_BN, least_B, strict=True):
        places = np.flatnonzero((row >= least) & (row > -np.inf))
        found.append(places[np.argsort(-row[places], kind="stable")][:wanted])
    return found
