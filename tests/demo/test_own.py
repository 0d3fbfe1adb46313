"""Queries made from somebody's own items."""

from __future__ import annotations

from pathlib import Path

from sensorium.demo.own import OwnItem, own_items, own_queries
from sensorium.library.query import Like

ITEMS = [OwnItem(i, "image" if i < 6 else "audio", Path(f"/home/me/things/{i}.bin")) for i in range(8)]


def test_only_what_is_there_and_under_the_folder_is_taken(library):
    library.files = [Path("/a/x.png"), Path("/a/deep/y.wav"), Path("/ab/z.txt"), Path("/a/gone.txt")]
    library.gone = {Path("/a/gone.txt")}
    assert own_items(library.items(), Path("/a")) == [
        OwnItem(0, "image", Path("/a/x.png")),
        OwnItem(1, "audio", Path("/a/deep/y.wav")),
    ]


def test_a_single_file_is_a_folder_of_one(library):
    library.files = [Path("/a/x.png"), Path("/a/y.png")]
    assert [item.item for item in own_items(library.items(), Path("/a/y.png"))] == [1]


def test_three_of_each_kind_ask_for_more_like_them_and_one_across():
    pairs = [query.pair for query in own_queries(ITEMS)]
    assert pairs.count("image->image") == 3 and pairs.count("audio->audio") == 2
    assert pairs.count("image->audio") == pairs.count("audio->image") == 1
    assert pairs.count("text->image") >= 3 and pairs.count("text->audio") >= 3
    assert not any(pair.endswith("->text") for pair in pairs)


def test_the_same_items_are_chosen_each_time_and_others_with_another_seed():
    def chosen(seed):
        return [query.says for query in own_queries(ITEMS, seed)]

    assert chosen(0) == chosen(0) and any(chosen(0) != chosen(seed) for seed in (1, 2, 3))


def test_no_right_answer_is_claimed():
    assert all(query.expects == () for query in own_queries(ITEMS))


def test_an_item_asks_for_more_like_itself(gathered):
    clue = ITEMS[6].clue(gathered)
    assert clue.term == Like(6) and (clue.kind, clue.source) == ("audio", ITEMS[6].path)
