"""What a reader gets and yields: how to read a source, and one statement of it about one picture."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from mezzetin.data.readers.source import ImageSource
from mezzetin.errors import DatasetError

PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".tif", ".tiff", ".bmp")


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How to read a source.

    `language` (a BCP 47 tag) is that of captions which name none; `columns` maps our names (`image`, `caption`,
    `split`, `language`, `group`, `id`, `url`) to those of the source's table. `include` and `leave_out` say which texts
    of a collection are read.
    """

    language: str = "en"
    columns: Mapping[str, str] = field(default_factory=dict)
    include: tuple[str, ...] = ()
    leave_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Defect:
    """Something wrong in a source: a stable `kind`, the name of what it befell, a sentence for people."""

    kind: str
    name: str
    detail: str


@dataclass(frozen=True, slots=True)
class Record:
    """A statement about the picture `image_id`; statements about one picture may come in any order.

    `image` is None where the source names a picture without saying where it is; `source_uri` is the place
    relative to the source, or a URL without its signature. `split` is None where the source gives none; pictures
    of one `group` belong on one side of the split. A record with an empty `image_id` carries only defects.
    """

    image_id: str
    image: ImageSource | None
    source_uri: str
    captions: tuple[str, ...]
    split: str | None
    language: str
    defects: tuple[Defect, ...] = ()
    group: str | None = None


def only_defect(kind: str, name: str, detail: str) -> Record:
    """Return a record that says nothing but that a line of the source is of no use."""
    return Record("", None, "", (), None, "", (Defect(kind, name, detail),))


def only_defects(defects: Iterable[Defect]) -> Iterable[Record]:
    """Return a record for each defect."""
    return [Record("", None, "", (), None, "", (defect,)) for defect in defects]


def refuse_columns(options: ReadOptions, layout: str) -> None:
    """Refuse named columns where a layout has none.

    Raises:
        DatasetError: some were named.

    """
    if options.columns:
        raise DatasetError(
            f"the layout {layout} has no columns to name ({', '.join(sorted(options.columns))}): "
            "leave them out, or choose another with --layout"
        )


def is_text(value: object) -> bool:
    """Say whether a value is text that UTF-8 can hold (JSON can spell half a surrogate pair)."""
    if not isinstance(value, str):
        return False
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def is_name(value: object) -> bool:
    """Say whether a value can name something: text, not blank, without a NUL."""
    return is_text(value) and bool(str(value).strip()) and "\0" not in str(value)
