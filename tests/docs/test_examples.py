"""What the documentation shows runs as it stands: Python as a program, TOML as settings, JSON as JSON."""

from __future__ import annotations

import contextlib
import io
import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from mezzetin import collect, load_captioner
from mezzetin.alttext import HouseRules, read_house_rules
from mezzetin.deployment.targets import find_target
from mezzetin.scenes import draw_new
from mezzetin.training.recipe import Recipe, read_recipe

Page = Any


def test_its_python_runs_and_prints(page: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for block in page.blocks("python"):
        pictures = sorted(set(re.findall(r'"([\w-]+\.jpg)"', block)))
        for drawn, name in zip(draw_new(tmp_path, count=len(pictures), seed=2), pictures, strict=True):
            drawn.rename(tmp_path / name)
        if '"museum.sqlite"' in block:
            draw_new(tmp_path / "masters", count=3, seed=3)
            collect(tmp_path / "masters", tmp_path / "museum.sqlite", captioners=[load_captioner()])
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            exec(compile(block, str(page.path), "exec"), {})  # noqa: S102 - our own page
        assert len(said.getvalue().split()) >= 3


def test_its_settings_are_read(page: Page, tmp_path: Path) -> None:
    for block in page.blocks("toml"):
        (tmp_path / "shown.toml").write_text(block, encoding="utf-8")
        tables = tomllib.loads(block)
        if "deploy" in tables:
            assert [find_target(name, values, "shown.toml").name for name, values in tables["deploy"].items()]
        elif page.path.name == "alt-text.md":
            assert read_house_rules(tmp_path / "shown.toml") != HouseRules()
        else:
            assert read_recipe(tmp_path / "shown.toml") != Recipe()


def test_its_json_is_json(page: Page) -> None:
    for block in page.blocks("json"):
        assert json.loads(block)


def test_there_are_examples(all_pages: list[Page]) -> None:
    shown = {language for page in all_pages for language in ("python", "toml", "json") if page.blocks(language)}
    assert shown == {"python", "toml", "json"}


def test_the_table_of_recipe_keys_names_all_of_them(all_pages: list[Page]) -> None:
    (page,) = (page for page in all_pages if page.path.name == "training.md")
    table = "\n".join(line for line in page.text.splitlines() if line.startswith("| `"))
    named = {
        key.rpartition(".")[2] for row in table.splitlines() for key in re.findall(r"`([\w.]+)`", row.split("|")[1])
    }
    parts = {"card", "data", "encoder", "words", "decoder", "stages", "decoding"}
    models = [Recipe, *(_model(Recipe.model_fields[part].annotation) for part in parts)]
    assert {field for model in models for field in model.model_fields} - parts - named == set()


def _model(annotation: Any) -> Any:
    """The model inside an annotation such as `tuple[StageRecipe, ...]`."""
    return getattr(annotation, "__args__", [annotation])[0]
