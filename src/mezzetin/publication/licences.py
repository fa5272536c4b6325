"""Licences: from what a museum writes to the address that stands for it.

Enters: "CC BY-SA 4.0", an address with https, a sentence. Leaves: the address of Creative Commons or
RightsStatements.org as those two define it (with http), or None for anything else.
"""

from __future__ import annotations

import re

_CC_ADDRESS = re.compile(
    r"https?://(?:www\.)?creativecommons\.org/((?:licenses|publicdomain)/[a-z+-]+/\d\.\d)\b.*", re.I
)
_STATEMENT = re.compile(r"https?://(?:www\.)?rightsstatements\.org/(?:vocab|page)/([A-Za-z-]+)/1\.0\b.*", re.I)
_CC_NAME = re.compile(r"CC[ -](BY(?:[ -](?:NC|SA|ND)){0,2})[ -](\d\.\d)", re.I)
_ZERO = re.compile(r"CC[ -]?0(?:[ -]1\.0)?", re.I)


def licence_address(licence: str | None) -> str | None:
    """The address of a licence or rights statement, as Presentation 3 takes it for `rights`; None where it has none."""
    said = (licence or "").strip()
    if found := _CC_ADDRESS.fullmatch(said):
        return f"http://creativecommons.org/{found[1].lower()}/"
    if found := _STATEMENT.fullmatch(said):
        return f"http://rightsstatements.org/vocab/{found[1]}/1.0/"
    if found := _CC_NAME.fullmatch(said):
        return f"http://creativecommons.org/licenses/{found[1].lower().replace(' ', '-')}/{found[2]}/"
    return "http://creativecommons.org/publicdomain/zero/1.0/" if _ZERO.fullmatch(said) else None
