"""Inspection: what a dataset holds and what is wrong with it, counted in one pass over its rows.

Enters: a finished dataset. Leaves: an `Inspection`, plain numbers and names; `page` makes one HTML file of it.
Memory does not grow with the pictures but for some 70 bytes a picture (hashes and sizes) and 8 a caption.
"""

from __future__ import annotations

from mezzetin.data.inspection.run import Inspection, inspect_dataset

__all__ = ["Inspection", "inspect_dataset"]
