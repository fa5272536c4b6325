"""The contact sheet: every caption is an alt text, every failure a tile, and strangers' text stays text."""

from __future__ import annotations

import io
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from mezzetin.contactsheet import SheetItem, write_contact_sheet
from mezzetin.pages import lang, render
from mezzetin.records import Alternative, Caption, ItemError, ModelInfo

MODEL = ModelInfo("small", "1", "0123456789abcdef0123", "Research use only")
HOSTILE = (
    "<script>alert(1)</script>",
    '" onerror="alert(1)" x="',
    "' onmouseover='alert(1)",
    "</title></style><img src=https://example.org/x.png>",
    "{{ 7 * 7 }}{% raw %}",
    "שלום עולם \u202egpj.exe",
    "nul \x00 bell \x07 broken \udcff name",
    "a&b &lt; &amp;",
    "w" * 10_000,
)


class Page(HTMLParser):
    """What a page holds: its elements, and its text without the style sheet."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self._style = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        self._style = tag == "style"

    def handle_endtag(self, tag: str) -> None:
        self._style = False

    def handle_data(self, data: str) -> None:
        if not self._style:
            self.text += data

    def of(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]

    def is_harmless(self) -> bool:
        loads = [a[key] for _, a in self.elements for key in ("src", "href", "data", "action") if key in a]
        handlers = [key for _, a in self.elements for key in a if key.startswith("on")]
        tags = {tag for tag, _ in self.elements} & {
            "script",
            "iframe",
            "object",
            "embed",
            "link",
            "base",
            "form",
        }
        return not handlers and not tags and all(url.startswith(("data:image/jpeg;base64,", "#")) for url in loads)


def jpeg(colour: str = "teal") -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (32, 24), colour).save(stream, "JPEG")
    return stream.getvalue()


def said(text: str, **more: object) -> Caption:
    return Caption(text, "en", MODEL, **more)  # type: ignore[arg-type]


def sheet(path: Path, *items: SheetItem, title: str = "Album", notice: str = "For research.") -> Page:
    write_contact_sheet(path, items, title=title, notice=notice)
    return Page(path.read_text(encoding="utf-8"))


def shown(text: str) -> str:
    """How the page is to show a text: what can't be seen or written is made visible."""
    for before, after in (("\u202e", "\ufffd"), ("\udcff", "\ufffd"), ("\x00", "␀"), ("\x07", "␇")):
        text = text.replace(before, after)
    return text


def test_a_caption_is_the_alt_text_of_its_picture(tmp_path: Path) -> None:
    page = sheet(tmp_path / "s.html", SheetItem("a.jpg", jpeg(), said("a dog on a beach", confidence=0.734)))
    (image,) = page.of("img")
    assert image["alt"] == "a dog on a beach" and image["lang"] == "en"
    for words in (
        "a dog on a beach",
        "a.jpg",
        "confidence 73 %",
        "1 of 1 picture captioned",
        "For research.",
    ):
        assert words in page.text
    assert "small 1" in page.text and "Research use only" in page.text and "Album" in page.text


def test_a_failed_picture_is_a_tile_with_its_error_and_a_link_to_it(tmp_path: Path) -> None:
    failed = Caption(None, "en", MODEL, error=ItemError("undecodable", "the picture is cut off: copy it again"))
    page = sheet(tmp_path / "s.html", SheetItem("a.jpg", jpeg(), said("a")), SheetItem("b.jpg", None, failed))
    assert "the picture is cut off: copy it again" in page.text and "undecodable" in page.text
    assert "1 of 2 pictures captioned" in page.text
    assert {"href": "#picture-2"} in page.of("a")
    assert [item["class"] for item in page.of("li") if item.get("id") == "picture-2"] == ["tile failed"]
    assert len(page.of("img")) == 1


def test_a_failed_picture_that_has_a_thumbnail_keeps_it_with_an_alt_text(tmp_path: Path) -> None:
    failed = Caption(None, "en", MODEL, error=ItemError("too_many_pixels", "too large"))
    (image,) = sheet(tmp_path / "s.html", SheetItem("b.jpg", jpeg(), failed)).of("img")
    assert image["alt"] == "No caption for b.jpg"


@pytest.mark.parametrize(("share", "warned"), [(None, False), (0.0, False), (0.49, False), (0.5, True), (1.0, True)])
def test_the_warning_appears_from_one_half(tmp_path: Path, share: float | None, warned: bool) -> None:
    page = sheet(tmp_path / "s.html", SheetItem("a.jpg", None, said("a dog", unlike_training=share)))
    assert ("Unlike the pictures this model learned from" in page.text) == warned
    assert ("unlike the pictures the model learned from" in page.text) == warned


def test_alternatives_are_listed_in_order(tmp_path: Path) -> None:
    others = (Alternative("a wolf", -3.0), Alternative("a fox", -4.0))
    page = sheet(tmp_path / "s.html", SheetItem("a.jpg", None, said("a dog", alternatives=others)))
    assert page.text.index("a dog") < page.text.index("a wolf") < page.text.index("a fox")


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_is_shown_as_text_everywhere(tmp_path: Path, text: str) -> None:
    model = ModelInfo(text, text, text, text)
    item = SheetItem(text, jpeg(), Caption(text, text, model, alternatives=(Alternative(text, -1.0),)))
    failed = SheetItem(text, None, Caption(None, text, model, error=ItemError(text, text)))
    page = sheet(tmp_path / "s.html", item, failed, title=text, notice=text)
    assert page.is_harmless()
    assert page.of("img")[0]["alt"] == shown(text)
    assert page.text.count(shown(text)) >= 6
    assert "lang" not in page.of("img")[0]


@given(st.text(st.characters(codec=None), max_size=200))
def test_any_text_can_be_written_and_is_harmless(text: str) -> None:
    item = SheetItem(text, None, said(text))
    values = {"title": text, "notice": text, "items": [item], "failed": [], "done": 1, "unlike": 0}
    html = render("contact_sheet.html", {**values, "unlike_from": 0.5, "models": [MODEL]}).decode("utf-8")
    assert Page(html).is_harmless()


def test_the_page_names_its_language_its_landmarks_and_forbids_loading(tmp_path: Path) -> None:
    page = sheet(tmp_path / "s.html", SheetItem("a.jpg", jpeg(), said("a dog")))
    assert page.of("html") == [{"lang": "en"}]
    assert all(len(page.of(tag)) == 1 for tag in ("title", "h1", "header", "main", "footer"))
    policies = [m["content"] for m in page.of("meta") if m.get("http-equiv") == "Content-Security-Policy"]
    assert policies == ["default-src 'none'; img-src data:; style-src 'unsafe-inline'"]
    assert "://" not in (tmp_path / "s.html").read_text(encoding="utf-8")


def test_a_sheet_without_pictures_says_so(tmp_path: Path) -> None:
    assert "There were no pictures to caption." in sheet(tmp_path / "s.html").text


def test_nothing_is_left_beside_the_page(tmp_path: Path) -> None:
    sheet(tmp_path / "s.html", SheetItem("a.jpg", jpeg(), said("a dog")))
    assert [path.name for path in tmp_path.iterdir()] == ["s.html"]


@pytest.mark.parametrize(("tag", "kept"), [("en", "en"), ("pt-BR", "pt-BR"), ("", ""), ('"x', ""), ("a b", "")])
def test_only_language_tags_become_lang_attributes(tag: str, kept: str) -> None:
    assert lang(tag) == kept
