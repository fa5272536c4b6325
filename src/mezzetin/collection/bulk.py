"""One decision for many texts: looked at before, made in pieces that each hold, undone as one run.

Enters: a filter and a verb. Leaves: a run. A killed one goes on behind the last piece that was kept: its place is
written in the same transaction as the piece, so that nothing is lost or done twice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass

from mezzetin.collection import runs
from mezzetin.collection.opening import Collection, Reader
from mezzetin.collection.people import require_person
from mezzetin.collection.queue import Filter, Item, condition, count, page
from mezzetin.collection.rows import Actor, Run
from mezzetin.errors import InputError
from mezzetin.records import Progress

_PIECE = 500
_DELETED = (
    "status = 'deleted', text = NULL, machine_text = NULL, confidence = NULL, unlike_training = NULL,"
    " alternatives = NULL, tokens = NULL"
)
#: Per verb: what it does, and to which texts it may be done.
_VERBS: dict[str, tuple[str, tuple[str, ...]]] = {
    "approve": ("status = 'approved'", ("machine", "given", "sampled")),
    "reject": ("status = 'rejected'", ("machine", "given", "sampled", "approved", "edited")),
    "delete": (_DELETED, ("machine", "given", "sampled", "approved", "edited", "rejected")),
    "sample": ("status = 'sampled'", ("machine",)),
}
VERBS = tuple(_VERBS)
Report = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class Preview:
    """What a bulk action would change; `upto` is the last act it has seen, for `apply`."""

    verb: str
    count: int
    examples: list[Item]
    upto: int


def preview(reader: Reader, wanted: Filter, verb: str, examples: int = 12) -> Preview:
    """How many texts a bulk action would change, and some of them.

    Raises:
        InputError: there is no such verb, or it can't be done to any of the filter's statuses.

    """
    narrowed = _narrowed(wanted, verb)
    newest = reader.one("SELECT max(id) FROM acts")
    return Preview(
        verb,
        count(reader, narrowed),
        page(reader, narrowed, limit=examples).items,
        (newest[0] or 0) if newest else 0,
    )


def begin(
    collection: Collection,
    actor: Actor,
    wanted: Filter,
    verb: str,
    *,
    upto: int | None = None,
    note: str | None = None,
) -> Run:
    """Enter a bulk action that `resume` then does; raises as `apply` does."""
    require_person(actor)
    narrowed = _narrowed(wanted, verb)
    limit = preview(collection, wanted, verb, examples=1).upto if upto is None else upto
    settings = {"verb": verb, "filter": asdict(narrowed), "upto": limit, "note": note}
    return runs.start(collection, "sample" if verb == "sample" else "bulk", actor.name, settings=settings)


def apply(
    collection: Collection,
    actor: Actor,
    wanted: Filter,
    verb: str,
    *,
    upto: int | None = None,
    report: Report | None = None,
    note: str | None = None,
) -> Run:
    """Do one thing to all texts that a filter asks for; what changed after act `upto` of a preview is left alone.

    Raises:
        InputError: there is no such verb, it can't be done to these statuses, or the actor is no person.

    """
    run = begin(collection, actor, wanted, verb, upto=upto, note=note)
    return resume(collection, actor, run.id, report=report)


def resume(collection: Collection, actor: Actor, run_id: int, *, report: Report | None = None) -> Run:
    """Go on with a bulk action that was killed; one that ended is left as it is.

    Raises:
        InputError: there is no such run, it is no bulk action, or the actor is no person.

    """
    require_person(actor)
    run = runs.get(collection, run_id)
    if run is None or run.kind not in ("bulk", "sample"):
        raise InputError(f"run {run_id} is no bulk action: `mezzetin history` lists the runs")
    while run is not None and run.state == "running":
        run = _piece(collection, actor, run_id)
        if run is not None and report is not None:
            report(Progress(str(run.settings["verb"]), run.done, None))
    if run is None:
        raise LookupError(run_id)
    return run


def _piece(collection: Collection, actor: Actor, run_id: int) -> Run | None:
    # A run that somebody undid meanwhile stops here: its state is read in the transaction that writes.
    with collection.writing(actor, "bulk", run_id) as writing:
        run = runs.get(writing, run_id)
        if run is None or run.state != "running":
            return run
        verb = str(run.settings["verb"])
        writing.verb = verb
        plain = run.settings["filter"]
        lists = {name: tuple(value) for name, value in plain.items() if isinstance(value, list)}
        where, values = condition(Filter(**plain | lists))
        found = [
            row[0]
            for row in writing.rows(
                "SELECT texts.id FROM texts JOIN pictures ON pictures.id = texts.picture_id"  # noqa: S608
                f" WHERE {where} AND texts.id > ? AND texts.act_id <= ? ORDER BY texts.id LIMIT ?",
                (*values, run.cursor, run.settings["upto"], _PIECE),
            )
        ]
        if found:
            marks = ", ".join("?" * len(found))
            writing.execute(
                f"UPDATE texts SET {_VERBS[verb][0]}, version = version + 1, act_id = ? WHERE id IN ({marks})",  # noqa: S608
                (writing.act, *found),
            )
            runs.advance(writing, cursor=found[-1], done=len(found))
        if len(found) < _PIECE:
            runs.end(writing, run_id, "done")
        return runs.get(writing, run_id)


def _narrowed(wanted: Filter, verb: str) -> Filter:
    if verb not in _VERBS:
        raise InputError(f"{verb!r} is nothing that is done to many texts: choose one of {', '.join(_VERBS)}")
    may = _VERBS[verb][1]
    statuses = tuple(status for status in may if not wanted.statuses or status in wanted.statuses)
    if not statuses:
        raise InputError(f"{verb} is done to texts that are {', '.join(may)}: none of these statuses was asked for")
    plain = asdict(wanted) | {"statuses": statuses}
    return Filter(**plain)
