"""What every target can do: tell what it would make, make it, list it, remove it.

A deployment is known by its name on its target. `deploy` is idempotent: the same call changes nothing that is as it
should be, goes on where an earlier one was cut off, and leaves the old version serving until the new one has answered
a real picture with a caption.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from mezzetin.bundle import Bundle
from mezzetin.records import Progress

Report = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be deployed: `bundle` under `name`; `model` is how a person called it; `image` a container image."""

    name: str
    bundle: Bundle
    model: str
    image: str | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that a deployment would do: a sentence, and the request or file that does it.

    `verb` is an HTTP method, "write" for a file or "run" for a command; `target` is the URL, path or command line;
    `body` is plain JSON or text, without secrets.
    """

    what: str
    verb: str
    target: str
    body: Mapping[str, Any] | str | None = None


@dataclass(frozen=True, slots=True)
class Deployment:
    """An endpoint that exists.

    `state` is "serving", "starting", "failed" or "stopped"; `POST /score` is relative to `url`; `how_to_get_key` is a
    command line or sentence; `details` are the target's own facts, without secrets.
    """

    name: str
    target: str
    model: str
    digest: str
    state: str
    url: str | None
    how_to_get_key: str = ""
    details: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answered:
    """What the smoke test saw: the endpoint's caption of a real picture, and how long it took in seconds."""

    deployment: Deployment
    caption: str
    seconds: float
    key: str | None = field(default=None, repr=False)


class Target(Protocol):
    """A place to deploy to, with its settings.

    Every method raises InputError where a setting is wrong, EnvironmentProblem where the place refuses, does not
    answer, or what was deployed does not come up; the text names what to look at.
    """

    @property
    def name(self) -> str:
        """What `mezzetin deploy` calls it."""

    def plan(self, wanted: Wanted) -> Sequence[Step]:
        """Every resource and request that `deploy` would make, in order; nothing is made and nobody is asked."""

    def deploy(self, wanted: Wanted, report: Report) -> Answered:
        """Make it, wait until it answers a real picture with a caption, and say where it is."""

    def deployments(self) -> Sequence[Deployment]:
        """What this target has of ours."""

    def undeploy(self, name: str) -> None:
        """Remove a deployment and what was made for it alone; InputError where there is none of that name."""
