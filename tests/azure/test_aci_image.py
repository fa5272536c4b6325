"""Images built in Azure Container Registry: three requests to the local Resource Manager, and what is uploaded."""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from mezzetin.bundle import MANIFEST, bundled_captioner
from mezzetin.deployment.context import context_files, digest_of, installed_wheel, pack
from mezzetin.errors import EnvironmentProblem
from mezzetin.records import Progress
from tests.azure.arm.containerregistry import SIGNATURE, Registry
from tests.azure.arm.faults import Answer
from tests.azure.arm.server import ArmServer


@pytest.fixture
def registry(arm: ArmServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registry:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return Registry(arm)


def ignore(progress: Progress) -> None:
    pass


def test_an_image_is_built_from_what_was_uploaded_and_only_once(registry: Registry) -> None:
    bundle = bundled_captioner()
    reference = registry.builder().built(bundle, ignore)
    assert registry.builder().built(bundle, ignore) == reference
    (task,) = registry.tasks
    assert reference == f"museum.azurecr.io/{task['imageNames'][0]}"
    assert (task["type"], task["sourceLocation"], task["isPushEnabled"]) == (
        "DockerBuildRequest",
        "source/1.tar.gz",
        True,
    )
    with tarfile.open(fileobj=io.BytesIO(registry.uploaded)) as archive:
        names = archive.getnames()
        manifest = archive.extractfile(f"bundle/{MANIFEST}")
        assert manifest is not None
        assert manifest.read() == (bundle.folder / MANIFEST).read_bytes()
    assert task["dockerFilePath"] in names
    assert sum(name.endswith(".whl") for name in names) == 1


def test_a_build_that_failed_is_named_and_begun_again(registry: Registry) -> None:
    registry.ends_as = "Failed"
    with pytest.raises(EnvironmentProblem, match="ended as Failed: az acr task logs -r museum --run-id ca1"):
        registry.builder().built(bundled_captioner(), ignore)
    registry.ends_as = "Succeeded"
    registry.builder().built(bundled_captioner(), ignore)
    assert len(registry.tasks) == 2


def test_a_refused_upload_does_not_show_its_address(registry: Registry) -> None:
    registry.arm.handle("PUT", r"/upload/context", lambda call: Answer(403), open_to_all=True)
    with pytest.raises(EnvironmentProblem, match="refused with 403") as caught:
        registry.builder().built(bundled_captioner(), ignore)
    assert SIGNATURE not in str(caught.value)


def test_a_plan_names_the_requests_and_sends_none(registry: Registry) -> None:
    steps = registry.builder().plan(bundled_captioner())
    assert [step.verb for step in steps] == ["POST", "PUT", "POST"]
    assert registry.arm.requests == []


def test_the_same_content_is_the_same_context(tmp_path: Path) -> None:
    files = context_files(bundled_captioner())
    again = context_files(bundled_captioner())
    assert digest_of(files) == digest_of(again)
    pack(files, tmp_path / "one")
    pack(again, tmp_path / "two")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    changed = {**files, "bundle/extra": b"more"}
    assert digest_of(changed) != digest_of(files)


def test_the_wheel_of_the_installed_package_installs_and_captions(tmp_path: Path) -> None:
    (name,) = (name for name in context_files(bundled_captioner()) if name.endswith(".whl"))
    (tmp_path / name).write_bytes(installed_wheel())
    target = tmp_path / "site"
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(target), str(tmp_path / name)]
    subprocess.run(command, check=True, capture_output=True)
    program = "import mezzetin; print(mezzetin.__file__); mezzetin.load_captioner()"
    environment = {"PYTHONPATH": str(target), "PATH": "/usr/bin:/bin"}
    done = subprocess.run([sys.executable, "-c", program], env=environment, check=True, capture_output=True, text=True)
    assert done.stdout.startswith(str(target))
    assert (target / "bin" / "mezzetin").is_file()
