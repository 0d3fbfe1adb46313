"""Office documents give sections and slides, with their tables, notes and pictures."""

from __future__ import annotations

import io
import zipfile
from typing import ClassVar

import docx
import pptx
import pytest
from docx.enum.text import WD_BREAK
from PIL import Image
from pptx.chart.data import CategoryChartData
from pptx.enum.chart import XL_CHART_TYPE
from pptx.util import Inches

from sensorium.core.errors import Unreadable
from sensorium.core.types import Place
from sensorium.readers import office
from sensorium.readers.chapters import slug
from sensorium.readers.registry import Limits, Source, read
from sensorium.testing.readers import ReaderContract, check_parts

ODF = (
    'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
    'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" '
    'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" '
    'xmlns:draw="urn:oasis:names:tc:opendocument:xmlns:drawing:1.0" '
    'xmlns:presentation="urn:oasis:names:tc:opendocument:xmlns:presentation:1.0" '
    'xmlns:svg="urn:oasis:names:tc:opendocument:xmlns:svg-compatible:1.0" '
    'xmlns:xlink="http://www.w3.org/1999/xlink" xmlns:dc="http://purl.org/dc/elements/1.1/" '
    'xmlns:meta="urn:oasis:names:tc:opendocument:xmlns:meta:1.0"'
)
RTF = (
    r"{\rtf1\ansi\ansicpg1252\deff0{\fonttbl{\f0 Times New Roman;}}{\stylesheet{\s1\outlinelevel0 heading 1;}}"
    r"{\info{\title Shore birds}{\author Ann Lee}{\keywords gull, tern}{\creatim\yr2024\mo3\dy5\hr8\min30}}"
    "\n"
    r"\pard\plain\s1\outlinelevel0 Gulls\par \pard\plain They are wh\'eete and loud.\par "
    r"\trowd a\cell b\cell\row \page \pard\plain\outlinelevel0 Terns\par \pard\plain They dive \u8211?deep.\par }"
)


def picture(colour="red", side=64):
    stream = io.BytesIO()
    Image.new("RGB", (side, side), colour).save(stream, "PNG")
    stream.seek(0)
    return stream


def saved(document):
    stream = io.BytesIO()
    document.save(stream)
    return stream.getvalue()


def word():
    document = docx.Document()
    document.core_properties.title, document.core_properties.author = "Birds", "Ann Lee"
    document.add_heading("Gulls", 1)
    document.add_paragraph("They are white.")
    document.add_paragraph("on the roof", style="List Bullet")
    document.add_paragraph("on the pier", style="List Bullet")
    document.add_heading("Food", 2)
    table = document.add_table(2, 2)
    for cell, text in zip(
        (c for row in table.rows for c in row.cells), ("what", "when", "fish", "always"), strict=True
    ):
        cell.text = text
    document.add_picture(picture())
    document.inline_shapes[0]._inline.docPr.set("descr", "A red square")
    return saved(document)


def slides():
    show = pptx.Presentation()
    show.core_properties.author = "Ann Lee"
    first = show.slides.add_slide(show.slide_layouts[1])
    first.shapes.title.text = "Terns"
    first.placeholders[1].text = "They dive"
    first.placeholders[1].text_frame.add_paragraph().text = "from high up"
    first.placeholders[1].text_frame.paragraphs[1].level = 1
    first.notes_slide.notes_text_frame.text = "Show the film here"
    second = show.slides.add_slide(show.slide_layouts[5])
    second.shapes.title.text = "Counts"
    chart = CategoryChartData()
    chart.categories = ["2023", "2024"]
    chart.add_series("north", (0.1 + 0.2, 5))
    shape = second.shapes.add_chart(XL_CHART_TYPE.COLUMN_CLUSTERED, *[Inches(1)] * 4, chart)
    shape.chart.has_title = True
    shape.chart.chart_title.text_frame.text = "Nests by year"
    table = second.shapes.add_table(1, 2, *[Inches(1)] * 4).table
    table.cell(0, 0).text, table.cell(0, 1).text = "south", "none"
    second.shapes.add_picture(picture("blue"), 0, 0)
    return saved(show)


def zipped(**files):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data, zipfile.ZIP_STORED if name == "mimetype" else None)
    return stream.getvalue()


def open_document(kind, body, **files):
    content = f"<office:document-content {ODF}><office:body>{body}</office:body></office:document-content>"
    meta = (
        f"<office:document-meta {ODF}><office:meta><dc:title>Birds</dc:title><meta:initial-creator>Ann Lee"
        "</meta:initial-creator><meta:creation-date>2024-03-05T08:30:00.123</meta:creation-date>"
        "<meta:keyword>gulls</meta:keyword></office:meta></office:document-meta>"
    )
    return zipped(
        mimetype=f"application/vnd.oasis.opendocument.{kind}", **{"content.xml": content, "meta.xml": meta}, **files
    )


def text_document(**files):
    return open_document(
        "text",
        "<office:text><text:tracked-changes><text:p>gone</text:p></text:tracked-changes>"
        '<text:h text:outline-level="1">Gulls</text:h><text:p>They <text:span>are</text:span><text:s text:c="2"/>white'
        "<text:note><text:note-citation>1</text:note-citation><text:note-body><text:p>Mostly.</text:p></text:note-body>"
        "</text:note>.</text:p><text:list><text:list-item><text:p>roof</text:p><text:list><text:list-item>"
        "<text:p>gutter</text:p></text:list-item></text:list></text:list-item><text:list-item><text:p>pier</text:p>"
        '</text:list-item></text:list><text:h text:outline-level="2"><text:bookmark text:name="meals"/>Food</text:h>'
        "<table:table><table:table-row><table:table-cell><text:p>fish</text:p></table:table-cell><table:table-cell>"
        "<text:p>daily</text:p></table:table-cell></table:table-row></table:table><text:p><draw:frame><draw:image "
        'xlink:href="Pictures/a.png"/><svg:desc>A red square</svg:desc></draw:frame></text:p></office:text>',
        **{"Pictures/a.png": picture().getvalue()},
        **files,
    )


def show_document():
    return open_document(
        "presentation",
        '<office:presentation><draw:page draw:name="p1"><draw:frame presentation:class="title"><draw:text-box>'
        "<text:p>Terns</text:p></draw:text-box></draw:frame><draw:frame><draw:text-box><text:list><text:list-item>"
        "<text:p>They dive</text:p></text:list-item></text:list></draw:text-box></draw:frame><presentation:notes>"
        '<draw:frame presentation:class="notes"><draw:text-box><text:p>Show the film</text:p></draw:text-box>'
        "</draw:frame>"
        "</presentation:notes></draw:page><draw:page><draw:custom-shape><text:p>The end</text:p></draw:custom-shape>"
        "</draw:page></office:presentation>",
    )


class TestOfficeReader(ReaderContract):
    reader = office.reader
    samples: ClassVar = {
        "a.docx": word(), "b.pptx": slides(), "c.odt": text_document(), "d.odp": show_document(), "e.rtf": RTF.encode(),
    }  # fmt: skip


def test_word_in_sections_by_headings(parts_of):
    gulls, food, image = parts_of(word(), "a.docx")
    assert gulls.content == "Gulls\n\nThey are white.\n\n- on the roof\n- on the pier"
    assert gulls.place == Place(section="gulls")
    assert gulls.attributes.items() >= {"title": "Birds", "author": "Ann Lee", "heading": "Gulls"}.items()
    assert food.content == "Food\n\nwhat | when\nfish | always"
    assert (food.place, food.attributes) == (Place(section="food"), {"heading": "Food"})
    assert (image.place, image.attributes) == (Place(section="food"), {"alt": "A red square", "heading": "Food"})
    assert (image.content == [255, 0, 0]).all()


def test_a_heading_alone_goes_with_what_follows(parts_of):
    document = docx.Document()
    document.add_paragraph("Before all.")
    for text, level in (("Birds", 0), ("Shore", 1), ("Gulls", 2)):
        document.add_heading(text, level)
    document.add_paragraph("White.")
    document.add_heading("Gulls", 2)
    document.add_paragraph("Again.")
    top, shore, again = parts_of(saved(document), "a.docx")
    assert (top.content, top.place) == ("Before all.", Place(section="top"))
    assert (shore.content, shore.place) == ("Birds\n\nShore\n\nGulls\n\nWhite.", Place(section="gulls"))
    assert again.place == Place(section="gulls-2")


def test_pages_are_counted_where_word_marks_them(parts_of):
    document = docx.Document()
    document.add_heading("One", 1)
    document.add_paragraph("First page.").add_run().add_break(WD_BREAK.PAGE)
    document.add_paragraph("Second page.")
    document.add_heading("Two", 1)
    document.add_paragraph("Still there.")
    parts = parts_of(saved(document), "a.docx")
    assert [(p.content, str(p.place)) for p in parts] == [
        ("One\n\nFirst page.", "page 1, #one"),
        ("Second page.", "page 2, #one"),
        ("Two\n\nStill there.", "page 2, #two"),
    ]


def test_slides_have_their_number(parts_of):
    terns, counts, image = parts_of(slides(), "b.pptx")
    assert terns.content == "Terns\n\nThey dive\n  - from high up\n\nNotes: Show the film here"
    assert terns.place == Place(page=1)
    assert terns.attributes.items() >= {"title": "Terns", "author": "Ann Lee", "slides": 2}.items()
    assert counts.content == "Counts\n\nNests by year\nnorth\n2023 | 0.3\n2024 | 5\n\nsouth | none"
    assert (counts.place, image.place) == (Place(page=2), Place(page=2))
    assert image.attributes == {"heading": "Counts"}


def test_open_document_texts(parts_of):
    gulls, food, image = parts_of(text_document(), "c.odt")
    assert gulls.content == "Gulls\n\nThey are  white.\n\n- roof\n  - gutter\n- pier\n\nMostly."
    assert gulls.attributes == {
        "heading": "Gulls", "title": "Birds", "author": "Ann Lee", "created": "2024-03-05T08:30:00",
        "date": "2024-03-05T08:30:00", "keywords": ["gulls"],
    }  # fmt: skip
    assert (food.content, food.place) == ("Food\n\nfish | daily", Place(section="meals"))
    assert (image.place, image.attributes) == (Place(section="meals"), {"alt": "A red square", "heading": "Food"})


def test_open_document_slides(parts_of):
    terns, end = parts_of(show_document(), "d.odp")
    assert (terns.content, terns.place) == ("Terns\n\n- They dive\n\nNotes: Show the film", Place(page=1))
    assert (end.content, end.place) == ("The end", Place(page=2))


def test_rich_text(parts_of):
    gulls, terns = parts_of(RTF.encode(), "e.rtf")
    assert gulls.content == "Gulls\n\nThey are whîte and loud.\n\na | b"
    assert gulls.place == Place(page=1, section="gulls")
    assert gulls.attributes == {
        "heading": "Gulls", "title": "Shore birds", "author": "Ann Lee", "keywords": ["gull", "tern"],
        "created": "2024-03-05", "date": "2024-03-05",
    }  # fmt: skip
    assert (terns.content, terns.place) == ("Terns\n\nThey dive –deep.", Place(page=2, section="terns"))


def test_rich_text_holds_pictures(parts_of):
    hexes = picture().getvalue().hex()
    data = (
        r"{\rtf1 Look: {\*\shppict{\pict{\*\picprop}\pngblip\picw64 "
        + hexes
        + r"}} there {\pict\wmetafile8 "
        + "0" * 99
        + "}}"
    )
    text, image = parts_of(data.encode(), "e.rtf")
    assert (text.content, text.place) == ("Look:  there", Place())
    assert (image.content == [255, 0, 0]).all()


@pytest.mark.parametrize(("heading", "anchor"), [
    ("Results & methods", "results-methods"), ("Über uns", "über-uns"), ("第一章", "第一章"),
    ("§ 3.1", "3-1"), ("***", "section"), ("word " * 40, "-".join(["word"] * 12)),
])  # fmt: skip
def test_anchors_are_made_of_the_heading(heading, anchor):
    assert slug(heading) == anchor


def test_a_document_that_unpacks_to_far_too_much_is_refused():
    bomb = zipped(**{"[Content_Types].xml": "<a/>", "word/document.xml": "<w>" + " " * 5_000_000})
    assert len(bomb) < 10_000
    with pytest.raises(Unreadable, match=r"holds a packed file of 5000003 bytes: no more than 1000000 are unpacked"):
        list(office.reader.read(Source.from_bytes(bomb, "a.docx"), Limits(max_text_bytes=1_000_000)))


def test_entities_in_a_package_do_nothing(tmp_path):
    (tmp_path / "secret").write_text("swordfish")
    space = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    for bomb in ("", "&y;" * 10_000):
        document = (
            f'<!DOCTYPE w [<!ENTITY x SYSTEM "{(tmp_path / "secret").as_uri()}"><!ENTITY y "{"lol" * 1000}">]>'
            f'<w:document xmlns:w="{space}"><w:body><w:p><w:r><w:t>words &x;</w:t></w:r></w:p><w:p><w:r><w:t>{bomb}'
            "</w:t></w:r></w:p></w:body></w:document>"
        )
        data = zipped(**{"[Content_Types].xml": "<a/>", "word/document.xml": document})
        (part,) = office.reader.read(Source.from_bytes(data, "a.docx"), Limits())
        assert part.content == "words"


def test_a_picture_outside_the_package_is_not_opened(tmp_path):
    (tmp_path / "a.png").write_bytes(picture().getvalue())
    data = text_document()
    source = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(source, "w") as new:
        for name in old.namelist():
            outside = old.read(name).replace(b"Pictures/a.png", str(tmp_path / "a.png").encode())
            new.writestr(name, outside)
    parts = list(office.reader.read(Source.from_bytes(source.getvalue(), str(tmp_path / "a.odt")), Limits()))
    assert {part.modality for part in parts} == {"text"}


def test_locked_and_empty_documents_say_so():
    manifest = '<manifest:file-entry><manifest:encryption-data manifest:checksum="x"/></manifest:file-entry>'
    with pytest.raises(Unreadable, match="locked with a password: remove the password"):
        locked = text_document(**{"META-INF/manifest.xml": manifest})
        list(office.reader.read(Source.from_bytes(locked, "a.odt"), Limits()))
    with pytest.raises(Unreadable, match="without text or pictures"):
        list(office.reader.read(Source.from_bytes(saved(docx.Document()), "a.docx"), Limits()))
    with pytest.raises(Unreadable, match="its main part is missing"):
        nothing = zipped(**{"[Content_Types].xml": "<a/>", "word/other.xml": "<a/>"})
        list(office.reader.read(Source.from_bytes(nothing, "a.docx"), Limits()))


# A passage that a real file holds, and the page or slide it stands on.
REAL = {
    "markitdown__test.docx": ("13 | 14 | 49e168b7-d2ae-407f-a055-2167576f39a1 | 15", 2),
    "markitdown__docx_multipage.docx": ("AFTER IMAGE: This text is after the image.", 3),
    "markitdown__equations.docx": ("sin^(-1) (2.2×10^(-4))", None),
    "markitdown__rlink.docx": ("Testing Linked Images", None),
    "pandoc__comments.docx": ("Comment by Jesse Rosenthal: A comment across paragraphs.", None),
    "pandoc__notes.docx": ("This is an endnote at the end of the document.", None),
    "pandoc__unicode.docx": ("Hello, 世界. This costs €10.", None),
    "pandoc__formula.odt": ("E = m cdot c^2", None),
    "pandoc__simpleTable.odt": ("Content | More content", None),
    "python-pptx__cht-charts.pptx": ("Category 3 | 3.5 | 1.8 | 3", 1),
    "markitdown__pptx_image_middle.pptx": ("Conclusion", 3),
    "file-type__fixture.rtf": ("Test RTF file", None),
}


@pytest.mark.data
@pytest.mark.parametrize("name", REAL)
def test_real_files_say_what_is_in_them(media, parts_of, name):
    words, page = REAL[name]
    parts = parts_of(media.parent / "documents/office" / name)
    assert [part.place.page for part in parts if words in str(part.content)] == [page]


@pytest.mark.data
def test_every_real_file_with_something_in_it_is_read(media):
    refused, images = {}, 0
    for path in sorted((media.parent / "documents/office").iterdir()):
        if path.suffix not in (".docx", ".pptx", ".odt", ".rtf"):
            continue
        try:
            kind, parts = read(Source.from_path(path))
            found = list(parts)
        except Unreadable as error:
            refused[path.name] = error.why
            continue
        assert kind == "office"
        check_parts(found, Limits())
        images += sum(part.modality == "image" for part in found)
    assert refused == dict.fromkeys(
        ("python-docx__doc-no-coreprops.docx", "python-docx__tbl-2x2-table.docx"),
        "an Office document without text or pictures",
    )
    assert images == 15
