"""Approval by sample: people judge texts drawn by lot from a band, and the page says what that tells of the band.

Enters: a filter, a person, verdicts. Leaves: a sample whose band is kept as it was at the draw, an estimate with an
exact interval, and, where a person decides so, a run that approves the rest of the band as `sampled`, which is never
shown as read by a person. A verdict is about the words that were drawn: a text whose words, status or picture changed
before somebody judged it leaves band and sample alike.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import asdict, replace

from mezzetin.collection import texts
from mezzetin.collection.conflict import Conflict
from mezzetin.collection.estimating import Estimate, estimate
from mezzetin.collection.intervals import size_for
from mezzetin.collection.lots import FROM, UNCHANGED, Judgement, Sample, Verdict, get, lot, samples, there, to_judge
from mezzetin.collection.opening import Collection, Reader
from mezzetin.collection.people import require_person
from mezzetin.collection.queue import Filter, condition
from mezzetin.collection.rows import Actor
from mezzetin.collection.writing import storable
from mezzetin.errors import InputError


def draw(collection: Collection, actor: Actor, wanted: Filter, size: int, seed: int | None = None) -> Sample:
    """Draw texts by lot from the machine texts of a filter, each as likely as any other; the band stays as it is now.

    The same seed draws the same from the same band; without one it is drawn as well. Texts of pictures that changed
    since or are gone are not in the band.

    Raises:
        InputError: the band is empty, `size` is below 1, the filter asks for other statuses, or the actor is no person.

    """
    require_person(actor)
    if size < 1:
        raise InputError("a sample needs a text at least: ask for 1 or more")
    if wanted.statuses not in ((), ("machine",)):
        raise InputError("a sample is drawn from texts that nobody has read: ask for the status machine alone")
    band = replace(wanted, statuses=("machine",))
    where, values = condition(band)
    seed = random.SystemRandom().randrange(2**32) if seed is None else seed
    with collection.writing(actor, "draw") as writing:
        made = writing.execute(
            "INSERT INTO samples (filter, seed, drawn, drawn_by) VALUES (?, ?, ?, ?)",
            (json.dumps(asdict(band)), seed, writing.at, storable(actor.name)),
        ).lastrowid
        writing.execute(
            "INSERT INTO sample_texts (sample_id, text_id, picture_id, version)"  # noqa: S608
            " SELECT ?, texts.id, texts.picture_id, texts.version"
            f" FROM texts JOIN pictures ON pictures.id = texts.picture_id WHERE {where} AND pictures.status <> 'gone'"
            " AND (texts.of_sha256 IS NULL OR pictures.sha256 IS NULL OR texts.of_sha256 = pictures.sha256)",
            (made, *values),
        )
        ids = [row[0] for row in writing.rows("SELECT text_id FROM sample_texts WHERE sample_id = ?", (made,))]
        if not ids:
            raise InputError("there is no machine text in this band: ask for another")
        lot = random.Random(seed).sample(ids, min(size, len(ids)))  # noqa: S311
        for place, text_id in enumerate(lot, 1):
            writing.execute(
                "UPDATE sample_texts SET place = ? WHERE sample_id = ? AND text_id = ?", (place, made, text_id)
            )
        return there(writing, int(made or 0))


def judge(
    collection: Collection, actor: Actor, sample_id: int, text_id: int, verdict: Verdict, *, version: int
) -> Judgement:
    """Say of a drawn text whether it is acceptable as it stands; a person may say otherwise until the band is approved.

    `version` is the text's that the person saw.

    Raises:
        Conflict: the text has changed since.
        InputError: it was not drawn, the sample is not open, there is no such verdict, or the actor is no person.

    """
    require_person(actor)
    if verdict not in ("acceptable", "not"):
        raise InputError(f"{verdict!r} is no verdict: say acceptable or not")
    with collection.writing(actor, "judge") as writing:
        _open(writing, sample_id)
        if next(lot(writing, sample_id, "AND sample_texts.text_id = ?", (text_id,)), None) is None:
            raise InputError(f"text {text_id} was not drawn in sample {sample_id}")
        current = texts.get(writing, text_id)
        same = writing.one(
            f"SELECT 1 {FROM} WHERE sample_id = ? AND text_id = ? AND {UNCHANGED}",
            (sample_id, text_id),
        )
        if current is None or same is None or current.version != version:
            raise Conflict("this text has changed since it was drawn or shown: look at it again", current)
        writing.execute(
            "INSERT INTO verdicts (sample_id, text_id, picture_id, who, verdict, at) VALUES (?, ?, ?, ?, ?, ?)"
            " ON CONFLICT DO UPDATE SET verdict = excluded.verdict, at = excluded.at",
            (sample_id, text_id, current.picture_id, storable(actor.name), verdict, writing.at),
        )
        return next(lot(writing, sample_id, "AND sample_texts.text_id = ?", (text_id,)))


def take_back(collection: Collection, actor: Actor, sample_id: int, text_id: int) -> None:
    """Take one's own verdict on a text back; raises as `judge` does."""
    require_person(actor)
    with collection.writing(actor, "judge") as writing:
        _open(writing, sample_id)
        writing.execute(
            "DELETE FROM verdicts WHERE sample_id = ? AND text_id = ? AND who = ?",
            (sample_id, text_id, storable(actor.name)),
        )


def drawn(reader: Reader, sample_id: int) -> Iterator[Judgement]:
    """All texts that were drawn, in the order of the lot, with their verdicts."""
    return lot(reader, sample_id)


def drop(collection: Collection, actor: Actor, sample_id: int) -> Sample:
    """Give a sample up: its verdicts stay, and it approves nothing; raises as `judge` does."""
    require_person(actor)
    with collection.writing(actor, "drop") as writing:
        _open(writing, sample_id)
        writing.execute("UPDATE samples SET state = 'dropped' WHERE id = ?", (sample_id,))
        return there(writing, sample_id)


def _open(reader: Reader, sample_id: int) -> Sample:
    sample = there(reader, sample_id)
    if sample.state != "open":
        raise InputError(f"sample {sample_id} is {sample.state}: draw another, or undo its run first")
    return sample


__all__ = [
    "Estimate",
    "Judgement",
    "Sample",
    "Verdict",
    "draw",
    "drawn",
    "drop",
    "estimate",
    "get",
    "judge",
    "samples",
    "size_for",
    "take_back",
    "to_judge",
]
