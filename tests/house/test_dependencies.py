"""What is imported is declared, and what is declared is imported: base by everything, `[train]` by training.

What other extras bring is imported inside functions, where its absence becomes a line that names the extra.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterable
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "mezzetin"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
#: Declared without being imported, and why.
SILENT = {
    "pyvips-binary": "brings the library that pyvips opens",
    "python-multipart": "reads the forms that FastAPI takes",
}
#: Which distribution brings a part of a shared namespace.
NAMESPACES = {
    "azure.ai.ml": "azure-ai-ml",
    "azure.ai.vision": "azure-ai-vision-imageanalysis",
    "azure.core": "azure-storage-blob",
    "azure.identity": "azure-identity",
    "azure.mgmt.containerinstance": "azure-mgmt-containerinstance",
    "azure.mgmt.core": "azure-mgmt-containerinstance",
    "azure.storage": "azure-storage-blob",
}


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def distributions(requirements: Iterable[str]) -> set[str]:
    """The names of packages in requirements such as `torch>=2.8`."""
    return {plain(re.split(r"[^\w.-]", requirement)[0]) for requirement in requirements}


BASE = distributions(PROJECT["dependencies"])
TRAIN = distributions(EXTRAS["train"])
#: Extras whose packages the source imports where they are used.
LAZY = distributions(
    package
    for extra in ("azure", "azureml", "delta", "external", "registry", "search", "spark")
    for package in EXTRAS[extra]
) | {"py4j"}  # comes with pyspark, whose errors it raises


def imported(paths: Iterable[Path]) -> set[str]:
    """The distributions outside the standard library that these files import."""
    modules: set[str] = set()
    for path in paths:
        modules |= imported_modules(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    shared = {part for part in NAMESPACES if any(f"{module}.".startswith(f"{part}.") for module in modules)}
    own = {module for module in modules if not any(f"{module}.".startswith(f"{part}.") for part in shared)}
    foreign = {module.split(".")[0] for module in own} - set(sys.stdlib_module_names) - {"mezzetin"}
    known = packages_distributions()
    assert foreign <= known.keys(), "imported but not installed"
    return {_declared(known[name]) for name in foreign} | {NAMESPACES[part] for part in shared}


def _declared(bringing: list[str]) -> str:
    """Of the distributions that bring a module the one that is declared: mlflow's also comes with mlflow-skinny."""
    names = [plain(name) for name in bringing]
    return next((name for name in names if name in BASE | TRAIN | LAZY), names[0])


def imported_modules(nodes: Iterable[ast.AST]) -> set[str]:
    modules: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            modules.add(node.module)
    return modules


def test_everything_but_training_lives_on_the_base_installation() -> None:
    outside = [path for path in SOURCE.rglob("*.py") if "training" not in path.parts]
    assert imported(outside) - BASE - LAZY == set()


def test_what_an_extra_brings_is_imported_inside_functions() -> None:
    lazy = {"azure", "deltalake", "jwt", "mlflow", "openai", "pandas", "py4j", "pyspark", "transformers", "usearch"}
    for path in SOURCE.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        assert {module.split(".")[0] for module in imported_modules(tree.body)} & lazy == set(), path


def test_training_lives_on_the_base_and_the_extra_train() -> None:
    assert imported((SOURCE / "training").rglob("*.py")) - BASE - TRAIN == set()


def test_nothing_is_declared_for_nothing() -> None:
    assert (BASE | TRAIN) - imported(SOURCE.rglob("*.py")) == set(SILENT)


@pytest.mark.parametrize("extra", sorted(set(EXTRAS) - {"dev"}))
def test_dev_holds_every_extra(extra: str) -> None:
    own = next(requirement for requirement in EXTRAS["dev"] if requirement.startswith("mezzetin["))
    assert extra in own.removeprefix("mezzetin[").removesuffix("]").split(",")
