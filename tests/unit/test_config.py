"""Settings from TOML: typed and frozen; what is wrong is named, with the nearest right thing."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, ValidationError, model_validator

from mezzetin.config import Settings, parse, read_toml
from mezzetin.errors import RecipeError


class Wheel(Settings):
    size: int = Field(20, ge=1)
    colour: str = "black"


class Engine(Settings):
    power: float = 1.0


class Car(Settings):
    name: str
    wheels: tuple[Wheel, ...] = ()
    spare: Wheel | None = None
    engine: Engine = Engine()
    options: dict[str, int] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _stands(self) -> Car:
        if len(self.wheels) == 1:
            raise ValueError("a car doesn't stand on one wheel")
        return self


def refusal(values: dict[str, object]) -> str:
    with pytest.raises(RecipeError) as caught:
        parse(Car, values, "car.toml")
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("car.toml: ")
    return str(caught.value).removeprefix("car.toml: ")


def test_values_arrive_typed_and_frozen() -> None:
    car = parse(Car, {"name": "x", "wheels": [{"size": 3}, {}], "engine": {"power": 2}, "options": {"a": 1}}, "car")
    assert car.wheels == (Wheel(size=3), Wheel()) and car.engine.power == 2.0 and car.options == {"a": 1}
    with pytest.raises(ValidationError):
        car.name = "y"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"nam": "x"}, "unknown key 'nam'; did you mean 'name'?"),
        ({"name": "x", "engine": {"powr": 2}}, "unknown key 'engine.powr'; did you mean 'power'?"),
        ({"name": "x", "wheels": [{}, {"color": "red"}]}, "unknown key 'wheels.1.color'; did you mean 'colour'?"),
        ({"name": "x", "spare": {"sise": 2}}, "unknown key 'spare.sise'; did you mean 'size'?"),
        ({"name": "x", "zzz": 1}, "unknown key 'zzz'; known keys: engine, name, options, spare, wheels"),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest_known_one(values: dict[str, object], message: str) -> None:
    assert refusal(values) == message


@pytest.mark.parametrize(
    ("values", "place", "given_value"),
    [
        ({"name": 3}, "name", "3"),
        ({"name": "x", "wheels": [{"size": 0}]}, "wheels.0.size", "0"),
        ({"name": "x", "wheels": [{"size": "big"}]}, "wheels.0.size", "'big'"),
        ({"name": "x", "engine": 7}, "engine", "7"),
        ({"name": "x", "options": {"a": []}}, "options.a", "[]"),
    ],
)
def test_a_wrong_value_is_refused_with_its_place(values: dict[str, object], place: str, given_value: str) -> None:
    found = refusal(values)
    assert found.startswith(f"{place}: ") and found.endswith(f"(got {given_value})")


def test_a_table_that_is_wrong_as_a_whole_is_not_repeated() -> None:
    assert refusal({"name": "x", "wheels": [{}]}) == "a car doesn't stand on one wheel"
    assert refusal({"wheels": [{}, {}]}) == "name: field required"
    assert refusal({"name": "x", "wheels": {"size": 3}}) == "wheels: should be a list"
    assert refusal({"name": "x", "engine": [{}, 1]}) == "engine: should be a table (got [{}, 1])"


@pytest.mark.parametrize("value", [["red", "blue"] * 99, "red" * 99], ids=["list", "text"])
def test_a_long_value_is_not_repeated(value: object) -> None:
    assert refusal({"name": "x", "wheels": [{"size": value}]}).startswith("wheels.0.size: input should be a valid int")
    assert "red" not in refusal({"name": "x", "wheels": [{"size": value}]})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"name": "x", "": 1}, "unknown key '\"\"'; known keys: engine, name, options, spare, wheels"),
        ({"name": "x", "engine": {"": 1}}, "unknown key 'engine.\"\"'; known keys: power"),
        ({"name": "x", "options": {"": "z"}}, 'options."": '),
        ({"name": "x", "options": {"a\nb\u2028": "z"}}, 'options."a\\nb\\u2028": '),
        ({"name": "x", "options": {"été": "z"}}, 'options."été": '),
    ],
)
def test_an_empty_or_odd_key_is_named_as_toml_writes_it(values: dict[str, object], message: str) -> None:
    assert refusal(values).startswith(message)


@given(st.text(min_size=1, max_size=12))
def test_no_unknown_key_passes_or_crashes(key: str) -> None:
    if key in Wheel.model_fields:
        return
    with pytest.raises(RecipeError, match="unknown key"):
        parse(Car, {"name": "x", "wheels": [{key: 1}]}, "car.toml")


def test_toml_is_read(tmp_path: Path) -> None:
    path = tmp_path / "car.toml"
    path.write_text('name = "été"\n[[wheels]]\nsize = 3\n[[wheels]]\n', encoding="utf-8")
    assert parse(Car, read_toml(path), path.name) == Car(name="été", wheels=(Wheel(size=3), Wheel()))


def test_no_file_a_folder_and_no_toml_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text("name = \n")
    (tmp_path / "latin.toml").write_bytes('name = "é"'.encode("latin-1"))
    (tmp_path / "twice.toml").write_text("a = 1\na = 2\n")
    for name, words in (
        ("none.toml", "there is no recipe"),
        (".", "is a folder"),
        ("bad.toml", "is not valid TOML: .*line 1"),
        ("latin.toml", "is not valid TOML"),
        ("twice.toml", "is not valid TOML"),
    ):
        with pytest.raises(RecipeError, match=words) as caught:
            read_toml(tmp_path / name)
        assert "\n" not in str(caught.value)
