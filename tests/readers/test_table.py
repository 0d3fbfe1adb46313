"""Tables: a text a row that names its columns; whatever the delimiter, the encoding and the program that wrote it."""

from __future__ import annotations

import csv
import io
import json
import struct
import subprocess
import sys
import zipfile
from typing import ClassVar

import pytest

from sensorium.core.errors import Unreadable
from sensorium.readers import table
from sensorium.readers.contract import Limits, Source
from sensorium.testing.readers import ReaderContract, check_parts

PEOPLE = "name,age,town\nAda,36,London\nLinus,,Helsinki\n"
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
LINKS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def zipped(files):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content, zipfile.ZIP_STORED if name == "mimetype" else None)
    return out.getvalue()


def xlsx(sheets, *, strings=(), formats="", styles="", more=""):
    """A workbook of sheets as XML of their rows."""
    names = "".join(f'<sheet name="{name}" sheetId="{at}" r:id="r{at}"/>' for at, name in enumerate(sheets))
    links = "".join(
        f'<Relationship Id="r{at}" Type="{LINKS}/worksheet" Target="worksheets/s{at}.xml"/>'
        for at in range(len(sheets))
    )
    shared = "".join(f"<si>{s if s.startswith('<') else f'<t>{s}</t>'}</si>" for s in strings)
    says = "<dc:title>Stock</dc:title><dc:creator>Ada</dc:creator><t:created>2020-01-02T03:04:05Z</t:created>"
    core = f"<c xmlns:dc='http://purl.org/dc/elements/1.1/' xmlns:t='http://purl.org/dc/terms/'>{says}</c>"
    looks = f"<numFmts>{formats}</numFmts><cellXfs>{styles}</cellXfs>"
    return zipped({
        "[Content_Types].xml": "<Types/>",
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{LINKS}">{more}<sheets>{names}</sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f"<Relationships>{links}</Relationships>",
        "xl/sharedStrings.xml": f'<sst xmlns="{MAIN}">{shared}</sst>',
        "xl/styles.xml": f'<styleSheet xmlns="{MAIN}">{looks}</styleSheet>', "docProps/core.xml": core,
        **{
            f"xl/worksheets/s{at}.xml": f'<worksheet xmlns="{MAIN}"><sheetData>{rows}</sheetData></worksheet>'
            for at, rows in enumerate(sheets.values())
        },
    })  # fmt: skip


def ods(*tables):
    office = "urn:oasis:names:tc:opendocument:xmlns:"
    spaces = " ".join(f'xmlns:{name}="{office}{name}:1.0"' for name in ("office", "table", "text"))
    return zipped({
        "mimetype": "application/vnd.oasis.opendocument.spreadsheet",
        "content.xml": f"<office:document-content {spaces}>{''.join(tables)}</office:document-content>",
    })  # fmt: skip


SHOP = xlsx(
    {
        "Fruit": (
            '<row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>1</v></c>'
            '<c r="C1" t="inlineStr"><is><t>since</t></is></c></row>'
            '<row r="2"><c r="A2" t="s"><v>2</v></c><c r="B2"><v>1.5</v></c><c r="C2" s="1"><v>43831</v></c></row>'
            '<row r="9"><c r="A9" t="str"><v>Fig</v></c><c r="C9" s="2"><v>43831.75</v></c></row>'
        ),
        "Empty": "",
        "Notes": (
            '<row><c t="inlineStr"><is><r><t>Two </t></r><r><t>runs</t></r></is></c>'
            '<c t="b"><v>1</v></c><c t="e"><v>#N/A</v></c></row>'
        ),
    },
    strings=("fruit", "price", "<r><t>Ap</t></r><r><t>ple</t></r><rPh><t>reading</t></rPh>"),
    formats='<numFmt numFmtId="200" formatCode="yyyy\\-mm\\-dd hh:mm"/>',
    styles='<xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="200"/>',
)
CALC = ods(
    '<table:table table:name="One"><table:table-row>'
    "<table:table-cell><text:p>name</text:p></table:table-cell>"
    "<table:table-cell><text:p>day</text:p></table:table-cell>"
    '</table:table-row><table:table-row table:number-rows-repeated="2">'
    '<table:table-cell><text:p>Ada<text:s/>L</text:p><text:p>two</text:p></table:table-cell>'
    '<table:table-cell office:value-type="date" office:date-value="2020-01-01"><text:p>Jan</text:p></table:table-cell>'
    '</table:table-row><table:table-row table:number-rows-repeated="1048000">'
    '<table:table-cell table:number-columns-repeated="16384"/></table:table-row></table:table>'
    '<table:table table:name="Two"><table:table-row><table:table-cell table:number-columns-repeated="3"/>'
    '<table:table-cell office:value-type="float" office:value="7"><text:p>7,00</text:p></table:table-cell>'
    "</table:table-row></table:table>"
)  # fmt: skip


class TestTableReader(ReaderContract):
    reader = table.reader
    samples: ClassVar = {
        "a.csv": PEOPLE.encode(), "b.tsv": PEOPLE.replace(",", "\t").encode("utf-16"),
        "c.jsonl": b'{"name": "Ada", "age": 36}\n[1, 2]\n"word"\n', "d.xlsx": SHOP, "e.ods": CALC,
    }  # fmt: skip


@pytest.fixture
def rows_of():
    """(row, text) of what is read."""

    def rows(data, name="a.csv", **limits):
        data = data if isinstance(data, bytes) else data.encode()
        parts = list(table.reader.read(Source.from_bytes(data, name), Limits(**limits)))
        check_parts(parts, Limits())
        return [(p.place.row, p.content) for p in parts]

    return rows


@pytest.fixture
def said_of():
    """The attributes of the first part."""

    def said(data, name="a.csv"):
        data = data if isinstance(data, bytes) else data.encode()
        return dict(next(table.reader.read(Source.from_bytes(data, name), Limits())).attributes)

    return said


def test_rows_name_their_columns_and_leave_out_blanks(rows_of, said_of):
    assert rows_of(PEOPLE) == [(1, "name: Ada; age: 36; town: London"), (2, "name: Linus; town: Helsinki")]
    assert said_of(PEOPLE) == {"columns": ["name", "age", "town"], "rows": 2}


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("name", ["a.csv", "a.tsv"])
def test_the_delimiter_is_found(rows_of, delimiter, name):
    assert rows_of(PEOPLE.replace(",", delimiter), name)[0] == (1, "name: Ada; age: 36; town: London")


def test_decimal_commas_do_not_mislead(rows_of):
    text = "ort;länge;breite\nBonn;7,1;50,7\nKöln;6,9;50,9\nUlm;10,0;48,4\n"
    assert rows_of(text)[1] == (2, "ort: Köln; länge: 6,9; breite: 50,9")
    assert rows_of("sep=|\na,b|c\n1|2\n")[0] == (1, "a,b: 1; c: 2")


def test_quotes_hold_cells_together(rows_of):
    text = 'title,text\n"Yes, no","He said ""hi""\nand left"\n'
    assert rows_of(text) == [(1, 'title: Yes, no; text: He said "hi" and left')]


def test_a_quote_that_is_never_closed_costs_no_row(rows_of):
    text = 'size,what\n1,"3.5 inch disk\n' + "".join(f"{n},disk {n}\n" for n in range(2, 2000))
    rows = rows_of(text)
    assert len(rows) == 1999
    assert rows[0] == (1, 'size: 1; what: "3.5 inch disk') and rows[-1] == (1999, "size: 1999; what: disk 1999")
    assert rows_of('what,size\n5" nail,1\n6" nail,2\n')[1] == (2, 'what: 6" nail; size: 2')


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "cp1252", "utf-32"])
def test_encodings_are_told(rows_of, encoding):
    text = "straße,größe,wörter\n" + "Müller Straße,schön groß,Überfluß an Wörtern\n" * 3
    assert rows_of(text.encode(encoding))[2] == (
        3,
        "straße: Müller Straße; größe: schön groß; wörter: Überfluß an Wörtern",
    )


def test_a_late_first_accent_is_read_right(rows_of):
    plain = "name,number\n" + "".join(f"somebody called {n}{' of this or that town' * 9},{n}\n" for n in range(6000))
    for encoding in ("utf-8", "cp1252"):
        rows = rows_of((plain + "Müller und Söhne,7\n").encode(encoding))
        assert len(plain) > 1 << 20 and rows[-1] == (6001, "name: Müller und Söhne; number: 7")


def test_tables_without_names_give_their_values(rows_of, said_of):
    for text in (
        "1,2,3\n4,5,6\n",
        "a.webp,dog\nb.webp,cat\nc.webp,dog\n",
        "Rome,Italy\nMilan,Italy\nBonn,Italy\nRome,Malta\n",
    ):
        first = text.split("\n")[0].replace(",", "; ")
        assert rows_of(text)[0] == (1, first) and "columns" not in said_of(text)
    assert rows_of("country,2019,2020\nMalta,5,6\n") == [(1, "country: Malta; 2019: 5; 2020: 6")]
    assert rows_of("Unnamed: 0,word\n0,sea\n") == [(1, "0; word: sea")]


def test_what_stands_above_the_names_is_kept(rows_of):
    text = "Annual report\n\nmonth,sales,costs\nJan,10,5\nFeb,12,6\nMar,13,7\n"
    assert rows_of(text)[:2] == [(None, "Annual report"), (1, "month: Jan; sales: 10; costs: 5")]


def test_rows_of_other_widths_and_odd_characters(rows_of):
    assert rows_of("a,b\n1\n1,2,3\n,,\n\0x\x07y\x1b,\u200bz\n") == [
        (1, "a: 1"),
        (2, "a: 1; b: 2; 3"),
        (3, "a: xy; b: \u200bz"),
    ]


def test_a_long_row_is_several_passages_at_one_place(rows_of):
    rows = rows_of("title,text\nA,%s\n" % ("Words follow words. " * 100), passage_characters=400)
    assert len(rows) > 4 and {row for row, _ in rows} == {1} and all(len(text) <= 400 for _, text in rows)


def test_a_table_of_names_alone_is_a_row(rows_of):
    assert rows_of("a,b\n") == [(1, "a; b")]


def test_python_reads_the_same_rows(rows_of):
    text = io.StringIO(newline="")
    rows = [[f"word{n}", f'say "{n}", twice' if n % 3 else "two\nlines", str(n * n)] for n in range(500)]
    csv.writer(text).writerows([["first", "second", "third"], *rows])
    told = [
        " ".join(dict(pair.split(": ", 1) for pair in said.split("; "))["second"].split())
        for _, said in rows_of(text.getvalue())
    ]
    assert told == [" ".join(row[1].split()) for row in rows]


STREAM = """
import sys, time
from sensorium.testing.memory import peak_bytes
from sensorium.readers.contract import Limits, Source
from sensorium.readers.table import reader
class Endless(Source):
    def open(self):
        stream = super().open()
        class Wide:
            left, closed = int(sys.argv[1]), False
            def read(self, n=-1):
                n = min(n, Wide.left) if n > 0 else Wide.left
                assert n <= 1 << 24
                Wide.left -= n
                return (sys.argv[2].encode() * (n // len(sys.argv[2]) + 1))[:n]
            __enter__ = lambda self: self
            __exit__ = lambda self, *_: None
        return Wide()
before = peak_bytes()
began = time.perf_counter()
count = 0
for part in reader.read(Endless("big" + sys.argv[3], sys.argv[2].encode() * 50), Limits()):
    count += 1
    if count == 10_000:
        break
print(count, (peak_bytes() - before) >> 20, time.perf_counter() - began)
"""


@pytest.mark.parametrize(
    ("size", "piece", "most"), [(400 << 20, "word ", 300), (400 << 20, '"a,', 400), (10 << 30, "a,b\\n1,2\\n", 10_000)]
)
def test_size_takes_no_memory(size, piece, most):
    """A line of 400 MB, quotes that never end, a table of 10 GB."""
    piece = piece.replace("\\n", "\n")
    ran = subprocess.run(
        [sys.executable, "-c", STREAM, str(size), piece, ".csv"], capture_output=True, text=True, check=True
    )
    count, megabytes, seconds = map(float, ran.stdout.split())
    assert 0 < count <= most and megabytes < 80 and seconds < 8


def test_json_lines(rows_of, said_of):
    lines = [
        {"name": "Ada", "born": {"year": 1815, "town": "London"}, "tags": ["maths", "poetry"], "note": None},
        {"name": "Linus", "likes": [{"what": "dives"}, {"what": "cats"}], "ok": True, "rate": 0.5},
        ["a", 1], "a word", 7,
    ]  # fmt: skip
    data = "\n".join(json.dumps(line) for line in lines) + "\n\n{broken\n" + '{"name": "\\ud800x"}\n'
    rows = rows_of(data, "a.jsonl")
    assert rows == [
        (1, "name: Ada; born.year: 1815; born.town: London; tags: maths, poetry"),
        (2, "name: Linus; likes.what: dives; likes.what: cats; ok: true; rate: 0.5"),
        (3, "a, 1"), (4, "a word"), (5, "7"), (7, "name: x"),
    ]  # fmt: skip
    assert said_of(data, "a.jsonl")["rows"] == 7
    assert said_of(data, "a.jsonl")["columns"][:3] == ["name", "born.year", "born.town"]
    parts = list(table.reader.read(Source.from_bytes(data.encode(), "a.jsonl"), Limits()))
    assert parts[-1].attributes == {"broken": 1}
    for bad in ("{\n{\n", "[" * 100_000 + "\n"):
        with pytest.raises(Unreadable, match="none of its lines is JSON"):
            rows_of(bad, "a.jsonl")


def test_a_workbook_is_read_sheet_by_sheet(parts_of):
    parts = list(table.reader.read(Source.from_bytes(SHOP, "a.xlsx"), Limits()))
    assert [(p.place.section, p.place.row, p.content) for p in parts] == [
        ("Fruit", 1, "fruit: Apple; price: 1.5; since: 2020-01-01"),
        ("Fruit", 2, "fruit: Fig; since: 2020-01-01 18:00:00"),
        ("Notes", 1, "Two runs; true"),
    ]
    assert parts[0].attributes == {
        "columns": ["fruit", "price", "since"], "sheets": ["Fruit", "Empty", "Notes"], "title": "Stock",
        "author": "Ada", "created": "2020-01-02T03:04:05Z",
    }  # fmt: skip
    old = xlsx({"A": '<row><c s="1"><v>1</v></c></row>'}, styles='<xf numFmtId="0"/><xf numFmtId="14"/>',
               more='<workbookPr date1904="1"/>')  # fmt: skip
    assert next(table.reader.read(Source.from_bytes(old), Limits())).content == "1904-01-02"


def test_an_open_document_is_read_sheet_by_sheet():
    parts = list(table.reader.read(Source.from_bytes(CALC, "a.ods"), Limits()))
    assert [(p.place.section, p.place.row, p.content) for p in parts] == [
        ("One", 1, "name: Ada L two; day: 2020-01-01"), ("One", 2, "name: Ada L two; day: 2020-01-01"), ("Two", 1, "7"),
    ]  # fmt: skip
    endless = ods('<table:table table:name="A"><table:table-row table:number-rows-repeated="99999999">'
                  '<table:table-cell table:number-columns-repeated="99999999"><text:p>x</text:p></table:table-cell>'
                  "</table:table-row></table:table>")  # fmt: skip
    parts = table.reader.read(Source.from_bytes(endless, "a.ods"), Limits(passage_characters=100_000))
    assert all(next(parts).content.startswith("x; x; x") for _ in range(5))


def test_cells_far_out_take_no_memory():
    row = '<row r="1048576"><c r="A1048576"><v>1</v></c><c r="XFD1048576"><v>2</v></c><c r="ZZZ1"><v>3</v></c></row>'
    data = xlsx({"A": '<row r="1"><c r="A1"><v>5</v></c></row>' + row})
    parts = list(table.reader.read(Source.from_bytes(data), Limits()))
    assert [p.content for p in parts] == ["5", "1; 2"]


def test_workbooks_that_are_too_large_locked_or_hostile_are_refused():
    bomb = zipped({"[Content_Types].xml": "", "xl/workbook.xml": bytes(30 << 20)})
    laughs = '<!DOCTYPE w [<!ENTITY a "ha"><!ENTITY b "&a;&a;"><!ENTITY c SYSTEM "file:///etc/passwd">]>'
    for data, why in (
        (bomb, "31457280 bytes unpacked: no more than 1048576"),
        (zipped({"[Content_Types].xml": "", "xl/x": "", "xl/workbook.xml": "<"}), "a damaged workbook"),
        (zipped({"[Content_Types].xml": "", "xl/x": ""}), "a damaged workbook"),
    ):
        with pytest.raises(Unreadable, match=why):
            list(table.reader.read(Source.from_bytes(data), Limits(max_unpacked_bytes=1 << 20)))
    rows = "<row><c t='inlineStr'><is><t>x&c;&b;</t></is></c><c t='inlineStr'><is><t>kept</t></is></c></row>"
    sheet = f'{laughs}<worksheet xmlns="{MAIN}"><sheetData>{rows}</sheetData></worksheet>'
    files = {name: data for name, data in _files(xlsx({"A": ""})).items() if "s0" not in name}
    told = list(table.reader.read(Source.from_bytes(zipped({**files, "xl/worksheets/s0.xml": sheet})), Limits()))
    assert [p.content for p in told] == ["x; kept"]


def _files(data):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.mark.data
def test_calamine_reads_the_same_from_real_workbooks(media):
    import python_calamine

    seen = 0
    for path in sorted((media.parent / "documents/office").glob("*.xls*")):
        parts = list(table.reader.read(Source.from_path(path), Limits(passage_characters=100_000)))
        check_parts(parts, Limits())
        book = python_calamine.load_workbook(str(path))
        cells = {
            name: [[c for c in row if c != ""] for row in book.get_sheet_by_name(name).iter_rows()]
            for name in book.sheet_names
        }
        for name, rows in cells.items():
            texts = [p.content for p in parts if p.place.section == name and p.place.row]
            full = [row for row in rows if row]
            assert len(full) - len(texts) in (0, 1, 2), (path.name, name)  # less a title, and the names of the columns
            for row, text in zip(full[::-1], texts[::-1], strict=False):
                seen += sum(table_value(cell) in text for cell in row)
                assert all(table_value(cell) in text for cell in row), (path.name, row, text)
    assert seen > 150


@pytest.mark.data
def test_an_old_workbook_that_claims_too_many_cells_is_refused_before_it_is_loaded(media):
    """Calamine makes room for all cells between the corners: gigabytes, for one damaged number."""
    data = (media.parent / "documents/office/markitdown__test.xls").read_bytes()
    sizes = data.index(b"\x00\x02\x0e\x00") + 4  # DIMENSIONS: first and last row, first and last column
    for said, why in (
        ((0, 65536, 0, 65535), "an .xls whose sheets span 4294901780 cells: no more than 4000000"),
        ((183, 5, 0, 4), "a damaged workbook: a sheet ends before it begins"),
    ):
        bad = data[:sizes] + struct.pack("<IIHH", *said) + data[sizes + 12 :]
        with pytest.raises(Unreadable, match=why):
            list(table.reader.read(Source.from_bytes(bad, "a.xls"), Limits()))
    for bad in (data[:20_000], data[:600] + data[700:], data[:100]):
        with pytest.raises(Unreadable, match="a damaged workbook"):
            list(table.reader.read(Source.from_bytes(bad, "a.xls"), Limits()))


@pytest.mark.data
def test_what_calamine_panics_over_is_unreadable(media, monkeypatch):
    class PanicException(BaseException):  # as the Rust bindings have it
        pass

    def panic(stream):
        raise PanicException("range end index 64 out of range")

    monkeypatch.setattr("python_calamine.CalamineWorkbook.from_filelike", panic, raising=False)
    path = media.parent / "documents/office/markitdown__test.xls"
    with pytest.raises(Unreadable, match=r"^a damaged workbook$"):
        list(table.reader.read(Source.from_path(path), Limits()))


def table_value(cell):
    return " ".join((str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)).split())


@pytest.mark.data
def test_real_tables_have_the_rows_that_python_finds(media, parts_of):
    for name in ("esc50/labels.csv", "flickr8k/captions.csv", "models/audioset_labels.csv"):
        path = media.parent / name
        with path.open(newline="", encoding="utf-8") as file:
            wanted = list(csv.DictReader(file))
        rows = {p.place.row for p in table.reader.read(Source.from_path(path), Limits())}
        assert rows == set(range(1, len(wanted) + 1))
    mail = media.parent / "documents/office/markitdown__test_mskanji.csv"
    assert next(table.reader.read(Source.from_path(mail), Limits())).content == "名前: 佐藤太郎; 年齢: 30; 住所: 東京"
