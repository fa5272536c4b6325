"""Sources in a store: read as on a disk, without a request a picture."""

from __future__ import annotations

import io
import json
import tarfile
from collections import Counter
from collections.abc import Callable, Iterator

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mezzetin.data.readers import READERS, choose_layout
from mezzetin.data.readers.record import ReadOptions, Record
from mezzetin.data.readers.source import Cell, Slice, forget_cells, read_cell, read_slice
from mezzetin.storage.paths import Place

COUNT = 300


@pytest.fixture
def store() -> Iterator[Place]:
    """A bucket in memory, reached through the same door as any other."""
    yield Place.of("memory://readers/set")
    memory = fsspec.filesystem("memory")
    memory.rm("/readers", recursive=True)
    forget_cells()


def parquet() -> bytes:
    content = io.BytesIO()
    rows = {"image": [b"%d" % n for n in range(COUNT)], "text": ["hello"] * COUNT}
    pq.write_table(pa.table(rows), content, row_group_size=100)
    return content.getvalue()


def tar() -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as shard:
        for name in (f"{n:03}.{kind}" for n in range(COUNT) for kind in ("jpg", "txt")):
            info = tarfile.TarInfo(name)
            info.size = len(name)
            shard.addfile(info, io.BytesIO(name.encode()))
    return content.getvalue()


def lines(*rows: str) -> bytes:
    return "\n".join(rows).encode()


COCO = {
    "images": [{"id": n, "file_name": f"{n}.jpg"} for n in range(COUNT)],
    "annotations": [{"image_id": n, "caption": "hello"} for n in range(COUNT)],
}
FILES: dict[str, dict[str, bytes]] = {
    "flickr8k": {"captions.txt": lines("image,caption", *(f"{n}.JPG,hello" for n in range(COUNT)))},
    "flickr30k": {
        "results.csv": lines("image_name| comment_number| comment", *(f"{n}.JPG| 0| hello" for n in range(COUNT)))
    },
    "coco": {"annotations/captions_val2017.json": json.dumps(COCO).encode()},
    "table": {"t.csv": lines("image,caption", *(f"IMAGES\\{n}.jpg,hello" for n in range(COUNT)))},
    "imagefolder": {"metadata.csv": lines("file_name,text", *(f"Images/{n}.jpg,hello" for n in range(COUNT)))},
    "urls": {"t.tsv": lines(*(f"hello\thttps://host/{n}.jpg" for n in range(COUNT)))},
    "parquet": {"part-0.parquet": parquet()},
    "webdataset": {"x.tar": tar()},
}


@pytest.mark.parametrize("layout", list(FILES))
def test_a_layout_in_a_store(store: Place, layout: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, content in FILES[layout].items():
        (store / name).write(content)
    if layout not in ("urls", "parquet", "webdataset"):
        for number in range(COUNT):
            (store / f"Images/{number}.jpg").write(b"x")
    asked = Counter[str]()
    for name in ("entry", "open", "read_bytes", "children", "child_entries", "walk"):
        monkeypatch.setattr(Place, name, counted(name, getattr(Place, name), asked))
    assert choose_layout(store) == layout
    captioned = [record for record in READERS[layout].read(store, ReadOptions()) if record.captions]
    assert len(captioned) == COUNT
    assert sum(asked.values()) < 120
    monkeypatch.undo()
    check(layout, store, captioned)


def counted(name: str, real: Callable[[Place], object], asked: Counter[str]) -> Callable[[Place], object]:
    def call(self: Place) -> object:
        asked[name] += 1
        return real(self)

    return call


def check(layout: str, store: Place, records: list[Record]) -> None:
    last = records[-1].image
    if layout == "parquet":
        assert isinstance(last, Cell) and read_cell(last) == b"299"
    elif layout == "webdataset":
        assert isinstance(last, Slice) and read_slice(last) == b"299.jpg"
    elif layout != "urls":
        assert last == store / "Images/299.jpg"
