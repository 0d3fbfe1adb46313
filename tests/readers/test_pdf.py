"""PDF: each page is a picture and a text; the document says what it is called; damage costs pages, not the rest."""

from __future__ import annotations

import os
import subprocess
import sys
import zlib
from concurrent.futures import ThreadPoolExecutor
from typing import ClassVar

import pytest

from sensorium.core.errors import Unreadable
from sensorium.readers import pdf
from sensorium.readers.contract import Limits, Source
from sensorium.readers.pdf import clean, iso
from sensorium.testing.readers import ReaderContract, check_parts

RESOURCES = b"/Resources << /Font << /F << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >>"
SAYS = b"/Title (Rivers of Europe) /Author (A. Writer) /Keywords (water, maps) /CreationDate (D:20230115120000+01'00')"


def document(objects, info=b"", catalog=b""):
    """A PDF of numbered objects, from 3 on; 1 and 2 are the catalog and the list of all pages."""
    kids = b" ".join(b"%d 0 R" % n for n, o in enumerate(objects, 3) if b"/Type /Page " in o)
    head = b"<< /Type /Catalog /Pages 2 0 R " + catalog + b" >>"
    every = [head, b"<< /Type /Pages /Kids [%s] /Count %d >>" % (kids, kids.count(b"R")), *objects, b"<< %s >>" % info]
    out, places = bytearray(b"%PDF-1.7\n"), []
    for number, body in enumerate(every, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    size, start = len(every) + 1, len(out)
    trailer = b"trailer\n<< /Size %d /Root 1 0 R /Info %d 0 R >>\n" % (size, size - 1)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % size + table + trailer + b"startxref\n%d\n%%%%EOF\n" % start
    return bytes(out)


def stream(content, more=b""):
    return b"<< /Length %d %s >> stream\n%s\nendstream" % (len(content), more, content)


def page(contents, more=b"", box=b"0 0 600 800"):
    return b"<< /Type /Page /Parent 2 0 R /MediaBox [%s] /Contents %d 0 R %s %s >>" % (box, contents, RESOURCES, more)


def words(*lines, size=12, top=700):
    said = b"".join(b"(%s) Tj 0 -%d Td " % (line.encode("cp1252"), round(size * 1.2)) for line in lines)
    return b"BT /F %d Tf 50 %d Td %sET\n" % (size, top, said)


def book(*pages, info=b"", catalog=b"", more=b""):
    """A PDF whose pages have these contents."""
    objects = []
    for content in pages:
        objects += [page(len(objects) + 4, more), stream(content)]
    return document(objects, info, catalog)


CORNER = b"1 0 0 rg 0 700 300 100 re f\n"  # red, top left, as the page is seen unless it is turned
TWO = book(CORNER + words("The Rhine rises in the Alps."), words("The Danube flows east."), info=SAYS)


class TestPdfReader(ReaderContract):
    reader = pdf.reader
    samples: ClassVar = {"two.pdf": TWO, "picture.pdf": book(CORNER)}


def test_pages_are_pictures_and_texts_in_order(parts_of):
    parts = parts_of(TWO, "a.pdf")
    assert [(p.modality, p.place.page) for p in parts] == [("image", 1), ("text", 1), ("image", 2), ("text", 2)]
    assert [p.content for p in parts if p.modality == "text"] == [
        "The Rhine rises in the Alps.",
        "The Danube flows east.",
    ]
    for picture, text in (parts[:2], parts[2:]):
        assert text.preview is picture.content and picture.preview is None
        assert picture.content.shape == (640, 480, 3)
    assert parts[0].attributes == {
        "pages": 2, "title": "Rivers of Europe", "author": "A. Writer", "keywords": ["water", "maps"],
        "created": "2023-01-15T12:00:00+01:00",
    }  # fmt: skip
    assert all(p.attributes == {} for p in parts[1:])


@pytest.mark.parametrize(("turn", "corner"), [(0, "tl"), (90, "tr"), (180, "br"), (270, "bl")])
def test_pages_are_drawn_as_they_are_seen(parts_of, turn, corner):
    (part,) = parts_of(book(CORNER, more=b"/Rotate %d" % turn))
    seen = part.content.astype(int)
    assert seen.shape == ((640, 480, 3) if turn % 180 == 0 else (480, 640, 3))
    at = {"tl": (5, 5), "tr": (5, -5), "bl": (-5, 5), "br": (-5, -5)}
    for name, (y, x) in at.items():
        assert tuple(seen[y, x]) == ((255, 0, 0) if name == corner else (255, 255, 255))


def test_pictures_are_as_large_as_wanted_and_as_small_as_allowed(parts_of):
    data = book(CORNER)
    assert parts_of(data, image_side=400)[0].content.shape == (800, 600, 3)
    height, width, _ = parts_of(data, max_pixels=10_000)[0].content.shape
    assert 9000 < height * width <= 10_100
    strip = document([page(4, box=b"0 0 200000 10"), stream(b"1 0 0 rg 0 0 200000 10 re f")])
    assert parts_of(strip)[0].content.shape == (1, 640, 3)


def test_a_page_with_a_gigantic_picture_gives_its_text(parts_of):
    picture = b"/Type /XObject /Subtype /Image /Width 50000 /Height 50000 /ColorSpace /DeviceGray /BitsPerComponent 8 "
    shown = stream(zlib.compress(bytes(1000)), picture + b"/Filter /FlateDecode")
    with_it = RESOURCES.removesuffix(b">>") + b"/XObject << /I 5 0 R >> >>"

    def holding(content):
        body = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents 4 0 R %s >>" % with_it
        return document([body, stream(content), shown])

    draws = b"q 600 0 0 800 0 0 cm /I Do Q\n"
    (part,) = parts_of(holding(draws + words("Too large a map.")))
    assert part.content == "Too large a map." and part.preview is None
    with pytest.raises(Unreadable, match="a picture of more than 200000000 pixels"):
        parts_of(holding(draws))


def test_empty_pages_are_left_out_unless_there_is_nothing_else(parts_of):
    parts = parts_of(book(b"", b"1 1 1 rg 0 0 600 800 re f", words("Here.")))
    assert [(p.modality, p.place.page) for p in parts] == [("image", 3), ("text", 3)]
    assert parts[0].attributes == {"pages": 3}  # the title would be that of page 1
    (only,) = parts_of(book(b"", b""))
    assert only.place.page == 1 and only.content.min() == 255 and only.attributes == {"pages": 2}


def test_damaged_pages_are_passed_over(parts_of):
    data = document([b"<< /Type /Page >>", b"null", page(6), stream(words("Still here."))]).replace(
        b"[3 0 R 5 0 R] /Count 2", b"[9 0 R 5 0 R] /Count 2"
    )
    assert [p.content for p in parts_of(data) if p.modality == "text"] == ["Still here."]


def test_a_file_that_claims_millions_of_pages_ends_soon(parts_of):
    data = TWO.replace(b"/Count 2", b"/Count 2000000")
    assert [p.place.page for p in parts_of(data)] == [1, 1, 2, 2]


def test_a_long_document_is_cut_and_says_so(parts_of):
    parts = parts_of(book(*[words(f"Page {n}.") for n in range(50)]), max_parts=20)
    assert len(parts) == 20 and parts[-1].attributes["cut"] == "only the first 20 parts were read"


def test_titles_come_from_what_stands_out(parts_of):
    def title(*pages, info=b""):
        return parts_of(book(*pages, info=info))[0].attributes.get("title")

    head = words("7") + words("On the migration", "of swallows", size=30, top=600) + words("by someone", "who saw it")
    assert title(head) == "On the migration of swallows"
    for name in ("untitled", "Microsoft Word - draft.docx", "paper.dvi", "(anonymous)", "12", "Slide 1"):
        assert title(head, info=b"/Title (%s)" % name.replace("(", r"\(").replace(")", r"\)").encode()) == (
            "On the migration of swallows"
        )
    assert title(head, info=b"/Title (Microsoft PowerPoint - A new plan)") == "A new plan"
    assert title(words("A short first line", "and then more of the same")) == "A short first line"
    assert (
        title(words("A line that is far too long to be a title since it runs on, and on, and on, and on, to its end."))
        is None
    )
    assert title(CORNER) is None


def test_what_is_filled_in_and_noted_is_text_too(parts_of):
    fields = b"/AcroForm << /Fields [5 0 R 6 0 R] /DA (/F 12 Tf) /DR << >> >>"
    rect = b"/Rect [50 50 300 90] /P 3 0 R"
    data = document([
        page(4, b"/Annots [5 0 R 6 0 R 7 0 R]"), stream(words("Name of the applicant:")),
        b"<< /Type /Annot /Subtype /Widget /FT /Tx /T (name) /V (Ada Lovelace) %s >>" % rect,
        b"<< /Type /Annot /Subtype /Widget /FT /Btn /T (go) /V (Off) %s >>" % rect,
        b"<< /Type /Annot /Subtype /Text /Contents (Please check the spelling.) %s >>" % rect,
    ], catalog=fields)  # fmt: skip
    texts = [p.content for p in parts_of(data) if p.modality == "text"]
    assert texts == ["Name of the applicant:", "Ada Lovelace\n\nPlease check the spelling."]


def test_scripts_and_addresses_do_nothing(parts_of, tmp_path):
    mark = tmp_path / "was-here"
    script = f"app.launchURL('file://{mark}'); this.getField('x')".encode()
    then = b"/Next << /S /Launch /F (/bin/sh) /Next << /S /URI /URI (http://a.test) >> >>"
    catalog = b"/OpenAction << /S /JavaScript /JS (%s) " + then + b" >>"
    assert parts_of(book(words("Quiet."), catalog=catalog % script))[1].content == "Quiet." and not mark.exists()


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("hyphen\ufffeated", "hyphenated"), ("the hyphen-\r\nated word", "the hyphenated word"), ("10-\n20", "10-\n20"),
        ("Jean-\nPaul", "Jean-\nPaul"), ("soft\u00ad\nly", "softly"), ("\ufb01nal e\ufb03cient", "final efficient"),
        ("a\x00b\x1fc\x7f\ufffd\ue123", "abc"), ("  much \t space\xa0 here \r\n\n\n\n\nend ", "much space here\n\nend"),
        ("\uf0b7 first", "• first"), ("", ""),
    ],
)  # fmt: skip
def test_text_is_cleaned(said, meant):
    assert clean(said) == meant


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("D:20230115120000+01'00'", "2023-01-15T12:00:00+01:00"),
        ("D:20151212184957Z00'00'", "2015-12-12T18:49:57+00:00"),
        ("D:20130829102832", "2013-08-29T10:28:32"), ("D:202301", "2023-01-01"), ("2021", "2021-01-01"),
        ("D:20230115120000-0530", "2023-01-15T12:00:00-05:30"), ("D:20231345", ""), ("yesterday", ""), ("", ""),
    ],
)  # fmt: skip
def test_dates_are_iso(said, meant):
    assert iso(said) == meant


def test_many_threads_read_at_once():
    expected = [p.content for p in pdf.reader.read(Source.from_bytes(TWO), Limits()) if p.modality == "text"]

    def half(at):
        parts = pdf.reader.read(Source.from_bytes(TWO), Limits())
        if at % 3 == 0:  # abandoned, some closed and some left to the collector
            next(parts)
            return expected
        return [p.content for p in parts if p.modality == "text"]

    with ThreadPoolExecutor(8) as pool:
        assert all(found == expected for found in pool.map(half, range(120)))


MEMORY = """
import sys
from sensorium.testing.memory import peak_bytes
from sensorium.readers.contract import Limits, Source
from sensorium.readers.pdf import reader
before = peak_bytes()
count = sum(part.modality == "image" for part in reader.read(Source.from_path(sys.argv[1]), Limits()))
print(count, (peak_bytes() - before) >> 20)
"""


def test_memory_does_not_grow_with_the_pages(tmp_path):
    noise, objects = os.urandom(6_000_000), []
    for number in range(40):
        at = 3 + len(objects)
        form = b"/Type /XObject /Subtype /Image /Width 2000 /Height 1000 /ColorSpace /DeviceRGB /BitsPerComponent 8"
        with_it = b"/Resources << /XObject << /I %d 0 R >> >>" % (at + 2)
        objects += [
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents %d 0 R %s >>" % (at + 1, with_it),
            stream(b"q 600 0 0 800 0 0 cm /I Do Q"),
            stream(b"%06d" % number + noise[6:], form),
        ]  # fmt: skip
    path = tmp_path / "large.pdf"
    path.write_bytes(document(objects))
    assert path.stat().st_size > 230_000_000
    ran = subprocess.run([sys.executable, "-c", MEMORY, path], capture_output=True, text=True, check=True)
    count, megabytes = map(int, ran.stdout.split())
    assert count == 40 and megabytes < 130


LOCK = b"/Filter /Standard /V 1 /R 2 /O <%s> /U <%s> /P -4" % ((b"5a" * 32,) * 2)
LOCKED_WHY = "a PDF that is locked with a password: remove the password"


def locked(lock=LOCK, *, apart=False):
    """A document that says how it is encrypted, in its trailer or in an object of its own."""
    objects = [page(4), stream(CORNER), b"<< %s >>" % lock]
    said = b"5 0 R" if apart else b"<< %s >>" % lock
    return document(objects).replace(b"/Root 1 0 R", b"/Root 1 0 R /ID [<61> <61>] /Encrypt " + said)


@pytest.mark.parametrize("apart", [False, True])
def test_a_locked_document_says_so_and_one_whose_lock_is_damaged_says_that(parts_of, apart):
    broken = [locked(LOCK.replace(b"/%s <" % key, b"/%s 7 <" % key), apart=apart) for key in (b"O", b"U")]
    why_broken = "a damaged PDF: it says that it is encrypted, but not how"
    for data, why in ((locked(apart=apart), LOCKED_WHY), *((data, why_broken) for data in broken)):
        with pytest.raises(Unreadable, match=why):
            parts_of(data, "a.pdf")


@pytest.mark.parametrize("count", [b"-5", b"0", b"2147483647"])
def test_a_document_without_pages_is_not_called_locked_for_the_one_before_it(parts_of, count):
    with pytest.raises(Unreadable, match=LOCKED_WHY):
        parts_of(locked(), "a.pdf")
    pageless = document([]).replace(b"/Count 0", b"/Count " + count)
    with pytest.raises(Unreadable, match=r"a damaged PDF, or one without pages|none of its \d+ pages can be read"):
        parts_of(pageless, "b.pdf")


@pytest.mark.data
def test_every_real_document_that_pdfium_opens_is_read(media):
    folder, closed = media.parent / "documents/pdf", set()
    for path in sorted(folder.iterdir()):
        try:
            parts = list(pdf.reader.read(Source.from_path(path), Limits()))
        except Unreadable as error:
            assert error.why == LOCKED_WHY
            closed.add(path.name)
            continue
        check_parts(parts, Limits())
        pictured = {p.place.page for p in parts if p.modality == "image"}
        assert len(pictured) == parts[0].attributes["pages"], path.name
    assert closed == {
        "pdfplumber__password-example.pdf", "pypdf__encrypted-file.pdf", "pypdf__r2-user-password.pdf",
    }  # fmt: skip


def test_what_stands_before_the_document_is_passed_over(parts_of):
    binary = TWO.replace(b"%PDF-1.7\n", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\0\1\2\n")
    assert len(parts_of(b"@PJL ENTER LANGUAGE=PDF\r\n" + binary)) == 4


@pytest.mark.data
def test_a_real_article_is_read_as_it_is_printed(media, parts_of):
    folder = media.parent / "documents/pdf"
    siege = parts_of(folder / "pypdf__Seige_of_Vicksburg_Sample_OCR.pdf")
    first = " ".join(p.content for p in siege if p.modality == "text" and p.place.page == 1)
    assert "too conspicuous and dangerous for use" in " ".join(first.split())
    one = parts_of(folder / "pypdf__crazyones.pdf")
    assert one[0].attributes["title"] == "The Crazy Ones" and "round pegs in the square holes" in one[1].content
    noted = parts_of(folder / "pypdf__commented.pdf")
    assert 'note over "kinds"' in noted[-1].content
    french = parts_of(folder / "pdfplumber__pdf_structure.pdf")
    assert french[0].attributes["language"] == "fr-CA" and french[0].attributes["title"] == "PDF avec Structure"
