"""backup, restore, forget, history and undo as a person types them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mezzetin.cli import run
from mezzetin.collection import people, pictures, texts
from mezzetin.collection.opening import Collection
from tests.unit.collection.making import ANNA, filled


def test_a_change_is_shown_and_taken_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "c.sqlite"
    with filled(path, 3) as collection:
        people.edit(collection, ANNA, 1, "A black dog.", version=1)
    assert run(["history", str(path), "1", "--json"]) == 0
    changes = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(change["who"], change["new_text"]) for change in changes] == [
        ("anna", "A black dog."),
        ("small", "a dog 1"),
    ]
    assert run(["undo", str(path), str(changes[0]["id"]), "--who", "ben"]) == 0
    assert "machine again: a dog 1" in capsys.readouterr().out
    assert run(["undo", str(path), str(changes[0]["id"]), "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "conflict"
    assert run(["undo", str(path)]) == 2
    assert run(["undo", str(path), "1", "--run", "1"]) == 2
    assert run(["undo", str(path), "--run", "7"]) == 2
    assert "no run 7" in capsys.readouterr().err


def test_a_copy_is_made_put_back_and_a_picture_forgotten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, copy = tmp_path / "c.sqlite", tmp_path / "copy.sqlite"
    filled(path, 3).close()
    assert run(["backup", str(path), str(copy), "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert (made["pictures"], made["size"]) == (3, copy.stat().st_size)
    assert (tmp_path / "copy.sqlite.sha256").read_text() == f"{made['sha256']}  copy.sqlite\n"
    assert run(["forget", str(path), "/p/2.jpg"]) == 0
    assert run(["forget", str(path), "/p/2.jpg"]) == 2
    assert run(["restore", str(copy), str(path)]) == 2
    assert run(["restore", str(copy), str(path), "--overwrite"]) == 0
    assert run(["restore", str(copy), str(tmp_path / "other.sqlite")]) == 0
    with Collection.open(path) as collection, Collection.open(tmp_path / "other.sqlite") as other:
        assert pictures.counts(collection) == {"done": 2}
        assert (text := texts.chosen(other, 2))
        assert text.text == "a dog 2"
