"""What people's files are like: odd encodings and quotes, names spelt in several ways, what may not be read."""

import json
import os
import unicodedata
from pathlib import Path

import pytest

from sensorium.core.errors import BadData
from sensorium.evaluate.data import load
from sensorium.evaluate.data.beside import Beside


def said_of(dataset):
    """The texts of each file, by its name on the disk."""
    files = {one.group: one.source.name for one in dataset.samples if isinstance(one.source, Path)}
    texts: dict[str, list[str]] = {name: [] for name in files.values()}
    for one in dataset.samples:
        if isinstance(one.source, str):
            texts[files[one.group]].append(one.source)
    return texts


DOGS = {"a.jpg": ["a dog"], "b.jpg": ["a cat"]}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("p.csv", "image,caption\ra.jpg,a dog\rb.jpg,a cat\r"),
        ("p.tsv", "image\tcaption\r\na.jpg\ta dog\r\nb.jpg\ta cat\r\n".encode("utf-16")),  # Excel's Unicode text
        ("p.csv", "image,caption,,\na.jpg,a dog,,\nb.jpg,a cat,,\n"),  # a spreadsheet's empty columns
        ("p.csv", "image,caption\na.jpg,a dog,,\nb.jpg,a cat,,\n"),
        ("p.csv", "image,caption\na.jpg#0,a dog\nb.jpg#0,a cat\n"),  # Flickr's names of captions
        ("p.csv", "image,caption\n./a.jpg,a dog\n.\\b.jpg,a cat\n"),
        ("p.csv", "image_id,image_path,caption\n1,a.jpg,a dog\n2,b.jpg,a cat\n"),
        ("p.csv", "image_id,file_name,caption\n1,a.jpg,a dog\n2,b.jpg,a cat\n"),
        ("p.csv", "image_id,caption\na.jpg,a dog\nb.jpg,a cat\n"),
        ("captions.txt", "a.jpg#0\ta dog\nb.jpg#0\ta cat\n"),
        ("p.jsonl", '\ufeff{"image": "a.jpg", "caption": ["a dog", NaN]}\n{"image": "b.jpg", "caption": "a cat"}\n'),
    ],
)
def test_a_table_is_read_however_it_is_written(place, name, text):
    place.files("a.jpg", "b.jpg")
    assert said_of(load(place.write(name, text))) == DOGS


def test_a_folder_with_flickrs_tokens_under_another_name(place):
    place.files("Images/a.jpg", "Images/b.jpg")
    place.write("captions.txt", "a.jpg#0\ta dog\nb.jpg#0\ta cat\n")
    found = load(place.folder)
    assert said_of(found) == DOGS and found.name == place.folder.name


def test_one_file_is_one_however_its_name_is_spelt(place):
    place.files("img/a.jpg", "img/b.jpg")
    rows = "img\\a.jpg,one\nimg/a.jpg,two\n./img//a.jpg#7,three\nimg/b.jpg,four\n"
    assert said_of(load(place.write("p.csv", "image,caption\n" + rows))) == {
        "a.jpg": ["one", "two", "three"], "b.jpg": ["four"],
    }  # fmt: skip


def test_what_ends_a_line_for_unicode_ends_none_in_a_table(place):
    place.files("a.jpg", "b.jpg")
    rows = "a.jpg,one\u2028two\nb.jpg,three\x0bfour\x85five\n"
    found = said_of(load(place.write("p.csv", "image,caption\n" + rows)))
    assert found == {"a.jpg": ["one\u2028two"], "b.jpg": ["three\x0bfour\x85five"]}


@pytest.mark.parametrize("rows", ['a.jpg,"a dog\nb.jpg,a cat\n', 'a.jpg,"a dog\nb.jpg,"a cat"\nc.jpg,an ox\n'])
def test_a_quote_that_is_not_closed_swallows_no_rows(place, rows):
    place.files("a.jpg", "b.jpg", "c.jpg")
    with pytest.raises(
        BadData, match=r"in the row of line 2.*a quote may not be closed; write one within a text twice"
    ):
        load(place.write("p.csv", "image,caption\n" + rows))


def test_quotes_within_texts_are_kept_where_no_row_is_lost(place):
    place.files("a.jpg", "b.jpg", "c.jpg")
    rows = ["image\tcaption", 'a.jpg\t"a dog', 'b.jpg\t"hey" he said', "c.jpg\tan ox"]
    assert said_of(load(place.write("p.tsv", "\n".join(rows)))) == {
        "a.jpg": ['"a dog'], "b.jpg": ['"hey" he said'], "c.jpg": ["an ox"],
    }  # fmt: skip
    rows = ["image,caption", 'a.jpg,"a ""dog"",\nand more"', 'b.jpg,"a" cat, 5" long', "c.jpg,an ox"]
    with pytest.raises(BadData, match="in the row of line 4"):
        load(place.write("p.csv", "\n".join(rows)))
    del rows[2]
    assert said_of(load(place.write("p.csv", "\n".join(rows))))["a.jpg"] == ['a "dog",\nand more']


def test_names_with_accents_are_found_as_macos_writes_them(place):
    one, other = (unicodedata.normalize(form, "café.jpg") for form in ("NFC", "NFD"))
    for on_disk, in_table in ((one, other), (other, one)):
        (place / on_disk).touch()
        (place / "日本 🐶.jpg").touch()
        found = load(place.write("p.csv", f"image,caption\n{in_table},a dog\n日本 🐶.jpg,犬\n"))
        assert said_of(found) == {on_disk: ["a dog"], "日本 🐶.jpg": ["犬"]}
        (place / on_disk).unlink()


@pytest.mark.parametrize("root", ["/home/me/set", "C:\\Users\\me\\set"])
def test_paths_from_another_machine_are_found_in_the_folder_that_is_named(place, root):
    place.files("img/dogs/1.jpg", "img/cats/1.jpg")
    path = place.write("p.csv", f"image,caption\n{root}/dogs/1.jpg,a dog\n{root}/cats/1.jpg,a cat\n")
    with pytest.raises(BadData, match=r"none of the 2 files .*p\.csv\?files=FOLDER"):
        load(path)
    found = [(one.source.parent.name, text.source) for one, text in _pairs(load(f"{path}?files=img"))]
    assert found == [("dogs", "a dog"), ("cats", "a cat")]


def _pairs(dataset):
    return zip(dataset.samples[::2], dataset.samples[1::2], strict=True)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("https://x.org/a.jpg,a dog\nhttps://x.org/b.jpg,a cat\n", "are addresses on the web, fetch them first: 2"),
        ("x.zip,a dog\ny.zip,a cat\n", "files are neither texts, pictures nor sounds: 2"),
    ],
)
def test_files_that_are_there_but_of_no_use_are_not_said_to_be_lost(place, text, why):
    place.files("x.zip", "y.zip")
    with pytest.raises(BadData, match=why) as raised:
        load(place.write("p.csv", "file,caption\n" + text))
    assert "was found" not in str(raised.value)


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("p.csv", ",,,\n\n", "is empty"),
        ("p.csv", "a.jpg,a dog\nb.jpg,a cat\n", "its first line should name the columns, as in image,caption"),
        ("p.csv", "image|caption\na.jpg|" + "x" * 200_000, "cannot be read as a table"),
        ("p.json", '[{"image": "a.jpg", "caption": "é"}]'.encode("latin-1"), "is not UTF-8, as JSON must be"),
        ("dataset_x.json", '{"images": [{"filename": "a.jpg", "sentences": null}]}', "pictures have no caption: 1"),
        ("dataset_x.json", '{"images": [{"filename": "x.jpg", "sentences": []}]}', r"not found \(x\.jpg\).*\?files="),
        ("Flickr8k.token.txt", "x.jpg#0\ta dog\n", r"not found \(x\.jpg\).*\?files="),
    ],
)
def test_odd_files_get_one_line(place, name, content, why):
    place.files("a.jpg", "b.jpg")
    with pytest.raises(BadData, match=why) as raised:
        load(place.write(name, content))
    assert "\n" not in str(raised.value) and name in str(raised.value)


def test_an_empty_caption_of_flickr_is_said_to_be_one(place):
    place.files("a.jpg", "b.jpg")
    lines = "a.jpg#0\ta dog\r\na.jpg#1\t\r\nb.jpg#0\ttwo\tthree\r\n"
    found = load(place.write("Flickr8k.token.txt", lines))
    assert found.notes == ("left out because texts are empty: 1 (the first: a.jpg)",)
    assert said_of(found)["b.jpg"] == ["two\tthree"]


@pytest.mark.parametrize("path", ["~nosuchuser/p.csv", "x" * 5000, "x" * 5000 + "?image=a"])
def test_paths_that_can_lead_nowhere_get_one_line(path):
    with pytest.raises(BadData, match=r"does not exist|File name too long"):
        load(path)


def test_a_plus_in_a_column_is_one(place):
    place.files("a.jpg", "b.jpg")
    path = place.write("p.csv", "image,C++\na.jpg,a dog\nb.jpg,a cat\n")
    assert said_of(load(f"{path}?image=image&text=C++")) == DOGS


def test_a_folder_with_several_tables_asks_which_one(place):
    for name in "ab":
        place.write(f"{name}.csv", "x,y\n1,2\n")
    with pytest.raises(BadData, match=r"has several tables \(a\.csv, b\.csv\): name the one that is meant"):
        load(place.folder)


def test_ids_of_coco_may_be_numbers_here_and_texts_there(place):
    place.files("a.jpg", "b.jpg")
    images = [{"id": 1, "file_name": "a.jpg"}, {"id": "2", "file_name": "b.jpg"}]
    captions = [{"image_id": "1", "caption": "a dog"}, {"image_id": 2, "caption": "a cat"}]
    assert said_of(load(place.json("captions_val2017.json", {"images": images, "annotations": captions}))) == DOGS


@pytest.mark.parametrize("with_folders", [False, True])
def test_the_only_json_of_a_folder_is_read_for_what_it_is(place, with_folders):
    under = "images/" if with_folders else ""
    place.files(f"{under}a.jpg", f"{under}b.jpg")
    rows = [("a.jpg", "a dog"), ("b.jpg", "a cat")]
    path = place.json("any.json", {"images": [{"filename": n, "sentences": [{"raw": text}]} for n, text in rows]})
    assert said_of(load(place.folder)) == said_of(load(path)) == said_of(load(place.folder, format="karpathy")) == DOGS
    images = [{"id": n, "file_name": name} for n, (name, _) in enumerate(rows)]
    said = [{"image_id": n, "caption": text} for n, (_, text) in enumerate(rows)]
    place.json("any.json", {"images": images, "annotations": said})
    assert said_of(load(place.folder)) == said_of(load(place.folder, format="coco")) == DOGS
    place.json("other.json", {})
    with pytest.raises(BadData, match="has no JSON file of captions, or several tables: name the file that is meant"):
        load(place.folder, format="karpathy")


def test_a_damaged_json_beside_classes_is_no_matter(place):
    place.files("cat/1.jpg", "dog/1.jpg")
    place.write("notes.json", "{")
    assert load(place.folder).relation == "classes"


def test_captions_that_are_objects_with_a_text_are_that_text(place):
    place.files("a.jpg", "b.jpg")
    rows = (
        {"image": "a.jpg", "captions": [{"id": 1, "text": "a dog"}, {"id": 2}]},
        {"image": "b.jpg", "captions": "a cat"},
    )
    assert said_of(load(place.lines("p.jsonl", *rows))) == DOGS


def test_half_a_character_becomes_a_question_mark_which_files_can_hold(place):
    place.files("a.jpg", "b.jpg")
    found = load(place.lines("p.jsonl", *({"image": f"{n}.jpg", "caption": f"{n} \ud83d"} for n in "ab")))
    assert said_of(found) == {"a.jpg": ["a ?"], "b.jpg": ["b ?"]}


def test_a_class_that_is_called_by_a_sign_is_one(place):
    place.files("_/1.jpg", "dog/1.jpg", "001._/1.jpg")
    assert {one.label for one in load(place.folder).samples} == {"_", "dog", "001._"}


def test_links_that_lead_back_end(place):
    place.files("dog/1.jpg", "cat/1.jpg", "far/2.jpg")
    far = (place / "far").rename(place.folder.parent / "far")
    for sort in ("dog", "cat"):
        (place / f"{sort}/all").symlink_to("..")
        (place / f"{sort}/far").symlink_to(far)
    found = [sample.key for sample in load(place.folder).samples if sample.modality == "image"]
    assert found == ["cat/1.jpg", "cat/far/2.jpg", "dog/1.jpg", "dog/far/2.jpg"]


class Closed:
    """Makes a folder one that may not be read, for root as for anybody."""

    def __init__(self, monkeypatch, folder):
        def guarded(real):
            def call(path, *rest, **named):
                if Path(os.fspath(path)).is_relative_to(folder) and os.fspath(path) != str(folder):
                    raise PermissionError(13, "Permission denied", os.fspath(path))
                return real(path, *rest, **named)

            return call

        def listed(real):
            def call(path=".", *rest):
                if os.fspath(path) == str(folder):
                    raise PermissionError(13, "Permission denied", os.fspath(path))
                return real(path, *rest)

            return call

        monkeypatch.setattr(os, "stat", guarded(os.stat))
        monkeypatch.setattr(os, "listdir", listed(os.listdir))
        monkeypatch.setattr(os, "scandir", listed(os.scandir))


def test_a_folder_that_may_not_be_read_is_named(place, monkeypatch):
    place.files("images/a.jpg", "images/b.jpg")
    path = place.write("p.csv", "image,caption\na.jpg,a dog\nb.jpg,a cat\n")
    Closed(monkeypatch, place / "images")
    with pytest.raises(BadData, match=r"none of the 2 files.*set/images may not be read: say where they lie"):
        load(path)


def test_a_folder_that_may_not_be_read_is_no_matter_where_it_is_not_needed(place, monkeypatch):
    place.files("a.jpg", "b.jpg", "data/x.jpg")
    path = place.write("p.csv", "image,caption\na.jpg,a dog\nb.jpg,a cat\n")
    Closed(monkeypatch, place / "data")
    assert said_of(load(path)) == DOGS


def test_a_class_that_may_not_be_read_gets_one_line(place, monkeypatch):
    place.files("cat/1.jpg", "dog/1.jpg")
    Closed(monkeypatch, place / "dog")
    with pytest.raises(BadData, match=r"set/dog: cannot be read \(Permission denied\)"):
        load(place.folder)


def test_captions_beside_are_read_in_old_and_marked_encodings_and_no_documents_are(place):
    place.files(*(f"{name}.jpg" for name in "abcde"))
    place.write("a.txt", "\ufeffa café\r\n\r\nun café\r\n")
    place.write("b.txt", "a café\n".encode("latin-1"))
    place.write("c.txt", "a \u2028 b\n".encode("utf-16"))
    place.write("d.txt", "a long story " * 10_000)
    place.write("e.txt", b"\0\1")
    beside = Beside([str(place / f"{name}.jpg") for name in "abcde"])
    assert [beside.captions(str(place / f"{name}.jpg")) for name in "abcde"] == [
        ["a café", "un café"], ["a café"], ["a \u2028 b"], [], [],
    ]  # fmt: skip
    assert beside.used == {str(place / f"{name}.txt") for name in "abc"}


def test_captions_beside_files_that_may_not_be_read_any_more_are_none(place, monkeypatch):
    place.files("shut/f.jpg", "shut/f.txt", "shut/captions.csv")
    path = str(place / "shut/f.jpg")
    Closed(monkeypatch, place / "shut")
    assert Beside([path]).captions(path) == []


def beir(place, qrels):
    for name, word in (("corpus", "body"), ("queries", "question")):
        place.lines(f"{name}.jsonl", *({"_id": str(n), "text": f"{word} {n}"} for n in range(5)))
    place.write("qrels/test.tsv", qrels)


@pytest.mark.parametrize(
    "qrels",
    ["1\t2\t1\n2\t3\t4\n", "query-id\tcorpus-id\tscore\r\n1\t2\t1\r\n\r\n2\t3\t4\r\n", "1 0 2 1\n2 0 3 4\n"],
)
def test_judgments_with_names_of_columns_or_without_and_with_spaces(place, qrels):
    beir(place, qrels)
    assert [(one.query, one.answer, one.grade) for one in load(place.folder).judgments] == [
        ("query 1", "document 2", 1.0), ("query 2", "document 3", 4.0),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("qrels", "why"),
    [
        ("1\t2\n2\t3\n", "line 1 is not a query, a document and a grade"),  # not: query 1, document 1, grade 2
        ("1\t2\tnan\n", "line 1 is not"),
        ("1\t2\t1\n\n2\t3\tinf\n", r"test\.tsv: line 3 is not .*with tabs between: '2.t3.tinf'"),
        ("", r"queries have no right answer in test\.tsv: 5; right answers from qrels/test\.tsv"),
        ("x\t2\t1\n", r"right answers are of a query that is not there: 1 \(the first: x\)"),
    ],
)
def test_bad_judgments_get_one_line(place, qrels, why):
    beir(place, qrels)
    with pytest.raises(BadData, match=why) as raised:
        load(place.folder)
    assert "\n" not in str(raised.value)


def test_a_limit_that_keeps_all_documents_does_not_call_them_easier(place):
    beir(place, "".join(f"{n}\t{n}\t1\n" for n in range(5)))
    assert load(place.folder, limit=3).notes[-1] == "drawn by chance (seed 0): 3 of 5 queries"
    assert json.dumps(load(place.folder, limit=5).notes) == json.dumps(load(place.folder).notes)
