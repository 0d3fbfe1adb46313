"""Tables of pairs and of classes, whatever they are called and however they are written."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sensorium.core.errors import BadData
from sensorium.evaluate.data import load


def texts_of(dataset, group):
    return [one.source for one in dataset.samples if one.group == group and one.modality == "text"]


def by_modality(dataset):
    return {m: sum(one.modality == m for one in dataset.samples) for m in {s.modality for s in dataset.samples}}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pairs.csv", "image,caption\na.jpg,a dog\na.jpg,a hound\nb.jpg,a cat\n"),
        ("pairs.csv", "\ufefffile_name;text\r\na.jpg;a dog\r\na.jpg;a hound\r\nb.jpg;a cat\r\n"),
        ("pairs.tsv", "filepath\ttitle\na.jpg\ta dog\na.jpg\ta hound\nb.jpg\ta cat\n"),
        ("pairs.csv", "img_path,caption_1,caption_2,views\na.jpg,a dog,a hound,3\nb.jpg,a cat,,4\n"),
        ("pairs.jsonl", '{"image": "a.jpg", "captions": ["a dog", "a hound"]}\n\n{"image": "b.jpg",'
                        ' "captions": ["a cat"]}\n'),
        ("pairs.json", '[{"photo": "a.jpg", "caption": "a dog"}, {"photo": "a.jpg", "caption": "a hound"},'
                       ' {"photo": "b.jpg", "caption": "a cat"}]'),
    ],
)  # fmt: skip
def test_pairs_are_the_same_however_a_table_writes_them(place, name, text):
    place.files("images/a.jpg", "images/b.jpg")
    found = load(place.write(name, text))
    assert (found.relation, found.name) == ("pairs", "pairs")
    assert texts_of(found, "a.jpg") == ["a dog", "a hound"] and texts_of(found, "b.jpg") == ["a cat"]
    assert [one.key for one in found.samples] == ["a.jpg", "a.jpg#0", "a.jpg#1", "b.jpg", "b.jpg#0"]
    assert found.samples[0].source == place / "images/a.jpg"


def test_pairs_in_parquet(place):
    place.files("a.png", "b.png")
    pq.write_table(pa.table({"path": ["a.png", "b.png"], "text": ["a dog", "a cat"]}), place / "pairs.parquet")
    assert by_modality(load(place / "pairs.parquet")) == {"image": 2, "text": 2}


def test_a_table_of_a_folder_is_taken_when_it_is_one_of_files(place):
    place.files("dogs/1.jpg", "dogs/2.jpg", "cats/1.jpg", "cats/2.jpg")
    place.write("costs.csv", "month,euros\nMay,7\n")
    assert load(place.folder).relation == "classes"
    place.write("costs.csv", "picture,caption\ndogs/1.jpg,a dog\ncats/1.jpg,a cat\n")
    assert load(place.folder).relation == "pairs"


def test_columns_can_be_named(place):
    place.files("far/a.jpg", "far/b.jpg")
    path = place.write("odd.csv", "x,y,z\na.jpg,a dog,ein Hund\nb.jpg,a cat,eine Katze\n")
    with pytest.raises(
        BadData, match=r"which columns are files.*It has x, y, z: say odd\.csv\?image=COLUMN&text=COLUMN"
    ):
        load(path)
    found = load(f"{path}?image=x&text=y&text=z&files=far")
    assert texts_of(found, "b.jpg") == ["a cat", "eine Katze"]
    with pytest.raises(BadData, match="has no column 'q': it has x, y, z"):
        load(f"{path}?image=x&text=q")
    with pytest.raises(BadData, match="there is no option 'picture': choose among image, audio"):
        load(f"{path}?picture=x")
    with pytest.raises(BadData, match="nowhere that its files should be in does not exist"):
        load(f"{path}?image=x&text=y&files=nowhere")


def test_pictures_with_sounds_and_texts_with_texts(place):
    place.files("a.jpg", "a.wav", "b.jpg", "b.wav")
    both = load(place.write("both.csv", "image,audio\na.jpg,a.wav\nb.jpg,b.wav\n"))
    assert by_modality(both) == {"image": 2, "audio": 2}
    assert {one.group for one in both.samples} == {"a.jpg", "b.jpg"}
    asked = load(f"{place.write('faq.csv', 'q,a' + chr(10) + 'who?,me' + chr(10) + 'why?,so' + chr(10))}?text=q&text=a")
    assert [one.group for one in asked.samples] == ["row 1", "row 1", "row 2", "row 2"]


def test_what_cannot_be_used_is_left_out_and_said(place):
    place.files("a.jpg", "b.jpg", "c.jpg", "d.zip")
    text = (
        "image,caption\na.jpg,a dog\na.jpg,a dog\na.jpg,\nb.jpg,a dog\nc.jpg,\n,nothing\ngone.jpg,one\ngone.jpg,two\n"
        "https://x.org/y.jpg,far\nd.zip,packed\n"
    )
    found = load(f"{place.write('p.csv', text)}?file=image")
    assert [one.key for one in found.samples] == ["a.jpg", "a.jpg#0", "b.jpg", "b.jpg#0"]
    assert set(found.notes) == {
        "left out because texts come more than once for the same thing: 1 (the first: a dog)",
        "left out because texts are empty: 2 (the first: a.jpg)",
        "left out because rows name no file: 1 (the first: row 6)",
        "left out because files are missing: 1 (the first: gone.jpg)",
        "left out because files are addresses on the web, fetch them first: 1 (the first: https://x.org/y.jpg)",
        "left out because files are neither texts, pictures nor sounds: 1 (the first: d.zip)",
        "left out because files have no text: 1 (the first: c.jpg)",
        "texts that are said of several things: 1 (the first: a dog); for each only its own counts as right",
    }


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("p.csv", "", "is empty"),
        ("p.csv", "image,caption\n", "there is nothing in it to ask and to answer"),
        (
            "p.csv",
            "image,caption\na.jpg,a dog\n",
            r"the file that it names was not found \(a\.jpg\).*p\.csv\?files=FOLDER",
        ),
        ("p.csv", "image,image\n1,2\n", "has two columns 'image'"),
        ("p.csv", b"\x00\x01\x02", "is no text file"),
        ("p.csv", 'image,caption\na.jpg,"' + "x" * 200_000, "cannot be read as a table.*a quote may not be closed"),
        ("p.jsonl", '{"image": "a.jpg"\n', "line 1 is not JSON"),
        ("p.jsonl", "[1]\n", "line 1 is a list, not an object"),
        ("p.json", "{", "is not JSON"),
        ("p.json", "[1, 2]", "no list of objects with columns"),
        ("p.parquet", b"PAR1", "cannot be read as Parquet"),
        ("p.zip", b"PK", "is no data set that is known"),
    ],
)
def test_bad_tables_get_one_line(place, name, content, why):
    with pytest.raises(BadData, match=why) as raised:
        load(place.write(name, content))
    assert "\n" not in str(raised.value) and name in str(raised.value)


def test_a_path_that_is_not_there_and_a_format_that_there_is_none_of(place):
    with pytest.raises(BadData, match="does not exist"):
        load(place / "nothing.csv")
    with pytest.raises(BadData, match="there is no format 'csv': choose among library, beir, coco"):
        load(place.folder, format="csv")


def test_old_encodings_are_read_and_said(place):
    place.files("a.jpg", "b.jpg")
    found = load(place.write("p.csv", "image,caption\na.jpg,caf\xe9\nb.jpg,tea\n".encode("cp1252")))
    assert texts_of(found, "a.jpg") == ["café"] and "p.csv is not UTF-8: read as cp1252" in found.notes


def test_commas_of_texts_that_are_not_quoted_belong_to_them(place):
    place.files("a.jpg", "b.jpg")
    found = load(place.write("p.csv", "image,caption\na.jpg,a dog, a cat, and \"more\"\nb.jpg,tea\n"))  # fmt: skip
    assert texts_of(found, "a.jpg") == ['a dog, a cat, and "more"']


def test_a_split_is_taken_alone_and_what_is_said_is_said_of_it(place):
    place.files("a.jpg", "b.jpg", "c.jpg")
    path = place.write("p.csv", "image,caption,split\na.jpg,x,train\nb.jpg,y,val\nc.jpg,z,test\ngone.jpg,w,train\n")
    assert [one.key for one in load(path, split="dev").samples] == ["b.jpg", "b.jpg#0"]
    assert load(path, split="dev").notes == () and len(load(path).notes) == 1
    assert {one.split for one in load(path).samples} == {"train", "val", "test"}
    with pytest.raises(BadData, match="has no split 'nope': there are test, train, val"):
        load(path, split="nope")
    with pytest.raises(BadData, match="has no split 'test': there are none: leave out --split"):
        load(place.write("q.csv", "image,caption\na.jpg,x\n"), split="test")


def test_a_limit_draws_groups_whole_and_the_same_each_time(place):
    names = [f"{n:03}.jpg" for n in range(50)]
    place.files(*names)
    path = place.write("p.csv", "image,caption\n" + "".join(f"{name},{name} {n}\n" for name in names for n in range(3)))
    few, again, other = load(path, limit=7), load(path, limit=7), load(path, limit=7, seed=1)
    assert few == again and by_modality(few) == {"image": 7, "text": 21}
    assert {one.group for one in few.samples} != {one.group for one in other.samples}
    assert few.notes == ("7 of 50 drawn by chance (seed 0), with all that belongs to them",)
    assert len(load(path, limit=50).samples) == 200 and load(path, limit=50).notes == ()
    with pytest.raises(BadData, match="the limit is 1"):
        load(path, limit=1)


def test_classes_in_a_table(place):
    place.files(*(f"{sort}/{n}.wav" for sort in ("dog", "cat") for n in range(3)))
    rows = "".join(f"{sort}/{n}.wav,{sort},{n},{sort}{n // 2}\n" for sort in ("dog", "cat") for n in range(3))
    found = load(place.write("labels.csv", "file,label,fold,source\n" + rows + "dog/0.wav,cat,0,x\nodd.wav,,1,y\n"))
    assert (found.relation, by_modality(found)) == ("classes", {"audio": 6, "text": 2})
    assert [one.source for one in found.samples if one.modality == "text"] == ["the sound of dog", "the sound of cat"]
    assert {one.group for one in found.samples} == {"dog", "cat"}
    assert {one.split for one in found.samples if one.modality == "audio"} == {"fold0", "fold1", "fold2"}
    assert set(found.notes) == {
        "left out because files come again with another answer (the first counts): 1 (the first: dog/0.wav)",
        "left out because rows lack a file or a class: 1 (the first: row 8)",
        "6 files come from 4 recordings: files of one recording are right answers for each other too",
    }
    only = load(place / "labels.csv", split="fold1")
    assert by_modality(only) == {"audio": 2, "text": 2}
    with pytest.raises(BadData, match=r"all is of one class \(dog\)"):
        load(place.write("one.csv", "file,label\ndog/0.wav,dog\ndog/1.wav,dog\n"))
    with pytest.raises(BadData, match="the template 'a dog' has no place for the class"):
        load(f"{place / 'labels.csv'}?template=a dog")
    said = load(f"{place / 'labels.csv'}?template={{}} in the yard")
    assert said.templates == ("{} in the yard",) and "dog in the yard" in {one.source for one in said.samples}


def test_a_limit_of_classes_takes_of_each_alike(place):
    place.files(*(f"{sort}/{n}.jpg" for sort in "abcde" for n in range(9)))
    found = load(place.folder, limit=10)
    assert all(sum(one.group == sort for one in found.samples) == 3 for sort in "abcde")  # two pictures and the class
    assert len({one.group for one in load(place.folder, limit=3).samples}) == 3


def test_a_large_table_is_read_in_seconds(place):
    names = [f"{n:05}.jpg" for n in range(0, 20_000)]
    (place / "images").mkdir()
    for name in names[:2000]:
        (place / f"images/{name}").touch()
    path = place.write("p.csv", "image,caption\n" + "".join(f"{name},{name} {n}\n" for name in names for n in range(5)))
    found = load(path)
    assert by_modality(found) == {"image": 2000, "text": 10_000}
    assert found.notes == ("left out because files are missing: 18,000 (the first: 02000.jpg)",)
