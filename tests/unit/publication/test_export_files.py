"""Sidecars and copies of pictures: nothing lost, nothing overwritten, cut off at the worst moments, and in place."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from mezzetin import api
from mezzetin.collection import people, pictures, texts
from mezzetin.collection.opening import Collection
from mezzetin.collection.rows import Sighting
from mezzetin.collection.sources.options import local_stamp
from mezzetin.publication import perpicture
from mezzetin.publication.embedding import open_container
from mezzetin.publication.journal import NAME
from mezzetin.publication.order import Exported
from mezzetin.publication.packets import spoken
from mezzetin.storage.files import file_sha256
from tests.unit.collection.making import ANNA, SMALL, put, said
from tests.unit.publication.odd_pictures import alt, pixels, saved, tiff, xmp

Photographs = Callable[..., Path]
ALT = "AltTextAccessibility"


@pytest.fixture
def house(tmp_path: Path, photographs: Photographs) -> Path:
    """Three pictures in two folders with approved texts, and one that nobody has looked at."""
    folder = photographs(4)
    (folder / "below").mkdir()
    (folder / "p2.jpg").rename(folder / "below" / "p2.jpg")
    return collected(tmp_path / "c.sqlite", folder, sorted(folder.rglob("*.jpg"), key=lambda path: path.name))


def collected(path: Path, folder: Path, files: list[Path], pages: int = 1) -> Path:
    with Collection.open(path, create=True) as collection:
        for number, file in enumerate(one for one in files for _ in range(pages)):
            sighting = Sighting(
                str(folder),
                str(file),
                page=number % pages,
                pages=pages,
                sha256=file_sha256(file),
                stamp=local_stamp(file),
                size=file.stat().st_size,
            )
            with collection.writing(SMALL, "collect") as writing:
                picture = pictures.see(writing, sighting).id
            assert picture
            put(collection, picture, said(f"a dog {number}"))
            if number < 3:
                people.approve(collection, ANNA, texts.of_picture(collection, picture)[0].id, version=1)
    return path


def edit(house: Path, picture: int, text: str) -> None:
    with Collection.open(house) as collection:
        known = texts.of_picture(collection, picture)[0]
        people.edit(collection, ANNA, known.id, text, version=known.version)


def export(house: Path, target: Path | None, form: str = "embed", **choices: Any) -> Exported:
    return api.export(house, target, format=form, **choices)


def told(path: Path, page: int = 0) -> str:
    """The English alternative text in a picture or a sidecar; "" where there is none."""
    if path.suffix == ".xmp":
        held = spoken((path.read_bytes(),))
    else:
        with path.open("rb") as stream:
            held = spoken(open_container(stream).packets(page))
    return dict(held.get(ALT, [])).get("en", "")


def files(folder: Path) -> list[str]:
    return sorted(one.relative_to(folder).as_posix() for one in folder.rglob("*") if one.is_file())


@pytest.mark.parametrize(("form", "suffix"), [("embed", ""), ("xmp", ".xmp")])
def test_the_tree_of_the_source_comes_out_and_a_second_run_writes_nothing(
    house: Path, tmp_path: Path, form: str, suffix: str
) -> None:
    target = tmp_path / "out"
    assert export(house, target, form, dry_run=True).files == {"to write": 3}
    assert not target.exists()
    done = export(house, target, form)
    assert (done.pictures, done.texts, done.files, done.has_problems) == (3, 3, {"written": 3}, False)
    expected = [f"below/p2.jpg{suffix}", f"p0.jpg{suffix}", f"p1.jpg{suffix}"]
    assert files(target) == [NAME, *expected]
    assert [told(target / name) for name in expected] == ["a dog 2", "a dog 0", "a dog 1"]
    before = {name: (target / name).stat().st_mtime_ns for name in expected}
    assert export(house, target, form).files == {"same": 3}
    assert export(house, target, form, dry_run=True).files == {"same": 3}
    edit(house, 1, "a cat")
    assert export(house, target, form).files == {"written": 1, "same": 2}
    assert told(target / f"p0.jpg{suffix}") == "a cat"
    assert {name for name in expected if (target / name).stat().st_mtime_ns != before[name]} == {f"p0.jpg{suffix}"}


def test_files_of_others_stay_and_a_persons_words_even_with_overwrite(house: Path, tmp_path: Path) -> None:
    target = tmp_path / "out"
    target.mkdir()
    (target / "p0.jpg").write_bytes(b"mine")
    done = export(house, target)
    assert (done.files, dict(done.problems)) == ({"written": 2}, {"exists": 1})
    assert (target / "p0.jpg").read_bytes() == b"mine"
    assert export(house, target, overwrite=True).files == {"written": 1, "same": 2}
    (target / "p1.jpg").write_bytes((target / "p1.jpg").read_bytes().replace(b">a dog 1<", b">a hen 1<"))
    edit(house, 2, "a cat")
    assert dict(export(house, target).problems) == {"exists": 1}
    assert dict(export(house, target, overwrite=True).problems) == {"kept": 1}
    assert told(target / "p1.jpg") == "a hen 1"


def test_what_was_refused_since_is_named(house: Path, tmp_path: Path) -> None:
    export(house, tmp_path / "out")
    with Collection.open(house) as collection:
        known = texts.of_picture(collection, 1)[0]
        people.reject(collection, ANNA, known.id, version=known.version)
    done = export(house, tmp_path / "out")
    assert dict(done.problems) == {"withdrawn": 1}
    assert str(tmp_path / "out" / "p0.jpg") in done.examples["withdrawn"]


def test_what_was_forgotten_is_named_once_and_leaves_the_journal(house: Path, tmp_path: Path) -> None:
    export(house, tmp_path / "out")
    api.forget(str(house), "p0.jpg", who="anna")
    assert dict(export(house, tmp_path / "out", dry_run=True).problems) == {"withdrawn": 1}
    assert dict(export(house, tmp_path / "out").problems) == {"withdrawn": 1}
    assert not export(house, tmp_path / "out").has_problems
    assert b"p0.jpg" not in (tmp_path / "out" / NAME).read_bytes()


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("form", ["embed", "xmp"])
def test_killed_around_the_moment_of_replacing_the_next_run_knows_its_own_work(
    house: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str, moment: str
) -> None:
    target, real = tmp_path / "out", perpicture._put
    export(house, target, form)
    edit(house, 2, "a cat")

    def killed(part: Path, place: Any) -> None:
        if moment == "after":
            real(part, place)
        raise KeyboardInterrupt

    monkeypatch.setattr(perpicture, "_put", killed)
    with pytest.raises(KeyboardInterrupt):
        export(house, target, form)
    monkeypatch.undo()
    done = export(house, target, form)
    assert (done.files["written"], done.has_problems) == (1 if moment == "before" else 0, False)
    name = "p1.jpg" if form == "embed" else "p1.jpg.xmp"
    assert told(target / name) == "a cat"
    assert not list(target.rglob("*.part"))


def test_in_place_the_pictures_say_it_themselves_and_the_collection_knows_them_again(house: Path) -> None:
    folder = house.parent / "pictures"
    with Image.open(folder / "p0.jpg") as image:
        shown = image.tobytes()
    (folder / "p1.jpg").chmod(0o640)
    done = export(house, None, in_place=True)
    assert (done.files, files(folder)) == ({"written": 3}, ["below/p2.jpg", "p0.jpg", "p1.jpg", "p3.jpg"])
    with Image.open(folder / "p0.jpg") as image:
        assert image.tobytes() == shown
    assert told(folder / "below" / "p2.jpg") == "a dog 2"
    assert (folder / "p1.jpg").stat().st_mode & 0o777 == 0o640
    with Collection.open(house) as collection:
        assert {one.stamp for one in pictures.each(collection)} == {local_stamp(one) for one in folder.rglob("*.jpg")}
    assert export(house, None, in_place=True).files == {"same": 3}
    edit(house, 1, "a cat")
    assert export(house, None, in_place=True).files == {"written": 1, "same": 2}
    assert told(folder / "p0.jpg") == "a cat"


def test_a_picture_that_is_another_now_takes_no_text(house: Path, tmp_path: Path) -> None:
    folder = house.parent / "pictures"
    (folder / "p0.jpg").write_bytes((folder / "p3.jpg").read_bytes())
    (folder / "p1.jpg").unlink()
    for choices in ({"target": tmp_path / "out"}, {"target": None, "in_place": True}):
        done = export(house, **choices)
        assert (dict(done.problems), done.files) == ({"changed": 1, "missing": 1}, {"written": 1})
    with Collection.open(house) as collection, collection.writing(SMALL, "collect") as writing:
        pictures.see(writing, Sighting(str(folder), str(folder / "p0.jpg"), sha256=file_sha256(folder / "p0.jpg")))
    done = export(house, tmp_path / "other", "xmp")
    assert "another picture" in done.examples["changed"]
    assert "p0.jpg.xmp" not in files(tmp_path / "other")


@pytest.mark.parametrize("name", ["p0.jpg.xmp", "p0.xmp"])
def test_a_sidecar_that_is_there_is_merged_into(house: Path, tmp_path: Path, name: str) -> None:
    folder = house.parent / "pictures"
    old = xmp(alt("de", "Ein Hund")).replace(b"<?xpacket", b"<?xpacket", 1)
    (folder / name).write_bytes(old)
    export(house, tmp_path / "out", "xmp")
    merged = (tmp_path / "out" / "p0.jpg.xmp").read_bytes()
    assert (folder / name).read_bytes() == old
    assert b"<!-- kept -->" in merged
    assert ("de", "Ein Hund") in spoken((merged,))[ALT]
    done = export(house, None, "xmp", in_place=True)
    assert done.files == {"written": 3}
    assert (folder / name).read_bytes() == merged
    assert [path.name for path in folder.glob("*.xmp")].count("p0.jpg.xmp") == (name == "p0.jpg.xmp")
    (tmp_path / "out" / "p0.jpg.xmp").write_bytes(old)
    assert dict(export(house, tmp_path / "out", "xmp").problems) == {"exists": 1}
    assert export(house, tmp_path / "out", "xmp", overwrite=True).files["written"] == 1
    assert (tmp_path / "out" / "p0.jpg.xmp").read_bytes() == merged


def test_a_sidecar_of_another_file_of_that_name_is_left_alone(house: Path) -> None:
    folder = house.parent / "pictures"
    (folder / "p0.xmp").write_bytes(xmp())
    (folder / "p0.cr2").write_bytes(b"a raw file")
    export(house, None, "xmp", in_place=True)
    assert (folder / "p0.xmp").read_bytes() == xmp()
    assert told(folder / "p0.jpg.xmp") == "a dog 0"


def test_pages_of_a_tiff_go_into_one_file(tmp_path: Path) -> None:
    folder = tmp_path / "scans"
    folder.mkdir()
    (folder / "book.tif").write_bytes(tiff([pixels(), pixels("L"), pixels(seed=1)]))
    house = collected(tmp_path / "c.sqlite", folder, [folder / "book.tif"], pages=3)
    done = export(house, tmp_path / "out")
    assert (done.pictures, done.texts, done.files) == (3, 3, {"written": 1})
    assert [told(tmp_path / "out" / "book.tif", page) for page in range(3)] == ["a dog 0", "a dog 1", "a dog 2"]
    done = export(house, tmp_path / "side", "xmp")
    assert (done.files, dict(done.problems)) == ({"written": 1}, {"page": 2})


def test_files_that_hold_no_texts_are_named_and_the_rest_goes_on(tmp_path: Path) -> None:
    folder = tmp_path / "mixed"
    folder.mkdir()
    (folder / "a.gif").write_bytes(saved(pixels(), "GIF"))
    (folder / "b.png").write_bytes(saved(pixels(), "PNG")[:-30])
    (folder / "c.webp").write_bytes(saved(pixels(), "WEBP"))
    house = collected(tmp_path / "c.sqlite", folder, sorted(folder.iterdir()))
    done = export(house, tmp_path / "out")
    assert (dict(done.problems), done.files) == ({"unsupported_format": 1, "undecodable": 1}, {"written": 1})
    assert files(tmp_path / "out") == [NAME, "c.webp"]


def test_two_sources_and_names_that_lead_outside_stay_below_the_target(
    tmp_path: Path, photographs: Photographs
) -> None:
    one, two = photographs(1, "a/pictures"), photographs(1, "b/pictures")
    house = collected(tmp_path / "c.sqlite", one, [one / "p0.jpg"])
    collected(house, two, [two / "p0.jpg"])
    with Collection.open(house) as collection, collection.writing(SMALL, "collect") as writing:
        uri = f"{one}/../pictures/p0.jpg"
        pictures.see(writing, Sighting(str(one), uri, sha256=file_sha256(one / "p0.jpg")))
    put(opened := Collection.open(house), 3, said("a dog"))
    people.approve(opened, ANNA, texts.of_picture(opened, 3)[0].id, version=1)
    opened.close()
    done = export(house, tmp_path / "out")
    assert (done.files, done.has_problems) == ({"written": 3}, False)
    assert files(tmp_path / "out") == [NAME, "pictures-2/p0.jpg", "pictures/p0.jpg", "pictures/pictures/p0.jpg"]


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is read-only for root")
def test_a_picture_that_may_not_be_written_is_named(house: Path) -> None:
    (house.parent / "pictures" / "p0.jpg").chmod(0o444)
    assert dict(export(house, None, in_place=True).problems) == {"read_only": 1}
