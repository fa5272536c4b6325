"""One image, bytes -> Caption, top to bottom: pixels, encoder, beam search over the decoder, words.

Tensor names carry their shape: B images, K beams an image, V words, C channels. No torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path
from typing import Unpack, cast

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open

from mezzetin.bundle import WEIGHTS, Bundle, find_bundle
from mezzetin.confidence import Signals
from mezzetin.decoding.beam import beam_search
from mezzetin.decoding.constraints import constraints_for
from mezzetin.decoding.english import is_english
from mezzetin.decoding.options import OPTION_NAMES, DecodingChanges, DecodingOptions
from mezzetin.decoding.sampling import sample
from mezzetin.decoding.step import FloatArray, Hypothesis, IntArray
from mezzetin.decoding.watching import WatchedStep
from mezzetin.errors import BundleError, FetchError, ImageError, InputError
from mezzetin.gauge import Gauge
from mezzetin.matching import PREFIX as MATCHING
from mezzetin.matching import Matcher
from mezzetin.neutral import neutral_caption
from mezzetin.novelty import PREFIX as NOVELTY
from mezzetin.novelty import FeatureSpace
from mezzetin.pixels import DEFAULT_MAX_PIXELS, decode
from mezzetin.records import Alternative, Caption, ItemError, ModelInfo, Token
from mezzetin.sessions import open_session
from mezzetin.storage.paths import Place
from mezzetin.text import sentence
from mezzetin.vocabulary import START

#: An encoded picture, where one lies, or why there is none.
Picture = bytes | str | Path | Place | ItemError


class BundleCaptioner:
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
        self.bundle = bundle
        self.options = options or default_options(bundle)
        self.alternatives = alternatives
        self.max_pixels = max_pixels
        self._constraints = constraints_for(self.options, bundle.vocabulary, bundle.language)
        if self.options.gender_neutral and not is_english(bundle.language):
            raise InputError(f"gender-neutral captions are English only, and this model writes {bundle.language!r}")
        self._preprocessing = bundle.preprocessing
        self._encoder = open_session(bundle, "encoder.onnx", threads)
        self._decoder = open_session(bundle, "decoder.onnx", threads)
        self._start_state = np.zeros(tuple(bundle.manifest["decoder"]["start_state"]), np.float32)
        tensors = _beside_the_graphs(bundle)
        self._space = FeatureSpace.read(tensors, bundle.manifest["novelty"])
        self.matcher = Matcher.read(tensors)
        self._gauge = Gauge(bundle, self._space, self.matcher, min_confidence)
        if self.options.match and self.matcher is None:
            raise InputError(f"{bundle.folder} has not learned to match words and pictures: leave match out")

    @property
    def info(self) -> ModelInfo:
        """Name, version, signature and licence of the bundle."""
        return self.bundle.info

    def caption(self, images: Sequence[Picture]) -> list[Caption]:
        """Caption encoded pictures (bytes, paths, addresses of stores, URLs): one result each, in order.

        Raises:
            InputError: a lone picture was given instead of a list.
            EnvironmentProblem: a store refuses or does not answer.

        """
        if isinstance(images, str | bytes):
            raise InputError("caption takes a list of pictures: caption([picture])")
        return self.caption_pixels([self.pixels(image) for image in images])

    def pixels(self, image: Picture) -> NDArray[np.uint8] | ItemError:
        """Decode one picture as the encoder wants it, `[H, W, 3]`, or say why that can't be."""
        picture = at_hand(image)
        if isinstance(picture, ItemError):
            return picture
        try:
            return decode(picture, self._preprocessing, max_pixels=self.max_pixels)
        except ImageError as error:
            return ItemError(error.code, str(error))

    def caption_pixels(self, pictures: Sequence[NDArray[np.uint8] | ItemError]) -> list[Caption]:
        """Caption what `pixels` gave; an error passes through as an item of its own."""
        return [caption for caption, _ in self.measured(pictures)]

    def measured(self, pictures: Sequence[NDArray[np.uint8] | ItemError]) -> list[tuple[Caption, Signals | None]]:
        """The same, and with each caption what confidence in it is made of; None where there are no words."""
        readable = [picture for picture in pictures if not isinstance(picture, ItemError)]
        captions = iter(self._describe(np.stack(readable)) if readable else ())
        return [
            (Caption(None, self.bundle.language, self.info, error=picture), None)
            if isinstance(picture, ItemError)
            else next(captions)
            for picture in pictures
        ]

    def attend(self, image: Picture, words: Sequence[str]) -> FloatArray | None:
        """Where the model looks before it says each of these words: `[T, rows, columns]` of the picture, sums of 1.

        None where the bundle's decoder has no attention.

        Raises:
            ImageError: the picture can't be read.
            EnvironmentProblem: a store refuses or does not answer.

        """
        grid = self.bundle.manifest["decoder"].get("grid")
        if grid is None:
            return None
        picture = self.pixels(image)
        if isinstance(picture, ItemError):
            raise ImageError(picture.code, picture.message)
        (memory,) = self._encoder.run(["memory"], {"pixels": picture[None]})
        state, looks = self._start_state[None, None], []
        numbers = self.bundle.vocabulary.encode(words)
        for said in [START, *numbers][: len(numbers)]:
            asked = {"token": np.array([[said]]), "state": state, "memory": memory}
            state, look = self._decoder.run(["next_state", "attention"], asked)
            looks.append(look)
        return np.array(looks, np.float32).reshape(-1, *grid)

    def gists(self, pixels_BHW3: NDArray[np.uint8]) -> FloatArray:
        """The mean features `[B, C]` of decoded pictures: where they lie in the encoder's feature space."""
        (gist_BC,) = self._encoder.run(["gist"], {"pixels": pixels_BHW3})
        return np.asarray(gist_BC, np.float32)

    def unlike(self, pixels_BHW3: NDArray[np.uint8]) -> FloatArray:
        """How unlike the training pictures decoded pictures are, 0..1 each, without captioning them."""
        return self._space.unlike(self.gists(pixels_BHW3))

    def _describe(self, pixels_BHW3: NDArray[np.uint8]) -> list[tuple[Caption, Signals | None]]:
        memory, gist_BC = self._encoder.run(["memory", "gist"], {"pixels": pixels_BHW3})
        step = WatchedStep(self._step, memory, self._start_state)
        if self.options.samples:
            # A picture's luck is its own: it depends on its pixels and the seed, not on the batch.
            keys = [int.from_bytes(blake2b(picture.tobytes(), digest_size=8).digest()) for picture in pixels_BHW3]
            ranked = sample(step, step.images, step.start, self.options, keys, self._constraints)
        else:
            ranked = beam_search(step, step.images, step.start, self.options, self._constraints)
        if self.options.match:
            ranked = self._matched(ranked, gist_BC)
        signals = self._gauge.signals([found[0] if found else None for found in ranked], step, gist_BC)
        return [(self._caption(*pair), pair[1]) for pair in zip(ranked, signals, strict=True)]

    def _matched(self, found: list[list[Hypothesis]], gist_BC: FloatArray) -> list[list[Hypothesis]]:
        """Rank again: what fits the picture rises."""
        ranked, matcher = [], cast(Matcher, self.matcher)
        for hypotheses, picture_D in zip(found, matcher.pictures(gist_BC), strict=True):
            fits = matcher.fit(picture_D, [hypothesis.words for hypothesis in hypotheses])
            ranks = [h.rank(self.options.length_penalty) for h in hypotheses] + self.options.match * fits
            ranked.append([hypotheses[place] for place in np.argsort(-ranks, kind="stable")])
        return ranked

    def _step(self, token_BK: IntArray, state: FloatArray, memory: FloatArray) -> tuple[FloatArray, FloatArray]:
        logp_BKV, grown = self._decoder.run(
            ["log_probabilities", "next_state"], {"token": token_BK, "state": state, "memory": memory}
        )
        return logp_BKV, grown

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


def load_captioner(
    model: str | Path | None = None,
    *,
    beam: int | None = None,
    alternatives: int = 0,
    threads: int = 1,
    max_pixels: int = DEFAULT_MAX_PIXELS,
    min_confidence: float | None = None,
    **decoding: Unpack[DecodingChanges],
) -> BundleCaptioner:
    """Open a captioner: a bundle's folder, or the bundled one when `model` is left out.

    `decoding` replaces defaults of the bundle by name: `no_repeat=3`, `avoid=["dog"]`, `gender_neutral=True`; see
    `DecodingOptions`. The beam that nobody asked for grows to hold alternatives and groups, and so do the samples.
    A caption of less than `min_confidence` becomes an item without text, whose error is `low_confidence`.

    Raises:
        BundleError: there is no bundle, it is incomplete or altered, or of a newer format.
        InputError: a value is out of range, two exclude each other, or `min_confidence` is asked of a bundle without a
            calibration.

    """
    bundle = find_bundle(model)
    options = default_options(bundle).adapted(decoding, beam=beam, captions=alternatives + 1)
    return BundleCaptioner(
        bundle,
        options=options,
        alternatives=alternatives,
        threads=threads,
        max_pixels=max_pixels,
        min_confidence=min_confidence,
    )


def default_options(bundle: Bundle) -> DecodingOptions:
    """The decoding that the bundle was trained to be used with.

    Raises:
        BundleError: it names an option or a value that this package does not know.

    """
    named = bundle.manifest["decoding"]
    unknown = sorted(set(named) - OPTION_NAMES)
    if unknown:
        raise BundleError(f"{bundle.folder} wants {unknown[0]!r} in its decoding: use a newer mezzetin")
    try:
        return DecodingOptions(**named)
    except InputError as error:
        raise BundleError(f"{bundle.folder} can't be decoded: {error}") from error


def at_hand(image: Picture) -> bytes | Path | ItemError:
    """Read a remote picture; a local path, bytes, and an error are passed on as they are.

    Raises:
        EnvironmentProblem: a store refuses or does not answer, so that the next picture would fare no better.

    """
    if isinstance(image, bytes | ItemError):
        return image
    try:
        place = Place.of(image)
        return Path(place.address.path) if place.is_local else place.read_bytes()
    except FetchError as error:
        return ItemError(error.code, str(error))
    except FileNotFoundError:
        return ItemError("missing", f"{image} is not there: check its name")
    except InputError as error:
        return ItemError("missing", str(error))


def _beside_the_graphs(bundle: Bundle) -> dict[str, NDArray[np.generic]]:
    """The arrays of the weights file that no graph refers to."""
    with safe_open(bundle.folder / WEIGHTS, framework="numpy") as weights:
        names = [name for name in weights.keys() if name.startswith((NOVELTY, MATCHING))]  # noqa: SIM118
        return {name: weights.get_tensor(name) for name in names}
