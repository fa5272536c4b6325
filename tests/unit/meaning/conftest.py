"""A sentence model small enough to be made in a test: BERT's two layers, with weights from a formula."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.processors import TemplateProcessing

from mezzetin.meaning.bert import BertShape

CONFIG = {
    "model_type": "bert",
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "hidden_size": 16,
    "intermediate_size": 24,
    "vocab_size": 20,
    "max_position_embeddings": 32,
    "type_vocab_size": 2,
    "hidden_act": "gelu",
    "layer_norm_eps": 1e-12,
}
_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
_PIECES = ("a", "dog", "cat", "bench", "man", "sits", "plays", "runs", "on", "##s", "the", "lute", ".", "in", "red")
_WORDS = (*_SPECIAL, *_PIECES, "water")


def weights() -> dict[str, np.ndarray[tuple[int, ...], np.dtype[np.float32]]]:
    """Every array from sines, so that no generator of random numbers has a part in what is expected."""
    found = {}
    for place, (name, shape) in enumerate(BertShape.of(CONFIG).weights().items()):
        waves = np.sin(np.arange(1, np.prod(shape) + 1) * (1.7 + 0.13 * place)).reshape(shape)
        scale = 0.4 if len(shape) == 2 else 0.1
        found[name] = (waves * scale + (1.0 if name.endswith("LayerNorm.weight") else 0.0)).astype(np.float32)
    return found


def make_model(folder: Path) -> Path:
    """Write such a model as models of its kind are published."""
    (folder / "1_Pooling").mkdir(parents=True)
    save_file(weights(), folder / "model.safetensors")
    tokenizer = Tokenizer(WordPiece({word: number for number, word in enumerate(_WORDS)}, unk_token="[UNK]"))  # noqa: S106
    tokenizer.normalizer = BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = BertPreTokenizer()
    tokenizer.post_processor = TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    tokenizer.save(str(folder / "tokenizer.json"))
    modules = [{"type": f"sentence_transformers.models.{kind}"} for kind in ("Transformer", "Pooling", "Normalize")]
    for name, content in {
        "config.json": CONFIG,
        "modules.json": modules,
        "1_Pooling/config.json": {"word_embedding_dimension": 16, "pooling_mode_mean_tokens": True},
        "sentence_bert_config.json": {"max_seq_length": 12},
    }.items():
        (folder / name).write_text(json.dumps(content), "utf-8")
    return folder


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model's folder; not to be changed."""
    return make_model(tmp_path_factory.mktemp("sentences") / "tiny-bert")
