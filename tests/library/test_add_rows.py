"""Rows of tables become items: found by what their columns hold, known again by their key."""

from __future__ import annotations

import datetime
import io
import json
import math
import signal
import subprocess
import sys
import wave
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from sensorium import Library
from sensorium.core.errors import BadTable, LibraryLocked, SourceMissing
from sensorium.library import filling
from sensorium.library.doctor import _files
from sensorium.library.row_paths import row_path
from sensorium.library.tabular import Columns, plain, rows_of, said
from sensorium.store.lock import Lock

TEXTS = {"caption": "text", "id": "key"}


def table(*captions, start=0, **more):
    ids = list(range(start, start + len(captions)))
    return pa.table({"id": ids, "caption": list(captions), **more})


def picture(seed):
    out = io.BytesIO()
    fields = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), np.uint8)
    Image.fromarray(fields).resize((40, 40), Image.Resampling.NEAREST).save(out, "PNG")
    return out.getvalue()


def sound(seconds=1.0):
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes((np.sin(np.arange(int(8000 * seconds))) * 9000).astype("<i2").tobytes())
    return out.getvalue()


def counts(report):
    return report.added, report.updated, report.unchanged, len(report.skipped)


def held(library, where=None):
    return {row["path"]: row for row in library.items(where).to_pylist()}


def test_rows_are_items_with_parts_titles_and_attributes(library):
    rows = table("the sea was calm", "bread rises slowly", price=[1.5, None], when=[datetime.date(2020, 1, 2), None])
    report = library.add_rows(rows, TEXTS, name="notes")
    assert counts(report) == (2, 0, 0, 0) and report.bytes == len("the sea was calmbread rises slowly")
    items = held(library)
    assert set(items) == {"rows:notes/0", "rows:notes/1"}
    first = items["rows:notes/0"]
    assert (first["kind"], first["state"], first["title"]) == ("row", "present", "the sea was calm")
    assert json.loads(first["attributes"]) == {"price": 1.5, "when": "2020-01-02"}
    assert json.loads(items["rows:notes/1"]["attributes"]) == {}
    hits = library.search("bread rises slowly", k=1)
    assert (hits[0].path, hits[0].kind, hits[0].text, str(hits[0].place)) == (
        "rows:notes/1", "row", "bread rises slowly", "#caption",
    )  # fmt: skip
    assert [hit.path for hit in library.search("sea", where="price > 1 and \"when\" >= '2020-01-01'")] == [
        "rows:notes/0"
    ]
    assert library.search("sea", kinds=["row"], k=9, under="rows:notes") and library.status().kinds == {"row": 2}
    assert not library.search("sea", under="rows:other")


def test_what_has_not_changed_costs_nothing_and_what_has_keeps_its_id(library, monkeypatch):
    library.add_rows(table("one", "two", "three"), TEXTS)
    before = held(library)
    monkeypatch.setattr("sensorium.library.filling.encode_rows", None)
    again = library.add_rows(table("one", "two", "three"), TEXTS)
    assert counts(again) == (0, 0, 3, 0) and held(library) == before
    monkeypatch.undo()
    third = library.add_rows(table("zwei", "three", "four", start=1), TEXTS)
    assert counts(third) == (1, 1, 1, 0)
    after = held(library)
    for path in ("rows:table/0", "rows:table/2"):
        assert after[path] == before[path]
    assert after["rows:table/1"]["id"] == before["rows:table/1"]["id"]
    assert after["rows:table/1"]["revision"] != before["rows:table/1"]["revision"]
    assert after["rows:table/1"]["title"] == "zwei"
    texts = {hit.text for hit in library.search("x", k=9)}
    assert texts == {"one", "zwei", "three", "four"}


def test_a_change_of_attributes_or_of_the_map_is_a_change(library):
    library.add_rows(table("one", price=[1]), TEXTS)
    assert counts(library.add_rows(table("one", price=[2]), TEXTS)) == (0, 1, 0, 0)
    assert counts(library.add_rows(table("one", price=[2]), {**TEXTS, "price": "title"})) == (0, 1, 0, 0)
    assert held(library)["rows:table/0"]["title"] == "2"


def test_pictures_and_sounds_as_bytes_and_as_paths(library, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "p.png").write_bytes(picture(1))
    (tmp_path / "s.wav").write_bytes(sound(2.0))
    rows = [
        {"id": "a", "photo": picture(2), "clip": sound(), "note": "both"},
        {"id": "b", "photo": "p.png", "clip": str(tmp_path / "s.wav"), "note": None},
        {"id": "c", "photo": {"bytes": picture(3), "path": None}, "clip": None, "note": None},
        {"id": "d", "photo": None, "clip": {"bytes": None, "path": "s.wav"}, "note": "words"},
    ]
    columns = {"note": "text", "photo": "image", "clip": "audio", "id": "key"}
    assert counts(library.add_rows(rows, columns)) == (4, 0, 0, 0)
    found = library.search(b_file(picture(2)), k=9, previews=True)
    assert found[0].path == "rows:table/a" and found[0].preview
    places = {(h.path[-1], h.modality, str(h.place)) for h in library.search("both", k=9)}
    assert places <= {(r["id"], m, f"#{c}") for r in rows for m, c in (("text", "note"), ("image", "photo"))} | {
        (r["id"], "audio", p) for r in rows for p in ("#clip, 0:00-0:01", "#clip, 0:00-0:02")
    }
    assert json.loads(held(library)["rows:table/b"]["attributes"])["width"] == 40
    assert counts(library.add_rows(rows, columns)) == (0, 0, 4, 0)
    (tmp_path / "p.png").write_bytes(picture(9) + b" ")
    assert counts(library.add_rows(rows, columns)) == (0, 1, 3, 0)
    assert library.search(b_file(picture(9)), k=1)[0].path == "rows:table/b"


def b_file(data):
    from sensorium import File

    return File(data)


def test_a_text_beside_a_picture_is_shown_by_it(library):
    rows = [{"id": 1, "words": "the sea was calm", "photo": picture(1)}]
    library.add_rows(rows, {"words": "text", "photo": "image"}, key="id")
    assert all(hit.preview for hit in library.search("the sea was calm", k=1, previews=True))


def test_any_file_is_told_by_its_content(library, files):
    long = files.text("long.txt", "\n\n".join(f"Chapter {n}. " + "words " * 60 for n in range(40)))
    rows = [
        {"id": 1, "file": long},
        {"id": 2, "file": files.picture("p.png", 3)},
    ]
    assert counts(library.add_rows(rows, {"file": "path"}, key="id")) == (2, 0, 0, 0)
    hit = library.search("Chapter 30", k=2, where="title like 'Chapter%'")[0]
    assert hit.place.section == "file" and hit.place.lines is not None
    assert library.status().parts == 41


def test_bad_rows_are_skipped_with_key_and_reason_and_the_rest_goes_in(library, tmp_path):
    damaged = picture(1)[:60]
    rows = [
        {"id": "good", "photo": picture(1)}, {"id": "torn", "photo": damaged}, {"id": "gone", "photo": "/no/where.png"},
        {"id": "null", "photo": None}, {"id": None, "photo": picture(2)}, {"id": "web", "photo": "https://a.test/x"},
        {"id": "sound", "photo": sound()}, {"id": "good", "photo": picture(5)},
        {"id": "folder", "photo": str(tmp_path)}, {"id": "last", "photo": picture(3)},
    ]  # fmt: skip
    report = library.add_rows(rows, {"photo": "image", "id": "key"}, name="shop")
    assert report.added == 2 and set(held(library)) == {"rows:shop/good", "rows:shop/last"}
    why = {skip.path: skip.why for skip in report.skipped}
    assert all("\n" not in one and len(one) < 250 for one in why.values())
    for path, said_of_it in {
        "rows:shop/torn": "photo: cannot be decoded", "rows:shop/gone": "does not exist",
        "rows:shop/null": "nothing in it", "rows:shop/(row 5)": "has no id", "rows:shop/web": "nothing is fetched",
        "rows:shop/sound": "no picture", "rows:shop/good": "an earlier row has the same key",
        "rows:shop/folder": "not a regular file",
    }.items():  # fmt: skip
        assert said_of_it in why[path], (path, why[path])
    assert library.status().skipped == len(report.skipped) - 1  # the second of two with a key is the table's mistake
    mended = [{"id": "torn", "photo": picture(8)}, {"id": "good", "photo": damaged}]
    report = library.add_rows(mended, {"photo": "image", "id": "key"}, name="shop")
    assert (report.added, [skip.path for skip in report.skipped]) == (1, ["rows:shop/good"])
    assert held(library)["rows:shop/good"]["state"] == "present"  # as it was
    skipped = set(library._session.store.skipped()["path"].to_pylist())
    assert "rows:shop/torn" not in skipped and "rows:shop/good" in skipped


def test_without_a_key_a_row_is_known_by_its_content(library):
    rows = [{"words": "one", "n": 1}, {"words": "two", "n": 2}, {"words": "one", "n": 1}]
    assert counts(library.add_rows(rows, {"words": "text"})) == (2, 0, 1, 0)
    assert counts(library.add_rows(rows[::-1], {"words": "text"})) == (0, 0, 3, 0)
    assert counts(library.add_rows([{"words": "three"}], {"words": "text"})) == (1, 0, 0, 0)
    assert len(held(library)) == 3 and all(path.startswith("rows:table/row-") for path in held(library))


def test_files_and_rows_leave_each_other_alone(library, files, monkeypatch):
    files.text("a.txt", "the sea was calm")
    library.add(files.folder)
    library.add_rows(table("the sea was calm", "two"), TEXTS)
    before = held(library)
    monkeypatch.chdir(files.folder)
    files.text("b.txt", "two")
    for place in (files.folder, files.folder.parent, "."):
        report = library.add(place)
        assert (report.missing, report.moved) == (0, 0)
    (files.folder / "a.txt").unlink()
    library.add(files.folder)
    after = held(library)
    assert all(after[path] == before[path] for path in before if path.startswith("rows:"))
    with pytest.raises(SourceMissing):
        library.add("rows:table/0")
    assert held(library) == after
    (files.folder / "rows:table").mkdir()
    files.text("rows:table/0", "a file of that name")
    assert library.add(files.folder).added == 1 and len(held(library)) == len(after) + 1
    check = _files(library.items().to_pylist(), "sensorium")
    assert check.ok and check.found == "2 of 2 looked for, all are there"


def test_rows_are_removed_by_path_table_and_id(library):
    library.add_rows(table("one", "two", "three"), TEXTS, name="a")
    library.add_rows(table("four"), TEXTS, name="b")
    assert library.remove("rows:a/1") == 1
    assert library.remove(held(library)["rows:a/0"]["id"]) == 1
    assert library.remove("rows:a/") == 1
    assert set(held(library)) == {"rows:b/0"}
    with pytest.raises(SourceMissing, match="rows:a is not in the library"):
        library.remove("rows:a")
    assert counts(library.add_rows(table("one"), TEXTS, name="a")) == (1, 0, 0, 0)


@pytest.mark.parametrize(
    ("key", "path"),
    [
        ("a b-c_d.e@f", "rows:t/a b-c_d.e@f"), ("a/b", "rows:t/a%2Fb"), ("..", "rows:t/%2E%2E"),
        ("ünï 日本", "rows:t/ünï 日本"), ("new\nline", "rows:t/new%0Aline"), ("100%", "rows:t/100%25"),
        ("c:\\x", "rows:t/c:%5Cx"), (" x ", "rows:t/%20x%20"), ("\ud800", "rows:t/%ED%A0%80"),
    ],
)  # fmt: skip
def test_any_key_makes_a_path_of_its_own(key, path):
    assert row_path("t", key) == path
    assert path.count("/") == 1


def test_long_keys_stay_apart():
    long = [row_path("t", "x" * 500 + end) for end in "ab"]
    assert long[0] != long[1] and all(len(path) < 200 for path in long)


def test_keys_of_many_kinds(library):
    keys = [1, 2.0, "3", True, datetime.date(2020, 1, 1), Decimal("4"), np.int64(5), "a/b"]
    rows = [{"k": key, "words": f"text {key}"} for key in keys]
    assert library.add_rows(rows, {"words": "text"}, key="k").added == len(keys)
    assert sorted(path.removeprefix("rows:table/") for path in held(library)) == sorted(
        ["1", "2", "3", "true", "2020-01-01", "4", "5", "a%2Fb"]
    )
    assert counts(library.add_rows([{"k": "2", "words": "text 2.0"}], {"words": "text"}, key="k")) == (0, 0, 1, 0)


class Stream:
    """What gives itself as an Arrow stream, like Polars and DuckDB."""

    def __init__(self, held):
        self.held = held

    def __arrow_c_stream__(self, requested_schema=None):
        return self.held.__arrow_c_stream__(requested_schema)


class Array(Stream):
    """What gives itself as one Arrow array."""

    def __arrow_c_array__(self, requested_schema=None):
        return self.held.__arrow_c_array__(requested_schema)

    __arrow_c_stream__ = property()


def test_tables_of_every_kind_give_the_same_rows():
    rows = [{"id": n, "words": f"w{n}", "at": datetime.datetime(2020, 1, 1, 1, 2, 3, 4)} for n in range(150)]
    form = pa.schema([("id", pa.int64()), ("words", pa.string()), ("at", pa.timestamp("ns"))])
    held = pa.Table.from_pylist(rows, form)
    columns = Columns.of({"words": "text"}, None)
    batch = held.combine_chunks().to_batches()[0]
    nano = batch.set_column(2, "at", pa.array([1577840523000004999] * 150, pa.timestamp("ns")))
    for given in (held, batch, held.to_reader(), Stream(held), Array(batch), rows, iter(rows), tuple(rows), nano):
        found, count = rows_of(given, columns)
        assert [dict(row) for row in found] == rows
        assert count in (150, None)


@pytest.mark.parametrize("module", ["pandas", "polars"])
def test_data_frames(library, module):
    frames = pytest.importorskip(module)
    frame = frames.DataFrame({"id": [1, 2], "caption": ["one", None], "price": [1.5, float("nan")]})
    if module == "pandas":
        frame.index = [7, 5]  # an index without a name is no attribute
    report = library.add_rows(frame, TEXTS)
    assert counts(report) == (1, 0, 0, 1)
    assert json.loads(held(library)["rows:table/1"]["attributes"]) == {"price": 1.5}


@pytest.mark.parametrize(
    ("given", "columns", "why"),
    [
        (pa.table({"a": ["x"]}), {"a": "words"}, "the column 'a' cannot be 'words': choose one of text, image"),
        (pa.table({"a": ["x"]}), {}, "names nothing to find"),
        (pa.table({"a": ["x"]}), {"b": "text"}, "the table has no column 'b': it has a"),
        ([{"a": "x"}], {"b": "text"}, "the table has no column 'b'"),
        (pa.table({"a": ["x"]}), {"a": "text", "k": "key"}, "no column 'k'"),
        (pa.table({"a": ["x"], "b": ["y"]}), {"a": "text", "b": "title", "c": "title"}, "cannot both be the title"),
        ("a table", {"a": "text"}, "a str is no table"), (7, {"a": "text"}, "a int is no table"),
        ({"a": ["x"]}, {"a": "text"}, "a dict is no table"), (["x"], {"a": "text"}, "row 1 is a str"),
    ],
)  # fmt: skip
def test_tables_that_are_none_are_refused_in_one_line(library, given, columns, why):
    with pytest.raises(BadTable) as refused:
        library.add_rows(given, columns)
    assert why in str(refused.value) and "\n" not in str(refused.value) and not held(library)


def test_values_become_json():
    assert plain({"a": [1, math.nan, b"x", {2}], "n": np.float32(0.5)}) == {"a": [1, None, None, [2]], "n": 0.5}
    assert plain(datetime.timedelta(minutes=2)) == 120.0 and plain(np.array([1, 2])) == [1, 2]
    assert [said(v) for v in (None, 12.0, 1.5, True, "x", ["a"], math.inf)] == [
        "",
        "12",
        "1.5",
        "true",
        "x",
        '["a"]',
        "",
    ]
    json.dumps(plain({"x": object(), "y": Decimal("NaN"), "z": datetime.time(1)}), allow_nan=False)


def test_an_empty_table_adds_nothing(library):
    assert counts(library.add_rows(pa.table({"caption": pa.array([], pa.string()), "id": []}), TEXTS)) == (0, 0, 0, 0)
    assert counts(library.add_rows([], TEXTS)) == (0, 0, 0, 0)


def test_one_writer_at_a_time(library):
    with Lock(library.path, "somebody"), pytest.raises(LibraryLocked):
        library.add_rows(table("one"), TEXTS)


def test_rows_with_many_parts_in_several_columns_do_not_wait_for_each_other(library, monkeypatch):
    """With one worker, which the rows that are read ahead hold."""
    monkeypatch.setattr("sensorium.core.machine.available_cores", lambda: 1)
    long = "\n\n".join(f"Part {n}. " + "words " * 60 for n in range(30)).encode()
    rows = [{"id": n, "a": long + b"%d" % n, "b": long + b" %d" % n} for n in range(6)]
    assert library.add_rows(rows, {"a": "path", "b": "path"}, key="id").added == 6
    assert library.status().parts == 6 * 60


KILLED = """
import os, signal, sys
import pyarrow as pa
from sensorium import Library
from sensorium.library import filling
from sensorium.library.doctor import _files
from sensorium.store.commit import Writer
filling.BATCH_ITEMS = 10
honest, left = getattr(Writer, sys.argv[2]), [3]
def deadly(self, *arguments):
    left[0] -= 1
    if not left[0]:
        os.kill(os.getpid(), signal.SIGKILL)
    return honest(self, *arguments)
setattr(Writer, sys.argv[2], deadly)
rows = pa.table({"id": list(range(60)), "caption": [f"text {n}" for n in range(60)]})
Library(sys.argv[1]).add_rows(rows, {"caption": "text"}, key="id")
"""


@pytest.mark.parametrize("moment", ["write_vectors", "write_parts", "write_items"])
def test_a_kill_leaves_whole_rows_and_the_next_run_goes_on(library, moment):
    library.add_rows(table("text 0"), TEXTS)
    library.close()
    ran = subprocess.run([sys.executable, "-c", KILLED, library.path, moment], capture_output=True, text=True)
    assert ran.returncode == -signal.SIGKILL, ran.stderr
    with Library(library.path) as again:
        done = len(held(again))
        assert done == 21 if moment != "write_vectors" else done >= 1
        report = again.add_rows(table(*[f"text {n}" for n in range(60)]), TEXTS)
        assert counts(report) == (60 - done, 0, done, 0)
        assert sorted(h.text for h in again.search("text", k=99)) == sorted(f"text {n}" for n in range(60))


def test_rows_are_committed_as_they_come(library, monkeypatch):
    monkeypatch.setattr(filling, "BATCH_ITEMS", 10)
    seen = []

    def rows():
        for n in range(200):
            seen.append(Library(library.path).items().num_rows if n % 50 == 49 else 0)
            yield {"id": n, "caption": f"text {n}"}

    assert library.add_rows(rows(), TEXTS).added == 200
    assert seen[199] >= 100
