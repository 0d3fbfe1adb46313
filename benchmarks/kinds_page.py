"""docs/kinds.md out of the figures of `kinds.py`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kinds_plan import KINDS

HEAD = """# Kinds

<!-- Written by `python benchmarks/kinds.py` from `benchmarks/kinds.json`: do not edit. -->

How well pages, XML documents and films are found by what is inside them, measured with the starter on a set that the
command composes out of held-out media: {items}.

- A **scene** is a photo of flickr8k and its captions; there are 200. A page or document tells of one (a caption in a
  section) and shows another (the picture in a section) among four sections on other things. A film shows two, and a
  third picture that is asked for by nobody, for 2 to 4 seconds each, with a sound under each.
- A **source** is a class of sounds of ESC-50 of which there are pictures too; there are {sources}. A page or document
  tells of one or shows one, among four sections on other things. A film shows and sounds one, among two other shots.
- The pages are there once more as EPUB, Word and PDF, which are asked only by texts.
- Everything is there on two sides, with other words, pictures (of a scene: a closer crop) and recordings on each, and
  what one side tells, the other shows.
"""

TEXTS = """
## Texts that look for a part

Recall@10, in %, of caption queries (a caption that stands nowhere in the set), and of "the sound of ..." for films. *As
files* is the same search over the {parts} pieces of these items, each a text, picture or sound of its own, and its
answers counted by the item that the piece belongs to. The ratio has a 95 % bootstrap interval over the queries. *Place*
is how often the section or the seconds that a right hit names are the right ones, seconds within 1 s at both ends; *by
lot* is what a part drawn at random would reach. Wanted are a ratio and places of at least 90 %.

| items | queries | recall@10 | as files | ratio | place | by lot |
|---|---|---|---|---|---|---|
"""

PAIRS = """
## An item that looks for its counterpart

The query is an item (`Like`), the answers are 21 items of one kind on the other side: one about what the query stands
for, and 20 distractors that share no scene and no source with it, drawn 20 times for each query. *First* is how often,
in %, the right item comes before all 20 (chance 4.8), then the median rank of 21. A query has no way to tell which of
the things inside it is meant, so that a film of three scenes asks for all of them. Scenes cannot be heard, so pairs
with audio are of sources only, and an image finds the crop of itself. *ESC-10* are the sources whose sounds the makers
of ESC-50 chose as best known. *Of all* is how often the right item of a source outranks at least 20 of all the {others}
or more distractors that there are.

Of the 36 pairs the median query's right item comes first in {scenes} of {scene_pairs} with scenes, and in {first} of
36 with sources.

| query | answer | scenes: first | median | sources: first | median | ESC-10: first | of all |
|---|---|---|---|---|---|---|---|
"""


def page(figures: dict[str, Any]) -> str:
    """The whole page."""
    pairs = figures["pairs"].values()
    scenes = [pair["scene"]["median_rank"] for pair in pairs if "scene" in pair]
    items = ", ".join(f"{count} of kind {kind}" for kind, count in figures["items"].items())
    said = PAIRS.format(
        scenes=scenes.count(1), scene_pairs=len(scenes),
        first=sum(pair["source"]["median_rank"] == 1 for pair in pairs),
        others=min(pair["source"]["distractors"] for pair in pairs),
    )  # fmt: skip
    head = HEAD.format(items=items, sources=figures["sources"])
    measured = (
        f"\nMeasured {figures['measured']} at {figures['commit']}, in {sum(figures['seconds'].values()):.0f} s.\n"
    )
    return (
        head
        + TEXTS.format(parts=figures["parts"])
        + _lines(_texts(figures))
        + said
        + _lines(_pairs(figures))
        + measured
    )


def _lines(rows: Iterator[list[str]]) -> str:
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _texts(figures: dict[str, Any]) -> Iterator[list[str]]:
    for name, found in figures["texts"].items():
        ratio = f"{found['ratio']} ({found['ratio_low']}-{found['ratio_high']})"
        shares = [str(found[key]) for key in ("moment", "moment_by_lot")]
        yield [name, str(found["queries"]), str(found["recall"]), str(found["parts_recall"]), ratio, *shares]


def _pairs(figures: dict[str, Any]) -> Iterator[list[str]]:
    for query in KINDS:
        for answer in KINDS:
            found = figures["pairs"][f"{query}-{answer}"]
            scene, source = found.get("scene"), found["source"]
            shown = [str(scene["first"]), str(scene["median_rank"])] if scene else ["-", "-"]
            shown += [str(source["first"]), str(source["median_rank"]), str(found["clear"]["first"])]
            yield [query, answer, *shown, str(source["outranks_20"])]
