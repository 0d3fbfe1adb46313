"""What the starter's scores mean: `python benchmarks/relevance.py` measures it, `... relevance.py fit` learns it first.

`fit` learns the section `relevance` of the starter's bundle.json, and prints the map of an ordinary pair, from `dev`
files and, for sounds, of which there is no `dev` part, from those that trained the starter. What is measured is on
`test` files: how well the probability of the best hit agrees with what came (ECE, 10 bins of equal width), and how well
it tells right from wrong (AUC), half of the queries having no right answer in the library. Intervals are 95 %, by
resampling queries 400 times. Two minutes on two cores; needs the extra `train`; writes benchmarks/relevance.json.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from process import write
from relevance_sets import CAPTIONS, Captions, Files, elsewhere, of_flickr, of_sounds, of_texts
from sensorium.encoders.bundle import MANIFEST, Bundle, digest, find_bundle
from sensorium.encoders.onnx import OnnxEncoder
from sensorium.encoders.scores import MEANT, SHORT, Calibration, Relevance
from sensorium.evaluate.relevance import Asking, Trials, fit, pooled, probabilities, trials
from sensorium.library.relevance import ORDINARY
from sensorium.metrics.calibration import auc, expected_calibration_error
from sensorium.train import data
from sensorium.train.export import unrelated
from sensorium.train.minilm import MiniLM

SIZES, COUNT, RESAMPLES = (50, 100, 200, 500, 1000), 4000, 400
LARGE = 2000  # pictures of dev and test together: larger galleries than those from which maps were learnt
ASKED_OF_MANY = ("text-image", *(f"{short}-image" for short in SHORT))
SOUNDS = {"text-audio": "esc50", "audio-text": "esc50", "audio-audio": "esc50"}  # pair -> what it is learnt from


def learn(encoder: OnnxEncoder, root: Path) -> tuple[dict[str, Relevance], dict[str, Relevance]]:
    """(the map of each pair, the ordinary map of each wording).

    A map that was learnt from files that trained the towers is too sure of itself, by how much is not known: it is
    pooled with the ordinary one.
    """
    scales, dev = encoder.bundle.calibration, Files(encoder, root, "dev")
    unseen = {pair: [(one, scale_of(scales, pair)) for one in _tried(s).values()] for pair, s in of_flickr(dev).items()}
    found = {pair: fit(tried) for pair, tried in unseen.items()}
    alike = {"text": ("text-image", "image-text", "text-text")} | {s: (f"{s}-image", f"{s}-text") for s in SHORT}
    ordinary = {wording: fit([one for pair in pairs for one in unseen[pair]]) for wording, pairs in alike.items()}
    for pair, sets in of_sounds(dev).items():
        if pair in SOUNDS:
            tried = trials(sets[SOUNDS[pair]], SIZES, COUNT)
            found[pair] = pooled(fit([(tried, scales[pair])]), ordinary["text"])
    return {pair: found[pair] for pair in MEANT if pair in found}, ordinary


def scale_of(scales: Mapping[str, Calibration], pair: str) -> Calibration:
    """What is usual of unrelated parts: short texts are texts."""
    query, answer = pair.split("-")
    return scales[f"text-{answer}" if query in SHORT else pair]


def keep(folder: Path, maps: Mapping[str, Relevance]) -> None:
    """Write the maps into a bundle's description; nothing else of it changes, nor its space."""
    described = json.loads((folder / MANIFEST).read_text("utf-8"))
    files = described.pop("files")
    described["relevance"] = {pair: found._asdict() for pair, found in maps.items()}
    whole = {**described, "files": files}
    (folder / MANIFEST).write_text(json.dumps(whole, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def measure(bundle: Bundle, sets: Mapping[str, Asking], pair: str, sizes: Sequence[int] = SIZES) -> dict[str, Any]:
    """How good the probabilities of one pair are, by kind of queries."""
    learnt, (query, _) = bundle.relevance.get(pair), pair.split("-")
    ordinary = ORDINARY[query if query in SHORT else "text"]
    scale, tried = scale_of(bundle.calibration, pair), _tried(sets, sizes, seed=1)
    return {
        "map": "learnt" if learnt else "ordinary",
        **{name: _figures(one, scale, learnt or ordinary, ordinary) for name, one in tried.items()},
    }


def other_model(root: Path) -> dict[str, Any]:
    """Texts in a space that the ordinary maps know nothing of: MiniLM's."""
    teacher, captions = MiniLM(), {split: Captions(root, split) for split in ("dev", "test")}
    words = {split: teacher.encode(said.texts) for split, said in captions.items()}
    first = words["dev"][::CAPTIONS]
    scale, found = Calibration(**unrelated(first, first)), {}
    for pair, sets in of_texts(captions["test"], words["test"], teacher.encode).items():
        ordinary = ORDINARY[pair.split("-")[0]]
        found |= {name: _figures(one, scale, ordinary, ordinary) for name, one in _tried(sets, seed=1).items()}
    return found


def tables(root: Path) -> str:
    """SHA-256 in hex of the tables that say which files and captions there are, and what is right."""
    named = (*data.PICTURE_SETS, *data.SOUND_SETS)
    paths = [root / "flickr8k/splits.csv", root / "flickr8k/captions.csv", *(root / n / "labels.csv" for n in named)]
    return hashlib.sha256("".join(digest(path) for path in paths).encode()).hexdigest()


def _tried(sets: Mapping[str, Asking], sizes: Sequence[int] = SIZES, seed: int = 0) -> dict[str, Trials]:
    return {name: trials(asking, sizes, COUNT, seed) for name, asking in sets.items()}


def _figures(tried: Trials, scale: Calibration, meaning: Relevance, stands_in: Relevance) -> dict[str, Any]:
    said = probabilities(tried, scale, meaning)
    ordinary = probabilities(tried, scale, stands_in)
    z = (tried.cosines - scale.mean) / scale.std
    normal = np.array([NormalDist().cdf(value) for value in z]) ** tried.parts
    sure = said >= 0.5
    return {
        "trials": len(tried), "queries": len(np.unique(tried.queries)),
        "no_right_answer": round(float(1 - tried.possible.mean()), 4), "best_is_right": _short(tried.right.mean()),
        "said": _short(said.mean()), "ece": _interval(expected_calibration_error, said, tried),
        "auc": _interval(auc, said, tried),
        "at_0.5": {"answered": _short(sure.mean()), "right": _short(tried.right[sure].mean()) if sure.any() else None},
        "ece_ordinary": _short(expected_calibration_error(ordinary, tried.right)),
        "ece_normal": _short(expected_calibration_error(normal, tried.right)),
    }  # fmt: skip


def _interval(measure: Callable[..., float], said: NDArray[np.float64], tried: Trials) -> dict[str, float]:
    rows = [np.flatnonzero(tried.queries == query) for query in np.unique(tried.queries)]
    chance, values = np.random.default_rng(0), []
    for _ in range(RESAMPLES):
        at = np.concatenate([rows[row] for row in chance.integers(len(rows), size=len(rows))])
        values.append(measure(said[at], tried.right[at]))
    low, high = np.quantile(values, [0.025, 0.975])
    return {"value": _short(measure(said, tried.right)), "low": _short(low), "high": _short(high)}


def _short(number: float) -> float:
    return round(float(number), 4)


def main() -> None:
    """Learn if asked to, measure, write the JSON, print it."""
    root, folder = data.data_root(), find_bundle("starter")
    encoder = OnnxEncoder(Bundle.open(folder))
    if sys.argv[1:] == ["fit"]:
        maps, ordinary = learn(encoder, root)
        keep(folder, maps)
        print(*(f'    "{wording}": {one},' for wording, one in ordinary.items()), sep="\n", file=sys.stderr)
        if ordinary != ORDINARY:
            sys.exit("library/relevance.py has another ORDINARY: write this one there, and run it again")
    bundle, test = Bundle.open(folder), Files(encoder, root, "test")
    pairs = {**of_flickr(test), **of_sounds(test)}
    large = of_flickr(Files(encoder, root, "test", "dev"))
    figures = {
        "space": bundle.space, "data": tables(root), "sizes": SIZES,
        "ordinary": {wording: one._asdict() for wording, one in ORDINARY.items()},
        "maps": {pair: found._asdict() for pair, found in bundle.relevance.items()},
        "pairs": {pair: measure(bundle, pairs[pair], pair) for pair in MEANT if pair in pairs},
        "large": {"parts": LARGE} | {pair: measure(bundle, large[pair], pair, [LARGE]) for pair in ASKED_OF_MANY},
        "elsewhere": {pair: measure(bundle, sets, pair) for pair, sets in elsewhere(test).items()},
        "ordinary_for_minilm": other_model(root),
    }  # fmt: skip
    write("relevance", figures)


if __name__ == "__main__":
    main()
