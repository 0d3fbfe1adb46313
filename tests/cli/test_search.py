"""`sensorium search`: what is asked of the library, and how hits come out."""

from __future__ import annotations

import io
import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from sensorium import File, Like, Text
from sensorium.cli import search as search_file
from sensorium.core.errors import LibraryLocked
from sensorium.core.types import AddReport, Hit, Place, TextRead


class Pipe(io.TextIOWrapper):
    """Standard input as a pipe that holds `data`."""

    def __init__(self, data):
        super().__init__(io.BytesIO(data))


def test_words_become_one_text_term_and_a_search_never_makes_a_library(sensorium_run, script, hits):
    script.hits = hits
    assert sensorium_run("search", "a dog on a beach").code == 0
    assert script.arguments("search") == (Text("a dog on a beach"),)
    assert script.options("open") == {"model": None, "create": False}


def test_a_composed_query_is_a_sum_of_signed_weighted_terms(sensorium_run, script, hits, tmp_path):
    script.hits = hits
    (tmp_path / "pool.jpg").write_bytes(b"picture")
    sensorium_run(
        "search", "2:golden retriever", "--and", "pool.jpg", "--without", "0.5:fruit", "--like", "7", "--file", "a.png"
    )
    first, file, like, pool, fruit = script.arguments("search")
    assert (first, like, fruit) == (Text("golden retriever", 2.0), Like(7), Text("fruit", -0.5))
    assert (file.source, Path(pool.source).name, pool.weight) == ("a.png", "pool.jpg", 1.0)


def test_defaults_and_options_reach_the_library(sensorium_run, script, hits):
    script.hits = hits
    sensorium_run("search", "x")
    assert script.options("search") == {
        "k": 10, "kinds": None, "where": None, "metric": "cosine", "under": None, "index": "auto", "previews": False,
        "long_text": None, "min_relevance": None,
    }  # fmt: skip
    script.asked.clear()
    which = ("-k", "3", "--kinds", "image, text", "--where", "size > 1e6")
    how = ("--metric", "l2", "--index", "ivf", "--lists", "64", "--probes", "8", "--long-text", "windows")
    sensorium_run("search", "x", *which, *how, "--min-relevance", "0.25")
    assert script.options("search") == {
        "k": 3, "kinds": ["image", "text"], "where": "size > 1e6", "metric": "l2", "under": None,
        "index": "ivf:64,8", "previews": False, "long_text": "windows", "min_relevance": 0.25,
    }  # fmt: skip


def test_previews_are_loaded_only_where_they_are_shown(sensorium_run, script, hits, monkeypatch):
    script.hits = hits
    monkeypatch.setattr(search_file.webbrowser, "open", lambda url: True)
    for can, options, expected in [
        (False, (), False), (False, ("--open",), True),
        (True, (), True), (True, ("--json",), False), (True, ("-0",), False),
    ]:  # fmt: skip
        script.asked.clear()
        monkeypatch.setattr(search_file.output, "draws_pictures", lambda can=can: can)
        sensorium_run("search", "x", *options)
        assert script.options("search")["previews"] is expected


def test_ivf_is_100_lists_and_5_probes_unless_said(sensorium_run, script, hits):
    script.hits = hits
    sensorium_run("search", "x", "--index", "ivf")
    assert script.options("search")["index"] == "ivf:100,5"


def test_hits_in_a_pipe_are_one_plain_line_each(sensorium_run, script, hits):
    script.hits = hits
    ran = sensorium_run("search", "sea")
    assert ran.out.splitlines() == [
        "1   0.312  image  pictures/beach.jpg",
        "2   0.280  audio  /far/away/waves.wav  0:05-0:10",
        "3  -0.050  text   /far/away/notes.md  lines 3-9  The sea and the sand",
    ]
    assert "\x1b" not in ran.out and "\t" not in ran.out and ran.err == ""


def test_json_is_a_line_a_hit_with_the_fields_of_hit(sensorium_run, script, hits):
    script.hits = hits
    ran = sensorium_run("search", "sea", "--json")
    assert [json.loads(line) for line in ran.out.splitlines()] == [{**hit.to_json(), "query": []} for hit in hits]


def test_json_says_on_each_line_how_the_texts_of_the_query_were_read(sensorium_run, script, hits):
    hits.terms = (TextRead(1, "ab12", "clip", 130, 77, 2), TextRead(1, "cd34", "starter", 131, 96, 1, cut=412))
    script.hits = hits
    lines = sensorium_run("search", "sea", "--json").out.splitlines()
    assert len(lines) == 3
    for line in lines:
        assert json.loads(line)["query"] == [
            {"term": 1, "space": "ab12", "model": "clip", "tokens": 130, "limit": 77, "windows": 2, "cut": None},
            {"term": 1, "space": "cd34", "model": "starter", "tokens": 131, "limit": 96, "windows": 1, "cut": 412},
        ]


@pytest.mark.parametrize(("option", "end"), [("--paths", "\n"), ("-p", "\n"), ("-0", "\0"), ("--null", "\0")])
def test_paths_are_absolute_and_end_as_asked(sensorium_run, script, hits, option, end):
    script.hits = hits
    assert sensorium_run("search", "sea", option).out == "".join(hit.path + end for hit in hits)


def test_a_name_in_no_encoding_comes_out_byte_for_byte(script, hits, capfdbinary):
    from sensorium.cli.main import main

    script.hits = type(hits)([Hit(1, 1, "/far/caf\udce9.jpg", "image", "image", Place(), 0.5)])
    main(["search", "coffee", "-0"])
    assert capfdbinary.readouterr().out == b"/far/caf\xe9.jpg\0"
    main(["search", "coffee", "--json"])
    assert json.loads(capfdbinary.readouterr().out)["path"] == "/far/caf\udce9.jpg"


def test_a_name_cannot_write_to_the_terminal(sensorium_run, script, hits):
    script.hits = type(hits)([Hit(1, 1, "/far/\x1b[2Jevil\n.txt", "text", "text", Place(), 0.5, "", "ab\x07c")])
    assert sensorium_run("search", "x").out == "1  0.500  text  /far/\\x1b[2Jevil\\x0a.txt  ab\\x07c\n"


def test_nothing_found_is_exit_code_1_and_silence_for_programs(sensorium_run, script):
    ran = sensorium_run("search", "x")
    assert (ran.code, ran.out, ran.err) == (1, "", "nothing found\n")
    for option in ("--json", "--paths", "-0"):
        ran = sensorium_run("search", "x", option)
        assert (ran.code, ran.out, ran.err) == (1, "", "")


def test_hits_say_how_likely_they_are_where_that_was_asked_for(sensorium_run, script, hits):
    likely = (0.934, 0.0523, 0.0004)
    script.hits = type(hits)([replace(hit, relevance=share) for hit, share in zip(hits, likely, strict=True)])
    assert sensorium_run("search", "sea", "--min-relevance", "0").out.splitlines() == [
        "1         93 %  image  pictures/beach.jpg",
        "2        5.2 %  audio  /far/away/waves.wav  0:05-0:10",
        "3  under 0.1 %  text   /far/away/notes.md  lines 3-9  The sea and the sand",
    ]
    assert "0.312" in sensorium_run("search", "sea").out
    lines = sensorium_run("search", "sea", "--json").out.splitlines()
    assert [json.loads(line)["relevance"] for line in lines] == list(likely)


def test_nothing_relevant_is_an_answer_and_silence_for_programs(sensorium_run, script):
    script.hits.likeliest = 0.1234
    ran = sensorium_run("search", "x", "--min-relevance", "0.5")
    assert (ran.code, ran.out, ran.err) == (0, "", "nothing here is likely to be relevant (best: 12 %)\n")
    for option in ("--json", "--paths", "-0"):
        ran = sensorium_run("search", "x", option, "--min-relevance", "0.5")
        assert (ran.code, ran.out, ran.err) == (0, "", "")
    script.hits.likeliest = None
    ran = sensorium_run("search", "x", "--min-relevance", "0.5")
    assert (ran.code, ran.out, ran.err) == (1, "", "nothing found\n")


def test_time_says_each_step_on_standard_error(sensorium_run, script, hits):
    script.hits = hits
    ran = sensorium_run("search", "x", "--time", "--paths")
    assert ran.err.startswith("search 3.1 ms (exact), query vector 20 ms, all ")
    assert len(ran.out.splitlines()) == 3


def test_notes_of_the_library_go_to_standard_error(sensorium_run, script, hits):
    hits.notes = ("the index was damaged and has been rebuilt",)
    script.hits = hits
    assert sensorium_run("search", "x").err == "note: the index was damaged and has been rebuilt\n"


def test_in_brings_the_folder_up_to_date_and_searches_in_it(sensorium_run, script, hits):
    script.hits, script.report = hits, AddReport(added=3, seconds=0.2, bytes=5000)
    ran = sensorium_run("search", "x", "--in", "pictures")
    assert [verb for verb, _, _ in script.asked] == ["open", "add", "search", "close"]
    assert script.options("open")["create"] and script.arguments("add") == (Path("pictures"),)
    assert script.options("search")["under"] == Path("pictures")
    assert ran.err == "pictures: 3 added (5.0 kB in 200 ms)\n"


def test_in_with_no_update_only_searches(sensorium_run, script, hits):
    script.hits = hits
    sensorium_run("search", "x", "--in", "pictures", "--no-update")
    assert [verb for verb, _, _ in script.asked] == ["open", "search", "close"]
    assert not script.options("open")["create"]


def test_in_searches_what_is_there_while_another_writer_works(sensorium_run, script, hits):
    script.hits, script.raises["add"] = hits, LibraryLocked("the library is being written by process 12")
    ran = sensorium_run("search", "x", "--in", "pictures")
    assert ran.code == 0 and len(ran.out.splitlines()) == 3
    assert (
        ran.err
        == "note: pictures was not brought up to date: the library is being written by process 12; search again later\n"
    )


def test_a_dash_reads_the_query_from_standard_input(sensorium_run, script, hits, monkeypatch):
    script.hits = hits
    monkeypatch.setattr(sys, "stdin", Pipe(b"\xff\xd8 a picture"))
    assert sensorium_run("search", "--file", "-").code == 0
    assert script.arguments("search") == (File(b"\xff\xd8 a picture"),)


def test_empty_standard_input_is_one_line(sensorium_run, script, monkeypatch):
    monkeypatch.setattr(sys, "stdin", Pipe(b""))
    ran = sensorium_run("search", "--file", "-")
    assert ran.code == 1 and ran.err.startswith("sensorium: standard input is empty") and ran.err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "give words, --file FILE or --like ITEM"),
        (("a", "dog"), 'sensorium search "a dog"'),
        (("x", "-k", "0"), "-k"),
        (("x", "--metric", "hamming"), "hamming"),
        (("x", "--long-text", "drop"), "'windows', 'cut'"),
        (("x", "--like", "nine"), "valid integer"),
        (("x", "--min-relevance", "likely"), "valid number"),
    ],
)
def test_wrong_use_is_exit_code_2_and_one_line(sensorium_run, script, arguments, said):
    ran = sensorium_run("search", *arguments)
    assert ran.code == 2 and said in ran.err
    assert (
        ran.err.startswith("sensorium: ")
        and ran.err.count("\n") == 1
        and ran.err.endswith("(see sensorium search --help)\n")
    )


@pytest.fixture
def own_temporary(tmp_path, monkeypatch):
    monkeypatch.setattr(search_file.tempfile, "tempdir", str(tmp_path))


def test_open_shows_a_page_in_the_browser(sensorium_run, script, hits, monkeypatch, own_temporary):
    script.hits, opened = hits, []
    monkeypatch.setattr(search_file.webbrowser, "open", lambda url: opened.append(url) or True)
    assert sensorium_run("search", "x", "--open").err == ""
    page = Path(opened[0].removeprefix("file://")).read_text("utf-8")
    assert page.startswith("<!doctype html>") and "<td>hits</td>" in page


def test_open_without_a_browser_says_where_the_page_is(sensorium_run, script, hits, monkeypatch, own_temporary):
    script.hits = hits
    monkeypatch.setattr(search_file.webbrowser, "open", lambda url: False)
    assert "no browser was found; the page is " in sensorium_run("search", "x", "--open").err


def test_a_word_that_is_a_file_here_is_said_to_be_one(sensorium_run, script, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dog").write_text("bread")
    said = 'note: "dog" is a file in this folder, which asks; for the word: sensorium search " dog"'
    for asked, kind in (("dog", File), ("./dog", File), ("2:dog", File), (str(tmp_path / "dog"), File), (" dog", Text)):
        script.asked.clear()
        assert (said in sensorium_run("search", asked).err) is (asked == "dog")
        assert isinstance(script.arguments("search")[0], kind)
