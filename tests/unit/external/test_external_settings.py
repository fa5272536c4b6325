"""Where settings come from, what is refused, and that no key is ever repeated."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from mezzetin.errors import InputError, RecipeError
from mezzetin.external import Budget, external_captioner
from mezzetin.external.settings import MODELS, AzureVisionSettings, ChatSettings, find_key, read_settings
from tests.unit.external.services import KEY

VISION = {"endpoint": "https://example.cognitiveservices.azure.com"}
FILE = """
[external.azure_vision]
endpoint = "https://example.cognitiveservices.azure.com"
gender_neutral = true
price_per_call = 0.001

[external.gpt]
kind = "openai_chat"
endpoint = "http://localhost:11434/v1"
model = "llava"

[external.gpt_mini]
kind = "openai_chat"
endpoint = "https://example.openai.azure.com/openai/v1"
model = "mini"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "external.toml"
    path.write_text(FILE)
    return path


def test_several_captioners_in_one_file(file: Path) -> None:
    vision, gpt = read_settings("azure_vision", file), read_settings("gpt", str(file))
    assert isinstance(vision, AzureVisionSettings) and vision.gender_neutral
    assert str(vision.price.per_call) == "0.001"
    assert isinstance(gpt, ChatSettings) and gpt.model == "llava" and not gpt.price.is_known


def test_the_environment_names_the_file_and_comes_first(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEZZETIN_EXTERNAL", str(file))
    monkeypatch.setenv("MEZZETIN_EXTERNAL_GPT_MODEL", "bakllava")
    monkeypatch.setenv("MEZZETIN_EXTERNAL_GPT_MINI_PARALLEL", "2")
    gpt, mini = read_settings("gpt"), read_settings("gpt_mini")
    assert isinstance(gpt, ChatSettings) and (gpt.model, gpt.parallel) == ("bakllava", 4)
    assert isinstance(mini, ChatSettings) and (mini.model, mini.parallel) == ("mini", 2)


def test_the_environment_alone_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEZZETIN_EXTERNAL_AZURE_VISION_ENDPOINT", VISION["endpoint"])
    monkeypatch.setenv("MEZZETIN_EXTERNAL_AZURE_VISION_KEY", KEY)
    settings = read_settings("azure_vision")
    assert isinstance(settings, AzureVisionSettings) and find_key("azure_vision", settings) == KEY


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"endpiont": "https://x"}, "did you mean 'endpoint'"),
        ({}, "endpoint"),
        ({**VISION, "key": KEY}, "unknown key"),
        ({**VISION, "key_env": f"{KEY}/+="}, "name of an environment variable"),
        ({"endpoint": f"https://example.com/?key={KEY}"}, "no user, query or key"),
        ({"endpoint": f"https://user:{KEY}@example.com"}, "no user, query or key"),
        ({"endpoint": "http://example.com"}, "unencrypted"),
        ({"endpoint": "http://10.0.0.1:8000"}, "unencrypted"),
        ({"endpoint": "ftp://example.com"}, "endpoint is an address"),
        ({"endpoint": "example.com"}, "endpoint is an address"),
        ({**VISION, "price_per_call": -1}, "price_per_call"),
        ({**VISION, "price_per_call": float("nan")}, "price_per_call"),
        ({**VISION, "timeout": 0}, "timeout"),
        ({**VISION, "api_version": "2099-01-01"}, "api_version"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(table: dict[str, Any], words: str) -> None:
    with pytest.raises(RecipeError) as caught:
        read_settings("azure_vision", {"azure_vision": table})
    message = str(caught.value)
    assert words in message and "\n" not in message and KEY not in message


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:1", "http://localhost:11434", "http://[::1]:80"])
def test_loopback_needs_no_encryption(endpoint: str) -> None:
    read_settings("azure_vision", {"azure_vision": {"endpoint": endpoint}})


def test_elsewhere_it_has_to_be_said() -> None:
    read_settings("azure_vision", {"azure_vision": {"endpoint": "http://10.0.0.1", "allow_http": True}})


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("gpt", "[external.other]\nkind = 'openai_chat'", "there is no external captioner 'gpt'"),
        ("gpt", "[external.gpt]\nmodel = 'm'", "kind: should be one of azure_vision"),
        ("gpt", "[external]\ngpt = 3", "should be a table"),
        ("gpt", "external = 3", "should be a table"),
        ("azure_vision", "[externel.azure_vision]", "unknown key 'externel'"),
        ("azure_vision", "[external", "not valid TOML"),
        ("../x", "", "can't name"),
    ],
)
def test_a_file_that_does_not_fit(tmp_path: Path, name: str, text: str, words: str) -> None:
    path = tmp_path / "external.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=words):
        read_settings(name, path)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there are no settings"):
        read_settings("azure_vision", tmp_path / "none.toml")


def test_an_unknown_variable_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEZZETIN_EXTERNAL_AZURE_VISION_ENDPIONT", "x")
    with pytest.raises(RecipeError, match="did you mean 'endpoint'"):
        read_settings("azure_vision", {"azure_vision": VISION})


def test_keys_are_where_the_settings_say(monkeypatch: pytest.MonkeyPatch) -> None:
    def key_of(**changes: Any) -> str | None:
        settings = read_settings("azure_vision", {"azure_vision": {**VISION, **changes}})
        assert isinstance(settings, AzureVisionSettings)
        return find_key("azure_vision", settings)

    assert key_of(key_env="TEST_VISION_KEY") == KEY
    assert key_of(credential="none") is None and key_of(credential="entra") is None
    with pytest.raises(InputError, match="set MEZZETIN_EXTERNAL_AZURE_VISION_KEY"):
        key_of()
    with pytest.raises(InputError, match="the variable that key_env names") as caught:
        key_of(key_env=KEY)
    assert KEY not in str(caught.value)
    monkeypatch.setenv("TEST_VISION_KEY", "a\nb")
    with pytest.raises(InputError, match="copy it again"):
        key_of(key_env="TEST_VISION_KEY")


def test_a_budget_needs_a_price() -> None:
    with pytest.raises(InputError, match="a budget needs the price of azure_vision"):
        external_captioner("azure_vision", {"azure_vision": VISION}, budget=Budget(1))


PAGE = Path(__file__).parents[3] / "docs" / "external.md"


def test_the_settings_of_the_documentation_are_read(tmp_path: Path) -> None:
    (block,) = re.findall(r"```ini\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    path = tmp_path / "external.toml"
    path.write_text(block, encoding="utf-8")
    kinds = {read_settings(name, path).kind for name in re.findall(r"\[external\.(\w+)\]", block)}
    assert kinds == set(MODELS)


def test_the_documentation_names_every_key() -> None:
    table = PAGE.read_text(encoding="utf-8").partition("| key |")[2].partition("\n\n")[0]
    first_cells = "".join(line.split("|")[1] for line in table.splitlines()[1:])
    keys = {field for model in MODELS.values() for field in model.model_fields} - {"kind"}
    assert set(re.findall(r"`(\w+)`", first_cells)) == keys
