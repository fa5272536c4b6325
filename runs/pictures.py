"""The pictures of `runs/eight_steps.sh`: `python -m runs.pictures FOLDER COUNT`.

Enters: a folder and how many pictures to learn from. Leaves: `FOLDER/pictures`, captioned and split into train and
val, and `FOLDER/web` with a few others. They are photographs of Flickr8k where ../shared/data/flickr8k is there,
otherwise drawn scenes; which, is printed.
"""

from __future__ import annotations

import csv
import shutil
import sys
from pathlib import Path

FLICKR = Path(__file__).parents[2] / "shared" / "data" / "flickr8k"
NEW = 4
LISTS = {"train": "Flickr_8k.trainImages.txt", "val": "Flickr_8k.devImages.txt"}


def photographs(folder: Path, count: int) -> None:
    """The first pictures of each of Flickr8k's lists, with its captions; the next few of val for the web."""
    lists = {split: (FLICKR / name).read_text(encoding="utf-8").split() for split, name in LISTS.items()}
    taken = {"train": lists["train"][:count], "val": lists["val"][: max(12, count // 4)]}
    wanted = {name for names in taken.values() for name in names}
    (folder / "pictures" / "Images").mkdir(parents=True)
    for name in wanted:
        shutil.copyfile(FLICKR / "Images" / name, folder / "pictures" / "Images" / name)
    for split, names in taken.items():
        (folder / "pictures" / LISTS[split]).write_text("\n".join(names) + "\n", encoding="utf-8")
    with (FLICKR / "captions.txt").open(newline="") as source:
        rows = [row for number, row in enumerate(csv.reader(source)) if number == 0 or row[0] in wanted]
    with (folder / "pictures" / "captions.txt").open("w", newline="") as target:
        csv.writer(target).writerows(rows)
    (folder / "web").mkdir()
    for number, name in enumerate(lists["val"][-NEW:]):
        shutil.copyfile(FLICKR / "Images" / name, folder / "web" / f"{number}.jpg")


def scenes(folder: Path, count: int) -> None:
    """Drawn scenes."""
    from mezzetin.scenes import draw_new, draw_scenes

    draw_scenes(folder / "pictures", count=count + max(12, count // 4), seed=1)
    for number, path in enumerate(draw_new(folder / "web", count=NEW, seed=2)):
        path.rename(path.with_name(f"{number}.jpg"))


def main() -> None:
    """Write them, and say which they are."""
    folder, count = Path(sys.argv[1]), int(sys.argv[2])
    there = (FLICKR / "captions.txt").is_file()
    (photographs if there else scenes)(folder, count)
    print("photographs of Flickr8k" if there else "drawn scenes")


if __name__ == "__main__":
    main()
