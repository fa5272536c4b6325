"""The evaluation's page: one HTML file under 5 MB that shows what the scores are worth, without a script.

Enters: an `EvaluationPage`. Leaves: a file: `sections` turn findings into tables and plots, `words` into sentences,
`overlays` attention into pictures, and `writing` keeps it small.
"""

from __future__ import annotations

from mezzetin.evaluation.report.page import EvaluationPage, JudgedPicture, ProtocolFacts
from mezzetin.evaluation.report.selection import Selection, select
from mezzetin.evaluation.report.writing import LARGEST_PAGE, write_report

__all__ = [
    "LARGEST_PAGE",
    "EvaluationPage",
    "JudgedPicture",
    "ProtocolFacts",
    "Selection",
    "select",
    "write_report",
]
