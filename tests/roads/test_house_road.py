"""A house teaches its captioner: collect, decide, ingest, train --from, caption."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from mezzetin import api, cli
from mezzetin.bundle import WEIGHTS, Bundle
from mezzetin.collection import people, texts
from mezzetin.collection.opening import Collection
from mezzetin.collection.rows import Actor
from mezzetin.registry.reference import find_model
from mezzetin.scenes import draw_new
from mezzetin.training.recipe import read_recipe

ANNA = Actor.person("anna")
SAID = ("A zeppelin over the harbour.", "A zeppelin in the fog.", "Two zeppelins meet.")
HOUSE = Path(__file__).parents[2] / "recipes" / "house.toml"


def test_a_house_teaches_its_captioner(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pictures = draw_new(tmp_path / "pictures", count=12, seed=3)
    museum, data, mine = tmp_path / "museum.sqlite", tmp_path / "museum.dataset", tmp_path / "mine"
    api.collect(tmp_path / "pictures", museum, captioners=[api.load_captioner(beam=1)])
    with Collection.open(museum) as collection:
        for number in range(1, 13):
            text = texts.chosen(collection, number)
            assert text is not None
            if number == 12:
                people.approve(collection, ANNA, text.id, version=1)
            else:
                people.edit(collection, ANNA, text.id, SAID[number % 3], version=1)
    assert cli.run(["ingest", str(museum), str(data), "--leave-out", "untouched", "--json"]) == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert told["captions"] == 11
    recipe = read_recipe(HOUSE)
    short = recipe.stages[0].model_copy(update={"epochs": 1})
    made = api.train(data, mine, recipe=recipe.model_copy(update={"stages": (short,)}), start="bundled")
    before, after = find_model(None), Bundle.open(mine)
    # New words stand behind those of before, and what tells which words fit stays.
    old, new = before.vocabulary.words, after.vocabulary.words
    assert new[: len(old)] == old
    assert "zeppelin" in new[len(old) :]
    was, now = load_file(before.folder / WEIGHTS), load_file(mine / WEIGHTS)
    for name in was:
        if name.startswith("encoder.") or name == "matching.picture":
            assert np.array_equal(was[name], now[name]), name
    assert np.array_equal(was["matching.words"], now["matching.words"][: len(old)])
    assert made.info.name == "house"
    (caption,) = api.load_captioner(mine).caption([pictures[0].read_bytes()])
    assert caption.text
