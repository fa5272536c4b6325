"""Attention, measured on the bundled captioner with an attention of our own making."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mezzetin.bundle import Bundle, reseal
from mezzetin.captioner import BundleCaptioner, load_captioner
from mezzetin.evaluation.judged import Judged, material_of
from mezzetin.evaluation.looking import has_attention, looked, worth_looking

onnx = pytest.importorskip("onnx", reason="onnx is not installed: pip install 'mezzetin[train]'")

CAPTION = "A man in a red shirt is standing on the beach with a dog."


def picture(seed: int) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 255, (6, 6, 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).resize((96, 96)).save(stream, "PNG")
    return stream.getvalue()


@pytest.fixture(scope="module")
def attentive(bundle_path: Path, tmp_path_factory: pytest.TempPathFactory) -> BundleCaptioner:
    """The captioner with a second output: attention that depends on the picture and on the word before."""
    folder = tmp_path_factory.mktemp("attentive")
    shutil.copytree(bundle_path, folder, dirs_exist_ok=True)
    model = onnx.load(str(folder / "decoder.onnx"), load_external_data=False)
    add, helper = model.graph.node.append, onnx.helper
    add(helper.make_node("Cast", ["token"], ["look_token"], to=onnx.TensorProto.FLOAT))
    model.graph.initializer.append(helper.make_tensor("look_axis", onnx.TensorProto.INT64, [1], [-1]))
    add(helper.make_node("ReduceMean", ["memory", "look_axis"], ["look_mean"], keepdims=0))
    add(helper.make_node("Mul", ["look_token", "look_mean"], ["look_logits"]))
    add(helper.make_node("Softmax", ["look_logits"], ["attention"], axis=-1))
    model.graph.output.append(helper.make_tensor_value_info("attention", onnx.TensorProto.FLOAT, None))
    (folder / "decoder.onnx").write_bytes(model.SerializeToString())
    manifest = Bundle.open(bundle_path).manifest
    positions = manifest["encoder"]["positions"]
    side = round(positions**0.5)
    return BundleCaptioner(reseal(folder, {**manifest, "decoder": {**manifest["decoder"], "grid": [side, side]}}))


def test_maps_are_those_of_the_telling_words_on_one_scale(attentive: BundleCaptioner) -> None:
    (found,) = looked(attentive, [("p.jpg", picture(1), CAPTION)])
    assert found.image_id == "p.jpg" and found.words == ("man", "red", "shirt", "standing", "beach")
    words = CAPTION.lower().strip(".").split()
    raw = attentive.attend(picture(1), words)
    assert raw is not None
    chosen = raw[[1, 4, 5, 7, 10]]
    assert np.allclose(found.maps, chosen / chosen.max(), atol=1e-3)
    assert len(set(found.maps)) > 2
    assert max(max(map(max, grid)) for grid in found.maps) == 1


def test_pictures_that_cannot_be_read_and_captions_without_a_telling_word_are_left_out(
    attentive: BundleCaptioner,
) -> None:
    asked = [("bad.jpg", b"no picture", CAPTION), ("empty.jpg", picture(1), ""), ("small.jpg", picture(2), "It is.")]
    assert looked(attentive, asked) == ()
    assert [one.image_id for one in looked(attentive, [*asked, ("good.jpg", picture(3), "A dog")])] == ["good.jpg"]


def test_without_attention_nothing_is_looked_at(bundle_path: Path) -> None:
    captioner = load_captioner(bundle_path)
    if has_attention(captioner):
        pytest.skip(f"the captioner of {bundle_path} has attention")

    def unread() -> object:
        raise AssertionError("a picture was read for nothing")
        yield

    assert looked(captioner, unread()) == ()  # type: ignore[arg-type]


def test_pictures_worth_looking_at_go_from_the_best_to_the_worst() -> None:
    texts = ["a dog runs on grass", "a cat sits", "two men walk far away", "red car", "the sea"]
    judged = [Judged(f"{i}", text, (text, "a dog runs")) for i, text in enumerate(texts)]
    judged += [Judged("silent", "", ("a dog runs", "a cat"))]
    material = material_of(judged)
    order = [material.pictures[i].image_id for i in np.argsort(-material.cider, kind="stable")]
    order.remove("silent")
    assert worth_looking(material, 5) == tuple(order)
    assert worth_looking(material, 2) == (order[0], order[-1])
    assert worth_looking(material, 50) == tuple(order)
