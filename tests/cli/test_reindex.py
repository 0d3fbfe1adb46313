"""`reindex`, and `--model` where there are several: what is asked of the library, and what people are told."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from sensorium.cli.status import model
from sensorium.core.types import Skipped, SpaceStatus


def test_a_space_is_filled_by_the_model_that_is_named(sensorium_run, script):
    ran = sensorium_run("reindex", "--model", "clip", "--wait", "2", "--memory", "2GB")
    assert script.arguments("reindex") == ("clip",) and not script.options("open")["create"]
    assert script.options("open")["model"] is None, "the library is not opened by a model that it lacks"
    options = script.options("reindex")
    assert (options["beside"], options["wait"], options["memory"]) == (False, 2.0, 2_000_000_000)
    assert (ran.code, ran.out) == (0, "clip (space ab12) is in service: 41 items in 4.1 s, 1,200 vectors in all\n")


def test_beside_back_use_and_drop(sensorium_run, script):
    assert sensorium_run("reindex", "--model", "clap", "--beside").code == 0 and script.options("reindex")["beside"]
    script.asked.clear()
    assert sensorium_run("reindex", "--back").code == 0 and script.arguments("use") == (None,)
    script.asked.clear()
    assert sensorium_run("reindex", "--use", "clip").code == 0 and script.arguments("use") == ("clip",)
    ran = sensorium_run("reindex", "--drop", "old")
    assert script.arguments("drop") == ("old",) and ran.out == "old dropped: 1,234 vectors\n"


@pytest.mark.parametrize(
    "wrong", [[], ["--back", "--use", "clip"], ["--model", "a", "--model", "b"], ["--back", "--beside"]]
)
def test_wrong_use(sensorium_run, script, wrong):
    ran = sensorium_run("reindex", *wrong)
    assert ran.code == 2 and "--model NAME" in ran.err and not script.asked


def test_what_could_not_be_done_is_said_with_the_way_out(sensorium_run, script):
    script.reindexed = replace(
        script.reindexed,
        served=False,
        lost=3,
        lost_first="/far/a.png",
        skipped=(Skipped("/far/a.png", "its file is gone"),),
    )
    ran = sensorium_run("reindex", "--model", "clip")
    assert ran.code == 1 and ran.out.startswith("clip (space ab12) is filled, and not in service: 41 items")
    assert ran.err.splitlines() == [
        "skipped /far/a.png: its file is gone",
        "3 items would not be found any more, the first is /far/a.png: bring the library up to date with "
        "`sensorium add` and reindex again, take --beside, or switch all the same with `sensorium reindex --use ab12`",
    ]


def test_json_is_the_report(sensorium_run, script):
    assert json.loads(sensorium_run("reindex", "--back", "--json").out) == script.reindexed.to_json()


def test_several_models_make_a_library_of_several_spaces(sensorium_run, script):
    sensorium_run("add", "--model", "clip", "--model", "clap", "things")
    options = script.options("open")
    assert (options["model"], options["models"]) == (None, ("clip", "clap"))


def test_a_space_on_one_line():
    space = SpaceStatus("ab12", "clip", 512, 1200, False, False, 3, "int8", 2_500_000)
    assert (
        model(space)
        == "clip, 512 dimensions, 1,200 vectors, precision int8, 2.5 MB, not in service, 3 items to do (space ab12)"
    )
    assert model(replace(space, served=True, left=0, precision="auto")) == (
        "clip, 512 dimensions, 1,200 vectors, precision auto, 2.5 MB, in service (space ab12)"
    )
