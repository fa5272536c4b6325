"""A sentence encoder gives what BERT's reference implementation gives, whatever the texts, and refuses other models."""

from __future__ import annotations

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

from mezzetin.errors import InputError
from mezzetin.meaning import SentenceEncoder
from mezzetin.meaning.bert import BertShape, bert_graph

#: Computed once with transformers 5.23 (BertModel, eager attention), mean over the tokens, length one.
REFERENCE = {
    "a dog runs": [-0.0789, -0.1911, 0.2092, 0.3805, -0.0643, -0.0296],
    "The man sits on a red bench.": [-0.0988, -0.2242, 0.1945, 0.4282, 0.0009, -0.0055],
    "lute": [-0.0307, -0.2009, 0.1749, 0.4021, -0.0354, -0.0811],
    "cats in the water in the water in the water": [-0.0973, -0.1875, 0.2193, 0.363, -0.0667, 0.0074],
    "zebra": [-0.0935, -0.1509, 0.2652, 0.4087, -0.0481, -0.0333],
}


@pytest.fixture(scope="module")
def encoder(tiny: Path) -> SentenceEncoder:
    return SentenceEncoder.open(tiny, threads=2)


def altered(tiny: Path, folder: Path, file: str, **changes: Any) -> Path:
    """A copy of the model in which a file of JSON says something else."""
    shutil.copytree(tiny, folder)
    content = json.loads((folder / file).read_text("utf-8"))
    (folder / file).write_text(json.dumps(content | changes), "utf-8")
    return folder


def test_vectors_are_those_of_the_reference_implementation(encoder: SentenceEncoder) -> None:
    found = encoder.vectors(list(REFERENCE))
    assert found.dtype == np.float32 and found.shape == (len(REFERENCE), encoder.dimensions) == (5, 16)
    np.testing.assert_allclose(found[:, :6], list(REFERENCE.values()), atol=6e-5)


def test_a_vector_does_not_depend_on_its_neighbours(encoder: SentenceEncoder) -> None:
    alone = [encoder.vectors([text])[0] for text in REFERENCE]
    many = encoder.vectors([*REFERENCE, *reversed(REFERENCE), *["a dog runs"] * 300])
    np.testing.assert_allclose(many[:5], alone, atol=1e-5)
    np.testing.assert_allclose(many[5:10], alone[::-1], atol=1e-5)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(st.text(st.characters(), max_size=60), max_size=6))
def test_any_text_has_a_vector_of_length_one_or_none(encoder: SentenceEncoder, texts: list[str]) -> None:
    lengths = np.linalg.norm(encoder.vectors(texts), axis=1)
    assert lengths.shape == (len(texts),)
    for text, length in zip(texts, lengths, strict=True):
        assert length == pytest.approx(1 if text.strip() else 0, abs=1e-5)


def test_a_long_text_counts_by_its_beginning(encoder: SentenceEncoder) -> None:
    whole = encoder.vectors(["a dog runs in water " * 10_000, "a dog runs in water " * 3])
    np.testing.assert_allclose(whole[0], whole[1], atol=1e-5)


def test_case_and_odd_characters_do_no_harm(encoder: SentenceEncoder) -> None:
    plain, shouted, odd = encoder.vectors(["a dog runs", "A DOG\x00 RUNS", "\ud800 \U0001f3bb \u202e"])
    np.testing.assert_allclose(plain, shouted, atol=1e-6)
    assert np.isfinite(odd).all()


def test_threads_share_an_encoder(encoder: SentenceEncoder) -> None:
    expected = encoder.vectors(list(REFERENCE))
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(encoder.vectors, [list(REFERENCE)] * 12):
            np.testing.assert_allclose(found, expected, atol=1e-6)


def test_the_signature_is_of_the_weights(encoder: SentenceEncoder, tiny: Path, tmp_path: Path) -> None:
    assert len(encoder.signature) == 16 and encoder.name == "tiny-bert"
    again = altered(tiny, tmp_path / "renamed", "sentence_bert_config.json", max_seq_length=11)
    assert SentenceEncoder.open(again).signature == encoder.signature
    arrays = load_file(again / "model.safetensors")
    arrays["embeddings.LayerNorm.bias"] = arrays["embeddings.LayerNorm.bias"] + 1
    save_file(arrays, again / "model.safetensors")
    assert SentenceEncoder.open(again).signature != encoder.signature


def test_a_published_onnx_file_gives_the_same_vectors(encoder: SentenceEncoder, tiny: Path, tmp_path: Path) -> None:
    import onnx
    from onnx import numpy_helper

    folder = tmp_path / "as-onnx"
    shutil.copytree(tiny, folder)
    model = onnx.load_from_string(bert_graph(BertShape.of(json.loads((folder / "config.json").read_text("utf-8")))))
    arrays = load_file(folder / "model.safetensors")
    for given_ in model.graph.initializer:
        if given_.name in arrays:
            given_.CopyFrom(numpy_helper.from_array(arrays[given_.name], given_.name))
    (folder / "onnx").mkdir()
    onnx.save(model, folder / "onnx" / "model.onnx")
    (folder / "model.safetensors").unlink()
    onnx.checker.check_model(model, full_check=True)
    np.testing.assert_allclose(
        SentenceEncoder.open(folder).vectors(list(REFERENCE)), encoder.vectors(list(REFERENCE)), atol=1e-5
    )


def test_weights_of_half_precision_and_of_a_whole_model_are_read(
    encoder: SentenceEncoder, tiny: Path, tmp_path: Path
) -> None:
    shutil.copytree(tiny, tmp_path / "half")
    arrays = load_file(tiny / "model.safetensors")
    halves = {f"bert.{name}": array.astype(np.float16) for name, array in arrays.items()}
    save_file(halves, tmp_path / "half" / "model.safetensors")
    found = SentenceEncoder.open(tmp_path / "half").vectors(list(REFERENCE))
    np.testing.assert_allclose(found, encoder.vectors(list(REFERENCE)), atol=5e-3)


def test_the_first_token_speaks_where_the_model_says_so(encoder: SentenceEncoder, tiny: Path, tmp_path: Path) -> None:
    first = altered(
        tiny,
        tmp_path / "first",
        "1_Pooling/config.json",
        pooling_mode_cls_token=True,
        pooling_mode_mean_tokens=False,
    )
    found = SentenceEncoder.open(first).vectors(["a dog runs"])
    assert np.linalg.norm(found) == pytest.approx(1, abs=1e-5)
    assert np.abs(found - encoder.vectors(["a dog runs"])).max() > 0.01


@pytest.mark.parametrize(
    ("file", "changes", "said"),
    [
        ("config.json", {"model_type": "t5"}, "model_type is 't5'"),
        ("config.json", {"position_embedding_type": "relative_key"}, "position_embedding_type"),
        ("config.json", {"hidden_size": "wide"}, "lacks numbers of BERT"),
        ("config.json", {"intermediate_size": 25}, "has not the shape"),
        ("config.json", {"num_hidden_layers": 3}, "can't be read"),
        ("1_Pooling/config.json", {"pooling_mode_max_tokens": True}, "its pooling is not the mean"),
    ],
)
def test_another_kind_of_model_is_refused_in_one_line(
    tiny: Path, tmp_path: Path, file: str, changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(InputError, match=said) as refused:
        SentenceEncoder.open(altered(tiny, tmp_path / "other", file, **changes))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("file", ["config.json", "tokenizer.json", "model.safetensors", "modules.json"])
def test_a_damaged_file_is_refused_in_one_line(tiny: Path, tmp_path: Path, file: str) -> None:
    shutil.copytree(tiny, tmp_path / "damaged")
    (tmp_path / "damaged" / file).write_bytes(b"\x00{ not this")
    with pytest.raises(InputError, match=r"can't be (read|used)") as refused:
        SentenceEncoder.open(tmp_path / "damaged")
    assert "\n" not in str(refused.value)


def test_a_part_that_is_not_known_is_refused(tiny: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny, tmp_path / "denser")
    (tmp_path / "denser" / "modules.json").write_text('[{"type": "sentence_transformers.models.Dense"}]', "utf-8")
    with pytest.raises(InputError, match="'Dense'"):
        SentenceEncoder.open(tmp_path / "denser")
