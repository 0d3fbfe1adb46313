"""Tables as texts: a text a row that names its columns, whatever the delimiter and the encoding; JSON lines too."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from typing import ClassVar

import pytest

from sensorium.core.errors import Unreadable
from sensorium.readers import table
from sensorium.readers.contract import Limits, Source
from sensorium.testing.readers import ReaderContract, check_parts

PEOPLE = "name,age,town\nAda,36,London\nLinus,,Helsinki\n"


class TestTableReader(ReaderContract):
    reader = table.reader
    samples: ClassVar = {
        "a.csv": PEOPLE.encode(), "b.tsv": PEOPLE.replace(",", "\t").encode("utf-16"),
        "c.jsonl": b'{"name": "Ada", "age": 36}\n[1, 2]\n"word"\n',
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


LONG, DEEP = json.dumps({"a": "word " * 300_000}) + "\n", "[" * 100_000 + "]" * 100_000 + "\n"


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ("{\n{\n", "none of its lines is JSON"),
        (LONG, "every line in it is longer than the 1048576 characters that are read of one"),
        (DEEP * 2, "every line in it holds lists or objects within each other deeper than is read"),
        (LONG + "{\n", "none of its lines is JSON of a length and depth that is read"),
        ("\n \n", "nothing but blank lines in it"),
        ("{}\n[]\n", "nothing but empty records in it"),
    ],
    ids=["no JSON", "long", "deep", "long and no JSON", "blank", "empty"],
)
def test_json_lines_of_which_none_is_read_say_why(rows_of, lines, why):
    with pytest.raises(Unreadable) as caught:
        rows_of(lines, "a.jsonl")
    assert caught.value.why == why


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
