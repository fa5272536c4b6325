"""GloVe's files, however they are packed: a row for every word, and one line that says what is wrong with a bad one."""

from __future__ import annotations

import gzip
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mezzetin.bundle import Bundle
from mezzetin.data.dataset import Dataset
from mezzetin.errors import RecipeError
from mezzetin.records import Progress
from mezzetin.training.decoders import DECODERS
from mezzetin.training.glove import WordVectors, give_words, read_glove, with_width_of, word_vectors
from mezzetin.training.model import CaptionModel
from mezzetin.training.recipe import DecoderRecipe, EncoderRecipe, Recipe, StageRecipe, WordsRecipe
from mezzetin.training.run import train_stages
from mezzetin.vocabulary import PAD, Vocabulary

WIDTH = 8
ROWS = {
    word: [round(0.1 * place + number, 2) for number in range(WIDTH)]
    for place, word in enumerate(["the", "dog", "ball"])
}


def silent(progress: Progress) -> None:
    pass


def text(rows: dict[str, list[float]] = ROWS, *, header: bool = False, end: str = "") -> bytes:
    lines = [f"{word} {' '.join(map(str, numbers))}{end}" for word, numbers in rows.items()]
    counts = [f"{len(rows)} {len(next(iter(rows.values())))}"] if header else []
    return ("\n".join([*counts, *lines]) + "\n").encode()


def packed(kind: str, folder: Path) -> Path:
    path = folder / "vectors"
    if kind == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("glove.8d.txt", text())
            archive.writestr("glove.3d.txt", text({"dog": [9, 9, 9]}))
    elif kind == "gzip":
        path.write_bytes(gzip.compress(text()))
    else:
        path.write_bytes(text(header=kind == "word2vec", end=" " if kind == "fasttext" else ""))
    return path


@pytest.mark.parametrize("kind", ["plain", "word2vec", "fasttext", "gzip", "zip"])
def test_the_words_that_are_wanted_are_read_however_the_file_is_packed(kind: str, tmp_path: Path) -> None:
    found = read_glove(packed(kind, tmp_path), ["ball", "cat", "dog"], WIDTH, silent)
    assert list(found) == ["ball", "dog"]
    for word, vector in found.items():
        assert vector == pytest.approx(ROWS[word])


def test_words_with_blanks_in_them_are_not_taken_for_others(tmp_path: Path) -> None:
    path = tmp_path / "glove.840B.txt"
    path.write_bytes(
        text({"the": [1.0] * WIDTH, ". . .": [2.0] * WIDTH, "dog name@domain.com": [3.0] * WIDTH}) + text()
    )
    found = read_glove(path, ["dog", ".", "the"], None, silent)
    assert found["dog"] == pytest.approx(ROWS["dog"])
    assert "." not in found
    # The first of two lines of a word counts, as GloVe's are sorted by frequency.
    assert found["the"] == pytest.approx([1.0] * WIDTH)


@given(
    st.dictionaries(
        st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=9),
        st.lists(st.floats(-9, 9, width=32), min_size=WIDTH, max_size=WIDTH),
        min_size=1,
        max_size=20,
    )
)
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, rows: dict[str, list[float]]) -> None:
    path = tmp_path_factory.mktemp("glove") / "glove.txt"
    path.write_bytes(text(rows))
    found = read_glove(path, list(rows), WIDTH, silent)
    assert {word: list(vector) for word, vector in found.items()} == rows


def damaged(folder: Path) -> dict[str, Path]:
    whole, zipped = text(), packed("zip", folder).read_bytes()
    contents = {
        "pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n",
        "page": b"<!doctype html>\n<html></html>\n",
        "empty": b"",
        "cut": whole[:-20],
        "short": whole.replace(b"ball 0.2 ", b"ball "),
        "long": whole.replace(b"dog ", b"dog 5 "),
        "letters": whole.replace(b"dog 0.1", b"dog zero"),
        "infinite": whole.replace(b"dog 0.1", b"dog nan"),
        "cut.zip": zipped[: len(zipped) // 2],
        "cut.gz": gzip.compress(whole)[:-30],
        "binary": b"3 8\nthe " + bytes(range(1, 33)) + b"dog " + bytes(64),
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return {name: folder / name for name in contents}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("pointer", "git lfs pull"),
        ("page", "no file of word vectors"),
        ("empty", "holds nothing"),
        ("cut", r"line 3 has \d numbers instead of 8"),
        ("short", "line 3 has 7 numbers instead of 8"),
        ("long", "line 2 has 9 numbers instead of 8"),
        ("letters", "line 2 has something that is no number"),
        ("infinite", "line 2 has something that is no number"),
        ("cut.zip", "can't be unpacked"),
        ("cut.gz", "can't be unpacked"),
        ("binary", "line 2 has"),
        ("none", "there is no file of word vectors"),
    ],
)
def test_a_bad_file_is_one_line(name: str, words: str, tmp_path: Path) -> None:
    path = damaged(tmp_path).get(name, tmp_path / "none")
    with pytest.raises(RecipeError, match=words) as caught:
        read_glove(path, ["the", "dog"], None, silent)
    assert "\n" not in str(caught.value)


def test_which_file_of_a_zip_is_meant_must_be_said(tmp_path: Path) -> None:
    path = packed("zip", tmp_path)
    with pytest.raises(RecipeError, match=r"glove.8d.txt \(8\), glove.3d.txt \(3\): choose one with words.dimension"):
        read_glove(path, ["dog"], None, silent)
    with pytest.raises(RecipeError, match="has vectors of 8 numbers, not 3"):
        read_glove(packed("plain", tmp_path), ["dog"], 3, silent)


@pytest.fixture
def vectors(tmp_path: Path) -> Callable[..., WordVectors]:
    def read(*words: str, counts: list[int], told: list[Progress] | None = None, seed: int = 0) -> WordVectors:
        recipe = WordsRecipe(glove=str(packed("plain", tmp_path)))
        report = silent if told is None else told.append
        made = word_vectors(Vocabulary(words, "ptb-py"), counts, recipe, seed, report)
        assert made is not None
        return made

    return read


def test_missing_words_are_drawn_like_the_known_ones_and_the_coverage_is_told(
    vectors: Callable[..., WordVectors],
) -> None:
    told: list[Progress] = []
    missing = [f"missing{number}" for number in range(2000)]
    counts = [0, 0, 0, 10, 60, 30, *[0] * 2000]
    made = vectors("dog", "ball", *missing, counts=counts, told=told)
    assert made.coverage == {"dimension": WIDTH, "known_words": 2, "words": 0.001, "tokens": 0.9}
    assert told[-1].note == "2 of 2,002 words have one, 90.0% of all words in the captions"
    table = made.table_VE.numpy()
    assert table[4] == pytest.approx(ROWS["dog"])
    assert not table[PAD].any()
    known = np.array([ROWS["dog"], ROWS["ball"]])
    assert table[6:].mean(0) == pytest.approx(known.mean(0), abs=0.01)
    assert table[6:].std(0) == pytest.approx(known.std(0), abs=0.01)
    assert torch.equal(vectors("dog", "ball", *missing, counts=counts).table_VE, made.table_VE)
    assert not torch.equal(vectors("dog", "ball", *missing, counts=counts, seed=1).table_VE, made.table_VE)


def test_a_file_that_knows_no_word_is_refused_and_none_named_is_none(vectors: Callable[..., WordVectors]) -> None:
    with pytest.raises(RecipeError, match="knows none of the 2 words"):
        vectors("hund", "katze", counts=[0] * 6)
    assert word_vectors(Vocabulary(["dog"], "ptb-py"), [0] * 5, WordsRecipe(), 0, silent) is None


def test_the_file_decides_how_wide_words_are(vectors: Callable[..., WordVectors]) -> None:
    made = vectors("dog", counts=[0] * 5)
    assert with_width_of(made, DecoderRecipe(kind="merge")).embedding == WIDTH
    assert with_width_of(None, DecoderRecipe(kind="merge")).embedding == 200
    with pytest.raises(RecipeError, match=r"decoder\.embedding is 50"):
        with_width_of(made, DecoderRecipe(kind="attention", embedding=50))
    with pytest.raises(RecipeError, match=r"decoder\.width is 256"):
        with_width_of(made, DecoderRecipe())


@pytest.mark.parametrize("kind", ["merge", "attention", "transformer"])
@torch.no_grad()
def test_a_decoder_reads_the_vectors_as_they_are(kind: str, vectors: Callable[..., WordVectors]) -> None:
    made = WordVectors(vectors("dog", counts=[0] * 5).table_VE.repeat(1, 2), {})
    recipe = with_width_of(
        made,
        DecoderRecipe.model_validate({"kind": kind, "width": 16} | ({"heads": 2} if kind == "transformer" else {})),
    )
    decoder = DECODERS[kind](recipe, 5, 6, 1)
    give_words(decoder, made, tuned=False)
    assert not decoder.words.weight.requires_grad
    embedded = decoder._embed(torch.tensor([4])) if kind == "transformer" else decoder.words(torch.tensor([4]))  # type: ignore[operator]
    assert torch.allclose(embedded[0], made.table_VE[4])


@pytest.mark.parametrize("tuned", [False, True])
def test_a_run_begins_with_the_vectors_and_tells_so(
    tuned: bool, scenes: Dataset, made: tuple[CaptionModel, Bundle], tmp_path: Path
) -> None:
    glove = tmp_path / "glove.txt"
    rows = np.random.default_rng(0).normal(size=(3, WIDTH)).astype(np.float16)
    glove.write_bytes(
        text({word: [float(n) for n in row] for word, row in zip(["a", "red", "the"], rows, strict=True)})
    )
    recipe = Recipe(
        encoder=EncoderRecipe(name=str(made[1].folder)),
        words=WordsRecipe(glove=str(glove), tuned=tuned),
        decoder=DecoderRecipe(kind="merge", width=16),
        stages=(StageRecipe(name="one", epochs=1, batch_images=8, average=0),),
    )
    bundle = train_stages(scenes, tmp_path / "run", recipe, start=None, report=silent)
    told = bundle.manifest["provenance"]["word_vectors"]
    assert told["dimension"] == WIDTH == bundle.manifest["training"]["recipe"]["decoder"]["embedding"]
    assert 0 < told["words"] < told["tokens"] < 1
    assert str(tmp_path) not in (bundle.folder / "bundle.json").read_text()
    glove.write_bytes(text())
    with pytest.raises(RecipeError, match="belongs to another run"):
        train_stages(scenes, tmp_path / "run", recipe, start=None, report=silent)
    words = torch.from_numpy(_words(bundle))
    number = bundle.vocabulary.encode(["a"])[0]
    same = torch.equal(words[number], torch.from_numpy(rows[0].astype(np.float32)))
    assert same is not tuned
    more = Recipe(stages=(StageRecipe(name="two", epochs=1, batch_images=8),))
    assert (
        train_stages(scenes, tmp_path / "more", more, start=bundle, report=silent).vocabulary.words
        == bundle.vocabulary.words
    )


def _words(bundle: Bundle) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    from safetensors.numpy import load_file

    return load_file(bundle.folder / "weights.safetensors")["decoder.words.weight"].astype(np.float32)
