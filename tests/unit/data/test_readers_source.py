from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mezzetin.data.readers.source import (
    Cell,
    ImageSource,
    Slice,
    Url,
    forget_cells,
    from_text,
    read_cell,
    read_slice,
    to_text,
)
from mezzetin.errors import DatasetError
from mezzetin.storage.paths import Place

NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0/"), min_size=1)
PLACES = st.builds(lambda name: Place.of("/data") / f"x{name}", NAMES) | st.just(
    Place.of("https://account.blob.core.windows.net/box/a b.jpg?sv=2024-01-01&sig=secret%3D")
)
NUMBERS = st.integers(0, 2**62)
SOURCES = (
    PLACES
    | st.builds(Slice, PLACES, NUMBERS, NUMBERS)
    | st.builds(Cell, PLACES, NUMBERS, NUMBERS, st.text())
    | st.builds(Url, st.text())
)


@pytest.fixture(autouse=True)
def nothing_kept() -> Iterator[None]:
    yield
    forget_cells()


@given(SOURCES)
def test_any_source_comes_back_from_its_text(source: ImageSource) -> None:
    assert from_text(to_text(source)) == source


@pytest.mark.parametrize("text", ["", "{}", "[]", '["slice", "/a", "1", 2]', '["cell"]', '["place", 3]', "null"])
def test_other_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"source|Expecting"):
        from_text(text)


def test_a_url_is_shown_without_its_signature() -> None:
    url = Url("https://host/a.jpg?w=3&sig=hush")
    assert "hush" not in str(url) + repr(url) + f"{[url]}"
    assert "w=3" in str(url) and "hush" in url.url


def test_a_slice_is_read_by_its_range(tmp_path: Path) -> None:
    (tmp_path / "x.tar").write_bytes(b"0123456789")
    place = Place.of(tmp_path / "x.tar")
    assert read_slice(Slice(place, 3, 4)) == b"3456"
    with pytest.raises(OSError, match="ends 2 bytes before"):
        read_slice(Slice(place, 8, 4))
    with pytest.raises(FileNotFoundError):
        read_slice(Slice(place.parent / "y.tar", 0, 1))


def test_cells_of_both_kinds(tmp_path: Path) -> None:
    pictures = [b"one", None, b"three"]
    struct = [{"bytes": b"eins", "path": "a.jpg"}, {"bytes": None, "path": "b.jpg"}, None]
    pq.write_table(pa.table({"plain": pictures, "face": struct}), tmp_path / "t.parquet", row_group_size=2)
    place = Place.of(tmp_path / "t.parquet")
    plain = [read_cell(Cell(place, group, row, "plain")) for group, row in ((0, 0), (0, 1), (1, 0))]
    assert plain == pictures
    faces = [read_cell(Cell(place, group, row, "face")) for group, row in ((0, 0), (0, 1), (1, 0))]
    assert faces == [b"eins", None, None]
    for gone in (Cell(place, 1, 1, "plain"), Cell(place, 2, 0, "plain")):
        with pytest.raises(DatasetError, match="altered"):
            read_cell(gone)
    (tmp_path / "cut.parquet").write_bytes((tmp_path / "t.parquet").read_bytes()[:-20])
    with pytest.raises(DatasetError, match="cut short"):
        read_cell(Cell(Place.of(tmp_path / "cut.parquet"), 0, 0, "plain"))


def test_a_row_group_is_read_once_for_all_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = io.BytesIO()
    pq.write_table(pa.table({"image": [bytes([n]) for n in range(64)]}), content, row_group_size=32)
    (tmp_path / "t.parquet").write_bytes(content.getvalue())
    place = Place.of(tmp_path / "t.parquet")
    opened: list[str] = []
    real = Place.open

    def counted(self: Place) -> object:
        opened.append(threading.current_thread().name)
        return real(self)

    monkeypatch.setattr(Place, "open", counted)
    cells = [Cell(place, n // 32, n % 32, "image") for n in range(64)]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(read_cell, cells)) == [bytes([n]) for n in range(64)]
    assert len(opened) == 2
