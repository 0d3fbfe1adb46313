"""Workbooks of Excel and OpenDocument: a text a row, sheet by sheet; what is damaged or too large is refused."""

from __future__ import annotations

import io
import struct
import zipfile
from typing import ClassVar

import pytest

from sensorium.core.errors import Unreadable
from sensorium.readers import table
from sensorium.readers.contract import Limits, Source
from sensorium.testing.readers import ReaderContract, check_parts

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


class TestWorkbooks(ReaderContract):
    reader = table.reader
    samples: ClassVar = {"a.xlsx": SHOP, "b.ods": CALC}


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
