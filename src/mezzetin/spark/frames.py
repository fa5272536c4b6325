"""DataFrames: pictures, captions of pictures, and pictures as a dataset has them, each from another DataFrame.

Enters: a session and places, or a DataFrame with pictures as bytes or addresses. Leaves: a DataFrame, lazy as any.
Rows pass through Arrow (`mapInArrow`, the twin of `mapInPandas` that keeps whole numbers with gaps whole), some 64 at a
time. The other columns of a row stay as they are. A bad picture is a row with an error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from mezzetin.captioner import BundleCaptioner, load_captioner
from mezzetin.errors import InputError
from mezzetin.records import ItemError
from mezzetin.spark.hiding import Secrets, told
from mezzetin.spark.isolation import PATIENCE_S, Item, kept_describer, settings_of
from mezzetin.spark.session import BATCH_ROWS
from mezzetin.spark.shipping import ship
from mezzetin.storage.paths import Place
from mezzetin.storage.pictures import find_pictures

if TYPE_CHECKING:
    from mezzetin.decoding.options import DecodingChanges

ROWS_A_PARTITION = 128
_ROWS = "spark.sql.execution.arrow.maxRecordsPerBatch"
_BYTES = "spark.sql.execution.arrow.maxBytesPerBatch"
_ERROR = "`error` struct<code: string, message: string>"


def pictures(
    session: Any, source: str | Path | Iterable[str | Path], *, split: str | None = None, partitions: int | None = None
) -> Any:
    """Read pictures on the executors: a DataFrame of `uri`, `image` (the encoded bytes) and `error`.

    `source` is a folder, an address or several of them; or a dataset, or a Delta table of one, whose rows also have
    `image_id`, `split`, `captions` and `language` (`split` chooses one). A Delta table is read by its log's list of
    files, at the version that it has now. A signature in an address reaches the executors inside the function and is
    in no column, plan or log.

    Raises:
        InputError: there is no picture.
        EnvironmentProblem: a store refuses or does not answer.

    """
    from mezzetin.spark.reading import dataset_pictures, is_dataset, listed_pictures

    if isinstance(source, str | Path) and is_dataset(Place.of(source)):
        return dataset_pictures(session, Place.of(source), split)
    if split is not None:
        raise InputError(f"{source} is no dataset, so it has no split {split!r}: leave the split out")
    named = [source] if isinstance(source, str | Path) else list(source)
    return listed_pictures(session, find_pictures(named), partitions)


def caption(
    frame: Any,
    *,
    model: str | Path | None = None,
    captioner: BundleCaptioner | None = None,
    image: str = "image",
    uri: str = "uri",
    alternatives: int = 0,
    beam: int | None = None,
    min_confidence: float | None = None,
    patience: float = PATIENCE_S,
    **decoding: Unpack[DecodingChanges],
) -> Any:
    """Caption the pictures of a DataFrame: the same rows, without the pictures and with what is said of them.

    Column `image` holds encoded bytes; where there is none, or it is null, what lies at the address in column `uri` is
    read by the executor in its own name. Added are `caption`, `language`, `confidence`, `unlike_training`,
    `alternatives`, `tokens`, `model` and `error` (`code`, `message`); columns of these names are replaced, and an error
    that a row has already is kept. `captioner` spares the loading of `model`.

    Raises:
        InputError: the frame has neither column, or an option is out of range.
        BundleError: there is no such model.

    """
    if captioner is None:
        captioner = load_captioner(
            model, beam=beam, alternatives=alternatives, min_confidence=min_confidence, **decoding
        )
    return _captioned(frame, captioner, _columns(frame, image, uri), image, (min_confidence, patience))


def _captioned(
    frame: Any,
    captioner: BundleCaptioner,
    columns: tuple[str | None, str | None, str | None],
    image: str,
    limits: tuple[float | None, float],
) -> Any:
    """`caption` with the captioner at hand; `limits` are the least confidence and the patience with a batch."""
    from mezzetin.spark.rows import SAID, ddl

    session, (min_confidence, patience) = frame.sparkSession, limits
    _bound(session)
    taken = {field.name for field in SAID}
    kept = [name for name in frame.columns if name not in taken | {image}]
    settings = settings_of(captioner, min_confidence) | {"bundle": ""}
    shipment = ship(session, captioner.bundle)

    def describe(items: Sequence[Item | ItemError]) -> list[Any]:
        from mezzetin.spark.rows import said_batch
        from mezzetin.spark.saying import error_row

        describer = kept_describer({**settings, "bundle": str(shipment.unpacked())}, patience)
        rows = describer.rows(item for item in items if isinstance(item, Item))
        told = [next(rows) if isinstance(item, Item) else error_row(item, None, None) for item in items]
        rows.close()
        return said_batch(told)

    return frame.mapInArrow(
        _adding(columns, kept, [field.name for field in SAID], describe), _schema(frame, kept, ddl(SAID))
    )


def ingest(frame: Any, *, image: str = "image", uri: str = "uri") -> Any:
    """Look at the pictures of a DataFrame as `mezzetin ingest` does: the same rows with pictures as a dataset has them.

    Added, or replaced, are `image` (a smaller JPEG where the picture is above 4 megapixels), `format`, `width`,
    `height` (pixels, as shown), `sha256` (of the original bytes), `status` ("ok", or the name of the defect) and
    `error` (its sentence). Pictures are taken as in `caption`.

    Raises:
        InputError: the frame has neither column.

    """
    from mezzetin.spark.loading import ADDED, loaded
    from mezzetin.spark.rows import ddl

    _bound(frame.sparkSession)
    names = [field.name for field in ADDED]
    kept = [name for name in frame.columns if name not in {image, *names}]
    columns = _columns(frame, image, uri)
    return frame.mapInArrow(_adding(columns, kept, names, loaded), _schema(frame, kept, ddl(ADDED)))


def _columns(frame: Any, image: str, uri: str) -> tuple[str | None, str | None, str | None]:
    """The columns that are there: of bytes, of addresses, of errors."""
    there = frame.columns
    if image not in there and uri not in there:
        raise InputError(f"the DataFrame has neither a column {image!r} of bytes nor {uri!r} of addresses: name one")
    errors = "error" if "struct<code" in dict(frame.dtypes).get("error", "") else None
    return (image if image in there else None), (uri if uri in there else None), errors


def _schema(frame: Any, kept: Sequence[str], added: str) -> Any:
    from pyspark.sql.types import StructType

    fields = [field for field in frame.schema.fields if field.name in kept]
    new: Any = StructType.fromDDL(added)
    return StructType([*fields, *new.fields])


def _adding(
    columns: tuple[str | None, str | None, str | None],
    kept: Sequence[str],
    added: Sequence[str],
    work: Callable[[Sequence[Item | ItemError]], list[Any]],
) -> Callable[[Iterator[Any]], Iterator[Any]]:
    """The function that Spark runs: batches in, the kept columns and those of `work` out."""

    def run(batches: Iterator[Any]) -> Iterator[Any]:
        import pyarrow as pa

        for batch in batches:
            arrays = [batch.column(name) for name in kept]
            yield pa.RecordBatch.from_arrays([*arrays, *work(_items(batch, columns))], names=[*kept, *added])

    return run


def _items(batch: Any, columns: tuple[str | None, str | None, str | None]) -> list[Item | ItemError]:
    image, uri, error = columns
    blank = [None] * batch.num_rows
    rows = zip(*(batch.column(name).to_pylist() if name else blank for name in (image, uri, error)), strict=True)
    return [_item(*row) for row in rows]


def _item(data: bytes | None, uri: str | None, error: dict[str, str] | None) -> Item | ItemError:
    if error is not None:
        return ItemError(error["code"], error["message"])
    if data is not None:
        return Item(bytes(data))
    if not uri:
        return ItemError("missing", "the row has neither a picture nor an address")
    secrets = Secrets()
    try:
        where = told(Place.of(uri), secrets)
    except InputError as wrong:
        return ItemError("missing", str(wrong))
    return Item(where=where, secrets=secrets.all())


def _bound(session: Any) -> None:
    """Keep batches of pictures small where Spark, before 4.1, bounds them by rows alone: ten thousand of them."""
    known = session.conf.get(_BYTES, None)
    if known is None and int(session.conf.get(_ROWS, "10000")) not in range(1, 4 * BATCH_ROWS + 1):
        session.conf.set(_ROWS, str(BATCH_ROWS))
