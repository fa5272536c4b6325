"""What import-linter does not see: the lazy face as a back door, and packages that only one part may use."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "mezzetin"
MODULES = sorted(SOURCE.rglob("*.py"))
#: Who alone may import a package: one decoder of pictures, one reader of graphs, one door to other stores.
HOMES = {
    "fsspec": {"storage"},
    "onnxruntime": {"sessions.py", "meaning"},
    "pyarrow": {"data", "publication", "spark"},
    "pyspark": {"spark"},
    "pyvips": {"pixels"},
    "jinja2": {"pages", "publication", "serving"},
    "usearch": {"retrieval"},
}


def imports(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Every (module, name) that is imported, at the top or inside a function; name is empty for `import module`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from ((node.module, alias.name) for alias in node.names)


def uses_of_the_face(tree: ast.AST) -> set[str]:
    """What a module takes from `mezzetin` itself that is no module of its own: verbs that load higher floors."""
    taken = {name for module, name in imports(tree) if module == "mezzetin" and name}
    taken |= {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "mezzetin"
    }
    modules = {path.stem for path in SOURCE.iterdir()}
    return taken - modules - {"__version__"}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_no_module_climbs_by_the_lazy_face(path: Path) -> None:
    assert uses_of_the_face(ast.parse(path.read_text(encoding="utf-8"))) == set()


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("from mezzetin import __version__, api", set()),
        ("import mezzetin\nprint(mezzetin.__version__)", set()),
        ("def f():\n    from mezzetin import load_captioner", {"load_captioner"}),
        ("import mezzetin\nmezzetin.train()", {"train"}),
    ],
)
def test_climbing_by_the_lazy_face_is_seen(source: str, found: set[str]) -> None:
    assert uses_of_the_face(ast.parse(source)) == found


@pytest.mark.parametrize("package", sorted(HOMES))
def test_a_package_is_imported_in_its_home_only(package: str) -> None:
    places = {
        path.relative_to(SOURCE).parts[0]
        for path in MODULES
        for module, _ in imports(ast.parse(path.read_text(encoding="utf-8")))
        if module.split(".")[0] == package
    }
    assert places == HOMES[package]
