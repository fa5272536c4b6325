"""WordPiece against the published tokeniser, on texts of every kind."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import BertWordPieceTokenizer

from mezzetin.errors import InputError
from mezzetin.meaning.wordpiece import WordPiece

# fmt: off
PIECES = [
    "[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "b", "##a", "##b", "man", "##ly",
    "bench", "i", "don", "'", "t", ",", "世", "e", "##e",
]
# fmt: on
SPOKEN = st.text(st.sampled_from("abeé,' \t世界\u200d\x00\u0301IİßA\ufffd")) | st.text().filter(
    lambda text: all(unicodedata.category(character) != "Cs" for character in text)
)


@pytest.fixture(scope="module")
def published() -> BertWordPieceTokenizer:
    found = BertWordPieceTokenizer({piece: number for number, piece in enumerate(PIECES)}, lowercase=True)
    found.enable_truncation(12)
    return found


@pytest.fixture(scope="module")
def place(published: BertWordPieceTokenizer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("wordpiece") / "tokenizer.json"
    published.save(str(path))
    return path


@pytest.fixture(scope="module")
def pieces(place: Path) -> WordPiece:
    return WordPiece.read(place, 12)


@given(text=SPOKEN)
def test_it_is_what_the_published_tokeniser_gives(
    pieces: WordPiece, published: BertWordPieceTokenizer, text: str
) -> None:
    assert pieces.numbers(text) == published.encode(text).ids


def test_pieces_from_the_left(pieces: WordPiece) -> None:
    numbers = pieces.numbers("Manly BENCH, zebra")
    assert [PIECES[number] for number in numbers] == ["[CLS]", "man", "##ly", "bench", ",", "[UNK]", "[SEP]"]


def test_a_long_text_is_cut_and_its_end_marked(place: Path) -> None:
    numbers = WordPiece.read(place, 5).numbers("a " * 1000)
    assert [PIECES[number] for number in numbers] == ["[CLS]", "a", "a", "a", "[SEP]"]


def test_marks_in_a_text_are_words(pieces: WordPiece) -> None:
    assert pieces.numbers("[SEP]").count(PIECES.index("[SEP]")) == 1


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff\xfe", b"{}", b'{"model": {"vocab": 3}, "normalizer": {}}'])
def test_what_is_no_tokeniser(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "tokenizer.json").write_bytes(content)
    with pytest.raises(InputError, match="fetch the model again"):
        WordPiece.read(tmp_path / "tokenizer.json", 12)


@pytest.mark.parametrize(
    ("part", "change"),
    [("model", {"type": "BPE"}), ("model", {"vocab": {"a": 1}}), ("normalizer", {"lowercase": False})],
)
def test_a_tokeniser_of_another_kind_is_refused(place: Path, tmp_path: Path, part: str, change: dict[str, Any]) -> None:
    content = json.loads(place.read_text("utf-8"))
    content[part] |= change
    (tmp_path / "tokenizer.json").write_text(json.dumps(content), "utf-8")
    with pytest.raises(InputError, match="use another model"):
        WordPiece.read(tmp_path / "tokenizer.json", 12)
