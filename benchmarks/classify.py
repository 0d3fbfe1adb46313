"""How good labels without training are, and whether their probabilities hold: `python benchmarks/classify.py`.

The built-in model on the test files of labelled sets, all in a library of their own, with the names of the classes as
labels (two minutes on two cores). Two questions: which class is it, all classes given and one of them right; and is it
any of these, half of the classes given (twenty draws), so that about half of the files belong to none. "bundle" takes
what the bundle says of unrelated pairs, "library" corrects it by the library's own files, as `sensorium classify` does.
The slope of the odds is chosen on the dev photographs of flickr8k and the plain words that their captions have: the
model was trained on all train files, and is far too sure of those. Needs the extra `train`; writes
benchmarks/classify.json.
"""

from __future__ import annotations

import csv
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from process import ROOT, write
from relevance_sets import Files
from sensorium import Library
from sensorium.core.types import MODALITIES, Modality
from sensorium.encoders.bundle import Bundle, find_bundle
from sensorium.encoders.onnx import OnnxEncoder
from sensorium.evaluate.classify.items import Classifier, Wish
from sensorium.evaluate.classify.zero_shot import (
    PRIOR,
    SLOPE,
    TEMPLATES,
    Floats,
    Vectors,
    label_vectors,
    probabilities,
    unit,
    unrelated,
)
from sensorium.metrics.calibration import auc, expected_calibration_error
from sensorium.metrics.intervals import bootstrap
from sensorium.metrics.labels import among_best

DATA = Path(os.environ.get("SENSORIUM_DATA") or ROOT.parent / "shared/data")
REPORTED: Mapping[str, Modality] = {
    "caltech101": "image", "weather": "image", "esc50": "audio", "urbansound": "audio",
}  # fmt: skip
SLOPES = (0.75, 1.0, 1.2, 1.3, 1.4, 1.5, 1.6, 1.75, 2.0, 2.5)
WORDS, FEWEST = (2, 5, 10, 20), 10  # labels that are drawn to choose the slope, and photographs of either sort to ask
DRAWS, SEED, RESAMPLES = 20, 14, 200
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Set:
    """The test files of a set: cosines float64 (n, c) with its labels, `plain` by one template; `truth` int64 (n,)."""

    name: str
    modality: Modality
    labels: tuple[str, ...]
    truth: Ints
    cosines: Floats
    plain: Floats
    said: Any

    def odds(self, columns: Ints, *, own: bool, none: bool) -> Floats:
        """Probabilities with some of the labels; `own`: what is usual is learnt from these files."""
        cosines = self.cosines[:, columns]
        usual = unrelated(cosines if own else None, self.said)
        assert usual is not None
        return probabilities(cosines, usual, none=none)

    def draws(self) -> list[tuple[Ints, Ints]]:
        """Halves of the labels, and the right answer of each file among them, the number of labels for none."""
        random, count, found = np.random.default_rng(SEED), len(self.labels), []
        for _ in range(DRAWS):
            half = np.sort(random.permutation(count)[: max(2, count // 2)])
            right = np.full(count, len(half))
            right[half] = np.arange(len(half))
            found.append((half, right[self.truth]))
        return found


def load(name: str, modality: Modality) -> Set:
    """Add the test files of a set to a library, and compare them with its labels."""
    folder = DATA / name / ("audio" if modality == "audio" else "")
    with (DATA / name / "labels.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "test"]
    truth = {str((folder / row["file"]).resolve()): row["label"].replace("_", " ") for row in rows}
    labels = tuple(sorted(set(truth.values())))
    with tempfile.TemporaryDirectory() as place, Library(Path(place) / "it.library", model="starter") as library:
        report = library.add(*truth)
        assert report.added == len(truth), report
        classifier = Classifier(Wish(labels, top=len(labels)), library)
        answers = {answer.path: answer for answer in classifier.items()}
        judge = classifier.judge(modality)
        vectors, right = _vectors(library, modality), []
        paths = sorted(vectors)
        cosines = unit(np.stack([vectors[path] for path in paths])) @ judge.vectors.T
        one = label_vectors(judge.encoder, labels, TEMPLATES[modality][:1])
        plain = unit(np.stack([vectors[path] for path in paths])) @ one.T
        right = np.array([labels.index(truth[path]) for path in paths], np.int64)
        said = judge.encoder.bundle.calibration.get(f"text-{modality}")
    found = Set(name, modality, labels, right, cosines.astype(float), plain.astype(float), said)
    best = found.odds(np.arange(len(labels)), own=True, none=True).argmax(1)
    named = [labels[at] if at < len(labels) else None for at in best]
    agree = np.mean([answers[path].label == label for path, label in zip(paths, named, strict=True)])
    assert agree > 0.97, f"{name}: the command says otherwise for {1 - agree:.0%}"
    return found


def _vectors(library: Library, modality: Modality) -> dict[str, Vectors]:
    """The mean unit vector of each file's parts of a modality, by path."""
    from sensorium.library.search import ready_view

    view, items = ready_view(library.session), library.items()
    found = {}
    for path, item in zip(items["path"].to_pylist(), items["id"].to_pylist(), strict=True):
        vectors, modalities = view.vectors_of(item)
        found[path] = unit(vectors[[one == modality for one in modalities]]).mean(0)
    return found


def interval(values: NDArray[Any]) -> dict[str, float]:
    """A share with its 95 % interval over the files."""
    found = bootstrap(np.asarray(values, float))
    return {name: round(float(getattr(found, name)), 4) for name in ("value", "low", "high")}


def which(found: Set) -> dict[str, Any]:
    """All classes given, one of them right."""
    every = np.arange(len(found.labels))
    figures: dict[str, Any] = {
        "top1": interval(among_best(found.cosines, found.truth, 1)),
        "top5": interval(among_best(found.cosines, found.truth, min(5, len(every)))),
        "top1_one_template": interval(among_best(found.plain, found.truth, 1)),
        "chance_top1": round(1 / len(every), 4), "chance_top5": round(min(5, len(every)) / len(every), 4),
    }  # fmt: skip
    for name, own in (("bundle", False), ("library", True)):
        odds = found.odds(every, own=own, none=False)[:, :-1]
        right = odds.argmax(1) == found.truth
        figures[name] = {
            "ece": round(expected_calibration_error(odds.max(1), right), 4),
            "said": round(float(odds.max(1).mean()), 4), "came": round(float(right.mean()), 4),
        }  # fmt: skip
        open_odds = found.odds(every, own=own, none=True)
        figures[name]["called_none"] = round(float((open_odds.argmax(1) == len(every)).mean()), 4)
    return figures


def any_of_these(found: Set) -> dict[str, Any]:
    """Half of the classes given: is it one of them, and which. Means over the draws, intervals over the files."""
    random, count = np.random.default_rng(SEED), len(found.truth)
    resamples = [random.integers(0, count, count) for _ in range(RESAMPLES)]
    figures: dict[str, Any] = {}
    for name, own in (("bundle", False), ("library", True)):
        draws = [(found.odds(half, own=own, none=True), right) for half, right in found.draws()]
        values = _means(draws, np.arange(count))
        spread = np.array([list(_means(draws, rows).values()) for rows in resamples])
        low, high = np.quantile(spread, (0.025, 0.975), axis=0)
        figures[name] = {
            # resampled files only add to a calibration error, so that they give no interval for it
            key: round(value, 4) if key.startswith("ece")
            else {"value": round(value, 4), "low": round(float(low[at]), 4), "high": round(float(high[at]), 4)}
            for at, (key, value) in enumerate(values.items())
        }  # fmt: skip
    return figures


def _means(draws: list[tuple[Floats, Ints]], rows: Ints) -> dict[str, float]:
    """The figures of some files: mean over the draws."""
    found = []
    for odds, right in draws:
        odds, right = odds[rows], right[rows]
        none, answers = right == odds.shape[1] - 1, odds.argmax(1)
        came, named = answers == right, answers < odds.shape[1] - 1
        found.append({
            "auc_none": auc(odds[:, -1], none), "ece_none": expected_calibration_error(odds[:, -1], none),
            "ece_answer": expected_calibration_error(odds.max(1), came), "accuracy": float(came.mean()),
            "share_none": float(none.mean()), "called_none": float(1 - named.mean()),
            "labels_right": float(came[named].mean()) if named.any() else 0.0,
        })  # fmt: skip
    return {key: float(np.mean([one[key] for one in found])) for key in found[0]}


def choose() -> dict[str, float]:
    """By slope, how surprised the probabilities are by what is right: mean of -log(p), nats.

    Labels are words drawn from what captions of dev photographs name. Asked are the photographs that show one of them
    for certain and no other perhaps, and as many that show none; draws that leave fewer than FEWEST are left out.
    """
    files = Files(OnnxEncoder(Bundle.open(find_bundle("starter"))), DATA, "dev")
    named, said = files.captions.things(), files.encoder.bundle.calibration["text-image"]
    cosines = unit(files.pictures) @ label_vectors(files.encoder, tuple(named.asked), TEMPLATES["image"]).T
    random = np.random.default_rng(SEED)
    losses: dict[float, list[float]] = {slope: [] for slope in SLOPES}
    for count in WORDS:
        for _ in range(DRAWS):
            drawn = random.choice(len(named.asked), count, replace=False)
            shown, perhaps = named.shown[drawn], named.doubtful[drawn]
            one = np.flatnonzero((shown.sum(0) == 1) & ~perhaps.any(0))
            none = np.flatnonzero(~(shown | perhaps).any(0))
            if (few := min(len(one), len(none))) < FEWEST:  # hardly any photograph shows none, or one, of such words
                continue
            rows = np.r_[random.permutation(one)[:few], random.permutation(none)[:few]]
            right = np.r_[shown[:, rows[:few]].argmax(0), np.full(few, count)]
            asked = cosines[np.ix_(rows, drawn)].astype(float)
            for slope in SLOPES:
                usual = unrelated(asked, said, slope)
                assert usual is not None
                odds = probabilities(asked, usual, slope=slope)
                losses[slope].append(float(-np.log(odds[np.arange(2 * few), right] + 1e-12).mean()))
    return {f"{slope:g}": round(float(np.mean(found)), 4) for slope, found in losses.items()}


def main() -> None:
    """Choose, measure, write the JSON, print it."""
    figures: dict[str, Any] = {
        "model": "starter", "slope": SLOPE, "prior_parts": PRIOR, "draws": DRAWS, "seed": SEED, "resamples": RESAMPLES,
        "templates": {modality: TEMPLATES[modality] for modality in MODALITIES},
        "choosing": {"set": "flickr8k", "split": "dev", "words": WORDS, "surprise_by_slope": choose()},
        "split": "test", "sets": {},
    }  # fmt: skip
    for name, modality in REPORTED.items():
        found = load(name, modality)
        about = {"modality": modality, "files": len(found.truth), "classes": len(found.labels)}
        figures["sets"][name] = {**about, "which": which(found), "any_of_these": any_of_these(found)}
    write("classify", figures)


if __name__ == "__main__":
    main()
