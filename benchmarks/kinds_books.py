"""Writes the items of a `Plan` that are books, letters and prints: EPUB, Word and PDF."""

from __future__ import annotations

import io
import zipfile
from datetime import UTC, datetime
from html import escape
from pathlib import Path

import docx
from PIL import Image

from kinds_plan import Bit, Made

_EPUB_OPF = """<?xml version="1.0"?><package xmlns="http://www.idpf.org/2007/opf" version="3.0" unique-identifier="id">
<metadata xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:identifier id="id">{name}</dc:identifier>
<dc:title>{title}</dc:title><dc:language>en</dc:language></metadata>
<manifest><item id="c" href="chapter.xhtml" media-type="application/xhtml+xml"/>{pictures}</manifest>
<spine><itemref idref="c"/></spine></package>"""
_EPUB_CONTAINER = """<?xml version="1.0"?><container version="1.0"
xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>
<rootfile full-path="book.opf" media-type="application/oebps-package+xml"/></rootfiles></container>"""
_EPUB_CHAPTER = """<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml">
<head><title>{title}</title></head><body><h1>{title}</h1>{sections}</body></html>"""


def write_epub(made: Made, path: Path, pictures: dict[int, bytes]) -> None:
    """A book of one chapter with a section for each piece; `pictures` are JPEGs by number, from 1."""
    sections, files = "", ""
    for at, bit in enumerate(made.bits, 1):
        inner = f'<img src="p{at}.jpg" alt=""/>' if at in pictures else escape(bit.text)
        files += f'<item id="p{at}" href="p{at}.jpg" media-type="image/jpeg"/>' if at in pictures else ""
        sections += f'<section id="n{at}"><h2>{escape(bit.heading)}</h2><p>{inner}</p></section>'
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": _EPUB_CONTAINER,
            "book.opf": _EPUB_OPF.format(name=made.name, title=made.title, pictures=files),
            "chapter.xhtml": _EPUB_CHAPTER.format(title=made.title, sections=sections),
            **{f"p{at}.jpg": data for at, data in pictures.items()},
        }.items():
            archive.writestr(zipfile.ZipInfo(name), content)


def write_docx(made: Made, path: Path, pictures: dict[int, bytes]) -> None:
    """A Word document with a heading for each piece."""
    document = docx.Document()
    document.core_properties.created = document.core_properties.modified = datetime(2026, 1, 1, tzinfo=UTC)
    document.core_properties.title = made.title
    for at, bit in enumerate(made.bits, 1):
        document.add_heading(bit.heading, 2)
        if at in pictures:
            document.add_picture(io.BytesIO(pictures[at]))
        else:
            document.add_paragraph(bit.text)
    document.save(str(path))


def write_pdf(made: Made, path: Path, pictures: dict[int, bytes]) -> None:
    """A PDF with a page for each piece: a heading, and words or a picture as wide as the page."""
    pages = [_page(bit, pictures.get(at)) for at, bit in enumerate(made.bits, 1)]
    objects: list[bytes] = [b"<</Type/Catalog/Pages 2 0 R>>", b"", b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"]
    kids = []
    for drawn, data in pages:
        resources = b"/Font<</F 3 0 R>>"
        if data is not None:
            objects.append(_picture_object(data))
            resources += b"/XObject<</P %d 0 R>>" % len(objects)
        objects.append(b"<</Length %d>>stream\n%s\nendstream" % (len(drawn), drawn))
        box = b"/Type/Page/Parent 2 0 R/MediaBox[0 0 400 500]"
        objects.append(b"<<%s/Resources<<%s>>/Contents %d 0 R>>" % (box, resources, len(objects)))
        kids.append(b"%d 0 R" % len(objects))
    objects[1] = b"<</Type/Pages/Kids[%s]/Count %d>>" % (b" ".join(kids), len(kids))
    out, starts = b"%PDF-1.4\n", []
    for number, said in enumerate(objects, 1):
        starts.append(len(out))
        out += b"%d 0 obj%s\nendobj\n" % (number, said)
    table = b"".join(b"%010d 00000 n \n" % start for start in starts)
    end = b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, len(out))
    path.write_bytes(out + b"xref\n0 %d\n0000000000 65535 f \n%s%s" % (len(objects) + 1, table, end))


def _page(bit: Bit, picture: bytes | None) -> tuple[bytes, bytes | None]:
    """What is drawn on a page, and its picture."""
    drawn = f"BT /F 18 Tf 40 450 Td ({_quoted(bit.heading)}) Tj ET\n"
    if picture is not None:
        return (drawn + "q 320 0 0 320 40 100 cm /P Do Q").encode(), picture
    lines, line = [], ""
    for word in bit.text.split():
        line, full = (f"{line} {word}".strip(), "") if len(line) + len(word) < 60 else (word, line)
        lines += [full] if full else []
    shown = "".join(f"({_quoted(said)}) Tj 0 -16 Td " for said in (*lines, line))
    return (drawn + f"BT /F 11 Tf 40 420 Td {shown}ET").encode("latin-1", "replace"), None


def _quoted(text: str) -> str:
    return text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")


def _picture_object(data: bytes) -> bytes:
    with Image.open(io.BytesIO(data)) as picture:
        size = picture.size
    about = b"/Type/XObject/Subtype/Image/Width %d/Height %d/ColorSpace/DeviceRGB/BitsPerComponent 8" % size
    return b"<<%s/Filter/DCTDecode/Length %d>>stream\n%s\nendstream" % (about, len(data), data)
