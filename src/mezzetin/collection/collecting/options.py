"""What a person chooses of a run of `collect`, and what the run tells in the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypedDict

from mezzetin.collection.sources import PER_SECOND


@dataclass(frozen=True, slots=True)
class CollectOptions:
    """How a source is collected.

    `retry_failed` takes pictures again that failed before; `verify` reads every picture again, whatever its listing
    says, and compares digests; `refresh` has texts of another version of a captioner written anew. `pages` "all" makes
    a row of each page of a TIFF. `lang` is the language of texts that name none and the one that is chosen where there
    are several. Pictures whose address matches one of `restricted` are never sent to anybody. `mapping` is of records;
    `allow_hosts` are hosts inside a network that addresses may lead to; `per_second` requests go to one host at most.
    """

    retry_failed: bool = False
    verify: bool = False
    refresh: bool = False
    pages: Literal["first", "all"] = "first"
    lang: str = "en"
    mapping: str | None = None
    restricted: Sequence[str] = ()
    allow_hosts: Sequence[str] = ()
    per_second: float = PER_SECOND


class CollectChoices(TypedDict, total=False):
    """The fields of `CollectOptions` by name."""

    retry_failed: bool
    verify: bool
    refresh: bool
    pages: Literal["first", "all"]
    lang: str
    mapping: str | None
    restricted: Sequence[str]
    allow_hosts: Sequence[str]
    per_second: float


@dataclass(slots=True)
class Collected:
    """What one run did.

    `pictures` counts what the source showed (pages included), by `what`: new, same, changed, moved, back, forgotten.
    `described` pictures got at least one text; `texts` counts them by captioner. `failed` counts pictures by the code
    of their failure, `silent` what single captioners failed at, as "captioner: code"; `examples` holds a message for
    each. `left_out` rows have no picture or are left out on purpose, `defects` are rows that something is wrong with,
    by reason. `put_off` pictures are of hosts that did not answer: the next run asks again. `more_pages` counts pages
    of TIFFs that were not asked for. `listed` says that the whole source was seen, so that what is missing is gone.
    """

    source: str = ""
    run: int = 0
    pictures: int = 0
    what: Counter[str] = field(default_factory=Counter)
    described: int = 0
    kept: int = 0
    texts: Counter[str] = field(default_factory=Counter)
    given: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    failed_before: int = 0
    silent: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    defects: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)
    restricted: int = 0
    put_off: int = 0
    more_pages: int = 0
    gone: int = 0
    listed: bool = True
    seconds: float = 0.0

    @property
    def has_failures(self) -> bool:
        """Whether something did not go as it should, so that an exit code should say so."""
        return bool(self.failed or self.defects or self.put_off or self.silent)

    @property
    def per_second(self) -> float:
        """Described pictures a second."""
        return self.described / self.seconds if self.seconds else 0.0

    def to_json(self) -> dict[str, Any]:
        """The object of the command line."""
        return {
            "source": self.source,
            "run": self.run,
            "pictures": self.pictures,
            **{name: self.what[name] for name in ("new", "same", "changed", "moved", "back", "forgotten")},
            "gone": self.gone,
            "described": self.described,
            "kept": self.kept,
            "texts": dict(self.texts),
            "given": self.given,
            "failed": dict(self.failed),
            "failed_before": self.failed_before,
            "silent": dict(self.silent),
            "defects": dict(self.defects),
            "left_out": dict(self.left_out),
            "restricted": self.restricted,
            "put_off": self.put_off,
            "more_pages": self.more_pages,
            "complete": self.listed,
            "seconds": round(self.seconds, 3),
            "pictures_per_second": round(self.per_second, 2),
        }


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a run would do: counts as in `Collected`, and how long it would take, from a few pictures of the source."""

    source: str
    pictures: int
    to_read: int
    new: int
    same: int
    failed_before: int
    left_out: dict[str, int]
    defects: dict[str, int]
    asked: dict[str, int]
    sampled: int
    sample_failed: int
    seconds: float | None

    def to_json(self) -> dict[str, Any]:
        """The object of the command line."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}
