"""One picture or many, bytes or paths, one thread or several: the same captions, and errors stay where they are."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from mezzetin.bundle import MANIFEST, Bundle, seal
from mezzetin.captioner import BundleCaptioner, default_options, load_captioner
from mezzetin.decoding.beam import DecodingOptions, beam_search
from mezzetin.errors import BundleError
from mezzetin.records import Caption
from mezzetin.text import tokenise
from mezzetin.vocabulary import END, START

PICTURES = 6
Photographs = Callable[..., Path]


@pytest.fixture(scope="module")
def captioner(bundle_path: Path) -> BundleCaptioner:
    return load_captioner(bundle_path)


@pytest.fixture
def pictures(photographs: Photographs) -> list[Path]:
    return sorted(photographs(PICTURES).iterdir())


def same(ours: Caption, theirs: Caption) -> bool:
    """Equal, but for the last bits that another batch size may change in a matrix product."""
    close = [
        abs(a - b) <= 2e-3
        for a, b in zip(
            [token.probability for token in ours.tokens] + [ours.unlike_training or 0.0],
            [token.probability for token in theirs.tokens] + [theirs.unlike_training or 0.0],
            strict=True,
        )
    ]
    return ours.text == theirs.text and ours.error == theirs.error and all(close)


def test_a_caption_is_whole(captioner: BundleCaptioner, pictures: list[Path]) -> None:
    captions = captioner.caption(pictures)
    assert len({tuple(c.tokens) for c in captions}) > 1, "the pictures must not all look alike to the model"
    for caption in captions:
        assert caption.text and caption.error is None
        assert (caption.confidence is None) == (captioner.bundle.calibration is None)
        assert tokenise(caption.text) == [token.text for token in caption.tokens]
        assert all(0 <= token.probability <= 1 for token in caption.tokens)
        assert caption.unlike_training is not None and 0 <= caption.unlike_training <= 1
        assert caption.language == captioner.bundle.language and caption.model == captioner.info
        assert caption.alternatives == ()


def test_alone_and_in_a_batch_a_picture_gets_the_same_caption(captioner: BundleCaptioner, pictures: list[Path]) -> None:
    together = captioner.caption([*pictures, *pictures])
    for number, caption in enumerate(together):
        assert same(captioner.caption([pictures[number % PICTURES]])[0], caption)


def test_bytes_strings_and_paths_are_the_same_picture(captioner: BundleCaptioner, pictures: list[Path]) -> None:
    path = pictures[0]
    as_bytes, as_text, as_path = captioner.caption([path.read_bytes(), str(path), path])
    assert as_bytes == as_text == as_path and as_path.text


def test_a_home_folder_is_expanded(
    captioner: BundleCaptioner, pictures: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(pictures[0].parent))
    assert captioner.caption([f"~/{pictures[0].name}"])[0].text


def test_bad_pictures_leave_their_neighbours_right(
    captioner: BundleCaptioner, pictures: list[Path], tmp_path: Path
) -> None:
    (tmp_path / "empty.jpg").write_bytes(b"")
    (tmp_path / "text.jpg").write_text("no picture")
    (tmp_path / "cut.jpg").write_bytes(pictures[0].read_bytes()[:900])
    bad: dict[str, list[bytes | str | Path]] = {
        "missing": ["nowhere.jpg", str(tmp_path), "~nobody-of-that-name/a.jpg", "nul\0.jpg", "x" * 5000],
        "empty": [b"", tmp_path / "empty.jpg"],
        "unsupported_format": [tmp_path / "text.jpg"],
        "undecodable": [tmp_path / "cut.jpg"],
    }
    codes = [code for code, items in bad.items() for _ in items]
    items = [item for group in bad.values() for item in group]
    mixed: list[bytes | str | Path] = [pictures[0], *items[:4], pictures[1], *items[4:], pictures[2]]
    captions = captioner.caption(mixed)
    good = [caption for caption in captions if caption.error is None]
    for ours, theirs in zip(good, captioner.caption(pictures[:3]), strict=True):
        assert same(ours, theirs)
    assert [caption.error is None for caption in captions] == [item in pictures for item in mixed]
    failed = [caption for caption in captions if caption.error is not None]
    assert [caption.error.code for caption in failed if caption.error] == codes
    for caption in failed:
        assert (caption.text, caption.unlike_training, caption.tokens) == (None, None, ())
        assert caption.error and "\n" not in caption.error.message


def test_a_batch_of_errors_and_an_empty_batch(captioner: BundleCaptioner) -> None:
    assert captioner.caption([]) == []
    assert [c.error is not None for c in captioner.caption([b"", b"x"])] == [True, True]


def test_pictures_above_the_limit_are_refused(bundle_path: Path, pictures: list[Path]) -> None:
    (caption,) = load_captioner(bundle_path, max_pixels=100).caption(pictures[:1])
    assert caption.error is not None and caption.error.code == "too_many_pixels"


@pytest.mark.parametrize(("beam", "wanted"), [(3, 2), (1, 4), (5, 0), (2, 1)])
def test_alternatives_are_other_captions_in_order(
    bundle_path: Path, pictures: list[Path], beam: int, wanted: int
) -> None:
    # Ranked by the picture as well, their order says nothing of probabilities.
    captioner = load_captioner(bundle_path, beam=beam, alternatives=wanted, match=0.0)
    for caption in captioner.caption(pictures[:2]):
        texts = [caption.text, *(other.text for other in caption.alternatives)]
        assert len(caption.alternatives) == wanted and len(set(texts)) == wanted + 1
        penalty = captioner.options.length_penalty
        ranks = [o.log_probability / (len(tokenise(o.text)) + 1) ** penalty for o in caption.alternatives]
        assert ranks == sorted(ranks, reverse=True)
        assert all(other.log_probability < 0 for other in caption.alternatives)


def forced(captioner: BundleCaptioner, picture: Path, words: list[str]) -> list[float]:
    """The probability of each word and of the end, by the graphs alone, one word after the other."""
    folder = captioner.bundle.folder
    encoder = onnxruntime.InferenceSession(str(folder / "encoder.onnx"), providers=["CPUExecutionProvider"])
    decoder = onnxruntime.InferenceSession(str(folder / "decoder.onnx"), providers=["CPUExecutionProvider"])
    pixels = captioner.pixels(picture)
    assert isinstance(pixels, np.ndarray)
    memory, _ = encoder.run(None, {"pixels": pixels[None]})
    state = np.zeros((1, 1, *captioner.bundle.manifest["decoder"]["start_state"]), np.float32)
    token, found = START, []
    for number in [*captioner.bundle.vocabulary.encode(words), END]:
        logp, state = decoder.run(None, {"token": np.array([[token]]), "state": state, "memory": memory})
        assert abs(float(np.exp(logp).sum()) - 1) < 1e-4
        found.append(float(np.exp(logp[0, 0, number])))
        token = number
    return found


def test_the_probabilities_are_those_of_the_graphs_and_multiply_to_the_captions(
    bundle_path: Path, pictures: list[Path]
) -> None:
    captioner = load_captioner(bundle_path, beam=4, alternatives=3)
    (caption,) = captioner.caption(pictures[:1])
    *words, _ = forced(captioner, pictures[0], [token.text for token in caption.tokens])
    assert [token.probability for token in caption.tokens] == pytest.approx(words, abs=1e-3)
    for other in caption.alternatives:
        whole = float(np.log(forced(captioner, pictures[0], tokenise(other.text))).sum())
        assert other.log_probability == pytest.approx(whole, abs=0.02)


def test_the_decoder_takes_any_number_of_pictures_beams_and_words(
    captioner: BundleCaptioner, pictures: list[Path]
) -> None:
    pixels = np.stack([np.asarray(captioner.pixels(path)) for path in pictures])
    memory, _ = captioner._encoder.run(["memory", "gist"], {"pixels": pixels})
    layers, past, width = captioner.bundle.manifest["decoder"]["start_state"]
    assert past == 0
    vocabulary = len(captioner.bundle.vocabulary)
    first = {}
    for images, beams in ((1, 1), (1, 7), (PICTURES, 3), (PICTURES, 1)):
        state = np.zeros((images, beams, layers, 0, width), np.float32)
        token = np.full((images, beams), START)
        for length in range(1, 4):
            logp, state = captioner._step(token, state, memory[:images])
            assert logp.shape == (images, beams, vocabulary)
            assert state.shape == (images, beams, layers, length, width)
            assert np.allclose(logp, logp[:, :1], atol=1e-3), "beams that heard the same say the same"
            token = np.repeat(logp[:, :1].argmax(-1), beams, 1)
        first[images, beams] = logp[0, 0]
    for logp in first.values():
        assert np.allclose(logp, first[1, 1], atol=2e-3)


def test_the_search_is_the_one_beam_search_over_the_step(bundle_path: Path, pictures: list[Path]) -> None:
    captioner = load_captioner(bundle_path, no_repeat=0, good_endings=False, match=0.0)
    pixels = np.asarray(captioner.pixels(pictures[0]))[None]
    memory, _ = captioner._encoder.run(["memory", "gist"], {"pixels": pixels})
    ((best, *_),) = beam_search(captioner._step, memory, captioner._start_state, captioner.options)
    (caption,) = captioner.caption(pictures[:1])
    assert captioner.bundle.vocabulary.decode(best.words) == [token.text for token in caption.tokens]


def test_two_threads_get_what_one_gets(captioner: BundleCaptioner, pictures: list[Path]) -> None:
    alone = [captioner.caption([path])[0] for path in pictures]
    together = threading.Barrier(2)

    def work(order: int) -> list[Caption]:
        together.wait()
        return [captioner.caption([path])[0] for _ in range(2) for path in pictures[::order]]

    with ThreadPoolExecutor(2) as pool:
        forwards, backwards = pool.map(work, (1, -1))
    assert forwards == alone * 2 and backwards == alone[::-1] * 2


def test_defaults_come_from_the_bundle_and_a_beam_replaces_them(bundle_path: Path) -> None:
    decoding = Bundle.open(bundle_path).manifest["decoding"]
    assert default_options(Bundle.open(bundle_path)) == DecodingOptions(**decoding)
    assert load_captioner(bundle_path).options == DecodingOptions(**decoding)
    assert load_captioner(bundle_path, beam=1).options == replace(DecodingOptions(**decoding), beam=1)


@pytest.mark.parametrize("graph", ["encoder.onnx", "decoder.onnx"])
@pytest.mark.parametrize("content", [b"", b"no graph", b"\x08\x0a\x12"])
def test_a_graph_that_is_none_is_one_line(bundle_path: Path, tmp_path: Path, graph: str, content: bytes) -> None:
    original = Bundle.open(bundle_path)
    for path in bundle_path.iterdir():
        if path.name not in (MANIFEST, graph):
            (tmp_path / path.name).symlink_to(path)
    (tmp_path / graph).write_bytes(content)
    seal(tmp_path, {key: value for key, value in original.manifest.items() if key not in ("format", "version")})
    with pytest.raises(BundleError, match="make or fetch the bundle again") as caught:
        load_captioner(tmp_path)
    assert graph in str(caught.value) and "\n" not in str(caught.value)


def test_captioning_imports_no_torch(bundle_path: Path, pictures: list[Path]) -> None:
    script = (
        "import sys; from mezzetin import load_captioner\n"
        "print(load_captioner(sys.argv[1]).caption([sys.argv[2]])[0].text)\n"
        "heavy = {'torch', 'timm', 'onnx', 'pyarrow', 'matplotlib'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, bundle_path, pictures[0]], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == load_captioner(bundle_path).caption(pictures[:1])[0].text
