"""A dry run: what would be done, and how long it would take by a few pictures drawn from the source.

Enters: a source and the collection, if there is one. Leaves: counts and a time. Nothing is written; captioners of
other people are counted and not asked.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator

from mezzetin.collection.collecting.content import Content, ahead, read
from mezzetin.collection.collecting.options import CollectOptions, Forecast
from mezzetin.collection.collecting.panel import Asked, Panel
from mezzetin.collection.collecting.planning import Plan, Planner
from mezzetin.collection.opening import Collection
from mezzetin.collection.sources import Source, SourceRecord, Web
from mezzetin.records import Progress
from mezzetin.worker import BATCH, in_batches, processors

_SAMPLE = 24
_SEED = 8


def forecast(
    source: Source,
    collection: Collection | None,
    panel: Panel,
    web: Web,
    options: CollectOptions,
    report: Callable[[Progress], None],
) -> Forecast:
    """Count what would be done and time a sample of it."""
    left_out, defects, asked, counts = Counter[str](), Counter[str](), Counter[str](), Counter[str]()
    planner = Planner(panel, options)
    sample: list[Plan] = []
    draw = random.Random(_SEED)  # noqa: S311
    for number, plan in enumerate(planner.plans(_records(source, left_out, defects), collection), start=1):
        before = plan.known_before()
        counts["failed_before"] += before is not None and before.is_unusable and not plan.reads
        counts["new"] += before is None and not plan.is_forgotten
        if plan.reads:
            counts["reads"] += 1
            digest = before.picture.sha256 if before else None
            asked.update(planner.wanted(before, digest, restricted=plan.restricted))
            _keep(sample, plan, counts["reads"], draw)
        counts["pictures"] = number
        report(Progress("look", number, None))
    seconds, failed = _timed(sample, panel, web)
    return Forecast(
        source=source.name,
        pictures=counts["pictures"],
        to_read=counts["reads"],
        new=counts["new"],
        same=counts["pictures"] - counts["reads"] - counts["failed_before"],
        failed_before=counts["failed_before"],
        left_out=dict(left_out),
        defects=dict(defects),
        asked=dict(asked),
        sampled=len(sample),
        sample_failed=failed,
        seconds=None if seconds is None else round(seconds * counts["reads"], 1),
    )


def _records(source: Source, left_out: Counter[str], defects: Counter[str]) -> Iterator[SourceRecord]:
    """The records, and the counts of rows that are none."""
    for record in source.records():
        if isinstance(record, SourceRecord):
            yield record
        else:
            (defects if record.is_defect else left_out)[record.reason] += 1


def _keep(sample: list[Plan], plan: Plan, number: int, draw: random.Random) -> None:
    """Keep a fair sample of a stream (Vitter, "Random sampling with a reservoir", 1985)."""
    if len(sample) < _SAMPLE:
        sample.append(plan)
    elif (place := draw.randrange(number)) < _SAMPLE:
        sample[place] = plan


def _timed(sample: list[Plan], panel: Panel, web: Web) -> tuple[float | None, int]:
    """Seconds a picture, read and described by ours, and how many could not be read."""
    if not sample:
        return 0.0, 0
    everybody, failed = frozenset(panel.own), 0

    def describe(asked: list[Asked]) -> list[None]:
        panel.describe(asked)
        return [None] * len(asked)

    def pictures(plans: list[Plan]) -> Iterator[Asked]:
        nonlocal failed
        for _, outcome in ahead(plans, lambda plan: read(plan.record, web)):
            if isinstance(outcome, Content):
                yield Asked(outcome.data, everybody, restricted=True)
            else:
                failed += 1

    # The first call of a session prepares it, which a long run pays once.
    for _ in in_batches(pictures(sample[:1]), describe):
        pass
    failed = 0
    begun = time.perf_counter()
    for _ in in_batches(pictures(sample), describe, batch=max(1, min(BATCH, len(sample) // 4)), workers=processors()):
        pass
    taken = time.perf_counter() - begun
    return (None, failed) if failed == len(sample) else (taken / len(sample), failed)
