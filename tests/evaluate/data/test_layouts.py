"""Each benchmark in the layout that its makers gave it, small."""

import pytest

from sensorium.core.errors import BadData
from sensorium.evaluate.data import load


def texts_of(dataset, group):
    return [one.source for one in dataset.samples if one.group == group and one.modality == "text"]


def counts(dataset):
    return {m: sum(one.modality == m for one in dataset.samples) for m in {s.modality for s in dataset.samples}}


def coco(year, split, first):
    """COCO's captions of two pictures, as its makers write them."""
    name = "COCO_{s}{y}_{n:012}.jpg" if year == 2014 else "{n:012}.jpg"
    ids = [first, first + 1]
    images = [
        {"license": 5, "file_name": name.format(s=split, y=year, n=n), "coco_url": "http://x/y.jpg", "height": 4,
         "width": 6, "date_captured": "2013-11-14 16:28:13", "flickr_url": "http://x/z.jpg", "id": n} for n in ids
    ]  # fmt: skip
    annotations = [
        {"image_id": n, "id": 10 * n + k, "caption": f"Caption {k} of {n}.\n"} for k in range(5) for n in ids
    ]  # fmt: skip
    info = {"description": "COCO", "url": "http://cocodataset.org", "version": "1.0", "year": year}
    return {"info": info, "images": images, "licenses": [], "annotations": annotations}


@pytest.mark.parametrize(("year", "under"), [(2014, ""), (2017, ""), (2014, "images/"), (2017, "images/")])
def test_coco_with_its_folders(place, year, under):
    for split, first in (("train", 1), ("val", 7)):
        told = coco(year, split, first)
        place.json(f"annotations/captions_{split}{year}.json", told)
        place.files(*(f"{under}{split}{year}/{image['file_name']}" for image in told["images"]))
    place.json(f"annotations/instances_val{year}.json", {"images": [], "annotations": []})
    whole = load(place.folder)
    assert (whole.relation, counts(whole)) == ("pairs", {"image": 4, "text": 20})
    val = load(place.folder, split="val")
    assert counts(val) == {"image": 2, "text": 10} and {one.split for one in val.samples} == {"val"}
    group = val.samples[0].group
    assert texts_of(val, group) == [f"Caption {k} of 7." for k in range(5)]
    alone = load(place / f"annotations/captions_val{year}.json")
    assert alone.samples == val.samples and alone.name == "coco"
    with pytest.raises(BadData, match="has no split 'test': there are train, val"):
        load(place.folder, split="test")


def test_coco_with_pictures_elsewhere_with_gaps_and_without_any(place):
    told = coco(2017, "val", 1)
    told["annotations"] += [
        {"image_id": 99, "id": 1, "caption": "of nothing"},
        {"image_id": 1, "id": 2, "caption": " "},
    ]
    path = place.json("captions_val2017.json", told)
    with pytest.raises(
        BadData, match=r"none of the 2 files that it names was found.*captions_val2017\.json\?files=FOLDER"
    ):
        load(path)
    place.files("elsewhere/000000000001.jpg")
    found = load(f"{path}?files=elsewhere")
    assert counts(found) == {"image": 1, "text": 5}
    assert set(found.notes) == {
        "left out because pictures are missing: 1 (the first: 000000000002.jpg)",
        "left out because captions are of a picture that is not listed: 1 (the first: of nothing)",
        "left out because texts are empty: 1 (the first: 000000000001.jpg)",
    }


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ({"images": [], "annotations": []}, "there is nothing in it"),
        ({"images": [{"id": 1}], "annotations": []}, "number 1 of `images` lacks one of id, file_name"),
        ({"images": [], "annotations": {"a": 1}}, "`annotations` is no list"),
    ],
)
def test_damaged_coco_gets_one_line(place, value, why):
    with pytest.raises(BadData, match=why):
        load(place.json("captions_val2017.json", value))


def test_karpathys_splits(place):
    def image(name, split, folder="val2014"):
        sentences = [{"tokens": ["a"], "raw": f"{name} said {n}", "imgid": 0, "sentid": n} for n in range(5)]
        return {"filepath": folder, "filename": name, "imgid": 0, "split": split, "sentences": sentences}

    place.files("val2014/a.jpg", "val2014/b.jpg", "train2014/c.jpg")
    images = [image("a.jpg", "test"), image("b.jpg", "restval"), image("c.jpg", "train", "train2014")]
    path = place.json("dataset_coco.json", {"images": [*images, image("gone.jpg", "val")], "dataset": "coco"})
    found = load(path)
    assert (found.name, counts(found)) == ("coco", {"image": 3, "text": 15})
    assert [one.key for one in load(path, split="test").samples][:2] == ["val2014/a.jpg", "val2014/a.jpg#0"]
    assert counts(load(path, split="train")) == {"image": 2, "text": 10}
    assert found.notes == ("left out because pictures are missing: 1 (the first: val2014/gone.jpg)",)


def test_flickr8k_as_it_was_given_out(place):
    place.files("Flicker8k_Dataset/1_a.jpg", "Flicker8k_Dataset/2_b.jpg")
    lines = [f"{n}.jpg#{k}\tcaption {k} of {n} ." for n in ("1_a", "2_b") for k in range(5)]
    # the real file has one caption of a picture that nobody has
    place.write("Flickr8k.token.txt", "\n".join([*lines, "2258277193_586949ec62.jpg.1#0\tsome people .", "odd", ""]))
    place.write("Flickr_8k.trainImages.txt", "1_a.jpg\n")
    place.write("Flickr_8k.testImages.txt", "2_b.jpg\n")
    found = load(place.folder)
    assert (found.name, counts(found)) == ("flickr8k", {"image": 2, "text": 10})
    assert counts(load(place.folder, split="test")) == {"image": 1, "text": 5}
    assert set(found.notes) == {
        "left out because pictures are missing: 1 (the first: 2258277193_586949ec62.jpg.1)",
        "left out because lines are not NAME#NUMBER, a tab and a caption: 1 (the first: line 12)",
    }
    assert load(place / "Flickr8k.token.txt").samples == found.samples


def test_flickr8k_and_flickr30k_as_kaggle_has_them(place):
    place.files("Images/1_a.jpg", "Images/2_b.jpg")
    rows = [f'{n}.jpg,"caption {k}, of {n} ."' for n in ("1_a", "2_b") for k in range(5)]
    place.write("captions.txt", "\n".join(["image,caption", *rows]))
    found = load(place.folder)
    assert counts(found) == {"image": 2, "text": 10} and texts_of(found, "1_a.jpg")[0] == "caption 0, of 1_a ."


def test_flickr30k(place):
    place.files("flickr30k_images/flickr30k_images/1.jpg", "flickr30k_images/flickr30k_images/2.jpg")
    rows = [f'{n}.jpg| {k}| The "{k}" of {n} .' for n in (1, 2) for k in range(5)]
    rows[7] = "2.jpg| 2   A dog runs across the grass ."  # as in the real file
    path = place.write("flickr30k_images/results.csv", "\n".join(["image_name| comment_number| comment", *rows]))
    found = load(path)
    assert counts(found) == {"image": 2, "text": 9} and texts_of(found, "1.jpg")[1] == 'The "1" of 1 .'
    assert found.notes == ("left out because texts are empty: 1 (the first: 2.jpg)",)
    assert load(place / "flickr30k_images").samples == found.samples
    place.write(
        "results_20130124.token", "".join(f"{n}.jpg#{k}\tcaption {k} of {n}\n" for n in (1, 2) for k in range(5))
    )
    assert load(place / "results_20130124.token").name == "flickr30k"


def test_esc50_as_it_was_given_out(place):
    sorts = [(0, "dog"), (41, "chainsaw"), (12, "crackling_fire")]
    clips = [
        (f"{fold}-{n}-A-{target}.wav", fold, target, sort) for n, (target, sort) in enumerate(sorts) for fold in (1, 2)
    ]
    place.files(*(f"audio/{clip[0]}" for clip in clips))
    rows = [f"{name},{fold},{target},{sort},True,{name[2]}00032,A" for name, fold, target, sort in clips]
    place.write("meta/esc50.csv", "\n".join(["filename,fold,target,category,esc10,src_file,take", *rows]))
    place.write("meta/esc50-human.xlsx", b"PK")
    place.write("README.md", "# ESC-50")
    found = load(place.folder)
    assert (found.relation, counts(found)) == ("classes", {"audio": 6, "text": 3})
    assert {one.label for one in found.samples} == {"dog", "chainsaw", "crackling fire"}
    assert counts(load(place.folder, split="fold2")) == {"audio": 3, "text": 3}


def test_urbansound_as_it_was_given_out(place):
    rows = ["slice_file_name,fsID,start,end,salience,fold,classID,class"]
    for n, sort in enumerate(("dog_bark", "siren")):
        for fold in (5, 10):
            place.files(f"audio/fold{fold}/{fold}{n}-0-0.wav")
            rows.append(f"{fold}{n}-0-0.wav,{fold}{n},0.0,0.3,1,{fold},{n},{sort}")
    place.write("metadata/UrbanSound8K.csv", "\n".join(rows))
    found = load(place.folder)
    assert counts(found) == {"audio": 4, "text": 2} and {one.label for one in found.samples} == {"dog bark", "siren"}
    assert counts(load(place.folder, split="fold10")) == {"audio": 2, "text": 2}


def test_folders_of_classes(place):
    place.files(*(f"{sort}/{n}.jpg" for sort in ("001.ant", "Afghan_hound") for n in range(3)), "loose.jpg", ".x/a.jpg")
    place.write("ant_notes.txt", "read me")
    place.files("001.ant/notes.txt", "001.ant/.DS_Store", "001.ant/deeper/4.png")
    found = load(place.folder)
    assert (found.relation, counts(found)) == ("classes", {"image": 7, "text": 2})
    assert [one.source for one in found.samples if one.modality == "text"] == [
        "a photo of an ant", "a photo of an Afghan hound"
    ]  # fmt: skip
    assert found.templates[0] == "a photo of a {}"
    assert set(found.notes) == {
        "left out because files lie in no folder of a class: 1",
        "left out because texts lie beside pictures or sounds: 1",
    }


def test_folders_of_classes_within_those_of_splits(place):
    place.files(*(f"{split}/{sort}/{n}.jpg" for split in ("train", "val") for sort in ("cat", "dog") for n in range(3)))
    assert counts(load(place.folder)) == {"image": 12, "text": 2}
    val = load(place.folder, split="dev")
    assert counts(val) == {"image": 6, "text": 2} and {one.group for one in val.samples} == {"cat", "dog"}


def test_folders_of_texts_and_of_several_modalities(place):
    place.files("rec/a.txt", "rec/b.md", "sci/c.txt")
    assert counts(load(place.folder)) == {"text": 5}
    place.files("rec/a.jpg", "sci/c.wav")
    mixed = load(place.folder)
    assert counts(mixed) == {"image": 1, "audio": 1, "text": 2} and mixed.templates == ("{}",)
    assert {one.source for one in mixed.samples if one.modality == "text"} == {"rec", "sci"}


def test_an_empty_folder_and_one_of_nothing(place):
    with pytest.raises(BadData, match="is no data set that is known"):
        load(place.folder)
    place.files("a/x.zip")
    with pytest.raises(BadData, match="a folder of classes has a folder with texts, pictures or sounds for each class"):
        load(place.folder)
    place.files("a/x.jpg")
    with pytest.raises(BadData, match=r"all is of one class \(a\): no answer can be wrong"):
        load(place.folder)


def beir(place):
    corpus = [{"_id": str(n), "title": f"Title {n}", "text": f"body {n}", "metadata": {}} for n in range(20)]
    place.lines("corpus.jsonl", *corpus, {"_id": "e", "title": "", "text": " "}, {"_id": "3", "text": "again"})
    queries = [{"_id": f"q{n}", "text": f"question {n}"} for n in range(6)]
    place.lines("queries.jsonl", *queries, {"_id": "q6", "text": "Title 5 body 5"})
    rows = ["query-id\tcorpus-id\tscore", "q0\t1\t1", "q0\t2\t2", "q1\t3\t1", "q1\t4\t0", "q2\t99\t1", "q9\t1\t1",
            "q6\t7\t1", "q0\t2\t1"]  # fmt: skip
    place.write("qrels/test.tsv", "\n".join(rows) + "\n")
    place.write("qrels/dev.tsv", "query-id\tcorpus-id\tscore\nq3\t1\t1\n")


def test_beir(place):
    beir(place)
    found = load(place.folder)
    assert (found.relation, len(found.samples)) == ("judgments", 3 + 20)
    asked = [one for one in found.samples if one.split == "query"]
    assert [one.key for one in asked] == ["query q0", "query q1", "query q6"]
    assert {(one.query, one.answer, one.grade) for one in found.judgments} == {
        ("query q0", "document 1", 1.0), ("query q0", "document 2", 2.0), ("query q1", "document 3", 1.0),
        ("query q6", "document 7", 1.0),
    }  # fmt: skip
    assert next(one.source for one in found.samples if one.key == "document 1") == "Title 1 body 1"
    assert [one.group for one in asked] == ["query q0", "query q1", "document 5"]
    assert set(found.notes) == {
        "left out because documents are empty: 1 (the first: e)",
        "left out because documents have an id that came before: 1 (the first: 3)",
        "left out because right answers are of a query that is not there: 1 (the first: q9)",
        "left out because right answers are not in the corpus: 1 (the first: 99)",
        "left out because judgments have a grade of 0 or less, and are no right answers: 1 (the first: q1 4)",
        "left out because right answers come more than once (the best grade counts): 1 (the first: q0 2)",
        "left out because queries have no right answer in test.tsv: 4",
        "queries that are word for word a document of the corpus: 1; it is no answer to them, unless judged right",
        "right answers from qrels/test.tsv",
    }
    assert [one.query for one in load(place.folder, split="val").judgments] == ["query q3"]
    with pytest.raises(BadData, match="has no split 'train': there are dev, test"):
        load(place.folder, split="train")


def test_a_query_that_is_a_document_without_its_title_is_of_the_group_of_the_one_with_its_id(place):
    documents = [
        ("a", "On cats", "cats purr"),
        ("b", "", "cats purr"),
        ("c", "Of cats", "cats  purr "),
        ("d", "", "no"),
    ]
    place.lines("corpus.jsonl", *({"_id": key, "title": title, "text": text} for key, title, text in documents))
    place.lines("queries.jsonl", {"_id": "c", "text": "cats purr"}, {"_id": "q", "text": "cats purr"},
                {"_id": "d", "text": "On cats cats purr"}, {"_id": "e", "text": "On cats"})  # fmt: skip
    place.write("qrels/test.tsv", "".join(f"{key}\td\t1\n" for key in "cqde"))
    asked = [one for one in load(place.folder).samples if one.split == "query"]
    assert [one.group for one in asked] == ["document c", "document a", "document a", "query e"]


def test_a_limit_of_judgments_keeps_the_right_answers(place):
    place.lines("corpus.jsonl", *({"_id": str(n), "text": f"body {n}"} for n in range(200)))
    place.lines("queries.jsonl", *({"_id": str(n), "text": f"question {n}"} for n in range(50)))
    rows = [f"{n}\t0\t{3 * n}\t1" for n in range(50)]
    place.write("qrels/test.tsv", "\n".join(rows))  # TREC's: one column more, and no names
    found = load(place.folder, limit=4)
    keys = {one.key for one in found.samples}
    assert sum(one.split == "query" for one in found.samples) == 4 and len(keys) == 4 + 40
    assert all(int(one.answer.split()[1]) == 3 * int(one.query.split()[1]) for one in found.judgments)
    assert len(found.judgments) == 4 and all({one.query, one.answer} <= keys for one in found.judgments)
    assert "easier than the whole" in found.notes[-1]


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        (
            "qrels/test.tsv",
            "query-id\tcorpus-id\tscore\nq0\t1\tmuch\n",
            "line 2 is not a query, a document and a grade",
        ),
        (
            "qrels/test.tsv",
            "query-id\tcorpus-id\tscore\nq0\t99\t1\n",
            "nothing in it to ask and to answer.*not in the corpus",
        ),
        ("corpus.jsonl", '{"text": "x"}\n', "line 1 has no `_id`"),
    ],
)
def test_bad_beir_gets_one_line(place, name, content, why):
    beir(place)
    place.write(name, content)
    with pytest.raises(BadData, match=why):
        load(place.folder)
