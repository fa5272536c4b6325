"""Rows of captions: what a partition of a job writes, and what DataFrames of captions have as columns.

Enters: what the captioning process says of a picture. Leaves: Arrow tables. The columns have the names of
`collecting.merging.MergeRow`, so that a table of them goes into a collection as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa

_ERROR = pa.struct([("code", pa.string()), ("message", pa.string())])
_MODEL = pa.struct([(name, pa.string()) for name in ("name", "version", "signature", "licence")])
#: What is said of a picture, in every table and DataFrame of captions.
SAID = [
    pa.field("caption", pa.string()),
    pa.field("language", pa.string()),
    pa.field("confidence", pa.float64()),
    pa.field("unlike_training", pa.float64()),
    pa.field("alternatives", pa.list_(pa.struct([("text", pa.string()), ("log_probability", pa.float64())]))),
    pa.field("tokens", pa.list_(pa.struct([("text", pa.string()), ("probability", pa.float64())]))),
    pa.field("model", _MODEL),
    pa.field("error", _ERROR),
]
_SEEN = [
    pa.field("uri", pa.string()),
    pa.field("page", pa.int32()),
    pa.field("pages", pa.int32()),
    pa.field("sha256", pa.string()),
    pa.field("stamp", pa.string()),
    pa.field("size", pa.int64()),
    pa.field("width", pa.int32()),
    pa.field("height", pa.int32()),
    pa.field("format", pa.string()),
]
#: A row of a job's table.
SCHEMA = pa.schema([*_SEEN, *SAID])


def said_batch(rows: Iterable[Mapping[str, Any]]) -> list[pa.Array]:
    """The columns of `SAID`, in order."""
    kept = list(rows)
    return [pa.array([row.get(field.name) for row in kept], field.type) for field in SAID]


def to_table(rows: Iterable[Mapping[str, Any]]) -> pa.Table:
    """Rows as a table of `SCHEMA`; what a row lacks is null."""
    kept = list(rows)
    columns = [pa.array([row.get(field.name) for row in kept], field.type) for field in SCHEMA]
    return pa.table(columns, schema=SCHEMA)


def ddl(fields: Iterable[pa.Field]) -> str:
    """Arrow fields as Spark writes a schema: `name string, size bigint`."""
    return ", ".join(f"`{field.name}` {_type(field.type)}" for field in fields)


def _type(kind: pa.DataType) -> str:
    if pa.types.is_struct(kind):
        return f"struct<{', '.join(f'{field.name}: {_type(field.type)}' for field in kind)}>"
    if pa.types.is_list(kind):
        return f"array<{_type(kind.value_type)}>"
    return _PLAIN[str(kind)]


_PLAIN = {"string": "string", "int32": "int", "int64": "bigint", "double": "double", "binary": "binary"}
