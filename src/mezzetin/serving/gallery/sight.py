"""What whoever asks may see: everything, or what the house shows to everybody.

Enters: pictures and texts. Leaves: those that a `Sight` allows; every page, picture and search goes by one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from mezzetin.collection.opening import Reader
from mezzetin.collection.rows import Picture, Text
from mezzetin.serving.settings import ServeSettings

APPROVED = ("edited", "approved", "given", "sampled")
"""The statuses of texts that people vouch for."""
UNSEEN = ("gone", "failed")
"""The statuses of pictures that there is nothing to show of."""


@dataclass(frozen=True, slots=True)
class Sight:
    """`inside`: restricted pictures too, and those that nobody has described; `machine`: texts that nobody has read."""

    inside: bool
    machine: bool

    @property
    def statuses(self) -> tuple[str, ...]:
        """The statuses of texts that are shown."""
        return (*APPROVED, "machine") if self.machine else APPROVED

    def texts(self, found: Iterable[Text]) -> list[Text]:
        """Of texts that count those that are shown."""
        return [text for text in found if text.text and text.status in self.statuses]

    def sees(self, reader: Reader, picture: Picture | None) -> bool:
        """Say whether a picture is shown."""
        if picture is None or picture.status in UNSEEN:
            return False
        if self.inside:
            return True
        if picture.restricted:
            return False
        marks = ", ".join("?" * len(self.statuses))
        row = reader.one(
            "SELECT 1 FROM chosen JOIN texts ON texts.id = chosen.text_id"  # noqa: S608 - marks alone
            f" WHERE chosen.picture_id = ? AND texts.text <> '' AND texts.status IN ({marks})",
            (picture.id, *self.statuses),
        )
        return row is not None


INSIDE = Sight(inside=True, machine=True)


def sights_of(settings: ServeSettings) -> tuple[Sight, ...]:
    """The sights that a server of these settings has: none without a gallery."""
    if settings.gallery == "off":
        return ()
    return (INSIDE, outside_of(settings)) if settings.gallery == "public" else (INSIDE,)


def outside_of(settings: ServeSettings) -> Sight:
    """What everybody sees, or would."""
    return Sight(inside=False, machine=settings.gallery_machine)
