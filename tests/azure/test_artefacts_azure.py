"""Datasets, bundles, evaluations and pictures that lie on Blob, by every kind of address, with the real commands."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from mezzetin import cli
from mezzetin.bundle import Bundle, bundled_captioner, upload
from mezzetin.data.dataset import Dataset
from mezzetin.data.ingest import ingest
from mezzetin.data.parts import Limits
from mezzetin.errors import BundleError, DatasetError, StoreRefused
from mezzetin.scenes import draw_scenes
from mezzetin.storage.paths import Place
from tests.azure.azurite import Azurite


@pytest.fixture
def operator(azurite: Azurite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The operator's environment, a cache of its own; returns a fresh container's name."""
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", azurite.connection_string)
    monkeypatch.setenv("MEZZETIN_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return azurite.container()


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Forty drawn scenes in parts of ten."""
    folder = tmp_path_factory.mktemp("scenes")
    draw_scenes(folder / "source", count=40, seed=3)
    ingest(folder / "source", folder / "dataset", limits=Limits(group_rows=10, part_rows=10))
    yield folder / "dataset"
    shutil.rmtree(folder)


def send(folder: Path, place: Place) -> None:
    for path in folder.iterdir():
        (place / path.name).put(path)


def run(*arguments: str) -> int:
    return cli.run([*arguments, "--plain"])


def test_a_dataset_on_blob_reads_as_the_local_one_does(
    azurite: Azurite, operator: str, dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(dataset, Place.of(f"az://{operator}/sets/scenes"))
    part = max(path.stat().st_size for path in dataset.glob("part-*"))
    # Room for two of the four parts.
    monkeypatch.setenv("MEZZETIN_CACHE_GB", str(2.5 * part / 1e9))
    local = list(Dataset.open(dataset).rows())
    link = azurite.sas(operator, folder="sets/scenes", permissions="rl")
    for address in (f"az://{operator}/sets/scenes", link):
        remote = Dataset.open(address)
        assert list(remote.rows()) == local
        assert remote.digest == Dataset.open(dataset).digest
        kept = list((tmp_path / "cache" / "parts").iterdir())
        assert 1 <= len(kept) < 4 and sum(path.stat().st_size for path in kept) <= 2.5 * part
    assert "sig=" not in str(Dataset.open(link).report().to_json())


def test_a_part_that_was_altered_on_blob_is_refused(operator: str, dataset: Path) -> None:
    place = Place.of(f"az://{operator}/altered")
    send(dataset, place)
    part = place / "part-00001.parquet"
    content = bytearray(part.read_bytes())
    content[100] ^= 1
    part.write(bytes(content))
    with pytest.raises(DatasetError, match=r"part-00001\.parquet was altered"):
        list(Dataset.open(place).rows())
    part.delete()
    with pytest.raises(DatasetError, match=r"part-00001\.parquet is missing"):
        Dataset.open(place)


def test_a_bundle_on_blob_captions_from_blob(
    azurite: Azurite, operator: str, dataset: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundled = bundled_captioner()
    upload(bundled, Place.of(f"az://{operator}/models/small"))
    assert Bundle.open(Place.of(f"az://{operator}/models/small")).digest == bundled.digest
    row = next(Dataset.open(dataset).rows())
    assert row.image is not None
    azurite.put(operator, "album/ein Bild #1.jpg", row.image)
    azurite.put(operator, "album/broken.jpg", b"no picture")
    azurite.put(operator, "album/notes.txt", b"left alone")
    link = azurite.sas(operator, folder="album", permissions="rl")
    assert run("caption", link, "--model", f"az://{operator}/models/small", "--json") == 1
    printed = capsys.readouterr()
    rows = [json.loads(line) for line in printed.out.splitlines()]
    folder = f"{azurite.endpoint}/{operator}/album"
    assert {row["image"]: row["error"] and row["error"]["code"] for row in rows} == {
        f"{folder}/broken.jpg": "unsupported_format",
        f"{folder}/ein Bild #1.jpg": None,
    }
    assert "sig=" not in printed.out + printed.err


def test_the_contact_sheet_shows_pictures_of_a_sas_folder(
    azurite: Azurite, operator: str, dataset: Path, tmp_path: Path
) -> None:
    for number, row in enumerate(Dataset.open(dataset).rows({"val"})):
        assert row.image is not None
        azurite.put(operator, f"album/{number}.jpg", row.image)
    link = azurite.sas(operator, folder="album", permissions="rl")
    assert run("caption", link, "--contact-sheet", str(tmp_path / "sheet.html")) == 0
    page = (tmp_path / "sheet.html").read_text(encoding="utf-8")
    assert len(re.findall(r"<img[^>]+src=.?data:image/jpeg", page)) == len(azurite.names(operator)) > 0
    assert "sig=" not in page


@pytest.mark.usefixtures("one_java")
def test_train_and_evaluate_from_blob_to_blob(
    operator: str, dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    timm = pytest.importorskip("timm")
    from safetensors.torch import save_file

    save_file(timm.create_model("test_efficientnet", pretrained=False).state_dict(), tmp_path / "encoder.safetensors")
    send(dataset, Place.of(f"az://{operator}/scenes"))
    recipe = tmp_path / "tiny.toml"
    recipe.write_text(
        '[data]\nmin_count = 1\nholdout = 4\n[encoder]\nname = "test_efficientnet"\nsize = 64\n'
        "[decoder]\nwidth = 32\nlayers = 1\nheads = 2\nfeed_forward = 64\n"
        '[[stages]]\nname = "frozen"\nepochs = 1\n',
        encoding="utf-8",
    )
    options = ("--recipe", str(recipe), "--encoder-weights", str(tmp_path / "encoder.safetensors"))
    source, target = f"az://{operator}/scenes", f"az://{operator}/models/scenes"
    assert run("train", source, target, "--json", *options) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines[-1]["bundle"] == target and lines[0]["epoch"] == 1
    there = Bundle.open(Place.of(target))
    local = tmp_path / "local.bundle"
    assert run("train", str(dataset), str(local), *options) == 0
    assert there.digest == Bundle.open(local).digest
    # Again: finished, and known to be.
    assert run("train", source, target, *options) == 0
    report = f"az://{operator}/reports/scenes"
    assert run("evaluate", source, "--model", target, "--out", report) == 0
    names = {place.name for place in Place.of(report).walk()}
    assert {"captions.jsonl", "report.html", "scores.json"} <= names


def test_what_is_no_bundle_or_may_not_be_read_is_one_line(azurite: Azurite, operator: str) -> None:
    with pytest.raises(BundleError, match="there is no bundle"):
        Bundle.open(Place.of(f"az://{operator}/nothing"))
    blind = azurite.sas(operator, folder="scenes", permissions="l")
    azurite.put(operator, "scenes/dataset.json", b"{}")
    with pytest.raises(StoreRefused, match="lacks the permission Read") as refused:
        Dataset.open(blind)
    assert "sig=" not in str(refused.value)
