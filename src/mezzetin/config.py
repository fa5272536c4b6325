"""TOML files into frozen, typed settings; an unknown key is refused with the nearest known one."""

from __future__ import annotations

import difflib
import json
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from mezzetin.errors import RecipeError


class Settings(BaseModel):
    """The base of every settings model: frozen, and closed to unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


_SHAPES = {"model_type": "should be a table", "dict_type": "should be a table", "tuple_type": "should be a list"}
_LONGEST_VALUE = 60
Model = TypeVar("Model", bound=Settings)


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file. Raises RecipeError when it is missing or is no TOML."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise RecipeError(f"there is no recipe {path}") from error
    except IsADirectoryError as error:
        raise RecipeError(f"{path} is a folder; name a TOML file") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path} is not valid TOML: {error}") from error


def parse(model: type[Model], values: Mapping[str, Any], origin: str) -> Model:
    """Validate `values`; `origin` (a file's name) begins the message of the RecipeError."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        # A misspelt key also leaves the right one missing: the misspelling is what to tell.
        problem = min(error.errors(), key=lambda problem: problem["type"] != "extra_forbidden")
        raise RecipeError(f"{origin}: {_explain(model, problem)}") from error


def _explain(model: type[BaseModel], problem: Any) -> str:
    name = ".".join(_quoted(str(part)) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        return _unknown(model, name, [part for part in problem["loc"] if isinstance(part, str)])
    words = str(problem["msg"]).removeprefix("Value error, ")
    message = _SHAPES.get(problem["type"], words[:1].lower() + words[1:])
    shown = repr(problem["input"])
    # A whole table is too much to repeat, and so is a long list or text.
    given = "" if isinstance(problem["input"], dict) or len(shown) > _LONGEST_VALUE else f" (got {shown})"
    # What is wrong with the file as a whole has no key: its message says which part is meant.
    return f"{name}: {message}{given}" if name else f"{message}{given}"


def _quoted(key: str) -> str:
    """A key as TOML writes it: in quotes when it is empty or has anything but letters, digits, _ and -."""
    bare = re.fullmatch(r"[A-Za-z0-9_-]+", key)
    return key if bare else json.dumps(key, ensure_ascii=not key.isprintable())


def _unknown(model: type[BaseModel], name: str, place: list[str]) -> str:
    known = _keys(model, place[:-1])
    near = difflib.get_close_matches(place[-1], known, n=1, cutoff=0.4)
    hint = f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(sorted(known))}"
    return f"unknown key '{name}'; {hint}"


def _keys(model: type[BaseModel], place: list[str]) -> list[str]:
    """The field names of the nested model at `place`; lists are looked through."""
    for part in place:
        annotation = model.model_fields[part].annotation
        candidates = [annotation, *getattr(annotation, "__args__", ())]
        model = next(c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel))
    return list(model.model_fields)
