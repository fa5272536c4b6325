"""Columns of text that keep their gaps on MLflow's way to Spark.

Enters: a data frame. Leaves: the same one, in a task of Spark with columns of a class of their own. MLflow turns every
column of text into text once more, and pandas makes the word "None" of a missing caption then; a column of this class
survives the copies that are made in between and knows better.
"""

from __future__ import annotations

import sys
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas


def with_gaps(frame: pandas.DataFrame, names: tuple[str, ...]) -> pandas.DataFrame:
    """The same frame, in a task of Spark with such columns under these names; elsewhere as it is."""
    taskcontext = sys.modules.get("pyspark.taskcontext")
    if taskcontext is None or taskcontext.TaskContext.get() is None:
        return frame
    import pandas

    columns = {
        name: pandas.Series(_gapped_text()(frame[name].to_numpy(object, na_value=pandas.NA)), frame.index)
        for name in names
    }
    return frame.assign(**columns)


@cache
def _gapped_text() -> type[Any]:
    """The class of such a column, made where pandas is there already: it belongs to an extra."""
    import pandas

    class GappedText(pandas.arrays.StringArray):  # type: ignore[misc]  # pandas has no types here
        """Text in which what is missing stays missing, also as an array of NumPy's."""

        def astype(self, dtype: Any, copy: bool = True) -> Any:
            """See `pandas.api.extensions.ExtensionArray.astype`."""
            if isinstance(dtype, np.dtype) and dtype.kind == "U":
                return self.to_numpy(object, na_value=None)
            return super().astype(dtype, copy=copy)

    return GappedText
