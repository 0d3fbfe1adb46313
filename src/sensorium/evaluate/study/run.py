"""Study A again, on any data of pictures and captions: `python -m sensorium.evaluate.study DATA [--model M]`.

CLIP with kNN and Faiss on MS-COCO (Zhou, Wu, Chang, Chen, UCLA 2022): precision over k for three metrics, kNN against
ANN, search speed over n, the confusion matrix of a batch, captions found for pictures, a map of the space. Given the
folder of MS-COCO 2014 (`annotations/captions_train2014.json`, `train2014/` and so on) the set-up is the study's: 80,000
pairs sampled from the training and from the validation set. It writes OUT/study.json, the figures beside it, and the
document OUT.md, whose every number is one of the JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from sensorium.core.errors import BadData, SensoriumError
from sensorium.core.paths import absolute
from sensorium.core.types import Skipped
from sensorium.evaluate import provenance
from sensorium.evaluate.data import load
from sensorium.evaluate.figures import drawing
from sensorium.evaluate.models import encoder_of
from sensorium.evaluate.study import accuracy, charts, document, search
from sensorium.evaluate.study import space as inside
from sensorium.evaluate.study.pairs import LEAST, REST, PairSet, draw, pair_set, together
from sensorium.evaluate.vectors import Cache, Embedded, embed

if TYPE_CHECKING:
    from sensorium.encoders.onnx import OnnxEncoder
    from sensorium.evaluate.dataset import Dataset, Sample
    from sensorium.evaluate.study.space import Map

FORMAT = 1
ENOUGH = 50_000  # pairs of the test set from which on it is searched alone, as in the study
MAPPED = ("esc50_pictures", "esc50")  # what the map shows, when it lies beside the data
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for. `maps` are the data sets of the map: pictures and sounds with classes."""

    data: Path
    model: str = "starter"
    pairs: int = 80_000
    seed: int = 0
    maps: tuple[Path, ...] = ()


@dataclass(slots=True)
class Studied:
    """What a study found: its JSON, its figures by name, and the pictures whose captions it shows."""

    said: dict[str, Any]
    figures: dict[str, str]
    shown: list[Path] = field(default_factory=list)


class _Clock:
    """Seconds of each stage, which is told as it begins."""

    def __init__(self, say: Say) -> None:
        self.seconds: dict[str, float] = {}
        self._say, self._began, self._last, self._name = say, perf_counter(), perf_counter(), ""

    def stage(self, name: str) -> None:
        """The stage before is over, and one of this name begins; "" for none."""
        now = perf_counter()
        if self._name:
            self.seconds[self._name] = round(now - self._last, 1)
        self._name, self._last = name, now
        if name:
            self._say(f"{now - self._began:6.1f} s  {name}")

    @property
    def total(self) -> float:
        """Seconds since the beginning."""
        return round(perf_counter() - self._began, 1)


def study(wanted: Wanted, *, cache: Cache | None = None, say: Say = lambda _: None) -> Studied:
    """Embed, measure and draw. Raises BadData, ModelUnknown, BundleDamaged and ExtraMissing."""
    clock = _Clock(say)
    clock.stage("reading the data")
    dataset, maps = load(wanted.data), [load(path) for path in wanted.maps]
    drawn = draw(dataset, wanted.pairs, wanted.seed)
    encoder = encoder_of(wanted.model)
    failures: list[Skipped] = []
    cached = cache is not None and len(cache) > 0  # else what was reused is a picture that is there twice

    def encode(samples: Sequence[Sample]) -> Embedded:
        found = embed(samples, encoder, cache=cache)
        failures.extend(found.failures)
        return found

    clock.stage("embedding pictures and captions")
    rows = sorted(set().union(*(one.needed for one in drawn)))
    samples = [dataset.samples[row] for row in rows]
    found = encode(samples)
    known = np.array(rows, np.int64)[found.rows]
    everything = [pair_set(one, dataset.samples, known, found.vectors) for one in drawn]
    sets = [one for one in everything if one.name != REST]
    clock.stage("precision over k")
    rates = [rate for one in sets for rate in accuracy.precision_rates(one, wanted.seed)]
    clock.stage("a batch of pairs, captions of pictures")
    test = sets[-1]
    batch, similarities = inside.batch(test, wanted.seed)
    captions, shown = inside.captions(test, wanted.seed)
    clock.stage("map of the space")
    space = inside.mapped(maps, encode, wanted.seed) if maps else None
    clock.stage("kNN against ANN")
    gallery, first = _gallery(everything)
    indexes = search.compare(gallery, first, wanted.seed)
    clock.stage("speed over n")
    speed = search.speed(gallery, wanted.seed)
    clock.stage("figures")
    said: dict[str, Any] = {
        "format": FORMAT, "measured": datetime.now(UTC).strftime("%Y-%m-%d"), "seed": wanted.seed,
        "sensorium": provenance.version(), "commit": provenance.commit(), "machine": provenance.machine(),
        "data": _data(dataset, samples, everything), "model": _model(wanted.model, encoder),
        "precision": accuracy.nested(rates), "indexes": indexes, "speed": speed, "batch": batch,
        "captions": captions, "map": None if space is None else dict(space.said),
        "gap": inside.gap_of(test),
        "failures": [{"name": Path(one.path).name, "why": one.why} for one in failures],
    }  # fmt: skip
    figures = charts.drawn(said, charts.precision(said), charts.search(said), _space(similarities, space, said))
    clock.stage("")
    said |= {
        "figures": sorted(figures),
        "stages": clock.seconds,
        "embedded_before": found.reused if cached else 0,
        "seconds": clock.total,
    }
    return Studied(said, figures, shown)


def write(found: Studied, out: Path) -> list[Path]:
    """Write OUT/study.json, OUT/NAME.svg and OUT.md; the paths. Figures of the run before go. Raises OSError."""
    out.mkdir(parents=True, exist_ok=True)
    for name in _figures_before(out / "study.json"):
        (out / f"{name}.svg").unlink(missing_ok=True)
    texts = {
        out / "study.json": json.dumps(found.said, indent=1, ensure_ascii=False, allow_nan=False) + "\n",
        **{out / f"{name}.svg": svg for name, svg in found.figures.items()},
        out.with_name(f"{out.name}.md"): document.document(found.said, out.name),
    }
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8")
    return list(texts)


def main(given: Sequence[str] | None = None) -> int:
    """The command line; 0, or 1 with one line on standard error."""
    parser = argparse.ArgumentParser(prog="python -m sensorium.evaluate.study", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    root = Path(os.environ.get("SENSORIUM_DATA", "../shared/data"))
    parser.add_argument("data", nargs="?", type=Path, default=root / "flickr8k", help="pictures with captions, in any "
                        "layout that `sensorium evaluate` reads (default: flickr8k in SENSORIUM_DATA)")  # fmt: skip
    parser.add_argument("--model", default="starter", help="a model's name, or the path of a bundle")
    parser.add_argument("--out", type=Path, default=Path("docs/study"), help="the folder of figures and JSON")
    parser.add_argument("--pairs", type=int, default=80_000, help="how many pairs of a split are sampled at most")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--map", type=Path, action="append", help="pictures or sounds with classes, for the map of the "
                        "space (default: esc50_pictures and esc50, where they lie beside the data)")  # fmt: skip
    parser.add_argument("--again", action="store_true", help="embed all anew, without the cache of vectors")
    parser.add_argument("--page", type=Path, help="also write one page with the figures and small pictures of the "
                        "photographs whose captions are shown (for yourself: photographs have owners)")  # fmt: skip
    chosen = parser.parse_args(given)
    if chosen.pairs < LEAST:
        parser.error(f"--pairs {chosen.pairs}: ask for {LEAST} or more")
    beside = absolute(chosen.data).parent
    maps = tuple(chosen.map or (beside / name for name in MAPPED if (beside / name).is_dir()))
    wanted = Wanted(chosen.data, chosen.model, chosen.pairs, chosen.seed, maps)
    try:
        drawing.ready()
        for place in (chosen.out, chosen.page):
            _check(place)
        found = study(wanted, cache=None if chosen.again else Cache(), say=lambda line: print(line, file=sys.stderr))
        paths = write(found, chosen.out)
        if chosen.page is not None:
            from sensorium.evaluate.study.page import write_page

            paths.append(write_page(found.said, found.figures, found.shown, chosen.page))
    except (SensoriumError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{len(paths)} files in {found.said['seconds']} s: {paths[-1]}")
    return 0


def _check(place: Path | None) -> None:
    """Raises BadData for a place that cannot be written to: worth knowing before minutes of work."""
    if place is None:
        return
    there = next(folder for folder in place.absolute().parents if folder.exists())
    if not there.is_dir() or not os.access(there, os.W_OK):
        raise BadData(f"{place} cannot be written: {there} is no folder that may be written to")


def _figures_before(path: Path) -> list[str]:
    """The names of the figures that the run before wrote, as its JSON says; none where there is no such JSON."""
    try:
        names = json.loads(path.read_text(encoding="utf-8"))["figures"]
    except (OSError, ValueError, KeyError, TypeError):  # nothing was written before, or not by this
        return []
    return [name for name in names if isinstance(name, str) and Path(name).name == name]


def _gallery(sets: Sequence[PairSet]) -> tuple[PairSet, int]:
    """What the indexes hold, and its first picture that asks: the test set alone when that is large, or all sets."""
    test = [one for one in sets if one.name != REST][-1]
    if len(test.own) >= ENOUGH or len(sets) == 1:
        return test, 0
    others = [one for one in sets if one is not test]
    name = ", ".join(one.name for one in (*others, test))
    return together([*others, test], name), sum(len(one.pictures) for one in others)


def _data(dataset: Dataset, samples: Sequence[Sample], sets: Sequence[PairSet]) -> dict[str, Any]:
    """What was studied, with a hash of all samples that were used and their content."""
    used = provenance.data_of(replace(dataset, samples=tuple(samples)))
    return {
        "name": dataset.name, "hash": used.hash, "notes": list(dataset.notes),
        "sets": {one.name: one.to_json() for one in sets},
    }  # fmt: skip


def _model(name: str, encoder: OnnxEncoder) -> dict[str, Any]:
    bundle = encoder.bundle
    return {
        "name": bundle.name, "version": bundle.version, "space": encoder.space, "precision": encoder.precision,
        "dimension": encoder.dimension, "built_in": name == "starter",
    }  # fmt: skip


def _space(similarities: Any, space: Map | None, said: Mapping[str, Any]) -> Any:
    points, labels = (None, {}) if space is None else (space.points, space.labels)
    return charts.space(said, similarities, points, labels)
