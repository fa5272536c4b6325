"""What people decided on a captioner's texts, as labels: how acceptable each was as the machine wrote it.

    1      approved as it stood, or judged acceptable in a sample
    0.5    edited a little: at least four fifths of its words stayed
    0      edited more than that, rejected, or judged not acceptable

Left out are texts that were approved by sample or many at once, which nobody read, and deletions, which tell that no
text is wanted and not that this one was wrong. Enters: a collection and a captioner's signature. Leaves: decisions.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher

from mezzetin.collection.opening import Reader

LITTLE = 0.8
"""Of the words of both texts together, the share that is common to them where an edit is a little one."""
JUDGED, DECIDED = 1.0, 0.5
"""What a decision counts: a judged sample was drawn by lot; what people took from the queue they chose themselves."""
_QUERY = """
SELECT texts.*, pictures.uri, pictures.page,
    (SELECT min(verdict = 'acceptable') FROM verdicts WHERE verdicts.text_id = texts.id) AS verdict,
    acts.who_is = 'person' AND coalesce(runs.kind, '') NOT IN ('bulk', 'sample', 'band', 'undo') AS read
FROM texts JOIN pictures ON pictures.id = texts.picture_id JOIN acts ON acts.id = texts.act_id
    LEFT JOIN runs ON runs.id = acts.run_id
WHERE texts.signature = ? AND texts.machine_text IS NOT NULL AND texts.kind = 'alt'
    AND (texts.status IN ('approved', 'edited', 'rejected') OR EXISTS (
        SELECT 1 FROM verdicts WHERE verdicts.text_id = texts.id))
ORDER BY texts.id
"""


@dataclass(frozen=True, slots=True)
class Decision:
    """What people made of a text: `label` (0..1) and its `weight`; `confidence` and `unlike` are the captioner's."""

    picture_id: int
    uri: str
    page: int
    machine_text: str
    confidence: float | None
    unlike: float
    label: float
    weight: float


def decisions(reader: Reader, signature: str) -> Iterator[Decision]:
    """What people decided on the texts of one version of a captioner."""
    for row in reader.rows(_QUERY, (signature,)):
        if row["verdict"] is not None:
            label, weight = float(row["verdict"]), JUDGED
        elif row["read"]:
            label, weight = _label(row["status"], row["text"], row["machine_text"]), DECIDED
        else:
            continue
        told = (row["machine_text"], row["confidence"], row["unlike_training"] or 0.0)
        yield Decision(row["picture_id"], row["uri"], row["page"], *told, label, weight)


def _label(status: str, text: str, machine_text: str) -> float:
    if status == "rejected":
        return 0.0
    if status == "approved" and text == machine_text:
        return 1.0
    return 0.5 if SequenceMatcher(None, text.split(), machine_text.split(), False).ratio() >= LITTLE else 0.0
