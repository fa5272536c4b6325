"""What `--model` means, and which registry is meant."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mezzetin.bundle import Bundle, bundled_captioner
from mezzetin.captioner import load_captioner
from mezzetin.errors import BundleError, InputError, StoreRefused, StoreUnreachable
from mezzetin.evaluation.contestant import name_of
from mezzetin.registry.base import Registry
from mezzetin.registry.naming import Reference, need_reference, parse_reference
from mezzetin.registry.opening import open_registry, registry_uri
from mezzetin.registry.reference import find_model, registered

Variant = Callable[..., Bundle]


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("museum@champion", Reference("museum", alias="champion")),
        ("main.art.museum@champion", Reference("main.art.museum", alias="champion")),
        ("museum/12", Reference("museum", version="12")),
        ("museum", None),
        ("museum@", None),
        ("@champion", None),
        ("museum@latest", None),
        ("museum@v3", None),
        ("museum/0", None),
        ("museum/new", None),
        ("a/museum/3", None),
        ("../museum/3", None),
        ("museum@a/3", None),
        ("museum/٣", None),
        ("museum/3\n", None),
    ],
)
def test_a_reference_is_a_name_and_an_alias_or_a_version(text: str, meant: Reference | None) -> None:
    assert parse_reference(text) == meant
    if meant is None:
        with pytest.raises(InputError, match="names no model"):
            need_reference(text)
    else:
        assert str(meant) == text


@given(st.text(max_size=30))
def test_any_text_is_a_reference_that_reads_back_or_none(text: str) -> None:
    found = parse_reference(text)
    assert found is None or str(found) == text


def test_a_path_that_is_there_and_any_address_win(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert registered("museum/3") == Reference("museum", version="3")
    (tmp_path / "museum" / "3").mkdir(parents=True)
    assert registered("museum/3") is None
    assert registered("az://museum/3") is None
    assert registered(Path("new/3")) is None
    assert registered("bundled") is None


def test_a_model_is_a_folder_or_the_bundled_one(tmp_path: Path) -> None:
    own = bundled_captioner()
    assert find_model(None).digest == find_model("bundled").digest == own.digest
    assert find_model(own.folder).digest == find_model(str(own.folder)).digest == own.digest
    with pytest.raises(BundleError, match="there is no bundle nowhere"):
        find_model("nowhere")


def test_a_champion_that_moved_is_noticed_at_the_next_call(
    file_registry: Registry, variant: Variant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEZZETIN_REGISTRY", file_registry.uri)
    bundles = [variant("31"), variant("32")]
    for bundle in bundles:
        version = file_registry.push(bundle, "moving").version
        file_registry.set_alias("moving", "champion", version)
        assert load_captioner("moving@champion").bundle.digest == bundle.digest
        assert name_of("moving@champion") == bundle.info.name
    assert find_model("moving/1").digest == bundles[0].digest
    with pytest.raises(InputError, match=r"no folder moving/9, and moving has no version 9 in .*registry\.db"):
        find_model("moving/9")
    with pytest.raises(InputError, match="no model absent"):
        find_model("absent@champion")


def test_what_was_pulled_is_pulled_once_and_mended_where_it_was_damaged(
    file_registry: Registry, variant: Variant, own_cache: Path
) -> None:
    version = file_registry.push(variant("41"), "cached")
    first = find_model("cached/1", file_registry.uri)
    assert first.folder == own_cache / "models" / version.digest
    written = (first.folder / "bundle.json").stat().st_mtime_ns
    assert find_model("cached/1", file_registry.uri).folder == first.folder
    assert (first.folder / "bundle.json").stat().st_mtime_ns == written
    (first.folder / "decoder.onnx").write_bytes(b"damaged")
    assert find_model("cached/1", file_registry.uri).digest == version.digest
    assert [path.name for path in (own_cache / "models").iterdir()] == [version.digest]


def test_models_used_longest_ago_leave_the_cache_when_it_is_full(
    file_registry: Registry, variant: Variant, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    versions = [file_registry.push(variant(seed), "bounded") for seed in ("51", "52", "53", "54")]
    old, recent, young = (find_model(f"bounded/{one.version}", file_registry.uri).folder for one in versions[:3])
    size = sum(path.stat().st_size for path in old.iterdir())
    left = own_cache / "models" / ".left-behind"
    left.mkdir()
    now = time.time()
    for path, hours in ((recent, 30), (old, 40), (left, 50)):
        os.utime(path, (now - hours * 3600, now - hours * 3600))
    # What is used again is not old any more.
    assert find_model(f"bounded/{versions[0].version}", file_registry.uri).folder == old
    monkeypatch.setenv("MEZZETIN_CACHE_GB", str(1.5 * size / 1e9))
    newest = find_model(f"bounded/{versions[3].version}", file_registry.uri).folder
    # One was old enough; what others may be loading just now stays whatever the limit.
    assert set((own_cache / "models").iterdir()) == {old, young, newest}


def test_several_that_pull_at_once_end_with_the_same(
    file_registry: Registry, variant: Variant, own_cache: Path
) -> None:
    digest = file_registry.push(variant("51"), "shared").digest
    code = "import sys; from mezzetin.registry.reference import find_model; print(find_model(*sys.argv[1:]).digest)"
    command = [sys.executable, "-c", code, "shared/1", file_registry.uri]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert [one.communicate()[0].strip() for one in both] == [digest, digest]
    shutil.rmtree(own_cache)


def test_a_registry_that_is_down_says_what_to_do() -> None:
    with pytest.raises(StoreUnreachable, match=r"http://127\.0\.0\.1:9 does not answer: start it") as refused:
        find_model("museum@champion", "http://anna:secret@127.0.0.1:9")
    assert "secret" not in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("status", [401, 403])
def test_a_registry_that_lets_nobody_in_says_so(refusing: Callable[[int], str], status: int) -> None:
    registry = open_registry(refusing(status))
    with pytest.raises(StoreRefused, match="MLFLOW_TRACKING_TOKEN"):
        registry.names()


def test_a_registry_that_fails_is_no_mistake_of_the_user(refusing: Callable[[int], str]) -> None:
    registry = open_registry(refusing(500))
    with pytest.raises(StoreUnreachable):
        registry.names()


@pytest.mark.parametrize(
    ("named", "whole"),
    [
        ("sqlite:////srv/r.db", "sqlite:////srv/r.db"),
        ("/srv/models", "sqlite:////srv/models/registry.db"),
        ("file:///srv/models", "sqlite:////srv/models/registry.db"),
        ("http://museum:5000", "http://museum:5000"),
        ("databricks", "databricks"),
        ("databricks://anna", "databricks://anna"),
        ("uc", "databricks-uc"),
        ("uc://anna", "databricks-uc://anna"),
        ("azureml://registries/shared", "azureml://registries/shared"),
    ],
)
def test_which_registry_a_text_is(named: str, whole: str) -> None:
    assert registry_uri(named) == whole


@pytest.mark.parametrize("wrong", ["postgresql://host/db", "sqlite://r.db", "ftp://host"])
def test_a_registry_of_an_unknown_kind_is_refused(wrong: str) -> None:
    with pytest.raises(InputError):
        registry_uri(wrong)


def test_the_environment_names_it_in_order(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert registry_uri() == f"sqlite:///{tmp_path}/data/mezzetin/registry/registry.db"
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI", "MEZZETIN_REGISTRY"):
        monkeypatch.setenv(name, f"http://{name.lower().replace('_', '-')}")
        assert registry_uri() == f"http://{name.lower().replace('_', '-')}"
    assert registry_uri("http://option") == "http://option"
