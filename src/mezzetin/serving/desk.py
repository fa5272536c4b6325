"""The desk: what the pages of one collection need while a server runs.

Enters: settings that name a collection. Leaves: the open collection, its small copies and counts, what searches
it, and bulk actions under way.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from pathlib import Path

from mezzetin.alttext import read_house_rules
from mezzetin.captioner import BundleCaptioner
from mezzetin.collection.copies import folder_of
from mezzetin.collection.opening import Collection
from mezzetin.errors import MezzetinError
from mezzetin.meaning import SentenceEncoder, find_sentences
from mezzetin.retrieval.finder import Finder
from mezzetin.serving.gallery.sight import sights_of
from mezzetin.serving.gallery.tally import Tally
from mezzetin.serving.rate import Rate
from mezzetin.serving.review.bulks import Bulks
from mezzetin.serving.settings import ServeSettings
from mezzetin.serving.thumbnails.keeping import Thumbnails

_SWEEP_EVERY = 600.0
_A_STRANGERS_PICTURES = 1.0
_log = logging.getLogger(__name__)


class Desk:
    """Opens the collection of `settings` at once; `start` and `stop` on the event loop, `close` where it never started.

    Raises:
        InputError, FormatError, EnvironmentProblem: the collection can't be opened; see `Collection.open`.
        RecipeError: the house rules can't be read.

    """

    def __init__(self, path: Path, settings: ServeSettings, captioner: BundleCaptioner) -> None:
        self.rules = read_house_rules(settings.house_rules)
        self.collection = Collection.open(path)
        self.captioner = captioner
        self.bulks = Bulks(self.collection)
        self.tally = Tally(self.collection)
        self._sights = sights_of(settings)
        self.strangers = Rate(_A_STRANGERS_PICTURES)
        """How often whoever has not signed in may search with a picture of theirs."""
        self.thumbnails = Thumbnails(
            folder_of(self.collection.path),
            count=min(2, settings.decoders),
            limit=settings.decode_limit * 3,
            memory=settings.decode_memory,
            max_pixels=max(settings.max_pixels, _MASTER_PIXELS),
            sources=settings.picture_sources,
        )
        self._sweeping: asyncio.Task[None] | None = None
        self._finder: asyncio.Task[Finder | None] | None = None

    def start(self) -> None:
        """Go on with bulk actions that were cut off, and see now and then that no copy outlives its picture."""
        self.bulks.start()
        self._sweeping = asyncio.get_running_loop().create_task(self._sweep())
        self.tally.begin(self._sights)
        if self._sights:
            self._finder = asyncio.get_running_loop().create_task(asyncio.to_thread(self._open_finder))

    async def finder(self) -> Finder | None:
        """What searches the collection, opened when somebody first asks for it; None where that failed."""
        if self._finder is None:
            self._finder = asyncio.get_running_loop().create_task(asyncio.to_thread(self._open_finder))
        # Whoever hangs up while it is being opened must not end that for all others.
        return await asyncio.shield(self._finder)

    @property
    def is_opening_finder(self) -> bool:
        """Whether `finder` would have to be waited for: an index of a large collection may take a while."""
        return self._finder is None or not self._finder.done()

    async def stop(self) -> None:
        """End what is under way, at a place where it can go on."""
        if self._sweeping is not None:
            self._sweeping.cancel()
            with suppress(asyncio.CancelledError):
                await self._sweeping
        if self._finder is not None:
            finder = await self._finder
            if finder is not None:
                await asyncio.to_thread(finder.close)
        await asyncio.to_thread(self.close)

    def close(self) -> None:
        """Close everything."""
        self.bulks.stop()
        self.tally.close()
        self.thumbnails.close()
        self.collection.close()

    def _open_finder(self) -> Finder | None:
        try:
            found = find_sentences()
            sentences = None if found is None else SentenceEncoder.open(found)
            return Finder.open(self.collection, captioner=self.captioner, sentences=sentences)
        except MezzetinError as error:
            _log.warning("the collection can't be searched: %s", error)
            return None

    async def _sweep(self) -> None:
        known = None
        while True:
            try:
                row = await asyncio.to_thread(self.collection.one, "SELECT count(*) FROM forgotten")
                if row is not None and row[0] != known:
                    known = row[0]
                    await asyncio.to_thread(self.thumbnails.sweep, self.collection)
            except (MezzetinError, OSError) as error:
                _log.warning("small copies can't be tidied up: %s", error)
            await asyncio.sleep(_SWEEP_EVERY)


#: A museum's master files; they are read in strips.
_MASTER_PIXELS = 500_000_000
