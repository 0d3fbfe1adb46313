"""A store as its readers see it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import lance
import numpy as np
import pyarrow as pa
import pytest

from sensorium.core.errors import BadWhere, LibraryDamaged, LibraryMissing, LibraryTooNew
from sensorium.core.types import MODALITIES
from sensorium.store.commit import Writer
from sensorium.store.library_json import FORMAT, Space
from sensorium.store.schemas import ITEMS
from sensorium.store.tables import Store
from sensorium.testing.batches import SPACE, make_batch, preview_of, text_of, vector_of


def test_a_new_library_is_there_to_be_opened_and_holds_nothing(tmp_path: Path) -> None:
    with pytest.raises(LibraryMissing, match="sensorium add"):
        Store.open(tmp_path / "new.library")
    created = Store.open(tmp_path / "new.library", create=True)
    created.add_space("abc", "starter", 256, "float16", default=True)
    store = Store.open(tmp_path / "new.library")
    assert store.settings.spaces == {"abc": Space("starter", 256, "float16")}
    assert store.settings.default_space == "abc"
    assert store.items().num_rows == store.items("size > 3").num_rows == store.skipped().num_rows == 0
    assert store.items().schema.names == ITEMS.names
    assert store.live("abc").vectors.shape == (0, 256)
    assert len(store.live_ids("abc").parts) == len(store.rows("abc", np.array([1, 2])).parts) == 0
    assert store.previews([1, 2]) == {} and store.notes == []


def test_creating_twice_keeps_what_is_there(store: Store, writer: Writer) -> None:
    writer.commit(make_batch(writer, ["a"]))
    again = Store.create(store.path)
    assert again.items()["title"].to_pylist() == ["a"] and SPACE in again.settings.spaces


def test_a_folder_of_other_things_never_becomes_a_library(tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").touch()
    with pytest.raises(LibraryMissing, match=r"holiday\.jpg"):
        Store.create(tmp_path)
    with pytest.raises(LibraryMissing, match="cannot be made"):
        Store.create(tmp_path / "holiday.jpg")
    assert [path.name for path in tmp_path.iterdir()] == ["holiday.jpg"]


def test_a_newer_library_is_refused_with_both_numbers(store: Store) -> None:
    said = json.loads((store.path / "library.json").read_text())
    (store.path / "library.json").write_text(json.dumps({"format": 7, "other": "things", "was": said}))
    with pytest.raises(LibraryTooNew, match=rf"format 7 .* format {FORMAT};"):
        Store.open(store.path)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"format": 1, "spaces": 3}', '{"format": 1, "spaces": {}, "x": 1}']
)
def test_a_broken_library_json_is_named(store: Store, text: str) -> None:
    (store.path / "library.json").write_text(text)
    with pytest.raises(LibraryDamaged, match=r"library\.json"):
        Store.open(store.path)


def test_opening_and_asking_for_the_token_loads_neither_lance_nor_arrow(store: Store) -> None:
    script = (
        "import sys; from pathlib import Path; from sensorium.store.tables import Store\n"
        "store = Store.open(Path(sys.argv[1])); store.token(); store.refresh(); store.settings\n"
        "print([name for name in ('lance', 'pyarrow', 'numpy') if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", script, store.path], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_live_rows_are_what_was_written(store: Store, writer: Writer) -> None:
    names = [f"n{number}" for number in range(30)]
    writer.commit(make_batch(writer, names[:10]))
    writer.commit(make_batch(writer, names[10:], parts=3))
    live = store.live(SPACE)
    wanted = [(name, number) for at, name in enumerate(names) for number in range(2 if at < 10 else 3)]
    assert live.texts == [text_of(*one) for one in wanted]
    np.testing.assert_array_equal(live.vectors, [vector_of(text_of(*one)) for one in wanted])
    assert live.vectors.dtype == np.float32 and live.parts.dtype == live.items.dtype == np.int64
    assert live.parts.tolist() == list(range(1, 81))
    titles = dict(zip(live.table["id"].to_pylist(), live.table["title"].to_pylist(), strict=True))
    assert [titles[item] for item in live.items] == [name for name, _ in wanted]
    assert {MODALITIES[code] for code in live.modalities} == {"text"}
    assert [json.loads(place)["lines"][0] for place in live.places] == [number + 1 for _, number in wanted]
    ids = store.live_ids(SPACE)
    assert ids.parts.tolist() == live.parts.tolist() and ids.items.tolist() == live.items.tolist()
    assert ids.token == live.token == store.version == store.token()


def test_rows_are_those_of_the_asked_parts(store: Store, writer: Writer) -> None:
    writer.commit(make_batch(writer, ["a", "b", "c"]))
    writer.commit(make_batch(writer, ["d", "e"]))
    writer.remove([2])
    rows = store.rows(SPACE, np.array([9, 3, 1, 77, 1]), columns=["path"])
    assert rows.parts.tolist() == [1, 9] and rows.items.tolist() == [1, 5]
    np.testing.assert_array_equal(rows.vectors, [vector_of(text_of("a", 0)), vector_of(text_of("e", 0))])
    assert rows.table.schema.names == ["path"] and rows.table.num_rows == 4


def test_previews_come_by_part_and_only_where_there_is_one(store: Store, writer: Writer) -> None:
    batch = make_batch(writer, ["a", "b"])
    bare = batch.parts.set_column(
        6, batch.parts.schema.field(6), pa.array([b"webp", None, None, None], pa.large_binary())
    )
    writer.commit(type(batch)(batch.items, bare, batch.vectors))
    writer.commit(make_batch(writer, ["c"]))
    assert store.previews([1, 2, 5, 99]) == {1: b"webp", 5: preview_of(text_of("c", 0), 40)}


def test_a_store_reads_one_version_until_it_is_refreshed(store: Store, writer: Writer) -> None:
    writer.commit(make_batch(writer, ["a"]))
    assert store.items().num_rows == 1 and not store.refresh()
    seen = store.version
    writer.commit(make_batch(writer, ["b"]))
    assert store.items().num_rows == 1 and len(store.live_ids(SPACE).parts) == 2
    assert store.version == seen != store.token()
    assert store.refresh() and store.items().num_rows == 2
    assert store.version == store.token() and not store.refresh()


def test_every_change_changes_the_token(store: Store, writer: Writer) -> None:
    seen = [store.token()]

    def changed() -> bool:
        seen.append(store.token())
        return len(set(seen)) == len(seen)

    assert store.token() == seen[0]
    batch = make_batch(writer, ["a"])
    writer.write_vectors(batch)
    assert changed()
    writer.write_parts(batch)
    assert changed()
    writer.write_items(batch)
    assert changed()
    writer.update_items(pa.table({"id": [1], "state": ["missing"]}))
    assert changed()
    writer.record_skipped([{"path": "/x", "size": 1, "mtime": 2.0, "why": "not an image"}])
    assert changed()
    writer.commit(make_batch(writer, ["b"]))
    assert changed()
    writer.compact()
    assert changed()
    writer.remove([1])
    assert changed()
    store.add_space("other", "made", 4, "float32", default=False)
    assert changed()


@pytest.fixture
def hundred(store: Store, writer: Writer) -> Store:
    writer.commit(make_batch(writer, [f"it's {number}" for number in range(1, 101)], parts=1))
    return store


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("size > 5e4", range(51, 101)),
        ("size >= 1e3 and size < 2500.5", [1, 2]),
        ("kind = 'text' and id in (3, 4, 500)", [3, 4]),
        ("kind = 'image'", []),
        ("title = 'it''s 7'", [7]),
        ("path LIKE '/made/%9' AND NOT id > 20 -- the small ones", [9, 19]),
        ("title ilike 'IT%' and (id = 1 or id = 2)", [1, 2]),
        ("id % 50 = 0", [50, 100]),
        ("attributes like '%it''s 33\"%'", [33]),
        ("to_timestamp_seconds(cast(mtime as bigint)) > '2000-01-01' and id < 3", [1, 2]),
        ("title is null", []),
        ("id = (select max(id) from dataset)", [100]),
    ],
)
def test_where_is_sql_over_items(hundred: Store, where: str, expected: list[int]) -> None:
    assert hundred.items(where, ["id"])["id"].to_pylist() == list(expected)


@pytest.mark.parametrize(
    ("where", "why"),
    [
        ("kinds = 'image'", "No field named kinds"),
        ('kind = "image"', "No field named image"),
        ("kind = = 'image'", "Expected: an expression"),
        ("", "Expected: an expression"),
        ("size >", "Expected: an expression"),
        ("size > 'many'", "many"),
        ("title", "non-boolean"),
        ("nothing(size)", "Invalid function"),
        ("1/0 = id", "Divide by zero"),
        ("id = 1; drop table items", "Expected"),
        ("regexp_like(title, '(')", "unclosed group"),
        ("id in (select id\nfrom elsewhere)", "elsewhere"),
    ],
)
def test_a_where_that_cannot_be_read_is_one_line_with_the_columns(hundred: Store, where: str, why: str) -> None:
    with pytest.raises(BadWhere) as refused:
        hundred.items(where)
    said = str(refused.value)
    assert repr(" ".join(where.split())) in said and why in said and "\n" not in said and ".rs:" not in said
    assert "id, revision, path, kind, state, hash, size, mtime, title, attributes, added_at" in said


def test_items_come_by_id_with_the_columns_asked_for(hundred: Store, writer: Writer) -> None:
    writer.commit(make_batch(writer, ["changed"], ids={"changed": 3}))
    hundred.refresh()
    assert hundred.items(columns=["title", "size"]).schema.names == ["title", "size"]
    assert hundred.items()["id"].to_pylist() == hundred.items("true")["id"].to_pylist() == list(range(1, 101))
    assert hundred.items() == hundred.items("true")
    with pytest.raises(KeyError):
        hundred.items(columns=["colour"])


def test_the_tables_open_without_sensorium(hundred: Store) -> None:
    """Every tool that reads Lance may look in."""
    assert lance.dataset(str(hundred.path / "items.lance")).count_rows() == 100
    vectors = lance.dataset(str(hundred.path / "vectors" / f"{SPACE}.lance"))
    assert vectors.schema.field("vector").type == pa.list_(pa.float16(), 16)
    key = lance.dataset(str(hundred.path / "items.lance")).schema.field("id")
    assert key.metadata == {b"lance-schema:unenforced-primary-key": b"true"} and not key.nullable
