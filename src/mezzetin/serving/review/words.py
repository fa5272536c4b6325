"""What the pages of review say of texts, pictures and changes, in words."""

from __future__ import annotations

from mezzetin.collection.rows import Run, Text

KINDS = {"alt": "Alt text", "description": "Longer description"}
STATUSES = {
    "machine": "Machine, unread",
    "given": "From the museum’s record",
    "edited": "Written by a person",
    "approved": "Approved by a person",
    "sampled": "Approved by sample, unread",
    "rejected": "Rejected",
    "deleted": "Deleted",
}
"""Every status that the queue can be asked for, and what it is called."""
VERBS = {"approve": "Approve", "reject": "Reject", "delete": "Delete"}
DONE = {
    "approve": "Approved",
    "reject": "Rejected",
    "delete": "Deleted",
    "edit": "Saved",
    "write": "Saved",
    "undo": "Undone",
    "sample": "Approved by sample",
}
CHANGES = {
    "approve": "approved it",
    "reject": "rejected it",
    "delete": "deleted it",
    "edit": "rewrote it",
    "write": "wrote it",
    "undo": "took a change back",
    "sample": "approved its band by sample",
    "collect": "described the picture",
    "import": "brought it in",
}
STATES = {"running": "Under way", "done": "Done", "failed": "Failed", "undone": "Undone"}
SAMPLES = {
    "open": "Being judged",
    "applying": "Being approved",
    "applied": "Band approved by sample",
    "dropped": "Given up",
}
_LANGUAGES = {
    "en": "English",
    "de": "German",
    "fr": "French",
    "es": "Spanish",
    "it": "Italian",
    "nl": "Dutch",
    "pt": "Portuguese",
    "pl": "Polish",
    "ar": "Arabic",
    "he": "Hebrew",
    "zh": "Chinese",
    "ja": "Japanese",
    "ru": "Russian",
    "uk": "Ukrainian",
    "cs": "Czech",
    "da": "Danish",
    "sv": "Swedish",
    "fi": "Finnish",
    "el": "Greek",
    "tr": "Turkish",
    "hu": "Hungarian",
}
_SURE = ((0.8, "Sure"), (0.6, "Fairly sure"), (0.4, "Not very sure"), (0.0, "A guess"))
_UNLIKE_FROM = 0.5


def language(tag: str) -> str:
    """A language by its English name, as far as it is known here; by its tag otherwise."""
    name = _LANGUAGES.get(tag.lower().split("-")[0])
    return tag if name is None else name if "-" not in tag else f"{name} ({tag})"


def run(one: Run) -> str:
    """What a run does, in a word or two."""
    if one.kind == "bulk":
        return VERBS.get(str(one.settings.get("verb")), "Change").lower() + " many"
    return {"band": "approve a band by sample", "sample": "approve by sample", "undo": "undo a run"}.get(
        one.kind, one.kind
    )


def sure(confidence: float | None) -> str:
    """How sure a captioner is of its text."""
    if confidence is None:
        return "How sure it is, it does not say"
    return f"{next(word for least, word in _SURE if confidence >= least)}: {confidence * 100:.0f} %"


def is_unlike(text: Text) -> bool:
    """Say whether the picture is unlike those that the model learned from."""
    return (text.unlike_training or 0.0) >= _UNLIKE_FROM


def is_persons(text: Text) -> bool:
    """Say whether a person stands behind the words: wrote them, read them, or gave them with a record."""
    return text.status in ("edited", "approved", "given")


def mark(text: Text) -> str:
    """Whose words these are: "machine", "person" (stands behind them) or "none" (nobody's any more)."""
    if text.status in ("rejected", "deleted", "withdrawn"):
        return "none"
    return "person" if is_persons(text) else "machine"


def provenance(text: Text) -> tuple[str, str]:
    """Where a text comes from: what stands before the name of who changed it last, and what after it.

    Both empty: nobody is to be named.
    """
    return {
        "machine": ("A machine wrote this, and nobody has read it: ", ""),
        "given": ("This came with the museum’s record, by ", ""),
        "edited": (
            ("A machine wrote something else first; these are the words of ", "")
            if text.machine_text is not None and text.machine_text != text.text
            else ("Written by ", "")
        ),
        "approved": (
            ("A machine wrote this; it was read and approved by ", "")
            if text.machine_text is not None
            else ("This was read and approved by ", "")
        ),
        "sampled": ("A machine wrote this. Its band was approved by sample by ", ": nobody has read this one"),
        "rejected": ("Rejected by ", ""),
        "deleted": ("Deleted by ", ": no machine writes here again"),
    }.get(text.status, ("", ""))
