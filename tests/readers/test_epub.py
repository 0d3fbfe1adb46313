"""Books become sections of their chapters in reading order, with the cover and the pictures in them."""

from __future__ import annotations

import io
import zipfile
from typing import ClassVar

import pytest

from sensorium.core.errors import Unreadable
from sensorium.readers import epub
from sensorium.testing.media import encoded, picture
from sensorium.testing.readers import ReaderContract

CONTAINER = """<?xml version="1.0"?><container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>
<rootfile full-path="OPS/book.opf" media-type="application/oebps-package+xml"/></rootfiles></container>"""
PACKAGE = """<?xml version="1.0"?><package xmlns="http://www.idpf.org/2007/opf" unique-identifier="id" version="3.0">
<metadata xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:identifier>other</dc:identifier>
<dc:identifier id="id">urn:isbn:9780000000002</dc:identifier><dc:title> The  Voyage </dc:title>
<dc:creator>A. Sailor</dc:creator><dc:creator>B. Cook</dc:creator><dc:language>en</dc:language>
<dc:date>0101-01-01T00:00:00+00:00</dc:date><dc:date>1899-05-06</dc:date><dc:publisher>Press</dc:publisher>
<dc:subject>boats</dc:subject><dc:subject>sea</dc:subject>
<dc:description>&lt;p&gt;Of a &lt;b&gt;sea&lt;/b&gt;.&lt;/p&gt;</dc:description>
<meta name="cover" content="front"/></metadata>
<manifest><item id="two" href="text/ch%202.xhtml" media-type="application/xhtml+xml"/>
<item id="one" href="text/ch1.xhtml" media-type="application/xhtml+xml"/>
<item id="gone" href="text/gone.xhtml" media-type="application/xhtml+xml"/>
<item id="nav" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>
<item id="front" href="img/front.jpg" media-type="image/jpeg"/>
<item id="p" href="img/p.png" media-type="image/png"/></manifest>
<spine><itemref idref="nav"/><itemref idref="one"/><itemref idref="gone"/><itemref idref="nowhere"/>
<itemref idref="two"/>
</spine></package>"""
ONE = """<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><head><title/></head><body>
<svg><image xlink:href="../img/front.jpg"/></svg><h1 id="start">Departure</h1><p>We left the harbour.</p>
<aside>A note: it was cold.</aside><h2>At sea</h2><p>Waves.</p><img src="../img/P.png" alt="a wave"/></body></html>"""
TWO = '<html xmlns="http://www.w3.org/1999/xhtml"><body><p>We arrived.</p><img src="../img/p.png"/></body></html>'
NAV = """<html xmlns="http://www.w3.org/1999/xhtml"><body><nav><ol><li><a href="text/ch1.xhtml">One</a></li>
<li><a href="text/ch%202.xhtml#x">Two: The Arrival</a></li></ol></nav></body></html>"""
FILES = {
    "META-INF/container.xml": CONTAINER, "OPS/book.opf": PACKAGE, "OPS/text/ch1.xhtml": ONE, "OPS/text/ch 2.xhtml": TWO,
    "OPS/nav.xhtml": NAV, "OPS/img/front.jpg": encoded(picture(120, 160), "JPEG"),
    "OPS/img/p.png": encoded(picture(64, 48), "PNG"),
}  # fmt: skip


def book(**changes):
    """A book whose files (by the end of their names, "_" for ".") are changed; None leaves one out."""
    said = io.BytesIO()
    with zipfile.ZipFile(said, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", "application/epub+zip", zipfile.ZIP_STORED)
        files = dict(FILES)
        for name, content in changes.items():
            known = next((path for path in FILES if path.endswith(name.replace("_", "."))), name)
            files[known] = content
        for name, content in files.items():
            if content is not None:
                archive.writestr(name, content)
    return said.getvalue()


class TestEpubReader(ReaderContract):
    reader = epub.reader
    samples: ClassVar = {"a.epub": book(), "bare.epub": book(container_xml=None, opf=None)}


def texts(parts):
    return [(p.place.section, p.content) for p in parts if p.modality == "text"]


def test_a_book_is_read_in_the_order_of_its_spine(parts_of):
    parts = parts_of(book())
    assert texts(parts) == [
        ("text/ch1.xhtml#start", "Departure\nWe left the harbour.\nA note: it was cold."),
        ("text/ch1.xhtml#section-2", "At sea\nWaves."), ("text/ch 2.xhtml#top", "Two: The Arrival\nWe arrived."),
    ]  # fmt: skip
    assert str(parts[1].place) == "text/ch1.xhtml#start"


def test_the_cover_comes_first_and_each_picture_once(parts_of):
    shown = [part for part in parts_of(book()) if part.modality == "image"]
    assert parts_of(book())[0].modality == "image"
    assert [part.content.shape for part in shown] == [(160, 120, 3), (48, 64, 3)]
    assert [part.place.section for part in shown] == ["img/front.jpg", "text/ch1.xhtml#section-2"]
    assert dict(shown[1].attributes) == {"alt": "a wave", "src": "../img/P.png", "heading": "At sea"}


def test_the_first_part_says_what_the_book_says_of_itself(parts_of):
    assert dict(parts_of(book())[0].attributes) == {
        "title": "The Voyage", "author": "A. Sailor, B. Cook", "language": "en", "date": "1899-05-06",
        "publisher": "Press", "identifier": "urn:isbn:9780000000002", "description": "Of a sea.",
        "keywords": ["boats", "sea"], "src": "img/front.jpg",
    }  # fmt: skip


@pytest.mark.parametrize("changes", [
    {"opf": PACKAGE.replace("idref=", "idrff=")}, {"opf": PACKAGE[:400]}, {"opf": None}, {"container_xml": None},
    {"container_xml": "<not xml", "opf": "\0\1\2"}, {"opf": PACKAGE.replace("</manifest>", "")},
    {"opf": PACKAGE.replace('idref="', 'idref="x')},
])  # fmt: skip
def test_broken_packages_give_their_chapters_all_the_same(parts_of, changes):
    said = dict(texts(parts_of(book(**changes))))
    assert {text.splitlines()[-1] for text in said.values()} >= {"Waves.", "We arrived."}


def test_chapters_follow_their_numbers_when_nothing_else_orders_them(parts_of):
    chapters = {f"OPS/c{n}.html": f"<html><p>Chapter {n}." for n in (10, 9, 1)}
    parts = parts_of(
        book(container_xml=None, opf=None, **{"ch1_xhtml": None, "2.xhtml": None, "nav_xhtml": None}, **chapters)
    )
    assert [text for _, text in texts(parts)] == ["Chapter 1.", "Chapter 9.", "Chapter 10."]


def test_the_index_of_older_books_names_chapters_too(parts_of):
    index = """<ncx xmlns="http://www.daisy.org/z3986/2005/ncx/"><navMap><navPoint><navLabel><text>The Second</text>
    </navLabel><content src="text/ch%202.xhtml"/></navPoint></navMap></ncx>"""
    package = PACKAGE.replace("nav.xhtml", "toc.ncx").replace('media-type="application/xhtml+xml" properties="nav"',
                                                              'media-type="application/x-dtbncx+xml"')  # fmt: skip
    parts = parts_of(book(opf=package, nav_xhtml=None, **{"OPS/toc.ncx": index}))
    assert texts(parts)[-1][1] == "The Second\nWe arrived."


def encryption(path, algorithm):
    return f"""<encryption xmlns="urn:oasis:names:tc:opendocument:xmlns:container" xmlns:e="http://www.w3.org/2001/04/xmlenc#">
    <e:EncryptedData><e:EncryptionMethod Algorithm="{algorithm}"/><e:CipherData><e:CipherReference URI="{path}"/>
    </e:CipherData></e:EncryptedData></encryption>"""


def test_books_that_are_locked_say_so(parts_of):
    locked = encryption("OPS/text/ch1.xhtml", "http://www.w3.org/2001/04/xmlenc#aes128-cbc")
    with pytest.raises(Unreadable, match=r"locked by its seller \(DRM\)"):
        parts_of(book(**{"META-INF/encryption.xml": locked}))


def test_scrambled_fonts_lock_nothing(parts_of):
    fonts = encryption("OPS/font.otf", "http://www.idpf.org/2008/embedding")
    assert len(texts(parts_of(book(**{"META-INF/encryption.xml": fonts})))) == 3


def test_books_that_unpack_to_too_much_are_refused(parts_of):
    with pytest.raises(Unreadable, match=r"a book of \d+ bytes when unpacked: no more than 1000000 are"):
        parts_of(book(**{"OPS/filler.css": b"\0" * 1_000_001}), max_unpacked_bytes=1_000_000)


def test_what_lies_about_its_size_is_unpacked_no_further(parts_of):
    data = bytearray(book(ch1_xhtml=ONE + " " * 3_000_000))
    at = data.rindex(b"OPS/text/ch1.xhtml") - 46
    assert data[at : at + 4] == b"PK\1\2"
    data[at + 24 : at + 28] = (len(ONE) + 10).to_bytes(4, "little")
    assert "We arrived." in texts(parts_of(bytes(data), max_unpacked_bytes=100_000))[-1][1]


def test_damaged_chapters_are_passed_over(parts_of):
    data = bytearray(book())
    at = data.index(b"OPS/text/ch1.xhtml") + len("OPS/text/ch1.xhtml")
    data[at : at + 40] = bytes(40)
    assert [text for _, text in texts(parts_of(bytes(data)))] == ["Two: The Arrival\nWe arrived."]


def test_entities_of_other_files_are_never_opened(parts_of, tmp_path):
    secret = tmp_path / "secret.txt"
    secret.write_text("the secret")
    evil = f'<!DOCTYPE p [<!ENTITY x SYSTEM "{secret.as_uri()}">]>'
    parts = parts_of(book(opf=PACKAGE.replace("?>", f"?>{evil}", 1).replace(" The  Voyage ", "T &x;"),
                          ch1_xhtml=ONE.replace("?>", f"?>{evil}", 1).replace("Waves", "&x;")))  # fmt: skip
    assert "the secret" not in str(parts)


@pytest.mark.parametrize(
    "address", ["../../../../etc/hostname", "/etc/hostname", "file:///etc/hostname", "http://x/p.png"]
)
def test_pictures_come_from_the_book_alone(parts_of, address):
    parts = parts_of(book(**{"2.xhtml": TWO.replace('src="../img/p.png"', f'src="{address}" alt="said of it"')}))
    assert texts(parts)[-1][1] == "Two: The Arrival\nWe arrived.\n\nsaid of it"


@pytest.mark.parametrize("changes", [
    {"ch1_xhtml": None, "2.xhtml": None, "nav_xhtml": None, "opf": None}, {"ch1_xhtml": "", "2.xhtml": " ", "opf": None,
     "nav_xhtml": None},
])  # fmt: skip
def test_books_without_anything_are_unreadable(parts_of, changes):
    with pytest.raises(Unreadable, match=r"without chapters|without words"):
        parts_of(book(**changes))


def test_zips_cut_short_are_unreadable(parts_of):
    with pytest.raises(Unreadable, match="a damaged book: its list of contents cannot be read"):
        parts_of(book()[:-200])


def test_every_real_book_is_read(media, parts_of):
    books = sorted((media.parent / "documents/epub").glob("*.epub"))
    assert len(books) >= 7
    for path in books:
        parts = parts_of(path)
        assert parts[0].attributes["title"]
        assert any(part.modality == "text" for part in parts)
        assert all(part.place.section for part in parts)


def test_a_real_poem_by_its_chapters(media, parts_of):
    parts = parts_of(media.parent / "documents/epub/pandoc__wasteland.epub")
    assert parts[0].modality == "image"
    assert parts[0].attributes["author"] == "T.S. Eliot"
    sections = {part.place.section for part in parts}
    assert {f"wasteland-content.xhtml#{name}" for name in ("titlepage", "ch1", "ch2", "rearnotes")} <= sections
    assert any(
        "April is the cruellest month, breeding\nLilacs out of the dead land" in text for _, text in texts(parts)
    )
