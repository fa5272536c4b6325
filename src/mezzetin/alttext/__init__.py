"""Alternative texts: what is to be looked at before one is published.

    for finding in lint("Image of a man on a bench", rules=HouseRules(), language="en"):
        print(finding.code, finding.message)

The linter flags and never rewrites: whether a word belongs to a picture is for a person who sees it.
"""

from mezzetin.alttext.findings import CODES, Finding
from mezzetin.alttext.house import HouseRules, read_house_rules
from mezzetin.alttext.linter import lint

__all__ = ["CODES", "Finding", "HouseRules", "lint", "read_house_rules"]
