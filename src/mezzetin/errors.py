"""Every exception that Mezzetin raises on purpose.

    MezzetinError                 its text is one line that says what to do
    ├── InputError                the user's input is wrong                  exit code 2
    │   ├── RecipeError           a recipe or configuration is wrong
    │   ├── DatasetError          a source or dataset can't be used
    │   ├── BundleError           a bundle can't be used
    │   │   └── FormatError       an artefact of a newer or foreign format
    │   └── ImageError            one picture can't be decoded; carries a `code`
    └── EnvironmentProblem        disk, permission, missing extra            exit code 3
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

    `code` is one of `missing`, `empty`, `unsupported_format`, `undecodable`, `too_many_pixels`.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class EnvironmentProblem(MezzetinError):
    """The machine stands in the way: disk, permission, memory, network."""

    exit_code = 3


class MissingExtra(EnvironmentProblem):
    """An optional dependency is needed; the text names the pip command."""

    def __init__(self, extra: str, purpose: str) -> None:
        super().__init__(f"{purpose} needs an extra that is not installed: pip install 'mezzetin[{extra}]'")
        self.extra = extra
