"""Ingest from and to Blob, with Azurite killed in the middle: no row is lost or doubled, nothing secret is kept."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mezzetin.data.dataset import Dataset
from mezzetin.data.ingest import ingest
from mezzetin.data.parts import Limits
from mezzetin.errors import StoreRefused, StoreUnreachable
from mezzetin.storage.azure import store as azure
from mezzetin.storage.paths import Place
from tests.azure.azurite import Azurite

Source = Callable[[int], Path]
# Parts of twenty, so that a kill comes between some that are finished and some that are not.
SMALL = Limits(group_rows=10, part_rows=20)


@pytest.fixture
def container(azurite: Azurite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", azurite.connection_string)
    monkeypatch.setenv("MEZZETIN_CACHE", str(tmp_path / "cache"))
    return azurite.container()


@pytest.fixture
def source(azurite: Azurite, container: str, tmp_path: Path) -> Source:
    """Makes captioned pictures on disk and, the same, in the container under `source`; one is broken, one missing."""

    def make(count: int) -> Path:
        folder = tmp_path / "source"
        lines = ["image,caption"]
        for number in range(count):
            stream = io.BytesIO()
            blocks = np.random.default_rng(number).integers(0, 256, (4, 6, 3), dtype=np.uint8)
            Image.fromarray(blocks).resize((48, 32)).save(stream, "JPEG")
            content = b"broken" if number == 7 else stream.getvalue()
            Place.of(folder / "Images" / f"p{number:04}.jpg").write(content)
            lines.append(f"p{number:04}.jpg,Blocks number {number} .")
        lines.append("gone.jpg,A picture that is not there .")
        (folder / "captions.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
        for path in folder.rglob("*.*"):
            azurite.put(container, f"source/{path.relative_to(folder).as_posix()}", path.read_bytes())
        return folder

    return make


def names(dataset: Dataset) -> list[tuple[str, str]]:
    return [(row.image_id, row.status) for row in dataset.rows(every=True, images=False)]


def test_a_sas_folder_makes_the_same_dataset_as_the_disk(
    azurite: Azurite, container: str, source: Source, tmp_path: Path
) -> None:
    local = ingest(source(60), tmp_path / "local", limits=SMALL)
    link = azurite.sas(container, folder="source", permissions="rl")
    fetched = ingest(link, tmp_path / "fetched", limits=SMALL)
    sent = ingest(link, f"az://{container}/sets/sent", limits=SMALL)
    assert {local.digest} == {fetched.digest, sent.digest}
    assert names(Dataset.open(f"az://{container}/sets/sent")) == names(Dataset.open(tmp_path / "local"))
    assert {kind: count for kind, count in sent.defect_counts.items() if kind != "near_duplicate"} == {
        "missing": 1,
        "unsupported_format": 1,
    }
    again = ingest(link, f"az://{container}/sets/sent", limits=SMALL)
    assert again.state == "found"
    signature = link.partition("sig=")[2].partition("&")[0]
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not [path for path in written if signature.encode() in path.read_bytes()]
    kept = [place.read_bytes() for place in Place.of(f"az://{container}/sets").walk()]
    assert kept and not [content for content in kept if signature.encode() in content]


# Few pictures are loaded in threads, many in processes.
@pytest.mark.parametrize(("count", "to"), [(100, "disk"), (300, "blob")], ids=["threads-disk", "processes-blob"])
def test_a_store_that_dies_and_comes_back_costs_nothing(
    azurite: Azurite, container: str, source: Source, tmp_path: Path, count: int, to: str
) -> None:
    expected = ingest(source(count), tmp_path / "expected", limits=SMALL)
    link = azurite.sas(container, folder="source", permissions="rl")
    target = str(tmp_path / "target") if to == "disk" else f"az://{container}/target"
    back: list[threading.Timer] = []

    def progress(done: int, total: int | None) -> None:
        if done >= count // 3 and not back:
            azurite.kill()
            back.append(threading.Timer(1.5, azurite.start))
            back[0].start()

    report = ingest(link, target, limits=SMALL, progress=progress)
    back[0].join()
    assert report.digest == expected.digest
    assert names(Dataset.open(target)) == names(Dataset.open(tmp_path / "expected"))


def test_a_store_that_stays_away_ends_the_run_and_the_next_one_goes_on(
    azurite: Azurite, container: str, source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(azure, "_TRIES", 1)
    expected = ingest(source(100), tmp_path / "expected", limits=SMALL)
    link = azurite.sas(container, folder="source", permissions="rl")
    target = f"az://{container}/target"

    def progress(done: int, total: int | None) -> None:
        if done == 50:
            azurite.kill()

    with pytest.raises(StoreUnreachable, match="run the same command again"):
        ingest(link, target, limits=SMALL, progress=progress)
    azurite.start()
    begun: list[int] = []
    report = ingest(link, target, limits=SMALL, progress=lambda done, total: begun.append(done))
    assert begun[0] >= 20
    assert (report.state, report.digest) == ("resumed", expected.digest)


def test_a_link_that_may_not_list_or_write_is_one_line(
    azurite: Azurite, container: str, source: Source, tmp_path: Path
) -> None:
    source(3)
    with pytest.raises(StoreRefused, match="lacks the permission List"):
        ingest(azurite.sas(container, folder="source", permissions="r"), tmp_path / "a")
    with pytest.raises(StoreRefused, match="expired"):
        ingest(azurite.sas(container, folder="source", permissions="rl", expires_in=-60), tmp_path / "b")
    with pytest.raises(StoreRefused, match="lacks the permission Create and Write"):
        ingest(tmp_path / "source", azurite.sas(container, folder="target", permissions="rl"))
