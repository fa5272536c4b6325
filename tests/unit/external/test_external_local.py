"""Real models of `transformers`, tiny and untrained, made here: their words mean nothing, their road is real."""

from __future__ import annotations

import os
import string
from pathlib import Path
from typing import Any

import pytest

from mezzetin.external import external_captioner

transformers: Any = pytest.importorskip("transformers", reason="mezzetin[external] is not installed")
pytest.importorskip("torch", reason="mezzetin[train] is not installed")

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "man", "dog", "on", "the", "bench", "runs", "red", "is"]


def tokenizer(folder: Path) -> Any:
    folder.mkdir(exist_ok=True)
    words = [*WORDS, *string.ascii_lowercase[1:]]
    (folder / "vocab.txt").write_text("\n".join(words))
    return transformers.BertTokenizer(str(folder / "vocab.txt"))


def save(folder: Path, model: Any, processor: Any) -> Path:
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def blip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    transformers.set_seed(0)
    folder = tmp_path_factory.mktemp("blip")
    words = tokenizer(folder)
    size = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    marks = {"bos_token_id": 2, "sep_token_id": 3, "eos_token_id": 3, "pad_token_id": 0}
    text = {**size, **marks, "vocab_size": len(words), "encoder_hidden_size": 16, "projection_dim": 16}
    vision = {**size, "image_size": 32, "patch_size": 16, "projection_dim": 16}
    config = transformers.BlipConfig(text_config=text, vision_config=vision, projection_dim=16)
    pixels = transformers.BlipImageProcessor(size={"height": 32, "width": 32})
    model = transformers.BlipForConditionalGeneration(config)
    return save(folder, model, transformers.BlipProcessor(pixels, words))


@pytest.fixture(scope="module")
def git(tmp_path_factory: pytest.TempPathFactory) -> Path:
    transformers.set_seed(0)
    folder = tmp_path_factory.mktemp("git")
    words = tokenizer(folder)
    size = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    vision = {**size, "image_size": 32, "patch_size": 16}
    marks = {"bos_token_id": 2, "eos_token_id": 3, "pad_token_id": 0}
    config = transformers.GitConfig(vision_config=vision, vocab_size=len(words), **size, **marks)
    pixels = transformers.CLIPImageProcessor(
        size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}, do_center_crop=True
    )
    return save(folder, transformers.GitForCausalLM(config), transformers.GitProcessor(pixels, words))


@pytest.mark.parametrize("kind", ["blip", "git"])
def test_a_model_of_this_machine_captions(kind: str, photograph: bytes, request: pytest.FixtureRequest) -> None:
    folder = request.getfixturevalue(kind)
    table = {"kind": "transformers_local", "model": str(folder), "download": False, "max_tokens": 6}
    with external_captioner(kind, {kind: table}) as captioner:
        first, broken, again = captioner.caption([photograph, b"no picture", photograph], restricted=[True] * 3)
        usage = captioner.usage
    assert first.error is None, first.error
    # Nothing leaves the machine, so that a restricted picture is captioned as well.
    assert first.text and first.text == again.text and first.confidence is None
    assert set(first.text.replace("#", "").split()) <= set(WORDS) | set(string.ascii_lowercase)
    assert broken.error is not None and broken.error.code == "unreadable"
    assert usage.captions == 2 and usage.cost == 0


def test_a_model_that_is_not_at_hand(photograph: bytes) -> None:
    table = {"model": "nobody/no-such-captioner", "download": False}
    with external_captioner("transformers_local", {"transformers_local": table}) as captioner:
        rows = captioner.caption([photograph] * 3)
    for row in rows:
        assert row.error is not None and row.error.code == "unavailable"
        assert "hf download nobody/no-such-captioner" in row.error.message and "\n" not in row.error.message


def test_a_pickle_is_not_read(blip: Path, tmp_path: Path, photograph: bytes) -> None:
    for file in blip.iterdir():
        if file.suffix != ".safetensors":
            os.link(file, tmp_path / file.name)
    (tmp_path / "pytorch_model.bin").write_bytes(b"cos\nsystem\n(S'exit 7'\ntR.")
    table = {"model": str(tmp_path), "download": False}
    with external_captioner("transformers_local", {"transformers_local": table}) as captioner:
        (row,) = captioner.caption([photograph])
    assert row.error is not None and "safetensors" in row.error.message


def test_a_model_that_does_not_caption(tmp_path: Path, photograph: bytes) -> None:
    words = tokenizer(tmp_path)
    config = transformers.BertConfig(
        vocab_size=len(words), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16
    )
    save(tmp_path, transformers.BertModel(config), words)
    table = {"model": str(tmp_path), "download": False}
    with external_captioner("transformers_local", {"transformers_local": table}) as captioner:
        (row,) = captioner.caption([photograph])
    assert row.error is not None and "check that it captions" in row.error.message
