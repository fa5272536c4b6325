"""Mezzetin: train, prove and run an image captioner on your own pictures.

    from mezzetin import load_captioner
    load_captioner().caption(["bench.jpg"])

One function a verb, loaded when first used: importing this package loads neither torch nor ONNX Runtime.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_FACE = {
    "caption": "mezzetin.api",
    "contact_sheet": "mezzetin.api",
    "doctor": "mezzetin.api",
    "evaluate": "mezzetin.api",
    "ingest": "mezzetin.api",
    "inspect": "mezzetin.api",
    "load_captioner": "mezzetin.api",
    "login": "mezzetin.api",
    "logout": "mezzetin.api",
    "quickstart": "mezzetin.tour",
    "store": "mezzetin.api",
    "train": "mezzetin.api",
    "Caption": "mezzetin.records",
    "Captioner": "mezzetin.records",
    "MezzetinError": "mezzetin.errors",
}

if TYPE_CHECKING:
    from mezzetin.api import (
        caption,
        contact_sheet,
        doctor,
        evaluate,
        ingest,
        inspect,
        load_captioner,
        login,
        logout,
        store,
        train,
    )
    from mezzetin.errors import MezzetinError
    from mezzetin.records import Caption, Captioner
    from mezzetin.tour import quickstart

__all__ = [
    "Caption",
    "Captioner",
    "MezzetinError",
    "__version__",
    "caption",
    "contact_sheet",
    "doctor",
    "evaluate",
    "ingest",
    "inspect",
    "load_captioner",
    "login",
    "logout",
    "quickstart",
    "store",
    "train",
]


def __getattr__(name: str) -> Any:
    """Load a public name when it is first asked for (PEP 562)."""
    if name not in _FACE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_FACE[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
