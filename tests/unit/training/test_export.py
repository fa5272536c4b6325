"""The bundle's graphs against torch, and what its files hold."""

from __future__ import annotations

import copy
import os
import platform
import shutil
import socket
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, cast

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from PIL import Image
from safetensors.numpy import load_file

from mezzetin.bundle import Bundle, bundled_captioner, reseal
from mezzetin.captioner import BundleCaptioner, default_options
from mezzetin.errors import BundleError, ImageError
from mezzetin.pixels import decode
from mezzetin.training import tracing
from mezzetin.training.decoders import DECODERS
from mezzetin.training.encoders import encoder_of
from mezzetin.training.export import HALF_FROM, export_graphs, round_weights
from mezzetin.training.model import CaptionModel
from mezzetin.training.recipe import DecoderRecipe
from mezzetin.vocabulary import START

Made = tuple[CaptionModel, Bundle]
Written = Callable[[str], Made]
GRAPHS = ("encoder.onnx", "decoder.onnx")
KINDS = ("transformer", "merge", "attention")


@pytest.fixture(scope="module")
def written(made: Made, model: Callable[..., CaptionModel], tmp_path_factory: pytest.TempPathFactory) -> Written:
    """Captioners with each kind of decoder and their bundles, written once."""

    @cache
    def write(kind: str) -> Made:
        if kind == "transformer":
            return made
        sealed, folder = made[1], tmp_path_factory.mktemp(kind)
        # Three by three positions, so that there is something to choose from.
        encoder, recipe = model(side=96).encoder, DecoderRecipe(kind=kind, width=32, embedding=24)
        decoder = DECODERS[kind](recipe, len(sealed.vocabulary), encoder.spec.channels, encoder.spec.positions)
        # Fresh weights say the same of every picture; louder ones don't.
        torch.manual_seed(6)
        for weight in (weight for weight in decoder.parameters() if weight.ndim == 2):
            torch.nn.init.normal_(weight, std=weight.shape[1] ** -0.5)
        captioner = CaptionModel(encoder, decoder).eval()
        for path in sealed.folder.iterdir():
            shutil.copy(path, folder)
        round_weights(captioner)
        export_graphs(captioner, folder, novelty(sealed))
        own = {"encoder": {**encoder.spec.to_json(), "folded": True}, "decoder": captioner.decoder_facts()}
        return captioner, reseal(folder, {**sealed.manifest, **own})

    return write


def novelty(bundle: Bundle) -> dict[str, Any]:
    stored = load_file(bundle.folder / "weights.safetensors")
    return {name: tensor.astype(np.float32) for name, tensor in stored.items() if name.startswith("novelty.")}


def session(path: Path) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


@torch.no_grad()
def greatest_difference(model: CaptionModel, folder: Path, images: int, beams: int, length: int) -> float:
    """Of any number that the two graphs and torch say of random pictures and words."""
    random = np.random.default_rng(images * 100 + beams)
    side = model.encoder.spec.preprocessing
    pixels = random.integers(0, 256, (images, side.height, side.width, 3), dtype=np.uint8)
    features = model.encoder(torch.from_numpy(pixels))
    memory = model.decoder.remember(features)
    found, gist = session(folder / GRAPHS[0]).run(["memory", "gist"], {"pixels": pixels})
    worst = [np.abs(found - memory.numpy()).max(), np.abs(gist - features.mean(1).numpy()).max()]
    decoder = session(folder / GRAPHS[1])
    state = np.zeros((images, beams, *model.decoder.start_shape), np.float32)
    torch_state = torch.from_numpy(state)
    words = random.integers(4, model.decoder.words.num_embeddings, (length, images, beams))
    words[0] = START
    for token in words:
        outputs = decoder.run(None, {"token": token, "state": state, "memory": found})
        expected = model.decoder.step(torch.from_numpy(token), torch_state, memory)
        worst += [np.abs(ours - theirs.numpy()).max() for ours, theirs in zip(outputs, expected, strict=True)]
        state, torch_state = outputs[1], expected[1]
    return float(max(worst))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("images", "beams", "length"), [(1, 1, 20), (1, 5, 3), (4, 1, 2), (3, 4, 61)])
def test_the_graphs_say_what_torch_says(written: Written, kind: str, images: int, beams: int, length: int) -> None:
    model, bundle = written(kind)
    # The promise is 0.01; what is left is the order of float32 sums.
    assert greatest_difference(model, bundle.folder, images, beams, length) < 1e-4


@pytest.mark.parametrize(("kind", "further"), [("transformer", []), ("merge", []), ("attention", ["attention"])])
def test_the_graphs_have_the_documented_names(written: Written, kind: str, further: list[str]) -> None:
    graphs = [session(written(kind)[1].folder / name) for name in GRAPHS]
    named = [([i.name for i in graph.get_inputs()], [o.name for o in graph.get_outputs()]) for graph in graphs]
    assert named == [
        (["pixels"], ["memory", "gist"]),
        (["token", "state", "memory"], ["log_probabilities", "next_state", *further]),
    ]


SWIN: dict[str, Any] = {"side": 56, "img_size": 56, "embed_dim": 12, "depths": (2,), "num_heads": (1,)}


@pytest.mark.parametrize(
    ("name", "options"),
    [("test_vit", {}), ("test_resnet", {}), ("swin_tiny_patch4_window7_224", SWIN)],
)
def test_every_kind_of_encoder_can_be_exported(
    name: str, options: dict[str, Any], model: Callable[..., CaptionModel], tmp_path: Path
) -> None:
    # Prefix tokens and stretched positions, batch norms that stay, channels last and tables that are no weights.
    captioner = model(20, name, **options)
    round_weights(captioner)
    export_graphs(captioner, tmp_path, {})
    assert greatest_difference(captioner, tmp_path, 2, 2, 2) < 1e-4
    assert_stored_once(tmp_path, computed=("relative_position_index", "attn_mask"))


def assert_stored_once(folder: Path, computed: tuple[str, ...] = ()) -> None:
    """Every weight of the graphs lies in the one weights file, and no stretch of that file serves two names."""
    size = (folder / "weights.safetensors").stat().st_size
    tensors = load_file(folder / "weights.safetensors")
    assert 0 <= size - sum(tensor.nbytes for tensor in tensors.values()) < 200 * len(tensors)
    places: Counter[str] = Counter()
    for name in GRAPHS:
        graph = onnx.load(folder / name, load_external_data=False).graph
        inline = [tensor for tensor in graph.initializer if tensor.data_location != onnx.TensorProto.EXTERNAL]
        inline = [tensor for tensor in inline if not tensor.name.endswith(computed)]
        constants = [a.t for node in graph.node for a in node.attribute if a.type == onnx.AttributeProto.TENSOR]
        assert max((tensor.ByteSize() for tensor in [*inline, *constants]), default=0) < 1024
        for tensor in graph.initializer:
            entries = {entry.key: entry.value for entry in tensor.external_data}
            if entries:
                assert entries["location"] == "weights.safetensors"
                places[f"{name} {entries['offset']}"] += 1
        assert (folder / name).stat().st_size < 120_000
    assert set(places.values()) == {1}


@pytest.mark.parametrize("kind", KINDS)
def test_each_weight_is_stored_once_and_the_large_ones_in_half_precision(written: Written, kind: str) -> None:
    model, bundle = written(kind)
    assert_stored_once(bundle.folder)
    tensors = load_file(bundle.folder / "weights.safetensors")
    assert {name for name in tensors if not name.startswith("novelty.")} == set(model.state_dict())
    for name, tensor in tensors.items():
        assert tensor.dtype == (np.float16 if tensor.size >= HALF_FROM else np.float32), name


def test_a_second_export_is_the_same_to_the_byte_and_says_nothing_of_where(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, bundle = made
    # As in another process, which has seen no model like this one.
    monkeypatch.setattr(tracing, "_traced", {})
    export_graphs(model, tmp_path, novelty(bundle))
    for name in (*GRAPHS, "weights.safetensors"):
        assert (tmp_path / name).read_bytes() == (bundle.folder / name).read_bytes()
    here = [Path.cwd(), Path.home(), tmp_path, torch.__file__, socket.gethostname(), platform.node()]
    for name in GRAPHS:
        content = (bundle.folder / name).read_bytes()
        assert [str(place) for place in here if len(str(place)) > 3 and str(place).encode() in content] == []
        assert b".py" not in content


def test_a_model_that_is_built_alike_is_not_traced_again(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = made[0]
    tracing.graphs_of(model)
    other = copy.deepcopy(model)
    torch.manual_seed(9)
    with torch.no_grad():
        for weight in other.decoder.parameters():
            # What is zero or equal in one model need not be so in the next.
            weight.normal_(std=0.2) if weight.ndim == 1 else weight.mul_(0.9)
    monkeypatch.setattr(tracing, "_trace", lambda *_: pytest.fail("it was traced again"))
    round_weights(other)
    export_graphs(other, tmp_path, {})
    assert greatest_difference(other, tmp_path, 2, 2, 3) < 1e-4
    # Settings that no weight shows make it another model.
    cast(Any, other.decoder).layers[0].heads = 2
    with pytest.raises(pytest.fail.Exception, match="traced again"):
        export_graphs(other, tmp_path, {})


def pictures(folder: Path) -> list[Path]:
    shared = Path(os.environ.get("MEZZETIN_SHARED") or Path(__file__).parents[4] / "shared")
    photographs = shared / "data" / "flickr8k" / "Images"
    if photographs.is_dir():
        return sorted(photographs.iterdir())[:100]
    return [mosaic(folder / f"{number}.png", number) for number in range(100)]


def mosaic(path: Path, seed: int) -> Path:
    """Draw up to 32 x 32 tiles between two random colours: an untrained model tells these apart, scenes hardly."""
    random = np.random.default_rng(seed)
    rows, columns = random.integers(1, 33, 2)
    dark, light = np.sort(random.integers(0, 256, (2, 3)), axis=0)
    tiles = (dark + random.random((rows, columns, 3)) * (light - dark)).astype(np.uint8)
    Image.fromarray(tiles).resize((96, 96), Image.Resampling.NEAREST).save(path)
    return path


@pytest.fixture(params=[*KINDS, "bundled"])
def captioner(request: pytest.FixtureRequest, written: Written) -> Made:
    """A bundle and the torch model that its weights file holds."""
    if request.param != "bundled":
        return written(request.param)
    try:
        bundle = bundled_captioner()
    except BundleError:
        pytest.skip("this checkout holds no bundled captioner")
    encoder, words = encoder_of(bundle), len(bundle.vocabulary)
    recipe = DecoderRecipe(**bundle.manifest["training"]["recipe"]["decoder"])
    decoder = DECODERS[recipe.kind](recipe, words, encoder.spec.channels, encoder.spec.positions)
    model = CaptionModel(encoder, decoder).eval()
    stored = load_file(bundle.folder / "weights.safetensors")
    wanted = {name: torch.from_numpy(stored[name]).float() for name in model.state_dict()}
    model.load_state_dict(wanted)
    return model, bundle


def test_a_hundred_captions_are_those_of_torch(captioner: Made, tmp_path: Path) -> None:
    model, bundle = captioner
    pixels = np.stack([decode(path, bundle.preprocessing) for path in pictures(tmp_path)])
    with torch.no_grad():
        features = torch.cat([model.encoder(batch) for batch in torch.split(torch.from_numpy(pixels), 20)])
    # What torch's search does not do: constraints on words, and ranking by the picture.
    plain = replace(default_options(bundle), no_repeat=0, good_endings=False, match=0.0)
    ranked = model.search(features, plain)
    expected = [bundle.vocabulary.decode(best[0].words) for best in ranked]
    captions = BundleCaptioner(bundle, options=plain).caption_pixels(list(pixels))
    assert [[token.text for token in caption.tokens] for caption in captions] == expected
    # A hundred times the same words would show nothing.
    assert len({caption.text for caption in captions}) > 20


@torch.no_grad()
def test_a_bundle_with_attention_says_where_it_looked(written: Written, tmp_path: Path) -> None:
    model, bundle = written("attention")
    captioner, path, words = BundleCaptioner(bundle), mosaic(tmp_path / "a.png", 3), bundle.vocabulary.words[5:12]
    found = captioner.attend(path, words)
    assert found is not None
    assert bundle.manifest["decoder"]["grid"] == [3, 3]
    assert found.shape == (7, 3, 3)
    assert np.allclose(found.sum((1, 2)), 1, atol=1e-5)
    memory = model.decoder.remember(model.encoder(torch.from_numpy(np.asarray(captioner.pixels(path))[None])))
    state = torch.zeros(1, 1, *model.decoder.start_shape)
    for number, look in zip([START, *bundle.vocabulary.encode(words)], found, strict=False):
        _, state, expected = model.decoder.step(torch.tensor([[number]]), state, memory)
        assert np.allclose(look.ravel(), expected.numpy().ravel(), atol=1e-5)
    assert len({round(float(look.max()), 5) for look in found}) > 3
    none = captioner.attend(path, [])
    assert none is not None and none.shape == (0, 3, 3)
    with pytest.raises(ImageError, match="check its name"):
        captioner.attend(tmp_path / "none.png", words)


@pytest.mark.parametrize("kind", ["transformer", "merge"])
def test_a_bundle_without_attention_says_so(written: Written, kind: str, tmp_path: Path) -> None:
    assert BundleCaptioner(written(kind)[1]).attend(mosaic(tmp_path / "a.png", 3), ["dog"]) is None
