"""Approve a band by its sample: the drawn texts as they were judged, the rest as `sampled`; one run, undone as one.

Enters: a sample whose texts were all judged. Leaves: a run of kind "band". A killed one goes on at the next call.
"""

from __future__ import annotations

from mezzetin.collection import runs
from mezzetin.collection.bulk import Report
from mezzetin.collection.estimating import estimate
from mezzetin.collection.lots import FROM, UNCHANGED, get, lot
from mezzetin.collection.opening import Collection, Reader
from mezzetin.collection.people import require_person
from mezzetin.collection.rows import Actor, Run
from mezzetin.errors import InputError
from mezzetin.records import Progress

KIND = "band"
_PIECE = 500


def apply(
    collection: Collection, actor: Actor, sample_id: int, *, least: float | None = None, report: Report | None = None
) -> Run:
    """Approve what was judged acceptable, reject what was not, each in its judge's name; the rest is `sampled`.

    Only texts whose words are those of the draw change. `least` (0..1) is what the interval's lower end must reach.
    Where two people disagree, the stricter verdict counts. A run that was killed goes on.

    Raises:
        InputError: texts are still to be judged, the lower end is below `least`, the sample was dropped or approves
            already, or the actor is no person.

    """
    require_person(actor)
    run = _begun(collection, actor, sample_id, least)
    for judgement in list(lot(collection, sample_id)):
        if judgement.verdict is not None:
            who = next(name for name, verdict in judgement.verdicts.items() if verdict == judgement.verdict)
            _judged(collection, Actor.person(who), run, sample_id, judgement.text_id, judgement.verdict == "acceptable")
    while run.state == "running":
        run = _piece(collection, actor, run, sample_id)
        if report is not None:
            report(Progress("approve by sample", run.done, None))
    return run


def _begun(collection: Collection, actor: Actor, sample_id: int, least: float | None) -> Run:
    sample = get(collection, sample_id)
    if sample is None:
        raise InputError(f"there is no sample {sample_id} in this collection")
    if sample.state == "applying" and sample.run is not None:
        return _now(collection, sample.run)
    if sample.state != "open":
        raise InputError(f"sample {sample_id} is {sample.state}: draw another, or undo its run first")
    found = estimate(collection, sample_id)
    if found.left or found.low is None:
        raise InputError(f"{found.left:,} of the {found.drawn:,} drawn texts are still to be judged: judge them first")
    if least is not None and found.low < least:
        raise InputError(f"{found.sentence}, and {least:.0%} at least was asked for: approve a surer band, or read it")
    settings = {"sample": sample_id, "least": least, "sentence": found.sentence}
    run = runs.start(collection, KIND, actor.name, settings=settings)
    with collection.writing(actor, "sample", run.id) as writing:
        # Somebody else may have been quicker: the band is approved once.
        now = get(writing, sample_id)
        if now is None or now.state != "open":
            runs.end(writing, run.id, "failed")
            return _now(collection, now.run) if now is not None and now.run is not None else run
        writing.execute("UPDATE samples SET run_id = ? WHERE id = ?", (run.id, sample_id))
    return run


def _judged(collection: Collection, judge: Actor, run: Run, sample_id: int, text_id: int, good: bool) -> None:
    with collection.writing(judge, "approve" if good else "reject", run.id) as writing:
        now = runs.get(writing, run.id)
        same = writing.one(
            f"SELECT 1 {FROM} WHERE sample_id = ? AND text_id = ? AND {UNCHANGED}",
            (sample_id, text_id),
        )
        if same is not None and now is not None and now.state == "running":
            writing.execute(
                "UPDATE texts SET status = ?, version = version + 1, act_id = ? WHERE id = ?",
                ("approved" if good else "rejected", writing.act, text_id),
            )
            runs.advance(writing, done=1)


def _piece(collection: Collection, actor: Actor, run: Run, sample_id: int) -> Run:
    # A run that somebody undid meanwhile stops here: its state is read in the transaction that writes.
    with collection.writing(actor, "sample", run.id) as writing:
        now = runs.get(writing, run.id)
        if now is None or now.state != "running":
            return now or run
        rows = list(
            writing.rows(
                f"SELECT sample_texts.text_id, {UNCHANGED} AND place IS NULL {FROM}"
                " WHERE sample_id = ? AND sample_texts.text_id > ? ORDER BY sample_texts.text_id LIMIT ?",
                (sample_id, now.cursor, _PIECE),
            )
        )
        found = [row[0] for row in rows if row[1]]
        if found:
            writing.execute(
                "UPDATE texts SET status = 'sampled', version = version + 1, act_id = ?"  # noqa: S608
                f" WHERE id IN ({', '.join('?' * len(found))})",
                (writing.act, *found),
            )
        if rows:
            runs.advance(writing, cursor=rows[-1][0], done=len(found))
        if len(rows) < _PIECE:
            runs.end(writing, run.id, "done")
        return _now(writing, run.id)


def _now(reader: Reader, run_id: int) -> Run:
    found = runs.get(reader, run_id)
    if found is None:
        raise LookupError(run_id)
    return found
