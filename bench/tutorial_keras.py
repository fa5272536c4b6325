"""The peer of `bench/epoch.py`: an epoch of the tutorials' Keras generator and merge model, from its description.

The generator yields the captions of one photograph (or a few) at a time, each expanded to prefix and one-hot next word.
Needs `keras` and a backend of its own (`pip install keras tensorflow-cpu`), nothing of ours: it is run by another
Python than the bench, on a file that the bench wrote. Prints one JSON line.

    python bench/tutorial_keras.py SLICE.npz
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import keras
import numpy as np
from keras import layers
from keras.utils import pad_sequences, to_categorical

Pairs = tuple[list[Any], list[Any], list[Any]]


def photographs(part: Any) -> Iterator[tuple[Any, list[list[int]]]]:
    """Each photograph's features and its captions, from start to end."""
    ends = np.cumsum(part["lengths"])
    captions = [[int(word) for word in own] for own in np.split(part["words"], ends[:-1])]
    begin = 0
    for features, count in zip(part["features"], part["captions"], strict=True):
        yield features, captions[begin : begin + count]
        begin += count


def pairs(features: Any, captions: list[list[int]], longest: int, words: int) -> Pairs:
    """Every prefix of every caption beside the word that follows it."""
    seen, read, said = [], [], []
    for caption in captions:
        for place in range(1, len(caption)):
            prefix, following = caption[:place], caption[place]
            prefix = pad_sequences([prefix], maxlen=longest)[0]
            following = to_categorical([following], num_classes=words)[0]
            seen.append(features)
            read.append(prefix)
            said.append(following)
    return seen, read, said


def generator(chosen: list[tuple[Any, list[list[int]]]], at_once: int, longest: int, words: int) -> Iterator[Any]:
    while True:
        for start in range(0, len(chosen), at_once):
            made: Pairs = ([], [], [])
            for features, captions in chosen[start : start + at_once]:
                for whole, part in zip(made, pairs(features, captions, longest, words), strict=True):
                    whole.extend(part)
            seen, read, said = (np.array(part) for part in made)
            yield (seen, read), said


def merge_model(channels: int, longest: int, words: int, embedding: int, width: int, tuned: bool) -> Any:
    picture = layers.Input((channels,))
    seen = layers.Dense(width, activation="relu")(layers.Dropout(0.5)(picture))
    prefix = layers.Input((longest,))
    vectors = layers.Embedding(words, embedding, mask_zero=True, trainable=tuned)(prefix)
    read = layers.LSTM(width)(layers.Dropout(0.5)(vectors))
    merged = layers.Dense(width, activation="relu")(layers.add([seen, read]))
    model = keras.Model([picture, prefix], layers.Dense(words, activation="softmax")(merged))
    model.compile(loss="categorical_crossentropy", optimizer="adam")
    return model


def main() -> None:
    part = np.load(sys.argv[1], allow_pickle=False)
    sizes = {name: int(part[name]) for name in ("longest", "vocabulary", "embedding", "width", "tuned", "at_once")}
    chosen = list(photographs(part))
    warm_up, timed = chosen[: int(part["warm_up"])], chosen[int(part["warm_up"]) :]
    longest, words, at_once = sizes["longest"], sizes["vocabulary"], sizes["at_once"]
    model = merge_model(
        part["features"].shape[1], longest, words, sizes["embedding"], sizes["width"], bool(sizes["tuned"])
    )
    model.fit(generator(warm_up, at_once, longest, words), steps_per_epoch=-(-len(warm_up) // at_once), verbose=0)
    started, worked = time.perf_counter(), time.process_time()
    history = model.fit(generator(timed, at_once, longest, words), steps_per_epoch=-(-len(timed) // at_once), verbose=0)
    seconds = time.perf_counter() - started
    line = {
        "photographs": len(timed),
        "pairs": sum(len(caption) - 1 for _, captions in timed for caption in captions),
        "seconds": round(seconds, 2),
        "seconds_a_photograph": seconds / len(timed),
        "processor_seconds_a_photograph": (time.process_time() - worked) / len(timed),
        "loss": round(float(history.history["loss"][0]), 3),
        "parameters": model.count_params(),
        "keras": keras.__version__,
        "backend": keras.backend.backend(),
    }
    print(json.dumps(line))


if __name__ == "__main__":
    main()
