"""Which registry: what a person names, what the environment names, or a file in the user's own data folder.

sqlite:///PATH/registry.db, or a folder      MLflow without a server; the models lie in `artifacts` beside the file
http://…, https://…                          an MLflow server
databricks, databricks-uc (short: uc)        Databricks; with `://PROFILE` behind it that profile of its settings
azureml://subscriptions/…, azureml://registries/NAME     a workspace or a shared registry of Azure Machine Learning
"""

from __future__ import annotations

import os
import re
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote, urlsplit

from mezzetin.errors import InputError, MissingExtra
from mezzetin.registry.base import Registry

VARIABLES = ("MEZZETIN_REGISTRY", "MLFLOW_REGISTRY_URI", "MLFLOW_TRACKING_URI")
FILE = "registry.db"
_DATABRICKS = re.compile(r"(?:databricks|databricks-uc|uc)(?:://[\w.:-]*)?")
_KNOWN = "a folder, sqlite:///FILE, http(s)://SERVER, databricks, databricks-uc or azureml://…"


def open_registry(uri: str | None = None) -> Registry:
    """Open a registry; the same one is opened once a process.

    Raises:
        InputError: `uri` is of a kind that is not known here.
        MissingExtra: what talks to it is not installed.
        EnvironmentProblem: it refuses or does not answer.

    """
    return _opened(registry_uri(uri))


def registry_uri(named: str | None = None) -> str:
    """The whole URI of the registry that `named`, the environment or the user's data folder gives.

    Raises:
        InputError: it is of a kind that is not known here.

    """
    text = named or next((os.environ[name] for name in VARIABLES if os.environ.get(name)), None)
    return full_uri(text) if text else file_uri(_data_folder() / "registry")


def full_uri(text: str) -> str:
    """A registry's URI as it is handed on: a folder becomes the file in it.

    Raises:
        InputError: it is of a kind that is not known here.

    """
    if text.startswith("sqlite:"):
        if not re.fullmatch(r"sqlite:///[^?#]+", text):
            raise InputError("an SQLite registry is named as sqlite:///FOLDER/registry.db")
        return f"sqlite:///{Path(text.removeprefix('sqlite:///')).absolute()}"
    if _DATABRICKS.fullmatch(text):
        return f"databricks-uc{text.removeprefix('uc')}" if re.match(r"uc\b", text) else text
    if text.startswith("uc:"):
        return "databricks-uc"
    scheme = re.match(r"([A-Za-z][A-Za-z0-9+.-]+):", text)
    if scheme is None:
        return file_uri(Path(text).expanduser())
    if scheme[1] == "file":
        return file_uri(Path(unquote(urlsplit(text).path)))
    if scheme[1] in ("http", "https", "azureml"):
        return text
    raise InputError(f"{scheme[1]}: is no registry that is known here: name {_KNOWN}")


def file_uri(folder: Path) -> str:
    """The URI of the registry in a folder of this machine."""
    return f"sqlite:///{folder.absolute() / FILE}"


def _data_folder() -> Path:
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "mezzetin"


@lru_cache(maxsize=8)
def _opened(uri: str) -> Registry:
    if uri.startswith("azureml:"):
        if find_spec("azure") is None or find_spec("azure.ai") is None or find_spec("azure.ai.ml") is None:
            raise MissingExtra("azureml", "the registry of Azure Machine Learning")
        from mezzetin.registry.azureml import open_azureml

        return open_azureml(uri)
    if find_spec("mlflow") is None:
        raise MissingExtra("registry", "the registry")
    from mezzetin.registry.mlflow import MlflowRegistry

    return MlflowRegistry(uri)
