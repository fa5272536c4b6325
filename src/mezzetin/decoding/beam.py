"""The one beam search: a captioner's step function in, ranked word sequences out.

Tensor names carry their shape: B images, G groups an image, K beams a group, V words of the vocabulary; `...` is the
decoder's own. All images of a batch advance together; an image whose beams are decided leaves the batch. A group of
a diverse search is searched as an image of its own that listens to the groups before it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mezzetin.decoding.constraints import Constraints, constraints_for, keep_sayable
from mezzetin.decoding.options import DecodingOptions
from mezzetin.decoding.step import BoolArray, FloatArray, Hypothesis, IntArray, Step
from mezzetin.vocabulary import END, START

Places = NDArray[np.intp]

__all__ = ["DecodingOptions", "FloatArray", "Hypothesis", "IntArray", "Step", "beam_search"]


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
    step: Step,
    memory: FloatArray,
    start_state: FloatArray,
    options: DecodingOptions,
    constraints: Constraints | None = None,
) -> list[list[Hypothesis]]:
    """Search the best captions of each image.

    Args:
        step: the decoder.
        memory: what the encoder said, `[B, ...]`.
        start_state: the decoder's state before the first word, without the B and K axes.
        options: beam width, groups, length bound and ranking.
        constraints: what `constraints_for` made of the options; needed where they name words.

    Returns:
        For each image at most `options.beam` hypotheses, best first; none only where the model leaves no word
        possible (NaN, or a vocabulary without words).

    """
    search = _Search(len(memory), options, constraints_for(options) if constraints is None else constraints)
    memory = memory if search.groups == 1 else memory.repeat(search.groups, 0)
    active = np.arange(len(memory))
    token_BK = np.full((len(memory), 1), START, np.int64)
    totals_BK: FloatArray = np.zeros((len(memory), 1))
    state = np.broadcast_to(start_state, (len(memory), 1, *start_state.shape)).astype(np.float32)
    for position in range(options.max_words + 1):
        if not len(active):
            break
        logp_BKV, state = step(token_BK, state, memory)
        parent_BK, token_BK, totals_BK = search.advance(active, logp_BKV, totals_BK, position)
        # Whole rows are copied; take_along_axis would go number by number.
        state = state[np.arange(len(active))[:, None], parent_BK]
        living = search.living(active, totals_BK)
        if not living.all():
            active, token_BK, totals_BK = active[living], token_BK[living], totals_BK[living]
            state, memory = state[living], memory[living]
    return search.found()


class _Search:
    """All images of a search, a group of a diverse search being one of them; `options` are those of one group."""

    def __init__(self, images: int, options: DecodingOptions, constraints: Constraints) -> None:
        self.groups = options.groups
        self.options = replace(options, beam=options.beam // options.groups, groups=1)
        self.constraints = constraints
        self.images = [_Image(self.options.beam) for _ in range(images * options.groups)]

    def advance(
        self, active: Places, logp_BKV: FloatArray, totals_BK: FloatArray, position: int
    ) -> tuple[Places, IntArray, FloatArray]:
        """Take what the model said (it is altered): where each new beam comes from, its word, its score."""
        last = position == self.options.max_words
        keep_sayable(logp_BKV, self.constraints.never, first=position == 0, last=last)
        if self.constraints.yielding:
            # There is one beam before the first word.
            histories = [self.images[i].words[: totals_BK.shape[1]] for i in active]
            needy_B = np.array([not self.images[i].finished for i in active])
            self.constraints.apply(logp_BKV, histories, np.isfinite(totals_BK), needy_B)
        if self.groups == 1:
            return _extend(self.images, active, logp_BKV, totals_BK, self.options)
        return self._advance_in_turn(active, logp_BKV, totals_BK)

    def living(self, active: Places, totals_BK: FloatArray) -> BoolArray:
        """Which of the active images are not decided yet."""
        best = [(self.images[i], float(totals_BK[row].max())) for row, i in enumerate(active)]
        going = np.array([not image.decided(self.options, total) for image, total in best])
        return going & np.isfinite(totals_BK).any(1)

    def _advance_in_turn(
        self, active: Places, logp_BKV: FloatArray, totals_BK: FloatArray
    ) -> tuple[Places, IntArray, FloatArray]:
        """Group after group; each beam that says a word costs that word `diversity` in the groups that follow."""
        shape = (len(active), self.options.beam)
        parents, tokens, totals = np.zeros(shape, np.intp), np.full(shape, END), np.full(shape, -np.inf)
        malus_BV = np.zeros((len(self.images) // self.groups, logp_BKV.shape[-1]), np.float32)
        for group in range(self.groups):
            rows = np.flatnonzero(active % self.groups == group)
            if not len(rows):
                continue
            owners = active[rows] // self.groups
            parents[rows], tokens[rows], totals[rows] = _extend(
                self.images, active[rows], logp_BKV[rows], totals_BK[rows], self.options, malus_BV[owners]
            )
            # What is decided says no more; and to end is no word: captions may well be of one length.
            said = np.isfinite(totals[rows]) & self.living(active[rows], totals[rows])[:, None]
            row, slot = np.nonzero(said)
            np.add.at(malus_BV, (owners[row], tokens[rows][row, slot]), self.options.diversity)
        return parents, tokens, totals

    def found(self) -> list[list[Hypothesis]]:
        """The best hypotheses of each image; what several of its groups found is one."""
        penalty, found = self.options.length_penalty, []
        for at in range(0, len(self.images), self.groups):
            distinct: dict[tuple[int, ...], Hypothesis] = {}
            for group in self.images[at : at + self.groups]:
                for hypothesis in sorted(group.finished, key=lambda h: -h.rank(penalty))[: self.options.beam]:
                    distinct.setdefault(hypothesis.words, hypothesis)
            found.append(sorted(distinct.values(), key=lambda h: -h.rank(penalty)))
        return found


def _extend(
    images: list[_Image],
    active: Places,
    logp_BKV: FloatArray,
    totals_BK: FloatArray,
    options: DecodingOptions,
    malus_BV: FloatArray | None = None,
) -> tuple[Places, IntArray, FloatArray]:
    """Take the best continuations of each image; the ended ones are filed, the others are the new beams.

    `malus_BV` is taken off when candidates are compared; what they are filed with is the model's own.
    """
    beam, vocabulary = options.beam, logp_BKV.shape[-1]
    # Single precision is enough to choose by, and twice as fast over a whole vocabulary.
    scores_BKV = logp_BKV + totals_BK[:, :, None].astype(np.float32)
    compared_BKV = scores_BKV if malus_BV is None else scores_BKV - malus_BV[:, None]
    # At most `beam` of the candidates end (one for each parent), so twice as many always leave enough.
    best = _highest(compared_BKV.reshape(len(active), -1), 2 * beam)
    parents = np.zeros((len(active), beam), np.intp)
    tokens = np.full((len(active), beam), END, np.int64)
    totals = np.full((len(active), beam), -np.inf)
    for row, index in enumerate(active):
        image, words, logps, slot = images[index], [], [], 0
        for rank, candidate in enumerate(best[row]):
            parent, word = divmod(int(candidate), vocabulary)
            if slot == beam:
                break
            history = (*image.scores[parent], float(logp_BKV[row, parent, word]))
            if word == END:
                # An end counts only where it would have been kept: among the best `beam` candidates.
                if rank < beam:
                    image.finished.append(Hypothesis(image.words[parent], history))
                continue
            parents[row, slot], tokens[row, slot], totals[row, slot] = parent, word, scores_BKV[row, parent, word]
            words.append((*image.words[parent], word))
            logps.append(history)
            slot += 1
        image.words = words + [()] * (beam - slot)
        image.scores = logps + [()] * (beam - slot)
    return parents, tokens, totals


def _highest(scores_BN: FloatArray, wanted: int) -> list[Places]:
    """Where each row's highest numbers stand, best first, equal ones in order; fewer than `wanted` if -inf or NaN."""
    wanted = min(wanted, scores_BN.shape[1])
    least_B = np.partition(scores_BN, -wanted, axis=1)[:, -wanted]
    found = []
    for row, least in zip(scores_BN, least_B, strict=True):
        places = np.flatnonzero((row >= least) & (row > -np.inf))
        found.append(places[np.argsort(-row[places], kind="stable")][:wanted])
    return found
