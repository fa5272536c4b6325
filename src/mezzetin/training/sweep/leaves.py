"""What a sweep leaves for people and other programs: tables as CSV, and a recipe as TOML."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mezzetin.storage.files import write_atomically
from mezzetin.storage.paths import writing
from mezzetin.training.ranges import said
from mezzetin.training.recipe import Recipe
from mezzetin.training.sweep.trial import Trial


def write_trials(trials: Sequence[Trial], keys: Sequence[str], target: Path) -> None:
    """Write a row a trial: its number, what became of it, its score, what it cost, its values."""
    stream = io.StringIO()
    rows = csv.writer(stream, lineterminator="\n")
    rows.writerow(["trial", "state", "cider_d", "epochs", "seconds", "pictures", *keys, "reason"])
    for trial in trials:
        values = [trial.values.get(key) for key in keys]
        cost = [trial.epochs, round(trial.seconds, 1), trial.pictures]
        rows.writerow([trial.number, trial.state, trial.score, *cost, *values, trial.reason])
    with writing(target):
        write_atomically(target, stream.getvalue().encode())


def write_recipe(recipe: Recipe, comment: str, target: Path) -> None:
    """Write a recipe so that it can be read again; the files that it names are named by their whole paths."""
    with writing(target):
        write_atomically(target, f"# {comment}\n\n{to_toml(said(recipe))}".encode())


def to_toml(values: Mapping[str, Any]) -> str:
    """Plain values as TOML: numbers and texts first, then tables, lists of tables as `[[…]]`; None is left out."""
    tables = {key: held for key, held in values.items() if _is_table(held)}
    plain = [f"{_key(key)} = {_value(held)}" for key, held in values.items() if key not in tables and held is not None]
    parts = ["\n".join(plain)] if plain else []
    for key, held in tables.items():
        several = not isinstance(held, dict)
        for table in held if several else [held]:
            lines = [f"{_key(name)} = {_value(inner)}" for name, inner in table.items() if inner is not None]
            head = f"[[{_key(key)}]]" if several else f"[{_key(key)}]"
            parts.append("\n".join([head, *lines]))
    return "\n\n".join(parts) + "\n"


def _is_table(held: Any) -> bool:
    return isinstance(held, dict) or (
        isinstance(held, list | tuple) and bool(held) and all(isinstance(inner, dict) for inner in held)
    )


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        # A text of JSON is one of TOML, but for one control character.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, dict):
        inside = (f"{_key(key)} = {_value(held)}" for key, held in value.items() if held is not None)
        return f"{{ {', '.join(inside)} }}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(_value(inner) for inner in value)}]"
    return repr(value)


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else _value(key)
