"""The confidence of stored machine texts under a new calibration; what people decided stays as it is.

The texts get the new bundle's signature with it: it would say the same words, as sure as they now are.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mezzetin.collection import runs
from mezzetin.collection.curves import Fit, odds
from mezzetin.collection.opening import Collection
from mezzetin.collection.rows import Actor
from mezzetin.records import Progress

KIND = "rescore"
_PIECE = 500


def rescore(
    collection: Collection, signature: str, new: str, fit: Fit, report: Callable[[Progress], None]
) -> tuple[int, int]:
    """Give the machine texts of one signature the confidence of a new curve; return the run and how many changed."""
    actor = Actor.machine("calibrate")
    settings = {"signature": signature, "calibrated": new, "offset": fit.offset, "slope": fit.slope}
    run = runs.start(collection, KIND, actor.name, settings=settings)
    done = last = 0
    while True:
        with collection.writing(actor, "rescore", run.id) as writing:
            rows = list(
                writing.rows(
                    "SELECT id, confidence, unlike_training FROM texts WHERE signature = ? AND status = 'machine'"
                    " AND confidence IS NOT NULL AND kind = 'alt' AND id > ? ORDER BY id LIMIT ?",
                    (signature, last, _PIECE),
                )
            )
            for row in rows:
                doubt = np.array([min(1.0, 2 * (1 - (row["unlike_training"] or 0.0)))])
                now = round(float((fit(odds(np.array([row["confidence"]]), doubt)) * doubt)[0]), 4)
                writing.execute(
                    "UPDATE texts SET confidence = ?, signature = ?, version = version + 1, act_id = ? WHERE id = ?",
                    (now, new, writing.act, row["id"]),
                )
            done += len(rows)
            if rows:
                runs.advance(writing, cursor=rows[-1]["id"], done=len(rows))
        if len(rows) < _PIECE:
            runs.finish(collection, run.id)
            return run.id, done
        last = rows[-1]["id"]
        report(Progress("rescore", done, None))
