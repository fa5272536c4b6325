"""Word vectors that others have learned: GloVe's text files, read as a stream.

Enters: a vocabulary and a file of one word and its numbers a line (Pennington, Socher and Manning 2014), plain, gzipped
or in a zip, with or without word2vec's line of counts at the top. Leaves: a row for every word of the vocabulary. Only
those rows are ever held, however large the file.

Tensor names: V words of the vocabulary, E numbers of a word's vector.
"""

from __future__ import annotations

import gzip
import io
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mezzetin.config import parse
from mezzetin.errors import RecipeError
from mezzetin.records import Progress
from mezzetin.training.decoders import Decoder
from mezzetin.training.decoders.transformer import TransformerDecoder
from mezzetin.training.recipe import DecoderRecipe, WordsRecipe
from mezzetin.vocabulary import PAD, SPECIAL, Vocabulary

REPORT_EVERY = 20_000
"""Lines."""
LONGEST_LINE = 1 << 20
_LFS = b"version https://git-lfs.github.com/spec/"
_BROKEN = (EOFError, zlib.error, zipfile.BadZipFile, gzip.BadGzipFile, RuntimeError, NotImplementedError)
"""What an archive raises that is cut short, damaged, locked, or packed in a way that Python can't read."""

Floats = NDArray[np.float32]
Report = Callable[[Progress], None]


@dataclass(frozen=True)
class WordVectors:
    """A vector for every word: those of the file, and for the rest some that look like them.

    `coverage` is what the bundle tells of it: the share of the vocabulary's words, and of all words of the training
    captions, that the file holds.
    """

    table_VE: Tensor
    coverage: dict[str, Any]


def word_vectors(
    vocabulary: Vocabulary, counts: Sequence[int], recipe: WordsRecipe, seed: int, report: Report
) -> WordVectors | None:
    """Read the vectors that a recipe names; None where it names none.

    `counts` says how often each number of the vocabulary occurs. A missing word gets numbers drawn with the mean and
    standard deviation of the known ones, the padding zeros.

    Raises:
        RecipeError: there is no such file, it is no file of word vectors, or it knows none of the words.

    """
    if recipe.glove is None:
        return None
    path = Path(recipe.glove)
    own = vocabulary.words[len(SPECIAL) :]
    found = read_glove(path, own, recipe.dimension, report)
    if not found:
        raise RecipeError(f"{path} knows none of the {len(own):,} words: is it of another language?")
    known_KE = np.stack(list(found.values()))
    random = np.random.default_rng(seed)
    table = random.normal(known_KE.mean(0), known_KE.std(0), (len(vocabulary), known_KE.shape[1])).astype(np.float32)
    table[PAD] = 0
    said = 0
    for number, word in enumerate(own, start=len(SPECIAL)):
        if word in found:
            table[number], said = found[word], said + counts[number]
    coverage = {
        "dimension": table.shape[1],
        "known_words": len(found),
        "words": round(len(found) / len(own), 4),
        "tokens": round(said / max(sum(counts), 1), 4),
    }
    note = f"{len(found):,} of {len(own):,} words have one, {coverage['tokens']:.1%} of all words in the captions"
    report(Progress("word vectors", len(own), len(own), note))
    return WordVectors(torch.from_numpy(table), coverage)


def with_width_of(vectors: WordVectors | None, recipe: DecoderRecipe) -> DecoderRecipe:
    """The decoder's recipe, its words as wide as the vectors; as it was where there are none.

    Raises:
        RecipeError: the recipe says another width, or the decoder can't have words of this one.

    """
    if vectors is None:
        return recipe
    width, plain = vectors.table_VE.shape[1], recipe.model_dump()
    # A decoder without a width for its words alone reads them at its own.
    key = "embedding" if "embedding" in plain else "width"
    chosen = key == "width" or key in recipe.model_fields_set
    if chosen and plain[key] != width:
        raise RecipeError(
            f"the word vectors have {width} numbers, decoder.{key} is {plain[key]}: make the two the same"
        )
    return parse(DecoderRecipe, {**plain, key: width}, "word vectors")


@torch.no_grad()
def give_words(decoder: Decoder, vectors: WordVectors, *, tuned: bool) -> None:
    """Let the decoder's words begin with these vectors, and keep them so where they are not `tuned`."""
    # The Transformer multiplies what it reads by the root of its width.
    scale = decoder.width**-0.5 if isinstance(decoder, TransformerDecoder) else 1.0
    decoder.words.weight.copy_(vectors.table_VE * scale)
    decoder.words.weight.requires_grad_(tuned)


def read_glove(path: Path, words: Sequence[str], dimension: int | None, report: Report) -> dict[str, Floats]:
    """The vectors of these words, in the words' order; of a zip the file whose vectors have `dimension` numbers.

    Raises:
        RecipeError: there is no such file, it is damaged, or a line is no word vector.

    """
    wanted, found = {word.encode(): word for word in words}, {}
    for number, word, vector in _rows(path, dimension, wanted.keys()):
        if len(vector) and wanted[word] not in found:
            found[wanted[word]] = vector
        if number % REPORT_EVERY == 0:
            report(Progress("read word vectors", number, None, f"{len(found):,} of {len(words):,} words"))
    return {word: found[word] for word in words if word in found}


def _rows(path: Path, dimension: int | None, wanted: Collection[bytes]) -> Iterator[tuple[int, bytes, Floats]]:
    """Number, word and vector of each line; an empty vector where the word is not wanted."""
    nothing, width = np.empty(0, np.float32), 0
    for number, line in enumerate(_lines(path, dimension), start=1):
        if number == 1:
            width = _width(line, path)
            if dimension not in (None, width):
                raise RecipeError(f"{path} has vectors of {width} numbers, not {dimension}: mend words.dimension")
            if _is_header(line):
                continue
        # Most lines are of no interest: finding their blanks is all that is done with them.
        word, _, rest = line.partition(b" ")
        vector = _vector(rest, width) if word in wanted else nothing
        if vector is None or (line.count(b" ") < width and line.strip()):
            raise RecipeError(_not_a_row(path, number, rest, width))
        yield number, word, vector
    if not width:
        raise RecipeError(f"{path} holds nothing: fetch it again")


def _vector(rest: bytes, width: int) -> Floats | None:
    """The numbers behind a word; none where they belong to words with blanks in them; None for a broken line."""
    parts = rest.split()
    try:
        vector = np.array(parts[-width:], np.float64).astype(np.float32)
    except ValueError:
        return None
    if len(vector) != width or not np.isfinite(vector).all():
        return None
    more = parts[:-width]
    if not more:
        return vector
    # ". . ." and "at name@domain.com" are words of GloVe's largest file; more numbers than there should be are none.
    return None if all(_is_number(part) for part in more) else np.empty(0, np.float32)


def _not_a_row(path: Path, number: int, rest: bytes, width: int) -> str:
    count = len(rest.split())
    what = f"{count} numbers instead of {width}" if count != width else "something that is no number"
    return f"{path}, line {number:,} has {what}: the file is damaged or was cut short, fetch it again"


def _line(stream: IO[bytes]) -> bytes:
    line = stream.readline(LONGEST_LINE)
    # fastText ends its lines with a blank; some write tabs.
    return line.rstrip().replace(b"\t", b" ") + b"\n" if line else line


def _width(first: bytes, path: Path) -> int:
    """How many numbers a vector has, by the first line."""
    if first.startswith(_LFS):
        raise RecipeError(f"{path} is a pointer of Git LFS, not the file itself: fetch it with `git lfs pull`")
    parts = first.split()
    if _is_header(first):
        return int(parts[1])
    if len(parts) < 3 or not all(_is_number(part) for part in parts[1:]):
        raise RecipeError(f"{path} is no file of word vectors: its first line is not a word and its numbers")
    return len(parts) - 1


def _is_header(first: bytes) -> bool:
    """Word2vec's text format begins with the number of words and the width."""
    parts = first.split()
    return len(parts) == 2 and all(part.isdigit() for part in parts)


def _is_number(part: bytes) -> bool:
    try:
        float(part)
    except ValueError:
        return False
    return True


def _lines(path: Path, dimension: int | None) -> Iterator[bytes]:
    """The lines inside a file, unpacked by what the file begins with and not by its name."""
    if not path.is_file():
        raise RecipeError(f"there is no file of word vectors {path}: name it with words.glove in the recipe")
    try:
        with ExitStack() as files:
            stream: Any = files.enter_context(path.open("rb"))
            begin = stream.read(4)
            stream.seek(0)
            if begin == b"PK\x03\x04":
                archive = files.enter_context(zipfile.ZipFile(stream))
                stream = io.BufferedReader(files.enter_context(archive.open(_member(archive, path, dimension))))
            elif begin.startswith(b"\x1f\x8b"):
                stream = io.BufferedReader(files.enter_context(gzip.open(stream)))
            while line := _line(stream):
                yield line
    except _BROKEN as error:
        raise RecipeError(
            f"{path} can't be unpacked ({error}): it is damaged or was cut short, fetch it again"
        ) from error
    except OSError as error:
        raise RecipeError(
            f"{path} can't be read ({error.strerror or error}): mend words.glove in the recipe"
        ) from error


def _member(archive: zipfile.ZipFile, path: Path, dimension: int | None) -> str:
    """The one file of a zip, or the one with vectors of that many numbers."""
    names = [entry.filename for entry in archive.infolist() if not entry.is_dir()]
    texts = [name for name in names if name.endswith((".txt", ".vec"))] or names
    if len(texts) == 1:
        return texts[0]
    widths = {}
    for name in texts:
        with archive.open(name) as stream:
            widths[name] = _width(_line(stream), Path(f"{path}/{name}"))
    chosen = [name for name in texts if widths[name] == dimension]
    if len(chosen) != 1:
        listed = ", ".join(f"{name} ({widths[name]})" for name in texts)
        raise RecipeError(f"{path} holds {listed or 'nothing'}: choose one with words.dimension in the recipe")
    return chosen[0]
