"""Print the paths of the photographs that come inside scikit-image, one a line: what `make demo` captions.

Only files that the package brings are named; its other pictures would have to be downloaded.
"""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path

PHOTOGRAPHS = (
    "astronaut.png",
    "camera.png",
    "chelsea.png",
    "coffee.png",
    "motorcycle_left.png",
    "rocket.jpg",
    "hubble_deep_field.jpg",
)


def photographs() -> list[Path]:
    """The photographs that are installed, in the order above; none where scikit-image is absent."""
    found = find_spec("skimage")
    if found is None or found.origin is None:
        return []
    folder = Path(found.origin).parent / "data"
    return [folder / name for name in PHOTOGRAPHS if (folder / name).is_file()]


def main() -> None:
    """Print paths relative to the current folder, so that a space above it parts none of them."""
    paths = photographs()
    if not paths:
        sys.exit("scikit-image's photographs are not installed: pip install 'mezzetin[demo]'")
    for path in paths:
        print(os.path.relpath(path))


if __name__ == "__main__":
    main()
