"""Sight: what a bundle makes of a picture before and beside captions: features, vectors, what it looks at and expects.

Enters: pictures, and words to hold against them. Leaves: arrays. Tensor names carry their shape: B images, T words,
C channels, D dimensions. No torch.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mezzetin.bundle import Bundle
from mezzetin.captioner.opening import beside_the_graphs
from mezzetin.captioner.reading import Picture, at_hand
from mezzetin.decoding.scoring import word_log_probabilities
from mezzetin.decoding.step import FloatArray, IntArray
from mezzetin.errors import ImageError, InputError
from mezzetin.matching import Matcher
from mezzetin.novelty import FeatureSpace
from mezzetin.pixels import decode
from mezzetin.records import ItemError, ModelInfo
from mezzetin.sessions import open_session
from mezzetin.text import TOKENISERS
from mezzetin.vocabulary import START, UNKNOWN

Pixels = NDArray[np.uint8]
_GREY = 128
_MOST_WORDS = 40


class Sight:
    """A bundle's encoder and decoder, loaded; `threads` is what one call may use of the processor."""

    def __init__(self, bundle: Bundle, *, threads: int, max_pixels: int) -> None:
        self.bundle = bundle
        self.max_pixels = max_pixels
        self._preprocessing = bundle.preprocessing
        self._encoder = open_session(bundle, "encoder.onnx", threads)
        self._decoder = open_session(bundle, "decoder.onnx", threads)
        self._start_state = np.zeros(tuple(bundle.manifest["decoder"]["start_state"]), np.float32)
        self._nothing: FloatArray | None = None
        tensors = beside_the_graphs(bundle)
        self._space = FeatureSpace.read(tensors, bundle.manifest["novelty"])
        self.matcher = Matcher.read(tensors)

    @property
    def info(self) -> ModelInfo:
        """Name, version, signature and licence of the bundle."""
        return self.bundle.info

    def pixels(self, image: Picture) -> Pixels | ItemError:
        """Decode one picture as the encoder wants it, `[H, W, 3]`, or say why that can't be."""
        picture = at_hand(image)
        if isinstance(picture, ItemError):
            return picture
        try:
            return decode(picture, self._preprocessing, max_pixels=self.max_pixels)
        except ImageError as error:
            return ItemError(error.code, str(error))

    def gists(self, pixels_BHW3: Pixels) -> FloatArray:
        """The mean features `[B, C]` of decoded pictures: where they lie in the encoder's feature space."""
        (gist_BC,) = self._encoder.run(["gist"], {"pixels": pixels_BHW3})
        return np.asarray(gist_BC, np.float32)

    def unlike(self, pixels_BHW3: Pixels) -> FloatArray:
        """How unlike the training pictures decoded pictures are, 0..1 each, without captioning them."""
        return self._space.unlike(self.gists(pixels_BHW3))

    @property
    def space(self) -> str | None:
        """What vectors of this model can be compared with: those of the same space; None where it has none."""
        return None if self.matcher is None else f"picture:{self.info.signature}"

    def picture_vectors(self, images: Sequence[Picture]) -> list[FloatArray | ItemError]:
        """The unit vectors `[D]` of pictures in `space`, without captioning them, or why one has none.

        Raises:
            InputError: the bundle has no such space.
            EnvironmentProblem: a store refuses or does not answer.

        """
        if self.matcher is None:
            raise InputError(f"{self.bundle.folder} has not learned to match words and pictures: use another model")
        pictures = [self.pixels(image) for image in images]
        readable = [picture for picture in pictures if not isinstance(picture, ItemError)]
        vectors = iter(self.matcher.pictures(self.gists(np.stack(readable))) if readable else ())
        return [picture if isinstance(picture, ItemError) else next(vectors) for picture in pictures]

    def text_vector(self, text: str) -> FloatArray | None:
        """The unit vector `[D]` of a text in `space`; None without a space, or where the model knows no word of it."""
        words = self.bundle.vocabulary.encode(self._words(text))
        if self.matcher is None or all(word == UNKNOWN for word in words):
            return None
        return self.matcher.text(words)

    def unknown_words(self, text: str) -> tuple[str, ...]:
        """Which words of a text the model does not know, so that it can't look for them; each once."""
        words = self._words(text)
        numbers = self.bundle.vocabulary.encode(words)
        return tuple(dict.fromkeys(word for word, number in zip(words, numbers, strict=True) if number == UNKNOWN))

    def likelihood(self, images: Sequence[Picture], text: str) -> list[float | None]:
        """How much likelier each picture makes the text as a caption than a grey surface does, in nats a word.

        The mean of its words' log-probabilities, each given those before it; 0 where the picture adds nothing. Words
        that the model does not know (`unknown_words`) do not count, nor does what follows the fortieth. None where no
        word counts, and of a picture that can't be read. The pictures go through the model together: give a few at a
        time.

        Raises:
            EnvironmentProblem: a store refuses or does not answer.

        """
        words = self.bundle.vocabulary.encode(self._words(text)[:_MOST_WORDS])
        known = [place for place, word in enumerate(words) if word != UNKNOWN]
        if not known:
            return [None] * len(images)
        pictures = [self.pixels(image) for image in images]
        readable = [picture for picture in pictures if not isinstance(picture, ItemError)]
        if not readable:
            return [None] * len(images)
        if self._nothing is None:
            self._nothing = self._memory(np.full_like(readable[0], _GREY)[None])
        # The grey surface is the first of the pictures.
        memory = np.concatenate([self._nothing, self._memory(np.stack(readable))])
        likely_B = word_log_probabilities(self._step, memory, self._start_state, words)[:, known].mean(1)
        found = iter((likely_B[1:] - likely_B[0]).tolist())
        return [None if isinstance(picture, ItemError) else next(found) for picture in pictures]

    @property
    def attends(self) -> bool:
        """Whether the bundle's decoder has attention, so that `attend` has an answer."""
        return self.bundle.manifest["decoder"].get("grid") is not None

    def attend(self, image: Picture, words: Sequence[str]) -> FloatArray | None:
        """Where the model looks before it says each of these words: see `attend_pixels`.

        Raises:
            ImageError: the picture can't be read.
            EnvironmentProblem: a store refuses or does not answer.

        """
        if not self.attends:
            return None
        picture = self.pixels(image)
        if isinstance(picture, ItemError):
            raise ImageError(picture.code, picture.message)
        return self.attend_pixels(picture, words)

    def attend_pixels(self, picture_HW3: Pixels, words: Sequence[str]) -> FloatArray | None:
        """The same of a decoded picture: `[T, rows, columns]`, sums of 1; None where the decoder has no attention."""
        if not self.attends:
            return None
        memory = self._memory(picture_HW3[None])
        state, looks = self._start_state[None, None], []
        numbers = self.bundle.vocabulary.encode(words)
        for said in [START, *numbers][: len(numbers)]:
            asked = {"token": np.array([[said]]), "state": state, "memory": memory}
            state, look = self._decoder.run(["next_state", "attention"], asked)
            looks.append(look)
        return np.array(looks, np.float32).reshape(-1, *self.bundle.manifest["decoder"]["grid"])

    def _memory(self, pixels_BHW3: Pixels) -> FloatArray:
        (memory,) = self._encoder.run(["memory"], {"pixels": pixels_BHW3})
        return np.asarray(memory)

    def _step(self, token_BK: IntArray, state: FloatArray, memory: FloatArray) -> tuple[FloatArray, FloatArray]:
        logp_BKV, grown = self._decoder.run(
            ["log_probabilities", "next_state"], {"token": token_BK, "state": state, "memory": memory}
        )
        return logp_BKV, grown

    def _words(self, text: str) -> list[str]:
        return TOKENISERS[self.bundle.vocabulary.tokeniser](text)
