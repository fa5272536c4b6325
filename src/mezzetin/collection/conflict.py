"""What stops a person's change: somebody was quicker."""

from __future__ import annotations

from mezzetin.collection.rows import Text
from mezzetin.errors import InputError


class Conflict(InputError):
    """A text is not as the person saw it; `current` is how it stands now, where one text is in question."""

    code = "conflict"

    def __init__(self, message: str, current: Text | None = None) -> None:
        super().__init__(message)
        self.current = current
