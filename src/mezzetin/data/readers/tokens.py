"""The token files of the University of Illinois: `name.jpg#0`, a tab, a caption.

Flickr8k and Flickr30k were first published in them.
"""

from __future__ import annotations

from collections.abc import Iterator

from mezzetin.data.readers.lines import Lines
from mezzetin.data.readers.names import Pictures
from mezzetin.data.readers.record import PICTURES, Record, is_name, only_defect, only_defects
from mezzetin.storage.paths import Place


def read_tokens(tokens: Place, pictures: Pictures, folder: str, language: str) -> Iterator[Record]:
    """Yield a record a caption; a name that is no picture's is a defect `ghost`, once.

    Raises:
        DatasetError: the file can't be read.

    """
    lines = Lines(tokens)
    ghost = ""
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        label, tab, caption = line.rstrip("\r\n").partition("\t")
        name = label.rpartition("#")[0].strip()
        if not tab or not is_name(name):
            yield only_defect("bad_row", f"{tokens.name}:{number}", "the line is not `name.jpg#0`, a tab, a caption")
        elif not name.lower().endswith(PICTURES):
            if name != ghost:
                yield only_defect("ghost", name, "the captions name it, but it is no picture and never was: left out")
            ghost = name
        else:
            path = pictures.best(name, (folder,))
            yield Record(path.rpartition("/")[2], pictures.root / path, path, (caption,), None, language)
    yield from only_defects(lines.defects)
