"""Who may be judged on what: numbers that would mean nothing are refused before anything is captioned."""

from __future__ import annotations

from mezzetin.bundle import image_keys
from mezzetin.captioner import BundleCaptioner
from mezzetin.data.dataset import Dataset
from mezzetin.decoding.english import is_english
from mezzetin.errors import DatasetError
from mezzetin.text import TOKENISER


def check_split(dataset: Dataset, split: str) -> None:
    """Check that a split has pictures, and captions that can be cut into words as scores need it.

    Raises:
        DatasetError: it has none, or they are in a language without a tokeniser.

    """
    if not dataset.count(split):
        known = ", ".join(name for name in dataset.manifest.rows if dataset.count(name))
        raise DatasetError(f"{dataset.folder} has no pictures in split {split!r}: it has {known or 'none'}")
    if not is_scored(dataset.manifest.language):
        raise DatasetError(
            f"the captions of {dataset.folder} are in {dataset.manifest.language!r}, and the scores' tokeniser, "
            f"{TOKENISER}, is for 'en' only: they would mean nothing; if they are English, ingest with --language en"
        )


def check_captioner(captioner: BundleCaptioner, dataset: Dataset, split: str) -> None:
    """Check that a captioner writes the dataset's language and has not learned from the split.

    Raises:
        DatasetError: it writes another one, or has.

    """
    if dataset.manifest.language.split("-")[0] != captioner.bundle.language.split("-")[0]:
        raise DatasetError(
            f"the captions of {dataset.folder} are in {dataset.manifest.language!r}, the model writes "
            f"{captioner.bundle.language!r}: their scores would mean nothing"
        )
    keys = [row.sha256 for row in dataset.rows({split}, images=False) if row.sha256]
    trained = int(captioner.bundle.has_trained_on(image_keys(keys)).sum())
    if trained:
        raise DatasetError(
            f"{captioner.info.name} was trained on {trained:,} of the {len(keys):,} pictures of split {split!r}: "
            "choose a split that it has not seen"
        )


def is_scored(language: str) -> bool:
    """Whether there is a tokeniser for a language's scores: a BCP 47 tag of English."""
    return is_english(language)
