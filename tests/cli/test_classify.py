"""`sensorium classify` as a person meets it: with a real library of a tiny model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sensorium import Library
from sensorium.testing.bundles import tiny_bundle
from sensorium.testing.files import Files

LABELS = "the sea,bread,thunder"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return tiny_bundle(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def home(tmp_path, bundle, monkeypatch, sensorium_run):
    """A folder with files, and a library of them that the environment names."""
    files = Files(tmp_path / "things")
    files.fill(texts=5, pictures=4, sounds=2, long=False)
    monkeypatch.setenv("SENSORIUM_MODEL", str(bundle))
    monkeypatch.setenv("SENSORIUM_LIBRARY", str(tmp_path / "a.library"))
    with Library(tmp_path / "a.library") as library:
        library.add(files.folder)
    return files


def lines(text):
    return [json.loads(line) for line in text.splitlines()]


def test_all_of_the_library_is_labelled_a_line_an_item(sensorium_run, home):
    ran = sensorium_run("classify", "--labels", LABELS)
    assert ran.code == 0 and len(ran.out.splitlines()) == 11
    chance, label, path = ran.out.splitlines()[0].split("  ", 2)
    assert 0 < float(chance) <= 1 and path.strip().endswith("p00.png")
    assert label in (*LABELS.split(","), "none of these")
    assert (
        "11 labelled: " in ran.err
        and ran.err.count("calibrated") == 3
        and "calibrated on 5 parts of the library" in ran.err
    )


def test_json_says_it_all_and_says_it_alone(sensorium_run, home):
    ran = sensorium_run("classify", "-l", LABELS, "--json", "-k", "2")
    assert ran.code == 0 and ran.err == ""
    for said in lines(ran.out):
        assert set(said) == {"path", "kind", "item", "label", "probability", "none", "parts", "labels", "place"}
        assert len(said["labels"]) == 2 and said["label"] in (None, *said["labels"])
        assert said["probability"] == (said["none"] if said["label"] is None else said["labels"][said["label"]])


def test_one_of_the_labels_is_right_where_that_is_said(sensorium_run, home):
    found = lines(sensorium_run("classify", "-l", LABELS, "--no-none", "--json").out)
    assert all(said["label"] and said["none"] == 0 for said in found)
    assert all(abs(sum(said["labels"].values()) - 1) < 1e-9 for said in found)


def test_labels_come_from_a_file_and_templates_change_what_is_said(sensorium_run, home, tmp_path):
    (tmp_path / "labels.txt").write_text(LABELS.replace(",", "\n"))
    plain = sensorium_run("classify", "--labels", "labels.txt", "--json").out
    assert plain == sensorium_run("classify", "--labels", "@labels.txt", "--json").out
    assert plain == sensorium_run("classify", "--labels", LABELS, "--json").out
    own = sensorium_run("classify", "--labels", LABELS, "--template", "image=a sketch of {}", "--json").out
    for old, new in zip(lines(plain), lines(own), strict=True):
        assert (old["labels"] == new["labels"]) == (old["kind"] != "image")


def test_what_is_saved_is_found_and_stays(sensorium_run, home):
    ran = sensorium_run("classify", "-l", LABELS, "--no-none", "--save", "label", "--json")
    assert ran.err == "11 items have their label now: search with --where \"label = '...'\"\n"
    label = {said["path"]: said["label"] for said in lines(ran.out)}
    for update in ((), ("add", home.folder), ("compact",)):
        if update == ("compact",):
            with Library(create=False) as library:
                library.compact()
        elif update:
            assert sensorium_run(*update).code == 0
        for one in set(label.values()):
            where = f"label = '{one}' and label_probability > 0"
            hits = sensorium_run("search", "x", "-k", "50", "--where", where, "--paths")
            assert set(hits.out.splitlines()) == {path for path, said in label.items() if said == one}
    again = sensorium_run("classify", "-l", LABELS, "--where", "label = 'bread'", "--json")
    assert {said["path"] for said in lines(again.out)} == {path for path, said in label.items() if said == "bread"}


def test_none_of_these_takes_a_label_away(sensorium_run, home):
    sensorium_run("classify", "-l", LABELS, "--no-none", "--save", "label")
    ran = sensorium_run("classify", "-l", LABELS, "--save", "label", "--json")
    found = lines(ran.out)
    none = {said["path"] for said in found if said["label"] is None}
    assert none and f"{len(found) - len(none)} items have their label now, and {len(none)} have none" in ran.err
    with Library(create=False) as library:
        items = library.items("label is null and label_probability is null").to_pylist()
    assert {item["path"] for item in items} == none


def test_files_need_no_library_and_the_library_says_what_it_does_not_keep(sensorium_run, home, tmp_path, monkeypatch):
    home.text("texts/new.txt", "The sea.")
    home.text("texts/t00.txt", "Changed.")
    ran = sensorium_run("classify", home.folder / "texts", "-l", LABELS, "--save", "label")
    assert ran.code == 0 and len(ran.out.splitlines()) == 6
    assert "4 items have their label now" in ran.err
    assert "2 files are not in the library, or not as they were added (1): `sensorium add` them" in ran.err
    monkeypatch.setenv("SENSORIUM_LIBRARY", str(tmp_path / "none.library"))
    ran = sensorium_run("classify", home.folder / "texts", "-l", LABELS)
    assert ran.code == 0 and len(ran.out.splitlines()) == 6 and "calibrated" not in ran.err
    assert not (tmp_path / "none.library").exists()
    ran = sensorium_run("classify", home.folder / "texts", "-l", LABELS, "--save", "label")
    assert ran.code == 1 and "--save label: there is no library at" in ran.err


def test_a_file_that_cannot_be_read_is_skipped_with_its_reason(sensorium_run, home):
    bad = home.bytes("bad.xyz", bytes(range(256)) * 20)
    ran = sensorium_run("classify", bad, home.folder / "texts", "-l", LABELS)
    assert ran.code == 0 and len(ran.out.splitlines()) == 5 and "bad.xyz: " in ran.err
    ran = sensorium_run("classify", bad, "-l", LABELS)
    assert ran.code == 1 and ran.out == "" and ran.err.count("\n") == 1 and "skipped " in ran.err
    assert lines(sensorium_run("classify", bad, "-l", LABELS, "--json").out)[0]["why"]


@pytest.mark.parametrize(
    ("arguments", "code", "why"),
    [
        ((), 2, "give labels"),
        (("-l", ""), 1, "there are no labels"),
        (("-l", "dog"), 1, "'dog' is the only label"),
        (("-l", "dog,dog"), 1, "is there twice"),
        (("-l", "dog,,cat"), 1, "label 2 is empty"),
        (("-l", "@none.txt"), 1, "cannot be read"),
        (("-l", "a,b", "--template", "x"), 1, "needs one {}"),
        (("-l", "a,b", "/no/where"), 1, "/no/where does not exist"),
        (("-l", "a,b", "--save", "size"), 1, "'size' is a column"),
        (("-l", "a,b", "--save", "width"), 1, "'width' is what"),
        (("-l", "a,b", "--save", "a-b"), 1, "cannot be an attribute's name"),
        (("-l", "a,b", "--save", "label_probability"), 1, "the probabilities of 'label' are kept"),
        (("-l", "a,b", "--where", "nonsense = 1"), 1, "No field named"),
        (("-l", "a,b", "--where", "size > 1", "."), 2, "leave out the paths"),
    ],
)
def test_bad_input_is_one_line(sensorium_run, home, arguments, code, why):
    ran = sensorium_run("classify", *arguments)
    assert (ran.code, ran.out, ran.err.count("\n")) == (code, "", 1), ran.err
    assert ran.err.startswith("sensorium: ") and why in ran.err


def test_an_empty_library_or_none_is_said(sensorium_run, home, tmp_path):
    ran = sensorium_run("--library", tmp_path / "no.library", "classify", "-l", "a,b")
    assert ran.code == 1 and "there is no library at" in ran.err
    with Library(tmp_path / "empty.library"):
        pass
    ran = sensorium_run("--library", tmp_path / "empty.library", "classify", "-l", "a,b")
    assert ran.code == 1 and "has nothing that labels can be compared with: add something first" in ran.err
    ran = sensorium_run("classify", "-l", "a,b", "--where", "size < 0")
    assert (ran.code, ran.out, ran.err) == (1, "", "nothing to label: no item is like that\n")


def test_a_library_that_is_named_must_be_there_even_for_files(sensorium_run, home, tmp_path):
    ran = sensorium_run("--library", tmp_path / "no.library", "classify", home.folder, "-l", "a,b")
    assert ran.code == 1 and ran.out == "" and "there is no library at" in ran.err


def test_items_that_the_model_has_no_tower_for_are_no_missing_items(sensorium_run, tmp_path, monkeypatch):
    monkeypatch.setenv("SENSORIUM_LIBRARY", str(tmp_path / "a.library"))
    ears = tiny_bundle(tmp_path / "ears", 24, 2, ("text", "audio"), "ears")
    alone = tiny_bundle(tmp_path / "alone", 8, 3, ("image",), "alone")
    files = Files(tmp_path / "things")
    files.fill(texts=1, pictures=2, sounds=0, long=False)
    with Library(tmp_path / "a.library", models=[str(alone), str(ears)]) as library:
        library.add(files.folder)
    ran = sensorium_run("classify", "-l", "a,b", "--where", "kind = 'image'")
    said = "nothing to label: the items have nothing that labels can be compared with (text, audio), or are gone\n"
    assert (ran.code, ran.out, ran.err) == (1, "", said)


def test_where_most_are_none_of_these_the_way_out_is_said(sensorium_run, home):
    ran = sensorium_run("classify", "-l", LABELS)
    none = sum("none of these" in line for line in ran.out.splitlines())
    assert ("say --no-none" in ran.err) == (2 * none > len(ran.out.splitlines()))
    many = ",".join(f"thing {n}" for n in range(300))
    assert (
        "where one of the labels is right for everything, say --no-none\n" in sensorium_run("classify", "-l", many).err
    )
    assert "--no-none" not in sensorium_run("classify", "-l", many, "--no-none").err


def test_where_nothing_was_kept_nothing_is_to_be_searched(sensorium_run, home, tmp_path):
    (tmp_path / "apart.txt").write_text("The sea.")
    ran = sensorium_run("classify", tmp_path / "apart.txt", "-l", LABELS, "--save", "label")
    assert "0 items have their label now\n1 files are not in the library: " in ran.err


def test_a_model_without_a_text_tower_is_said(sensorium_run, home, tmp_path, monkeypatch):
    monkeypatch.setenv("SENSORIUM_LIBRARY", str(tmp_path / "no.library"))
    eyes = tiny_bundle(tmp_path / "eyes", 16, 1, ("image",), "eyes")
    picture = home.folder / "pictures/p00.png"
    ran = sensorium_run("--model", eyes, "classify", picture, "-l", "a,b")
    assert ran.code == 1 and "no tower for texts is in the model 'eyes' (image)" in ran.err


def test_paths_of_the_library_are_answered_without_reading_a_file(sensorium_run, home, monkeypatch):
    from sensorium.evaluate.classify import files

    monkeypatch.setattr(files, "files", lambda *given: iter(()))
    whole = lines(sensorium_run("classify", "-l", LABELS, "--json").out)
    part = lines(sensorium_run("classify", home.folder / "pictures", "-l", LABELS, "--json").out)
    assert part == [said for said in whole if "/pictures/" in said["path"]] and len(part) == 4
    assert Path(part[0]["path"]).name == "p00.png"
