"""Spark: ships the plain captioner to the executors of a cluster, and the training function to its ranks.

    from mezzetin.spark import caption, pictures
    caption(pictures(spark, "az://museum/photographs")).write.saveAsTable("captions")

`pictures`, `caption` and `ingest` take and return DataFrames. Executors read through `mezzetin.storage`, so that no
Hadoop connector is needed. Importing this package imports neither pyspark nor pyarrow.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mezzetin.spark.frames import caption, ingest, pictures
    from mezzetin.spark.session import opened

_FACE = {
    "caption": "mezzetin.spark.frames",
    "ingest": "mezzetin.spark.frames",
    "opened": "mezzetin.spark.session",
    "pictures": "mezzetin.spark.frames",
}

__all__ = ["caption", "ingest", "opened", "pictures"]


def __getattr__(name: str) -> Any:
    """Load a public name when it is first asked for (PEP 562)."""
    if name not in _FACE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_FACE[name]), name)
