"""Office documents, books, tables and texts that attack whoever reads them."""

from __future__ import annotations

from badfiles.bombs import crowded_zip, packed, raw_zeros, raw_zip, stored, unzipped, zero_png, zipped
from badfiles.documents import docx, epub, odf, odt, pptx, xlsx
from badfiles.markup import Ground

_BOMB = 1 << 30
_SHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
_R = 'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"'


def with_member(data: bytes, name: str, content: bytes) -> bytes:
    """A zip with one member replaced or added."""
    return zipped({**unzipped(data), name: content})


def with_bomb(data: bytes, name: str, before: str, after: str) -> bytes:
    """A zip with a member of 600 MB of words, packed; it is legal."""
    members = {kept: stored(content) for kept, content in unzipped(data).items()}
    return raw_zip({**members, name: packed(b"word " * 210_000, 600, before.encode(), after.encode())})


def with_lie(data: bytes, name: str) -> bytes:
    """A zip with a member that says it has 100 bytes, and unpacks to a gigabyte."""
    members = {kept: stored(content) for kept, content in unzipped(data).items()}
    return raw_zip({**members, name: raw_zeros(_BOMB, 100)})


def office_traps(ground: Ground) -> dict[str, bytes]:
    """Name -> Office document or book that grows, loops, or names other files and addresses."""
    word, deck, sums = docx(), pptx(), xlsx()
    entity = f'<!DOCTYPE x [<!ENTITY e SYSTEM "file://{ground.secret}">]>'
    laughs = (
        '<!DOCTYPE x [<!ENTITY a "ha">'
        + "".join(f'<!ENTITY a{n} "' + f"&a{n - 1 or ''};" * 10 + '">' for n in range(1, 12))
        + "]>"
    )
    body = f"<w:document {_W} {_R}><w:body><w:p><w:r><w:t>%s</w:t></w:r></w:p></w:body></w:document>"
    nested = (
        f"<w:document {_W}><w:body>"
        + "<w:tbl><w:tr><w:tc>" * 3000
        + "<w:p/>"
        + "</w:tc></w:tr></w:tbl>" * 3000
        + "</w:body></w:document>"
    )
    image = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/image"
    links = unzipped(word)["word/_rels/document.xml.rels"].replace(
        b"</Relationships>",
        f'<Relationship Id="rOut" Type="{image}" Target="{ground.url}" TargetMode="External"/>'
        f'<Relationship Id="rUp" Type="{image}" Target="../../../..{ground.picture}"/></Relationships>'.encode(),
    )
    far = b'<c r="XFD1048576" t="inlineStr"><is><t>far</t></is></c>'
    sheet = (
        f'<worksheet xmlns="{_SHEET}"><dimension ref="A1:XFD1048576"/><sheetData>%s</sheetData></worksheet>'.encode()
    )
    wide = (
        "<office:spreadsheet><table:table><table:table-row table:number-rows-repeated='1048576'>"
        "<table:table-cell office:value-type='string' table:number-columns-repeated='16384'><text:p>x</text:p>"
        "</table:table-cell></table:table-row></table:table></office:spreadsheet>"
    )
    return {
        "bomb.docx": with_bomb(word, "word/document.xml", *(body % "|").split("|")),
        "bomb.pptx": with_bomb(deck, "ppt/slides/slide1.xml", "<p>", "</p>"),
        "bomb.xlsx": with_bomb(sums, "xl/sharedStrings.xml", f'<sst xmlns="{_SHEET}"><si><t>', "</t></si></sst>"),
        "lies-inside.docx": with_lie(word, "word/document.xml"),
        "lies-inside.pptx": with_lie(deck, "ppt/slides/slide1.xml"),
        "lies-inside.xlsx": with_lie(sums, "xl/worksheets/sheet1.xml"),
        "lies-inside.odt": with_lie(odt("<text:p>Words.</text:p>"), "content.xml"),
        "lies-inside.epub": with_lie(epub(), "c.xhtml"),
        "picture-bomb.docx": with_member(word, "word/media/image1.png", zero_png(30_000, 30_000)),
        "lies.docx": raw_zip({"[Content_Types].xml": raw_zeros(_BOMB, 100), "word/a": raw_zeros(9, 9)}),
        "overlap.docx": raw_zip(
            {"[Content_Types].xml": raw_zeros(_BOMB >> 4, _BOMB >> 4), "word/a": raw_zeros(9, 9)}, copies=20_000
        ),
        "crowd.docx": crowded_zip("[Content_Types].xml", 100_000),
        "lies.epub": raw_zip(
            {"mimetype": stored(b"application/epub+zip"), "META-INF/container.xml": raw_zeros(_BOMB, 100)}
        ),
        "entity.docx": with_member(word, "word/document.xml", (entity + body % "&e;").encode()),
        "laughs.docx": with_member(word, "word/document.xml", (laughs + body % "&a11;").encode()),
        "nested.docx": with_member(word, "word/document.xml", nested.encode()),
        "links.docx": with_member(word, "word/_rels/document.xml.rels", links),
        "own-link.docx": with_member(
            word, "_rels/.rels", unzipped(word)["_rels/.rels"].replace(b"word/document.xml", b"_rels/.rels")
        ),
        "up.docx": zipped({**unzipped(word), "../../../up.txt": b"words", "/etc/evil": b"words"}),
        "empty.docx": zipped({"[Content_Types].xml": b"", "word/document.xml": b""}),
        "bare.xlsx": zipped({"[Content_Types].xml": b"<x/>", "xl/x": b""}),
        "far.xlsx": with_member(sums, "xl/worksheets/sheet1.xml", sheet % (b'<row r="1048576">' + far + b"</row>")),
        "far-rows.xlsx": with_member(
            sums,
            "xl/worksheets/sheet1.xml",
            sheet % (b'<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576">' + far + b"</row>"),
        ),
        "strings.xlsx": with_member(
            sums, "xl/worksheets/sheet1.xml", sheet % b'<row r="1"><c r="A1" t="s"><v>999999999</v></c></row>'
        ),
        "dates.xlsx": with_member(
            sums,
            "xl/worksheets/sheet1.xml",
            sheet % b'<row r="1"><c r="A1" t="d"><v>99999-99-99</v></c><c r="B1"><v>1e308</v></c></row>',
        ),
        "wide.ods": odf("spreadsheet", wide),
        "entity.odt": _unquoted(entity),
        "deep.odt": odt("<text:section>" * 100_000),
        "spaces.odt": odt("<text:p>a<text:s text:c='2000000000'/>b</text:p>"),
        "link.odt": odt(
            f"<text:p>Words.</text:p><draw:frame><draw:image xlink:href='{ground.url}'/><draw:image "
            f"xlink:href='../../{ground.picture}'/></draw:frame>"
        ),
        "deep.rtf": b"{\\rtf1 " + b"{" * 200_000 + b"words" + b"}" * 200_000 + b"}",
        "binary.rtf": b"{\\rtf1 words {\\pict\\bin2147483647 xx}}",
        "open.rtf": b"{\\rtf1 words",
        "numbers.rtf": b"{\\rtf1 \\u99999999999? \\'zz \\fs-1 words}",
        "long.rtf": b"{\\rtf1 " + b"\\b words \\b0 " * 300_000 + b"}",
        "skips.rtf": b"{\\rtf1\\uc1000000000 \\u65?words}",
        "object.rtf": b"{\\rtf1{\\object\\objdata " + b"41" * 500_000 + b"} words}",
        "up.epub": epub(package="../../../../etc/passwd"),
        "absolute.epub": epub(href=f"file://{ground.secret}"),
        "asks.epub": epub(href=ground.url),
        "up-href.epub": epub(href="../" * 9 + str(ground.secret).lstrip("/")),
        "own-package.epub": epub(package="META-INF/container.xml"),
        "spine.epub": epub(spine="<itemref idref='c'/>" * 50_000),
        "deep.epub": epub("<div>" * 100_000),
        "entity.epub": _entity_book(entity),
        "links.epub": epub(
            f"<p>Words.</p><img src='{ground.url}'/><img src='../../../..{ground.picture}'/><img src='file://"
            f"{ground.picture}'/>"
        ),
        "bomb.epub": with_bomb(epub(), "c.xhtml", "<html><body><p>", "</p></body></html>"),
        "locked.epub": zipped(
            {**unzipped(epub()), "META-INF/encryption.xml": b"<encryption/>", "META-INF/rights.xml": b"<r/>"}
        ),
    }


def _unquoted(entity: str) -> bytes:
    files = unzipped(odt("<text:p>Words &amp;e; here.</text:p>"))
    files["content.xml"] = (
        files["content.xml"].replace(b"&amp;e;", b"&e;").replace(b'<?xml version="1.0"?>', entity.encode())
    )
    return zipped(files)


def _entity_book(entity: str) -> bytes:
    files = unzipped(epub())
    files["c.xhtml"] = (
        files["c.xhtml"].replace(b"A wheel", b"&e; A wheel").replace(b'<?xml version="1.0"?>', entity.encode())
    )
    files["META-INF/container.xml"] = files["META-INF/container.xml"].replace(b'<?xml version="1.0"?>', entity.encode())
    return zipped(files)


def table_traps() -> dict[str, bytes]:
    """Name -> table that never ends a field, a row or a thought."""
    deep, huge = "[" * 200_000, "9" * 200_000
    return {
        "endless-quote.csv": b'a,b\n1,"' + b"x\n" * 3_000_000,
        "endless-line.csv": b"a," * 3_000_000,
        "columns.csv": b",".join(b"c%d" % n for n in range(200_000)) + b"\n" + b"1," * 199_999 + b"1\n",
        "rows.csv": b"a,b\n" + b"1,2\n" * 300_000,
        "zeros.csv": b"a,b\n1,\0\0\n2,3\n",
        "quotes.csv": b'a,b\n"x""y"z","\n' * 3,
        "ragged.csv": b"a,b\n1\n1,2,3,4\n\n,,,\n",
        "only-header.csv": b"a,b,c\n",
        "only-commas.csv": b",,,\n,,,\n",
        "blank.csv": b"\n\n \n",
        "same-names.csv": b"a,a,a\n1,2,3\n",
        "returns.csv": b"a,b\r1,2\r3,4\r",
        "lone.csv": b"a,b\n\xff\xfe,\xed\xa0\x80\n",
        "wide.csv": "a,b\n1,\u00e9\n".encode("utf-16"),
        "formulas.csv": b'a,b\n=cmd|"/C calc"!A0,@SUM(1)\n',
        "blank-names.csv": b",,\n1,2,3\n",
        "empty.jsonl": b"\n\n\n",
        "deep.jsonl": f'{{"a": 1}}\n{deep}\n{{"a": 2}}\n'.encode(),
        "deep-closed.jsonl": (deep + "]" * 200_000 + "\n").encode(),
        "deep-objects.jsonl": ('{"a":' * 100_000 + "1" + "}" * 100_000 + "\n").encode(),
        "huge-number.jsonl": f'{{"a": {huge}}}\n{{"a": 1e{huge}}}\n{{"a": 1e999}}\n'.encode(),
        "nans.jsonl": b'{"a": NaN, "b": Infinity}\n{"a": -Infinity}\n',
        "surrogates.jsonl": b'{"a": "\\ud800 words", "\\udfff": "b"}\n',
        "scalars.jsonl": b'1\n"words"\nnull\ntrue\n[1, "b"]\n',
        "broken.jsonl": b'{"a": 1}\n{"a": \n{"a": 3}\nwords\n',
        "long-line.jsonl": b'{"a": "' + b"word " * 2_000_000 + b'"}\n',
        "many-keys.jsonl": b"{" + b", ".join(b'"k%d": %d' % (n, n) for n in range(100_000)) + b"}\n",
        "same-keys.jsonl": b'{"a": 1, "a": 2}\n',
        "empty-objects.jsonl": b"{}\n{}\n[]\n",
        "zeros.jsonl": b'{"a": "\\u0000"}\n',
    }


def text_traps() -> dict[str, bytes]:
    """Name -> text in no encoding, in several, or without an end."""
    german = "Stra\u00dfe und G\u00e4rten. "
    return {
        "invalid.txt": b"words \xff\xfe \xc0\x80 \xed\xa0\x80 \xf8\x88\x80\x80\x80 words",
        "half.txt": b"caf\xc3",
        "mixed.txt": german.encode() * 9 + german.encode("latin-1") * 9 + german.encode("utf-16") * 9,
        "overlong.txt": b"\xe0\x80\xaf" * 500,
        "surrogates.txt": "\ud83d words".encode("utf-16-le", "surrogatepass") * 40,
        "odd-wide.txt": "words".encode("utf-16") + b"\0",
        "utf32.txt": german.encode("utf-32"),
        "utf7.txt": b"+AGEAYgBj- words",
        "ebcdic.txt": german.encode("cp500") * 9,
        "bom.txt": b"\xef\xbb\xbf",
        "two-boms.txt": b"\xef\xbb\xbf\xef\xbb\xbfwords",
        "blank.txt": b" \n\t\r\n" * 9000,
        "controls.txt": b"\x1b[31mred\x1b[0m \x07\x08 words",
        "zero.txt": b"wo\0rds",
        "zeros.txt": bytes(5000),
        "line.txt": b"a" * 5_000_000,
        "words.txt": b"word " * 1_000_000,
        "hashes.md": b"#" * 1_000_000,
        "fences.md": b"```\n" * 200_000,
        "rules.md": b"= \n=\n" * 200_000,
        "quotes.md": b">" * 500_000 + b" words",
        "brackets.md": b"[" * 500_000 + b"](x" * 9,
        "newlines.txt": b"\n" * 5_000_000,
        "returns.txt": b"\r" * 500_000 + b"words",
        "separators.txt": "\u2028\u2029\x0b\x0c\x85 words ".encode() * 50_000,
        "marks.txt": ("a" + "\u0301" * 100_000).encode(),
        "rightwards.txt": ("\u202e\u2066" * 1000 + "words").encode(),
        "private.txt": "\ue000\U0010ffff\ufffe\uffff words".encode(),
        "comment.c": b"/*" * 500_000,
        "star.js": b"*" * 500_000,
        "dashes.sql": b"-" * 500_000 + b" words",
        "front.md": b"---\n" + b"a: b\n" * 300_000,
        "noise.bin": bytes((n * 7919 + (n >> 3) * 31) & 255 for n in range(100_000)),
    }
