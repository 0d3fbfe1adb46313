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
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from process import write
from sensorium.encoders.bundle import MANIFEST, PAIRS, Bundle, Calibration, Relevance, digest, find_bundle
from sensorium.encoders.onnx import OnnxEncoder
from sensorium.evaluate.relevance import Asking, Trials, fit, pooled, probabilities, trials
from sensorium.library.relevance import ORDINARY
from sensorium.metrics.calibration import auc, expected_calibration_error
from sensorium.train import data
from sensorium.train.examine import encode_files, encode_texts, labelled
from sensorium.train.export import unrelated
from sensorium.train.minilm import MiniLM

SIZES, COUNT, RESAMPLES = (50, 100, 200, 500, 1000), 4000, 400
WORDINGS = ("{}", "a {}", "a photo of a {}")
CAPTIONS = 5
NAMED_BY, LEAST = 2, 3  # captions that must name a thing for it to be there; pictures that must show it
LEARNT = {  # pair -> the sets of queries that it is learnt from
    "text-image": ("captions", "things"), "image-text": ("captions",), "text-text": ("captions",),
    "image-image": ("things",), "text-audio": ("esc50",), "audio-text": ("esc50",), "audio-audio": ("esc50",),
}  # fmt: skip
Sets = dict[str, dict[str, Asking]]


class Files:
    """Vectors of one split of the data folder. Sounds and labelled pictures have no `dev`: `train` stands in."""

    def __init__(self, encoder: OnnxEncoder, root: Path, split: str) -> None:
        self.encoder, self.root, self.split = encoder, root, "test" if split == "test" else "train"
        self.captions = data.flickr_captions(root, split)
        self.texts = [caption for several in self.captions.values() for caption in several]
        self.pictures = encode_files(encoder, [root / "flickr8k/images" / name for name in self.captions])
        self.words = encode_texts(encoder, self.texts)
        self.own = np.repeat(np.arange(len(self.pictures)), CAPTIONS)

    def things(self) -> dict[str, NDArray[np.bool_]]:
        """Everyday nouns (of LVIS) -> which pictures show it: it is named by two of their captions or more."""
        entries = json.loads((self.root / "models/clip_text_vocab/lvis_v1_train_cat_info.json").read_text("utf-8"))
        named = [[set(re.findall("[a-z]+", c.lower())) for c in several] for several in self.captions.values()]
        found = {}
        for noun in sorted({re.sub(r"_\(.*", "", entry["synonyms"][0]) for entry in entries}):
            forms = {noun, f"{noun}s", f"{noun}es"}
            shows = np.array([sum(bool(words & forms) for words in several) >= NAMED_BY for several in named])
            if re.fullmatch("[a-z]+", noun) and shows.sum() >= LEAST:
                found[noun] = shows
        return found

    def labelled(self, name: str) -> tuple[NDArray[np.float32], NDArray[Any]]:
        """(vectors, labels) of one labelled set."""
        files, labels = labelled(self.root, name, self.split)
        return encode_files(self.encoder, files), np.array(labels)

    def named(self, names: list[str]) -> NDArray[np.float32]:
        """Vectors of names in all wordings."""
        return encode_texts(self.encoder, [wording.format(name) for wording in WORDINGS for name in names])


def of_flickr(files: Files) -> Sets:
    """Captions and the picture they tell of; nouns and the pictures that show it."""
    things = files.things()
    shown = np.stack(list(things.values()))  # (things, pictures)
    pictures, words, own = files.pictures, files.words, files.own
    every, there = np.arange(len(pictures)), shown.any(0)
    alike = ~(shown.T[:, :, None] & ~shown[None]).any(1)  # what one picture shows, the other shows too
    return {
        "text-image": {
            "captions": Asking(words, pictures, own[:, None] == every),
            "things": Asking(files.named(list(things)), pictures, np.tile(shown, (len(WORDINGS), 1))),
        },
        "image-text": {"captions": Asking(pictures, words, every[:, None] == own)},
        "text-text": {
            "captions": Asking(
                words[::CAPTIONS], words, own[::CAPTIONS, None] == own,
                np.arange(0, len(words), CAPTIONS)[:, None] == np.arange(len(words)),
            )
        },
        "image-image": {"things": Asking(pictures[there], pictures, alike[there], (every[:, None] == every)[there])},
    }  # fmt: skip


def of_sounds(files: Files) -> Sets:
    """Sounds, names and pictures of their sources: right is what has the same label."""
    sounds, labels = files.labelled("esc50")
    pictures, shown = files.labelled("esc50_pictures")
    city, street = files.labelled("urbansound")
    names = sorted(set(labels))
    texts, called = files.named(names), np.array(names * len(WORDINGS))
    return {
        "text-audio": {"esc50": Asking(texts, sounds, called[:, None] == labels)},
        "audio-text": {"esc50": Asking(sounds, texts, labels[:, None] == called)},
        "audio-audio": {
            "esc50": Asking(sounds, sounds, labels[:, None] == labels, np.eye(len(sounds), dtype=bool)),
            "urbansound": Asking(city, city, street[:, None] == street, np.eye(len(city), dtype=bool)),
        },
        "image-audio": {"esc50_pictures": Asking(pictures, sounds, shown[:, None] == labels)},
        "audio-image": {"esc50_pictures": Asking(sounds, pictures, labels[:, None] == shown)},
    }


def elsewhere(files: Files) -> Sets:
    """Labelled pictures, from which no map was learnt."""
    found: Sets = {"text-image": {}, "image-image": {}}
    for name in ("caltech101", "actions", "weather", "clothing"):
        pictures, labels = files.labelled(name)
        names = sorted(set(labels))
        right = np.array(names * len(WORDINGS))[:, None] == labels
        found["text-image"][name] = Asking(files.named(names), pictures, right)
        same = labels[:, None] == labels
        found["image-image"][name] = Asking(pictures, pictures, same, np.eye(len(labels), dtype=bool))
    return found


def learn(encoder: OnnxEncoder, root: Path) -> tuple[dict[str, Relevance], Relevance]:
    """(the map of each pair, the map of an ordinary pair).

    A map that was learnt from files that trained the towers is too sure of itself, by how much is not known: it is
    pooled with the ordinary one.
    """
    scales, dev = encoder.bundle.calibration, Files(encoder, root, "dev")
    unseen = {pair: _tried(sets) for pair, sets in of_flickr(dev).items()}
    found = {pair: fit([(one, scales[pair]) for one in tried.values()]) for pair, tried in unseen.items()}
    ordinary = fit([(_joined(tried), scales[pair]) for pair, tried in unseen.items() if pair != "image-image"])
    for pair, sets in of_sounds(dev).items():
        if pair in LEARNT:
            tried = _tried({name: sets[name] for name in LEARNT[pair]})
            found[pair] = pooled(fit([(one, scales[pair]) for one in tried.values()]), ordinary)
    return {pair: found[pair] for pair in PAIRS if pair in found}, ordinary


def keep(folder: Path, maps: Mapping[str, Relevance]) -> None:
    """Write the maps into a bundle's description; nothing else of it changes, nor its space."""
    described = json.loads((folder / MANIFEST).read_text("utf-8"))
    files = described.pop("files")
    described["relevance"] = {pair: found._asdict() for pair, found in maps.items()}
    whole = {**described, "files": files}
    (folder / MANIFEST).write_text(json.dumps(whole, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def measure(bundle: Bundle, sets: Mapping[str, Asking], pair: str) -> dict[str, Any]:
    """How good the probabilities are of one pair on one kind of queries and on all."""
    scale, learnt = bundle.calibration[pair], bundle.relevance.get(pair)
    tried = _tried(sets, seed=1)
    return {
        "map": "learnt" if learnt else "ordinary",
        **{name: _figures(one, scale, learnt or ORDINARY) for name, one in tried.items()},
    }


def other_model(root: Path) -> dict[str, Any]:
    """Texts in a space that the ordinary map knows nothing of: MiniLM's."""
    teacher, rows = MiniLM(), {}
    for split in ("dev", "test"):
        captions = data.flickr_captions(root, split)
        rows[split] = teacher.encode([caption for several in captions.values() for caption in several])
    first = rows["dev"][::CAPTIONS]
    scale, words = Calibration(**unrelated(first, first)), rows["test"]
    own, at = np.repeat(np.arange(len(words) // CAPTIONS), CAPTIONS), np.arange(len(words))
    asking = Asking(words[::CAPTIONS], words, own[::CAPTIONS, None] == own, at[::CAPTIONS, None] == at)
    return {"captions": _figures(trials(asking, SIZES, COUNT, 1), scale, ORDINARY)}


def tables(root: Path) -> str:
    """SHA-256 in hex of the tables that say which files and captions there are, and what is right."""
    named = (*data.PICTURE_SETS, *data.SOUND_SETS)
    paths = [root / "flickr8k/splits.csv", root / "flickr8k/captions.csv", *(root / n / "labels.csv" for n in named)]
    return hashlib.sha256("".join(digest(path) for path in paths).encode()).hexdigest()


def _tried(sets: Mapping[str, Asking], seed: int = 0) -> dict[str, Trials]:
    return {name: trials(asking, SIZES, COUNT, seed) for name, asking in sets.items()}


def _joined(tried: Mapping[str, Trials]) -> Trials:
    columns = ("cosines", "parts", "right", "queries", "possible")
    return Trials(*(np.concatenate([getattr(one, name) for one in tried.values()]) for name in columns))


def _figures(tried: Trials, scale: Calibration, meaning: Relevance) -> dict[str, Any]:
    said = probabilities(tried, scale, meaning)
    ordinary = probabilities(tried, scale, ORDINARY)
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
        print(f"ordinary pair: {ordinary}", file=sys.stderr)
        if ordinary != ORDINARY:
            sys.exit("library/relevance.py has another ORDINARY: write this one there, and run it again")
    bundle, test = Bundle.open(folder), Files(encoder, root, "test")
    pairs = {**of_flickr(test), **of_sounds(test)}
    figures = {
        "space": bundle.space, "data": tables(root), "sizes": SIZES, "ordinary": ORDINARY._asdict(),
        "maps": {pair: found._asdict() for pair, found in bundle.relevance.items()},
        "pairs": {pair: measure(bundle, pairs[pair], pair) for pair in PAIRS},
        "elsewhere": {pair: measure(bundle, sets, pair) for pair, sets in elsewhere(test).items()},
        "ordinary_for_minilm": other_model(root),
    }  # fmt: skip
    write("relevance", figures)


if __name__ == "__main__":
    main()
