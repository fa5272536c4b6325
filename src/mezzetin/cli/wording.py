"""Text from outside, made safe to print: file names, captions, messages."""

from __future__ import annotations

import unicodedata

_INVISIBLE = frozenset({"Cc", "Cs", "Zl", "Zp"})
# They turn the direction of writing, so that `gpj.exe` can look like `exe.jpg`.
_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def shown(text: str) -> str:
    """Text as one line that is safe to print: controls, line ends and bytes that are no UTF-8 become escapes."""
    if text.isprintable():
        return text
    return "".join(
        char.encode("unicode_escape").decode() if unicodedata.category(char) in _INVISIBLE or char in _TURNING else char
        for char in text
    )
