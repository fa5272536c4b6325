"""Every exception that Mezzetin raises on purpose.

    MezzetinError                 its text is one line that says what to do
    ├── InputError                the user's input is wrong                  exit code 2
    │   ├── RecipeError           a recipe or configuration is wrong
    │   ├── DatasetError          a source or dataset can't be used
    │   ├── BundleError           a bundle can't be used
    │   │   └── FormatError       an artefact of a newer or foreign format
    │   ├── Conflict              somebody changed a text since; with that text, in mezzetin.collection.conflict
    │   ├── ImageError            one picture can't be decoded; carries a `code`
    │   └── FetchError            a URL can't or must not be fetched; carries a `code`
    └── EnvironmentProblem        disk, permission, missing extra            exit code 3
        ├── StoreRefused          a store lets nobody in, or not for that
        ├── StoreUnreachable      a store does not answer, however often it is asked
        └── MissingExtra          an optional dependency is not installed

A command exits with the `exit_code` of what it caught; an `ImageError` inside a batch becomes an item
with an error and exit code 1.
"""

from __future__ import annotations


class MezzetinError(Exception):
    """The root: everything below is meant to be read by a person, in one line."""

    exit_code = 3


class InputError(MezzetinError):
    """What the user gave is wrong; the text says how to mend it."""

    exit_code = 2


class RecipeError(InputError):
    """A recipe or configuration value is unknown or out of range."""


class DatasetError(InputError):
    """A source or a dataset can't be used."""


class BundleError(InputError):
    """A bundle is missing, incomplete or altered."""


class FormatError(BundleError, DatasetError):
    """An artefact is of a newer or foreign format."""


class ImageError(InputError):
    """One picture can't be decoded.

    `code` is one of `missing`, `empty`, `unsupported_format`, `undecodable`, `too_many_pixels`. `reason` is what the
    decoding library said, where the message repeats it; libvips says it to the whole process, so that beside other
    pictures it may say less.
    """

    def __init__(self, code: str, message: str, reason: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason


class FetchError(InputError):
    """A URL can't be fetched, or must not be.

    `code` is one of

    - `bad_url`, `refused_scheme`, `refused_port`, `refused_address`, `too_many_redirects`: the URL, or one that it
      redirects to, is malformed or not allowed;
    - `unresolved`, `connection`, `tls`, `timeout`: its server can't be found, reached, trusted or waited for;
    - `http_status`: the server answered with an error, whose number is `status` (None for every other code); `wait`
      is how many seconds it asked to be left alone (Retry-After), None where it did not;
    - `too_large`, `incomplete`, `bad_encoding`: the answer exceeds a cap, broke off, or can't be decompressed.

    The text never holds the URL's query, an address that was refused, or anything that the server said.
    """

    def __init__(self, code: str, message: str, status: int | None = None, wait: float | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.wait = wait


class EnvironmentProblem(MezzetinError):
    """The machine stands in the way: disk, permission, memory, network."""

    exit_code = 3


class StoreRefused(EnvironmentProblem):
    """A store refused; the text says which permission is missing, or that the link has expired."""


class StoreUnreachable(EnvironmentProblem):
    """A store did not answer in the end; the same command goes on when it does."""


class MissingExtra(EnvironmentProblem):
    """An optional dependency is needed; the text names the pip command."""

    def __init__(self, extra: str, purpose: str) -> None:
        super().__init__(f"{purpose} needs an extra that is not installed: pip install 'mezzetin[{extra}]'")
        self.extra = extra
