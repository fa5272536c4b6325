"""The registry that MLflow keeps, in a file and on a server: versions, aliases, tags, and all that can go wrong."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mezzetin.bundle import MANIFEST, Bundle, bundled_captioner
from mezzetin.errors import BundleError, EnvironmentProblem, InputError
from mezzetin.registry.base import Registry
from mezzetin.registry.mlflow import MlflowRegistry
from mezzetin.registry.opening import open_registry

Variant = Callable[..., Bundle]
#: Registers a bundle, and is killed when MLflow is asked for the step that is named.
DYING = """
import os, signal, sys
import mlflow
from mezzetin.bundle import Bundle
from mezzetin.registry.opening import open_registry
registry = open_registry(sys.argv[1])
setattr(mlflow.MlflowClient, sys.argv[3], lambda *a, **k: os.kill(os.getpid(), signal.SIGKILL))
registry.push(Bundle.open(sys.argv[2]), "killed")
"""


def test_a_bundle_goes_in_and_comes_out_the_same(registry: Registry, variant: Variant, tmp_path: Path) -> None:
    first, second = variant("8"), variant("9")
    one = registry.push(first, "round", tags={"owner": "Anna"})
    two = registry.push(second, "round")
    assert (one.version, two.version) == ("1", "2")
    assert (one.digest, two.digest) == (first.digest, second.digest)
    assert one.tags["owner"] == "Anna"
    assert one.tags["mezzetin_dataset"] == first.manifest["training"]["dataset"]
    assert [found.version for found in registry.versions("round")] == ["2", "1"]
    assert registry.find("round").version == "2"
    assert "round" in registry.names()
    pulled = registry.pull(one, tmp_path / "new" / "folder")
    assert pulled.digest == first.digest
    assert Bundle.open(tmp_path / "new" / "folder").digest == first.digest
    # Nothing of the copying is left beside it.
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["folder"]
    with pytest.raises(InputError, match="holds something already"):
        registry.pull(two, tmp_path / "new" / "folder")


def test_the_same_content_is_one_version(registry: Registry, variant: Variant) -> None:
    bundle = variant("7")
    first = registry.push(bundle, "same")
    again = registry.push(bundle, "same", tags={"seen": "twice"})
    assert again.version == first.version
    assert again.tags["seen"] == "twice"
    assert len(registry.versions("same")) == 1
    assert registry.push(bundle, "other.name").version == "1"


def test_an_alias_points_to_one_version(registry: Registry, variant: Variant) -> None:
    for version in ("1", "2"):
        registry.push(variant(version, max_words=10 + int(version)), "pointed")
    registry.set_alias("pointed", "champion", "1")
    registry.set_alias("pointed", "champion", "2")
    assert registry.find("pointed", alias="champion").version == "2"
    assert registry.find("pointed", version="1").aliases == ()
    with pytest.raises(InputError, match="is champion"):
        registry.delete("pointed", "2")
    registry.drop_alias("pointed", "champion")
    registry.drop_alias("pointed", "champion")
    with pytest.raises(InputError, match="no alias champion"):
        registry.find("pointed", alias="champion")
    registry.delete("pointed", "2")
    assert [found.version for found in registry.versions("pointed")] == ["1"]
    registry.delete("pointed", "1")
    assert "pointed" not in registry.names()
    with pytest.raises(InputError, match="no model pointed"):
        registry.versions("pointed")


def test_tags_come_and_go_but_for_the_digest(registry: Registry) -> None:
    registry.push(bundled_captioner(), "tagged")
    registry.tag("tagged", "1", {"room": "7", "floor": "2"})
    registry.tag("tagged", "1", {"room": None, "never": None})
    tags = registry.find("tagged").tags
    assert tags["floor"] == "2"
    assert "room" not in tags
    with pytest.raises(InputError, match="mezzetin_digest"):
        registry.tag("tagged", "1", {"mezzetin_digest": "0" * 64})


@pytest.mark.parametrize("wrong", ["", "a/b", "../up", "a b", "x" * 300, "é"])
def test_a_name_that_not_every_registry_takes_is_refused(file_registry: Registry, wrong: str) -> None:
    with pytest.raises(InputError, match="no name for a model"):
        file_registry.push(bundled_captioner(), wrong)


def test_two_pushes_at_once_are_one_version(registry: Registry, variant: Variant) -> None:
    bundle = variant("6")
    command = [sys.executable, "-m", "mezzetin", "register", str(bundle.folder), "twice", "--registry", registry.uri]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    said = [one.communicate(timeout=240) for one in both]
    assert [one.returncode for one in both] == [0, 0], said
    assert {out.split()[1] for out, _ in said} == {f"twice/{registry.find('twice').version}"}
    assert len(registry.versions("twice")) == 1


def test_two_that_open_a_new_file_at_once_both_can(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mezzetin", "models", "--registry", str(tmp_path / "new")]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    said = [one.communicate(timeout=240) for one in both]
    assert [one.returncode for one in both] == [0, 0], said


@pytest.mark.parametrize("step", ["log_artifacts", "create_model_version", "set_terminated"])
def test_killed_in_the_middle_of_a_push_there_is_all_or_nothing(
    file_registry: Registry, variant: Variant, step: str
) -> None:
    bundle = variant(f"killed at {step}")
    arguments = [file_registry.uri, str(bundle.folder), step]
    killed = subprocess.run([sys.executable, "-c", DYING, *arguments], capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    names = file_registry.names()
    digests = [one.digest for one in file_registry.versions("killed")] if "killed" in names else []
    assert (bundle.digest in digests) == (step == "set_terminated")
    again = file_registry.push(bundle, "killed")
    assert file_registry.find("killed", version=again.version).digest == bundle.digest


def test_what_was_damaged_in_the_registry_is_refused(tmp_path: Path, variant: Variant) -> None:
    registry = open_registry(str(tmp_path / "registry"))
    version = registry.push(bundled_captioner(), "damaged")
    stored = next((tmp_path / "registry" / "artifacts").rglob(MANIFEST)).parent
    weights = stored / "weights.safetensors"
    content = bytearray(weights.read_bytes())
    content[len(content) // 2] ^= 1
    weights.write_bytes(content)
    with pytest.raises(BundleError, match="altered"):
        registry.pull(version, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    shutil.rmtree(stored)
    shutil.copytree(variant("another one").folder, stored)
    with pytest.raises(BundleError, match="another bundle than was registered"):
        registry.pull(version, tmp_path / "out")


def test_nothing_is_pickled_and_the_requirements_are_the_base(tmp_path: Path) -> None:
    registry = open_registry(str(tmp_path / "registry"))
    before = sorted(path.name for path in Path.cwd().iterdir())
    registry.push(bundled_captioner(), "plain")
    folder = next((tmp_path / "registry").rglob("MLmodel")).parent
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    own = {f"artifacts/bundle/{entry['name']}" for entry in bundled_captioner().manifest["files"]}
    about = {"MLmodel", "captioner.py", "conda.yaml", "python_env.yaml", "requirements.txt"}
    assert names - about == own | {"artifacts/bundle/bundle.json"}
    required = (folder / "requirements.txt").read_text().split()
    assert sorted(line.partition("==")[0] for line in required) == ["mezzetin", "mlflow"]
    # By default MLflow makes folders wherever the process stands.
    assert sorted(path.name for path in Path.cwd().iterdir()) == before


def test_a_disk_that_is_full_is_one_line(small_disk: Callable[[str], Path]) -> None:
    disk = small_disk("8m")
    command = [sys.executable, "-m", "mezzetin", "register", "bundled", "large", "--registry", str(disk / "registry")]
    refused = subprocess.run(command, capture_output=True, text=True, check=False)
    assert refused.returncode == 3
    (line,) = [line for line in refused.stderr.splitlines() if not line.startswith("register: ")]
    assert "disk is full" in line
    small_disk("64m")
    assert subprocess.run(command, check=False).returncode == 0


def test_a_file_that_nobody_may_write_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "registry.db").mkdir()
    (tmp_path / "text.db").write_text("no database at all, but long enough to be looked at" * 100)
    for name in ("registry.db", "text.db", "text.db/inside.db"):
        with pytest.raises(EnvironmentProblem, match=name.partition("/")[0]) as refused:
            MlflowRegistry(f"sqlite:///{tmp_path / name}")
        assert "\n" not in str(refused.value)


def test_mlflow_reports_to_nobody(file_registry: Registry) -> None:
    code = (
        "import sys; from mezzetin import api; api.models(registry=sys.argv[1]);"
        "from mlflow.telemetry.client import get_telemetry_client; print(get_telemetry_client())"
    )
    # Without what says that this is a test, and what may say that this is a build.
    plain = {
        key: value for key, value in os.environ.items() if not key.startswith(("PYTEST", "CI", "MLFLOW", "DO_NOT"))
    }
    command = [sys.executable, "-c", code, file_registry.uri]
    assert subprocess.run(command, capture_output=True, text=True, env=plain, check=True).stdout == "None\n"
