"""Settings of external captioners: one table a captioner, `[external.NAME]` of a TOML file, and the environment.

Enters: a file, a table of such tables, or neither, and the environment. Leaves: one captioner's frozen settings. The
variable `MEZZETIN_EXTERNAL` names the file where no other is; `MEZZETIN_EXTERNAL_NAME_FIELD` comes before what it
says. Keys are never written into it: `key_env` names the variable that holds one, by default
`MEZZETIN_EXTERNAL_NAME_KEY`.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from mezzetin.config import Settings, parse, read_toml
from mezzetin.errors import InputError, RecipeError
from mezzetin.external.answers import Tokens
from mezzetin.external.budget import FREE, Price

FILE_VARIABLE = "MEZZETIN_EXTERNAL"
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,62}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")


class CaptionerSettings(Settings):
    """What every captioner has: `language` is a BCP 47 tag, `longest_side` in pixels of what it is given."""

    language: str = Field("en", pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$")
    longest_side: int = Field(1024, ge=64, le=8192)

    @property
    def price(self) -> Price:
        """What it costs."""
        return FREE


class ServiceSettings(CaptionerSettings):
    """What is reached over HTTP: `timeout` is of one request, `give_up_after` of one picture, both in seconds."""

    endpoint: str
    key_env: str | None = None
    credential: Literal["key", "entra", "none"] | None = None
    allow_http: bool = False
    parallel: int = Field(4, ge=1, le=16)
    timeout: float = Field(20, gt=0, le=600)
    retries: int = Field(3, ge=0, le=20)
    give_up_after: float = Field(60, gt=0, le=3600)
    price_per_call: Decimal | None = Field(None, ge=0, le=1000)

    @property
    def price(self) -> Price:
        """The price of a call."""
        return Price(per_call=self.price_per_call)

    # Checked as a whole, for a message about one field repeats its value, which may hold what somebody pasted.
    @model_validator(mode="after")
    def _safe(self) -> Self:
        if self.key_env is not None and not _VARIABLE.fullmatch(self.key_env):
            raise ValueError("key_env is the name of an environment variable, not the key itself")
        parts = urlsplit(self.endpoint)
        if parts.scheme not in ("https", "http") or not parts.hostname:
            raise ValueError("endpoint is an address such as https://NAME.cognitiveservices.azure.com")
        if parts.username is not None or parts.query or parts.fragment:
            raise ValueError("endpoint holds no user, query or key: name the variable of the key in key_env")
        if parts.scheme == "http" and not self.allow_http and not is_loopback(parts.hostname):
            raise ValueError("endpoint sends pictures and key unencrypted: use https, or write allow_http = true")
        return self


class AzureVisionSettings(ServiceSettings):
    """Azure AI Vision, Image Analysis 4.0; its captions are English."""

    kind: Literal["azure_vision"]
    gender_neutral: bool = False
    api_version: Literal["2023-10-01", "2024-02-01"] = "2023-10-01"
    model_version: str = Field("latest", pattern=r"^[A-Za-z0-9-]{1,40}$")


class ChatSettings(ServiceSettings):
    """An OpenAI-compatible chat endpoint with vision; with `api_version` an Azure OpenAI resource's older address.

    `{language}` in `prompt` becomes the language; a `reasoning_model` takes no temperature and names its limit
    otherwise; `tokens_per_picture` is what a request is taken to read until the first one has been counted.
    """

    kind: Literal["openai_chat"]
    model: str = Field(min_length=1, max_length=200)
    api_version: str | None = Field(None, pattern=r"^[A-Za-z0-9-]{1,40}$")
    gender_neutral: bool = False
    prompt: str | None = Field(None, min_length=1, max_length=4000)
    max_tokens: int = Field(100, ge=8, le=32_768)
    reasoning_model: bool = False
    detail: Literal["auto", "low", "high"] = "auto"
    price_per_1000_input_tokens: Decimal | None = Field(None, ge=0, le=1000)
    price_per_1000_output_tokens: Decimal | None = Field(None, ge=0, le=1000)
    tokens_per_picture: int = Field(2000, ge=1, le=1_000_000)

    @property
    def price(self) -> Price:
        """The price of a call and of its tokens."""
        guess = Tokens(self.tokens_per_picture, self.max_tokens)
        return Price(
            self.price_per_call, self.price_per_1000_input_tokens, self.price_per_1000_output_tokens, guess=guess
        )


class TransformersSettings(CaptionerSettings):
    """A model of the `transformers` library, by its name or its folder, on this machine."""

    kind: Literal["transformers_local"]
    model: str = Field(min_length=1, max_length=1000)
    revision: str = Field("main", pattern=r"^[\w./-]{1,100}$")
    download: bool = True
    device: str = Field("cpu", pattern=r"^(cpu|cuda(:\d+)?|mps|xpu)$")
    prompt: str | None = Field(None, max_length=4000)
    max_tokens: int = Field(40, ge=4, le=1024)
    beam: int = Field(3, ge=1, le=20)


ExternalSettings = AzureVisionSettings | ChatSettings | TransformersSettings
MODELS: dict[str, type[ExternalSettings]] = {
    "azure_vision": AzureVisionSettings,
    "openai_chat": ChatSettings,
    "transformers_local": TransformersSettings,
}


def read_settings(name: str, source: str | Path | Mapping[str, Any] | None = None) -> ExternalSettings:
    """The settings of the captioner `name`: from a file, or from a table of names, and from the environment.

    Raises:
        InputError: the name is none, or the file does not exist.
        RecipeError: a key is unknown, missing or out of range, or the kind of the captioner is not said.

    """
    if not _NAME.fullmatch(name):
        raise InputError(f"{name!r} can't name an external captioner: use letters, digits, - and _")
    tables, origin = _tables(source)
    table = tables.get(name, {})
    if not isinstance(table, Mapping):
        raise RecipeError(f"{origin}: external.{name}: should be a table")
    if name not in tables and name not in MODELS:
        known = ", ".join(sorted({*map(str, tables), *MODELS}))
        raise InputError(f"there is no external captioner {name!r}: write [external.{name}], or use one of {known}")
    values = {"kind": name, **table} if name in MODELS else dict(table)
    values |= _from_environment(name, tables)
    kind = values.get("kind")
    if kind not in MODELS:
        raise RecipeError(f"{origin}: external.{name}.kind: should be one of {', '.join(MODELS)}")
    return parse(MODELS[str(kind)], values, f"{origin}: external.{name}")


def find_key(name: str, settings: ServiceSettings) -> str | None:
    """The key that the environment holds; None where none is wanted, or where Entra is asked instead.

    Raises:
        InputError: a variable that should hold it is not set, or holds what can't be sent.

    """
    if settings.credential in ("entra", "none"):
        return None
    variable = settings.key_env or f"{prefix(name)}KEY"
    key = os.environ.get(variable, "").strip()
    if key and not (key.isascii() and key.isprintable()):
        raise InputError(f"the key of {name} holds signs that no key has: copy it again")
    if key:
        return key
    if settings.key_env is None and settings.credential is None and isinstance(settings, ChatSettings):
        # Ollama and vLLM as they come want no key.
        return None
    # Its value is not repeated: it may be the key itself, pasted into the wrong place.
    where = "the variable that key_env names" if settings.key_env else variable
    raise InputError(f"{name} needs a key: set {where}, or write credential = 'entra' or 'none'")


def prefix(name: str) -> str:
    """What the variables of a captioner begin with."""
    return f"{FILE_VARIABLE}_{name.upper().replace('-', '_')}_"


def is_loopback(host: str) -> bool:
    """Whether a host's name is one of this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _tables(source: str | Path | Mapping[str, Any] | None) -> tuple[Mapping[str, Any], str]:
    """The tables by name, and in words where they are from."""
    if isinstance(source, Mapping):
        return source, "settings"
    named = source or os.environ.get(FILE_VARIABLE)
    if not named:
        return {}, "environment"
    path = Path(named).expanduser()
    if not path.is_file():
        raise InputError(f"there are no settings {path}: name a TOML file with tables [external.NAME]")
    content = read_toml(path)
    foreign = sorted(set(content) - {"external"})
    if foreign:
        raise RecipeError(f"{path}: unknown key {foreign[0]!r}; external captioners are tables [external.NAME]")
    tables = content.get("external", {})
    if not isinstance(tables, Mapping):
        raise RecipeError(f"{path}: external: should be a table")
    return tables, str(path)


def _from_environment(name: str, tables: Mapping[str, Any]) -> dict[str, str]:
    own = prefix(name)
    # The variables of `gpt_mini` begin like those of `gpt`.
    others = tuple(prefix(str(other)) for other in {*tables, *MODELS} if prefix(str(other)).startswith(own))
    longer = tuple(other for other in others if other != own)
    found = {}
    for variable, value in os.environ.items():
        if variable.startswith(own) and not variable.startswith(longer) and variable != f"{own}KEY":
            found[variable.removeprefix(own).lower()] = value
    return found
