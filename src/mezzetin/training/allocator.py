"""glibc's allocator, told to keep what torch frees.

A training step allocates and frees gigabytes in blocks of a hundred megabytes. glibc returns each to the kernel and
asks for it again, and the page faults cost as much as the arithmetic: up to a third of a fine-tuning step here.
"""

from __future__ import annotations

import ctypes
import sys

# From malloc.h.
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX = -1, -2, -4


def keep_freed_memory() -> None:
    """Serve large blocks from the heap and never give it back; does nothing where there is no glibc."""
    if not sys.platform.startswith("linux"):
        return
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return
    mallopt(_M_MMAP_MAX, 0)
    mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)
    mallopt(_M_TOP_PAD, 64 << 20)
