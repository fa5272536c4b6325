"""What a captioner still has to describe: read from the collection itself, so that a killed run has nothing to lose."""

from __future__ import annotations

from collections.abc import Iterator

from mezzetin.collection.opening import Reader
from mezzetin.collection.pictures import picture_of
from mezzetin.collection.rows import Picture

# A failed picture without a captioner's failure has a file that can't be used. Nobody speaks where a person deleted
# (for the same kind and language), and nobody repeats what was refused.
_WAITING = """
FROM pictures WHERE pictures.id > :after AND pictures.status <> 'gone'
AND (:source IS NULL OR pictures.source = :source)
AND (:retry OR NOT EXISTS (SELECT 1 FROM failures WHERE picture_id = pictures.id AND source = :captioner))
AND (:retry OR pictures.status <> 'failed' OR EXISTS (SELECT 1 FROM failures WHERE picture_id = pictures.id))
AND NOT EXISTS (SELECT 1 FROM texts WHERE picture_id = pictures.id AND kind = :kind AND lang = :lang AND (
    status = 'deleted' OR (source = :captioner AND CASE status
        WHEN 'withdrawn' THEN 0
        WHEN 'machine' THEN (of_sha256 IS NULL OR of_sha256 IS pictures.sha256)
            AND (NOT :refresh OR signature IS :signature)
        WHEN 'rejected' THEN NOT :refresh OR signature IS :signature
            OR EXISTS (SELECT 1 FROM texts AS later WHERE later.picture_id = texts.picture_id
                AND later.kind = :kind AND later.lang = :lang AND later.source = :captioner
                AND later.status = 'machine' AND later.signature IS :signature)
        ELSE 1 END)))
"""


def waiting(
    reader: Reader,
    captioner: str,
    *,
    kind: str = "alt",
    lang: str = "en",
    source: str | None = None,
    signature: str | None = None,
    retry_failed: bool = False,
    refresh: bool = False,
    after: int = 0,
) -> Iterator[Picture]:
    """The pictures that a captioner still has to describe, by their numbers above `after`, one by one.

    Those of which it said nothing yet, and those whose bytes changed since; with `retry_failed` also those on which it
    failed; with `refresh` also those whose text another `signature` wrote or had refused. Never where a person has had
    the last word, and none whose file is gone. `source` names one collected place.
    """
    values = _values(captioner, kind, lang, source, signature, retry_failed, refresh, after)
    for row in reader.rows(f"SELECT pictures.* {_WAITING} ORDER BY pictures.id", values):
        yield picture_of(row)


def waiting_count(
    reader: Reader,
    captioner: str,
    *,
    kind: str = "alt",
    lang: str = "en",
    source: str | None = None,
    signature: str | None = None,
    retry_failed: bool = False,
    refresh: bool = False,
    after: int = 0,
) -> int:
    """How many pictures `waiting` would yield."""
    values = _values(captioner, kind, lang, source, signature, retry_failed, refresh, after)
    row = reader.one(f"SELECT count(*) {_WAITING}", values)
    return row[0] if row else 0


def _values(
    captioner: str,
    kind: str,
    lang: str,
    source: str | None,
    signature: str | None,
    retry_failed: bool,
    refresh: bool,
    after: int,
) -> dict[str, object]:
    return {
        "captioner": captioner,
        "kind": kind,
        "lang": lang,
        "source": source,
        "signature": signature,
        "retry": int(retry_failed),
        "refresh": int(refresh),
        "after": after,
    }
