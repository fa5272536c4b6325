"""Describing: decoded pictures through encoder, beam search over the decoder, and words.

Tensor names carry their shape: B images, K beams an image, C channels, D dimensions. No torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from hashlib import blake2b
from typing import cast

import numpy as np

from mezzetin.bundle import Bundle
from mezzetin.captioner.opening import default_options
from mezzetin.captioner.reading import Picture
from mezzetin.captioner.sight import Pixels, Sight
from mezzetin.confidence import Signals
from mezzetin.decoding.beam import beam_search
from mezzetin.decoding.constraints import constraints_for
from mezzetin.decoding.english import is_english
from mezzetin.decoding.options import DecodingOptions
from mezzetin.decoding.sampling import sample
from mezzetin.decoding.step import FloatArray, Hypothesis
from mezzetin.decoding.watching import WatchedStep
from mezzetin.errors import InputError
from mezzetin.gauge import Gauge
from mezzetin.matching import Matcher
from mezzetin.neutral import neutral_caption
from mezzetin.pixels import DEFAULT_MAX_PIXELS
from mezzetin.records import Alternative, Caption, ItemError, Token
from mezzetin.text import sentence


class BundleCaptioner(Sight):
    """A bundle that captions pictures; safe to call from several threads at once.

    `options` replace the bundle's decoding defaults; `alternatives` is how many further captions each picture
    gets, at most beam - 1 or samples - 1, and fewer where fewer are found; `threads` is what one call may use of
    the processor; a picture of more than `max_pixels` is refused; a caption of less than `min_confidence`, 0..1, is
    withheld: its item has the error `low_confidence` and no text.
    """

    def __init__(
        self,
        bundle: Bundle,
        *,
        options: DecodingOptions | None = None,
        alternatives: int = 0,
        threads: int = 1,
        max_pixels: int = DEFAULT_MAX_PIXELS,
        min_confidence: float | None = None,
    ) -> None:
        super().__init__(bundle, threads=threads, max_pixels=max_pixels)
        self.options = options or default_options(bundle)
        self.alternatives = alternatives
        self._constraints = constraints_for(self.options, bundle.vocabulary, bundle.language)
        if self.options.gender_neutral and not is_english(bundle.language):
            raise InputError(f"gender-neutral captions are English only, and this model writes {bundle.language!r}")
        self._gauge = Gauge(bundle, self._space, self.matcher, min_confidence)
        if self.options.match and self.matcher is None:
            raise InputError(f"{bundle.folder} has not learned to match words and pictures: leave match out")

    def caption(self, images: Sequence[Picture]) -> list[Caption]:
        """Caption encoded pictures (bytes, paths, addresses of stores, URLs): one result each, in order.

        Raises:
            InputError: a lone picture was given instead of a list.
            EnvironmentProblem: a store refuses or does not answer.

        """
        if isinstance(images, str | bytes):
            raise InputError("caption takes a list of pictures: caption([picture])")
        return self.caption_pixels([self.pixels(image) for image in images])

    def caption_pixels(self, pictures: Sequence[Pixels | ItemError]) -> list[Caption]:
        """Caption what `pixels` gave; an error passes through as an item of its own."""
        return [caption for caption, _, _ in self._told(pictures)]

    def measured(self, pictures: Sequence[Pixels | ItemError]) -> list[tuple[Caption, Signals | None]]:
        """The same, and with each caption what confidence in it is made of; None where there are no words."""
        return [(caption, signals) for caption, signals, _ in self._told(pictures)]

    def captioned(self, images: Sequence[Picture]) -> list[tuple[Caption, FloatArray | None]]:
        """Caption pictures as `caption` does, and give the vector of each in `space` from the same look at it.

        It is None of a picture that can't be read, and of all where the bundle has no such space.
        """
        return [(caption, vector) for caption, _, vector in self._told([self.pixels(image) for image in images])]

    def _told(self, pictures: Sequence[Pixels | ItemError]) -> list[tuple[Caption, Signals | None, FloatArray | None]]:
        readable = [picture for picture in pictures if not isinstance(picture, ItemError)]
        captions = iter(self._describe(np.stack(readable)) if readable else ())
        return [
            (Caption(None, self.bundle.language, self.info, error=picture), None, None)
            if isinstance(picture, ItemError)
            else next(captions)
            for picture in pictures
        ]

    def _describe(self, pixels_BHW3: Pixels) -> list[tuple[Caption, Signals | None, FloatArray | None]]:
        memory, gist_BC = self._encoder.run(["memory", "gist"], {"pixels": pixels_BHW3})
        step = WatchedStep(self._step, memory, self._start_state)
        if self.options.samples:
            # A picture's luck is its own: it depends on its pixels and the seed, not on the batch.
            keys = [int.from_bytes(blake2b(picture.tobytes(), digest_size=8).digest()) for picture in pixels_BHW3]
            ranked = sample(step, step.images, step.start, self.options, keys, self._constraints)
        else:
            ranked = beam_search(step, step.images, step.start, self.options, self._constraints)
        vectors_BD = None if self.matcher is None else self.matcher.pictures(gist_BC)
        if self.options.match and vectors_BD is not None:
            ranked = self._matched(ranked, vectors_BD)
        signals = self._gauge.signals([found[0] if found else None for found in ranked], step, gist_BC)
        vectors = [None] * len(ranked) if vectors_BD is None else list(vectors_BD)
        return [
            (self._caption(found, signal), signal, vector)
            for found, signal, vector in zip(ranked, signals, vectors, strict=True)
        ]

    def _matched(self, found: list[list[Hypothesis]], vectors_BD: FloatArray) -> list[list[Hypothesis]]:
        """Rank again: what fits the picture rises."""
        ranked, matcher = [], cast(Matcher, self.matcher)
        for hypotheses, picture_D in zip(found, vectors_BD, strict=True):
            fits = matcher.fit(picture_D, [hypothesis.words for hypothesis in hypotheses])
            ranks = [h.rank(self.options.length_penalty) for h in hypotheses] + self.options.match * fits
            ranked.append([hypotheses[place] for place in np.argsort(-ranks, kind="stable")])
        return ranked

    def _caption(self, ranked: list[Hypothesis], signals: Signals | None) -> Caption:
        if signals is None:
            silent = ItemError("no_caption", "the model found no words for this picture: use another model")
            return Caption(None, self.bundle.language, self.info, error=silent)
        vocabulary, best = self.bundle.vocabulary, ranked[0]
        words = vocabulary.decode(best.words)
        caption = Caption(
            text=sentence(words),
            language=self.bundle.language,
            model=self.info,
            confidence=self._gauge.confidence(signals),
            unlike_training=round(signals["unlike"], 4),
            tokens=tuple(
                Token(word, round(float(np.exp(logp)), 6))
                for word, logp in zip(words, best.log_probabilities, strict=False)
            ),
            alternatives=tuple(
                Alternative(sentence(vocabulary.decode(other.words)), round(other.log_probability, 4))
                for other in (ranked[1:] if self.options.gender_neutral else ranked[1 : 1 + self.alternatives])
            ),
        )
        if not self.options.gender_neutral:
            return self._gauge.told(caption)
        # Texts that differ in gender alone have become one.
        neutral = neutral_caption(caption)
        return self._gauge.told(replace(neutral, alternatives=neutral.alternatives[: self.alternatives]))
