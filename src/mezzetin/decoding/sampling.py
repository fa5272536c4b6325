"""Captions drawn at random: a captioner's step function in, ranked word sequences out.

Nucleus sampling (Holtzman et al. 2020, arXiv 1904.09751). What is drawn for an image depends on the seed and on the
image's key, never on its neighbours. Tensor names: B images, K samples an image, N = B * K, V words.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mezzetin.decoding.constraints import Constraints, Words, constraints_for, keep_sayable
from mezzetin.decoding.options import DecodingOptions
from mezzetin.decoding.step import FloatArray, Hypothesis, IntArray, Step
from mezzetin.vocabulary import END, START


class _Samples:
    """The captions of one image: the words so far of each, their log-probabilities, and the random numbers."""

    def __init__(self, options: DecodingOptions, key: int) -> None:
        self.words: list[Words] = [()] * options.samples
        self.logps: list[tuple[float, ...]] = [()] * options.samples
        self.going = [True] * options.samples
        random = np.random.default_rng([options.seed, key])
        # Drawn at once, so that no sample's luck hangs on the length of another.
        self.draws_PK = random.random((options.max_words + 1, options.samples))

    def add(self, word_K: IntArray, logp_KV: FloatArray) -> None:
        """Say one word further in each caption that goes on; a word of -1 gives the caption up."""
        for sample, word in enumerate(word_K.tolist()):
            if not self.going[sample]:
                continue
            if word < 0:
                self.words[sample], self.logps[sample] = (), ()
            else:
                self.logps[sample] = (*self.logps[sample], float(logp_KV[sample, word]))
            self.going[sample] = word >= 0 and word != END
            if self.going[sample]:
                self.words[sample] = (*self.words[sample], word)

    def ranked(self, length_penalty: float) -> list[Hypothesis]:
        """The different captions, likeliest first."""
        found = {w: Hypothesis(w, logps) for w, logps in zip(self.words, self.logps, strict=True) if logps}
        return sorted(found.values(), key=lambda h: -h.rank(length_penalty))


def sample(
    step: Step,
    memory: FloatArray,
    start_state: FloatArray,
    options: DecodingOptions,
    keys: Sequence[int],
    constraints: Constraints | None = None,
) -> list[list[Hypothesis]]:
    """Draw `options.samples` captions of each image.

    Args:
        step: the decoder.
        memory: what the encoder said, `[B, ...]`.
        start_state: the decoder's state before the first word, without the B and K axes.
        options: how many, top_p, temperature, seed and length bound.
        keys: a non-negative number for each image that stays with it in any batch, such as a digest.
        constraints: what `constraints_for` made of the options; needed where they name words.

    Returns the different captions of each image, ranked as a search ranks them.
    """
    constraints = constraints_for(options) if constraints is None else constraints
    images = [_Samples(options, key) for key in keys]
    active = np.arange(len(images))
    token_BK = np.full((len(images), options.samples), START, np.int64)
    state = np.broadcast_to(start_state, (*token_BK.shape, *start_state.shape)).astype(np.float32)
    for position in range(options.max_words + 1):
        if not len(active):
            break
        logp_BKV, state = step(token_BK, state, memory)
        keep_sayable(logp_BKV, constraints.never, first=position == 0, last=position == options.max_words)
        living = [images[i] for i in active]
        token_BK = _draw(living, logp_BKV, position, options, constraints)
        for image, tokens, logps_KV in zip(living, token_BK, logp_BKV, strict=True):
            image.add(tokens, logps_KV)
        left = np.array([any(image.going) for image in living])
        # What has ended or was given up is fed the end, which any decoder takes.
        active, token_BK = active[left], np.where(token_BK < 0, END, token_BK)[left]
        state, memory = state[left], memory[left]
    return [image.ranked(options.length_penalty) for image in images]


def nucleus(logp_NV: FloatArray, top_p: float, temperature: float) -> FloatArray:
    """The probabilities to draw from: those of the fewest likeliest words that together hold `top_p`, the rest 0.

    Equally likely words are in or out together. The sum is not 1; a row of -inf or NaN is all 0.
    """
    # Twice as exact as the model's numbers: of thousands of words the sums must not be off.
    scaled_NV = np.where(np.isnan(logp_NV), -np.inf, logp_NV).astype(np.float64) / temperature
    highest_N1 = scaled_NV.max(1, keepdims=True)
    odds_NV: FloatArray = np.exp(scaled_NV - np.where(np.isfinite(highest_N1), highest_N1, 0))
    if top_p < 1:
        sorted_NV = -np.sort(-odds_NV, 1)
        sums_NV = np.cumsum(sorted_NV, 1)
        # The word that reaches the share belongs to it, and so does the likeliest, whatever the share.
        count_N1 = (sums_NV - sorted_NV < top_p * sums_NV[:, -1:]).sum(1, keepdims=True)
        least_N1 = np.take_along_axis(sorted_NV, np.maximum(count_N1 - 1, 0), 1)
        odds_NV[odds_NV < least_N1] = 0
    return odds_NV


def _draw(
    living: list[_Samples],
    logp_BKV: FloatArray,
    position: int,
    options: DecodingOptions,
    constraints: Constraints,
) -> IntArray:
    """The next word of each sample; END for one that has ended, -1 where no word is possible."""
    going_BK = np.array([image.going for image in living])
    logp_NV = logp_BKV[going_BK]
    if constraints.yielding:
        # A sample has only itself: a constraint yields for each of them alone.
        histories = [[said] for image in living for said, going in zip(image.words, image.going, strict=True) if going]
        alone = np.ones((len(histories), 1), bool)
        constraints.apply(logp_NV[:, None], histories, alone, alone[:, 0])
    sums_NV = np.cumsum(nucleus(logp_NV, options.top_p, options.temperature), 1)
    draws_N = np.stack([image.draws_PK[position] for image in living])[going_BK]
    # In the order of the vocabulary, not of probability: nearly equal words may change places between batches.
    target_N = np.minimum(draws_N * sums_NV[:, -1], np.nextafter(sums_NV[:, -1], 0))
    chosen_N = (sums_NV > target_N[:, None]).argmax(1)
    token_BK = np.full(going_BK.shape, END)
    token_BK[going_BK] = np.where(sums_NV[:, -1] > 0, chosen_N, -1)
    return token_BK
