"""`mezzetin ingest`, `evaluate` and `train` from the command line."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mezzetin.cli.datasets import LAYOUTS
from mezzetin.data.readers import READERS

Command = Callable[..., Any]
Source = Callable[..., Path]

RECIPE = """
name = "hills"
licence = "free"
[data]
min_count = 1
holdout = 2
[encoder]
name = {encoder}
[decoder]
width = 16
feed_forward = 16
layers = 1
[[stages]]
name = "first"
epochs = 2
"""


def test_ingest_prints_its_report(mezzetin: Command, captioned: Source, tmp_path: Path) -> None:
    source, dataset = captioned(8), tmp_path / "dataset"
    answer = mezzetin("ingest", source, dataset)
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.splitlines()[0] == f"{dataset}: 8 pictures, 16 captions"
    again = mezzetin("ingest", source, dataset, "--json")
    assert again.code == 0
    (report,) = again.objects
    assert (report["state"], report["images"], report["layout"]) == ("found", 8, "flickr8k")


def test_ingest_with_pictures_that_fail(mezzetin: Command, captioned: Source, tmp_path: Path) -> None:
    source = captioned(8)
    (source / "Images" / "p0.jpg").unlink()
    (source / "Images" / "p1.jpg").write_bytes(b"")
    answer = mezzetin("ingest", source, tmp_path / "dataset", "--json", "--licence", "free")
    assert answer.code == 1
    (report,) = answer.objects
    assert {kind: found["count"] for kind, found in report["defects"].items()} == {"missing": 1, "empty": 1}
    assert report["licence"] == "free"


def test_captions_that_are_merely_poor_are_no_failure(mezzetin: Command, captioned: Source, tmp_path: Path) -> None:
    source = captioned(8)
    with (source / "captions.txt").open("a") as captions:
        captions.write("p0.jpg,\np1.jpg,A hill under the sky .\n")
    answer = mezzetin("ingest", source, tmp_path / "dataset")
    assert answer.code == 0
    assert "empty captions" in answer.out


@pytest.mark.parametrize(
    ("options", "says"),
    [(["--layout", "polaroids"], "flickr8k"), ([], "captions")],
)
def test_ingest_of_what_is_no_source(mezzetin: Command, tmp_path: Path, options: list[str], says: str) -> None:
    (tmp_path / "source").mkdir()
    answer = mezzetin("ingest", tmp_path / "source", tmp_path / "dataset", *options)
    assert (answer.code, answer.out) == (2, "")
    assert re.fullmatch(rf"error: .*{says}.*\n", answer.err)


def test_ingest_to_where_nothing_can_be_written(mezzetin: Command, captioned: Source) -> None:
    answer = mezzetin("ingest", captioned(8), "/proc/dataset", "--json")
    assert answer.code == 3
    assert [list(found) for found in answer.objects] == [["error"]]
    assert "can't be written" in answer.err


def test_the_help_names_every_layout() -> None:
    assert sorted(re.split(r", | or ", LAYOUTS)) == sorted(READERS)


def test_ingest_of_a_table_with_columns_of_its_own(mezzetin: Command, captioned: Source, tmp_path: Path) -> None:
    source = captioned(8)
    rows = [f"Images/p{number}.jpg;ein Huegel {number};album {number // 4}" for number in range(8)]
    (source / "own.csv").write_text("\n".join(["bild;text;album", *rows]) + "\n")
    options = ["--column", "image=bild", "--column", "caption=text", "--group-by", "album"]
    answer = mezzetin("ingest", source / "own.csv", tmp_path / "dataset", "--layout", "table", *options, "--json")
    assert answer.code == 0, answer.err
    (report,) = answer.objects
    assert (report["images"], report["captions"], report["splits"]["group_by"]) == (8, 8, "album")
    slip = mezzetin("ingest", source / "own.csv", tmp_path / "other", "--column", "bild")
    assert slip.code == 2 and "--column bild names no column: write it as caption=THEIRS" in slip.err


def test_ingest_of_pictures_in_two_splits(mezzetin: Command, captioned: Source, tmp_path: Path) -> None:
    source = captioned(8)
    for split, numbers in (("train", range(6)), ("dev", range(6, 8))):
        (source / f"Flickr_8k.{split}Images.txt").write_text("".join(f"p{number}.jpg\n" for number in numbers))
    (source / "Images" / "p7.jpg").write_bytes((source / "Images" / "p0.jpg").read_bytes())
    refused = mezzetin("ingest", source, tmp_path / "dataset")
    assert (refused.code, refused.out) == (2, "")
    assert "p0.jpg (train) is p7.jpg (val)" in refused.err and "--allow-shared-images" in refused.err
    allowed = mezzetin("ingest", source, tmp_path / "dataset", "--allow-shared-images")
    assert allowed.code == 0
    assert "pictures that are in another split, too: 1 (p7.jpg)" in allowed.out


def test_ingest_to_a_delta_table(mezzetin: Command, captioned: Source, tmp_path: Path) -> None:
    deltalake = pytest.importorskip("deltalake")
    source, dataset = captioned(8), tmp_path / "dataset"
    for says in ("version 0, 8 rows", "has this dataset already"):
        answer = mezzetin("ingest", source, dataset, "--delta", tmp_path / "table")
        assert answer.code == 0, answer.err
        assert f"Delta table: {tmp_path / 'table'}: {says}" in answer.out
        table = deltalake.DeltaTable(str(tmp_path / "table"))
        assert (table.version(), table.to_pyarrow_table().num_rows) == (0, 8)


@pytest.mark.usefixtures("one_java")
def test_evaluate(mezzetin: Command, captioned: Source, bundle_path: Path, tmp_path: Path) -> None:
    dataset, out = tmp_path / "dataset", tmp_path / "out"
    mezzetin("ingest", captioned(8), dataset)
    answer = mezzetin("evaluate", dataset, "--model", bundle_path, "--beam", 1, "--out", out)
    assert answer.code == 0
    lines = answer.out.splitlines()
    assert lines[1].split(maxsplit=2) == ["score", "value", "95 % interval"]
    kept = {score["name"]: score for score in json.loads((out / "scores.json").read_text())["scores"]}
    for name in ("BLEU-1", "BLEU-4", "ROUGE-L", "CIDEr-D"):
        (line,) = (line for line in lines if line.startswith(f"{name} "))
        value, low, high = (f"{kept[name][key]:.3f}" for key in ("value", "low", "high"))
        assert line.split()[1:] == [value, low, "to", high]
    (protocol,) = (line for line in lines if line.startswith("protocol: "))
    assert "split=val|n=2|refs=2|" in protocol
    assert "|beam=1|" in protocol
    assert "CIDEr" not in protocol
    for name, file in (("captions", "captions.jsonl"), ("report", "report.html")):
        assert f"{name}: {out / file}" in lines
        assert (out / file).is_file()


@pytest.mark.usefixtures("one_java")
def test_evaluate_as_json(mezzetin: Command, captioned: Source, bundle_path: Path, tmp_path: Path) -> None:
    dataset = tmp_path / "dataset"
    mezzetin("ingest", captioned(8), dataset)
    answer = mezzetin("evaluate", dataset, "--model", bundle_path, "--out", tmp_path / "out", "--json")
    (found,) = answer.objects
    assert (found["split"], found["images"]) == ("val", 2)
    assert set(found["model"]) == {"name", "version", "signature", "licence"}
    assert Path(found["report"]).is_file()


def test_evaluate_on_a_split_that_is_not_there(
    mezzetin: Command, captioned: Source, bundle_path: Path, tmp_path: Path
) -> None:
    mezzetin("ingest", captioned(8), tmp_path / "dataset")
    answer = mezzetin("evaluate", tmp_path / "dataset", "--model", bundle_path, "--split", "exam")
    assert (answer.code, answer.out) == (2, "")
    assert "it has train, val" in answer.err


def test_train(mezzetin: Command, captioned: Source, bundle_path: Path, tmp_path: Path) -> None:
    dataset, bundle, recipe = tmp_path / "dataset", tmp_path / "my bundle", tmp_path / "recipe.toml"
    mezzetin("ingest", captioned(12), dataset)
    recipe.write_text(RECIPE.format(encoder=json.dumps(str(bundle_path))))
    answer = mezzetin("train", dataset, bundle, "--recipe", recipe, "--json")
    assert answer.code == 0, answer.err
    *epochs, last = answer.objects
    assert [(line["stage"], line["epoch"]) for line in epochs] == [("first", 1), ("first", 2)]
    assert all(line["loss"] > 0 and line["held_out_cider"] >= 0 for line in epochs)
    assert last["bundle"] == str(bundle)
    assert last["model"]["licence"] == "free"
    assert last["scores"]["split"] == "val"

    again = mezzetin("train", dataset, bundle, "--recipe", recipe)
    assert again.code == 0
    lines = again.out.splitlines()
    assert lines[0] == f"bundle: {bundle} (there already, from the same dataset and recipe: nothing to do)"
    assert any(line.startswith("CIDEr-D ") for line in lines)
    assert f"next: mezzetin evaluate {dataset} --model '{bundle}'" in lines


def test_a_recipe_with_a_slip(mezzetin: Command, captioned: Source, tmp_path: Path) -> None:
    mezzetin("ingest", captioned(8), tmp_path / "dataset")
    (tmp_path / "recipe.toml").write_text("[decoder]\nwitdh = 64\n")
    answer = mezzetin("train", tmp_path / "dataset", tmp_path / "bundle", "--recipe", tmp_path / "recipe.toml")
    assert (answer.code, answer.out) == (2, "")
    assert answer.err == "error: recipe.toml: unknown key 'decoder.witdh'; did you mean 'width'?\n"


def test_options_that_do_nothing_are_refused(mezzetin: Command, captioned: Source, tmp_path: Path) -> None:
    source = captioned()
    for options, why in (
        (["--overwrite"], "name one with --delta"),
        (["--column", "caption=A", "--column", "caption=B"], "is given twice"),
    ):
        answer = mezzetin("ingest", source, tmp_path / "set", *options)
        assert answer.code == 2 and why in answer.err
    assert mezzetin("ingest", "", tmp_path / "set").code == 2
    assert not (tmp_path / "set").exists()
