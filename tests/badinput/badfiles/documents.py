"""Small good Office documents, books, tables and texts."""

from __future__ import annotations

import io
import json
from datetime import datetime

from badfiles.bombs import zipped
from badfiles.pictures import fields, saved

WHEN = datetime(2024, 1, 2, 3, 4, 5)
RTF = rb"""{\rtf1\ansi\ansicpg1252{\fonttbl\f0 Arial;}{\info{\title A letter}{\author Someone}}
\b Dear friend\b0\par Thank you for the caf\'e9 and the \u8364? notes.\par{\pict\pngblip 89504e47}\par Yours.}"""
_TEXT_NAMES = (
    'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
    'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" '
    'xmlns:draw="urn:oasis:names:tc:opendocument:xmlns:drawing:1.0" '
    'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" '
    'xmlns:xlink="http://www.w3.org/1999/xlink"'
)
_ODF = "application/vnd.oasis.opendocument."


def good_documents() -> dict[str, bytes]:
    """Name -> file; every one can be read."""
    return {
        "report.docx": docx(),
        "talk.pptx": pptx(),
        "sums.xlsx": xlsx(),
        "letter.odt": odt("<text:h text:outline-level='1'>Rain</text:h><text:p>It fell all night.</text:p>"),
        "sums.ods": odf(
            "spreadsheet",
            "<office:spreadsheet><table:table table:name='S'>"
            + _row("plant", "height")
            + _row("rose", "1")
            + "</table:table></office:spreadsheet>",
        ),
        "talk.odp": odf(
            "presentation",
            "<office:presentation><draw:page draw:name='p1'><draw:frame><draw:text-box><text:p>A slide"
            "</text:p></draw:text-box></draw:frame></draw:page></office:presentation>",
        ),
        "letter.rtf": RTF,
        "book.epub": epub(),
    }


def docx() -> bytes:
    """A heading, a paragraph, a table and a picture."""
    import docx as word

    document = word.Document()
    document.core_properties.title, document.core_properties.created = "A report", WHEN
    document.add_heading("Harvest", 1)
    document.add_paragraph("The apples were small but sweet this year.")
    cells = document.add_table(1, 2).rows[0].cells
    cells[0].text, cells[1].text = "apples", "12 kg"
    document.add_picture(io.BytesIO(saved(fields(7), "PNG")))
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def pptx() -> bytes:
    """Two slides, one with a picture and notes."""
    import pptx as slides

    deck = slides.Presentation()
    deck.core_properties.title = "A talk"
    for title in ("Bees", "Honey"):
        slide = deck.slides.add_slide(deck.slide_layouts[5])
        slide.shapes.title.text = title
    slide.shapes.add_picture(io.BytesIO(saved(fields(8), "PNG")), 0, 0)
    slide.notes_slide.notes_text_frame.text = "Speak slowly."
    out = io.BytesIO()
    deck.save(out)
    return out.getvalue()


def xlsx() -> bytes:
    """A header and two rows."""
    import xlsxwriter

    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True}) as book:
        book.set_properties({"title": "Sums", "created": WHEN})
        sheet = book.add_worksheet("Plants")
        for row, values in enumerate([("plant", "height", "day"), ("rose", 1.25, "Monday"), ("fern", 0.5, "Friday")]):
            sheet.write_row(row, 0, values)
    return out.getvalue()


def odf(kind: str, body: str) -> bytes:
    """An OpenDocument file of this kind."""
    inside = f"<office:document-content {_TEXT_NAMES}><office:body>{body}</office:body></office:document-content>"
    content = f'<?xml version="1.0"?>{inside}'
    listing = '<?xml version="1.0"?><manifest xmlns="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>'
    return zipped(
        {
            "mimetype": f"{_ODF}{kind}".encode(),
            "content.xml": content.encode(),
            "META-INF/manifest.xml": listing.encode(),
            "Pictures/a.png": saved(fields(9), "PNG"),
        }
    )


def odt(body: str) -> bytes:
    """An OpenDocument text."""
    return odf("text", f"<office:text>{body}</office:text>")


def _row(*cells: str) -> str:
    return "<table:table-row>" + "".join(
        f"<table:table-cell office:value-type='string'><text:p>{cell}</text:p></table:table-cell>" for cell in cells
    ) + "</table:table-row>"  # fmt: skip


def epub(
    chapter: str = "<h1>The mill</h1><p>A wheel turned in the stream.</p><img src='a.png' alt='fields'/>",
    package: str = "book.opf",
    spine: str = "<itemref idref='c'/>",
    href: str = "c.xhtml",
) -> bytes:
    """A book of one chapter."""
    container = (
        '<?xml version="1.0"?><container xmlns="urn:oasis:names:tc:opendocument:xmlns:container" version="1.0">'
        "<rootfiles>"
        f'<rootfile full-path="{package}" media-type="application/oebps-package+xml"/></rootfiles></container>'
    )
    opf = (
        '<?xml version="1.0"?><package xmlns="http://www.idpf.org/2007/opf" version="3.0" unique-identifier="i">'
        "<metadata "
        'xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:identifier id="i">x-1</dc:identifier><dc:title>The mill</'
        "dc:title>"
        "<dc:language>en</dc:language></metadata><manifest>"
        f'<item id="c" href="{href}" media-type="application/xhtml+xml"/><item id="p" href="a.png" '
        f'media-type="image/png"/>'
        f"</manifest><spine>{spine}</spine></package>"
    )
    head = '<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><head><title>t</title></head>'
    text = f"{head}<body>{chapter}</body></html>"
    return zipped(
        {
            "mimetype": b"application/epub+zip",
            "META-INF/container.xml": container.encode(),
            "book.opf": opf.encode(),
            "c.xhtml": text.encode(),
            "a.png": saved(fields(10), "PNG"),
        }
    )


def good_tables() -> dict[str, bytes]:
    """Name -> file; every one can be read."""
    rows = [
        ("plant", "height", "note"),
        ("rose", "1.2", 'red, "old"'),
        ("fern", "0.5", "in the\nshade"),
        ("oak", "30", ""),
    ]
    quoted = "".join(",".join('"' + cell.replace('"', '""') + '"' for cell in row) + "\r\n" for row in rows)
    lines = "".join(json.dumps({"plant": p, "height": h, "tags": ["a", {"b": None}]}) + "\n" for p, h, _ in rows[1:])
    return {
        "plants.csv": quoted.encode(),
        "semicolons.csv": "Stadt;Stra\u00dfe\nK\u00f6ln;Am Dom\nM\u00fcnchen;Am Tor\n".encode("latin-1"),
        "plants.tsv": "".join("\t".join(row).replace("\n", " ") + "\n" for row in rows).encode("utf-8-sig"),
        "plants.jsonl": lines.encode(),
    }


def good_texts() -> dict[str, bytes]:
    """Name -> file; every one can be read."""
    page = (
        "# The lighthouse\n\n"
        + "The keeper climbed the stairs every evening. " * 12
        + "\n\n## Storm\n\n```\nx = 1\n```\n"
    )
    return {
        "story.txt": page.replace("#", "").encode(),
        "story.md": page.encode(),
        "wide.txt": page.encode("utf-16"),
        "german.txt": "Die Stra\u00dfe f\u00fchrt \u00fcber den Flu\u00df zu den sch\u00f6nen G\u00e4rten. ".encode(
            "latin-1"
        )
        * 5,
        "japanese.txt": "\u6771\u4eac\u306e\u5929\u6c17\u306f\u6674\u308c\u3067\u3059\u3002".encode("shift_jis") * 9,
        "program.py": b'"""A program."""\n\nx = 1\n\n\ndef f():\n    return x\n',
    }
