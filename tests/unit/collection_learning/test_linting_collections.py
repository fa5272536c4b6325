"""`mezzetin lint`: a line a finding, counts, and an exit code that a script can use."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mezzetin import cli
from mezzetin.collection import people
from tests.unit.collection_learning.filling import ANNA, filled, rewrite


def test_a_collection_is_looked_at(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with filled(tmp_path / "c.sqlite", 4) as collection:
        rewrite(collection, 1, "Image of a dog on a lawn.")
        people.edit(collection, ANNA, 2, "A boat.", version=1)
        people.edit(collection, ANNA, 3, "A boat.", version=1)
        people.delete(collection, ANNA, 4, version=1)
    rules = tmp_path / "house.toml"
    rules.write_text('[rules]\noff = ["low_confidence"]\n')
    assert cli.run(["lint", str(tmp_path / "c.sqlite"), "--json", "--house", str(rules)]) == 1
    *found, last = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(one["picture_id"], one["code"], one["start"], one["end"]) for one in found] == [
        (1, "opening", 0, 8),
        (2, "same", 0, 7),
        (3, "same", 0, 7),
    ]
    assert last == {"texts": 3, "flagged": 3, "counts": {"same": 2, "opening": 1}}
    assert cli.run(["lint", str(tmp_path / "c.sqlite"), "--house", str(rules), "--status", "machine"]) == 1
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("/p/1.jpg [en]:1-8: opening: leave out")
    assert said[1:] == ["1 of 1 texts are to be looked at: opening 1"]
    assert cli.run(["lint", str(tmp_path / "c.sqlite"), "--lang", "fr"]) == 0
    assert cli.run(["lint", str(tmp_path / "c.sqlite"), "--status", "liked"]) == 2


def test_one_text_is_looked_at(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["lint", "--text", "Perhaps a bench."]) == 1
    assert capsys.readouterr().out.startswith("1-7: unsure:")
    assert cli.run(["lint", "--text", "Vielleicht eine Bank.", "--lang", "de", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["code"] == "unsure"
    assert cli.run(["lint", "--text", "A bench."]) == 0
    assert cli.run(["lint"]) == 2
