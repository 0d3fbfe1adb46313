"""Queries whose right answers are known, for `benchmarks/relevance.py`: captions, plain words, phrases and labels."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sensorium.core.types import Modality
from sensorium.encoders.onnx import OnnxEncoder
from sensorium.evaluate.relevance import Asking
from sensorium.library.wording import wording
from sensorium.train import data
from sensorium.train.examine import encode_files, encode_texts, labelled

WORDINGS = ("{}", "a {}", "a photo of a {}")
CAPTIONS = 5
NAMED_BY, LEAST = 2, 3  # captions that must name a thing for it to be there; pictures that must show it
PHRASES, NEAR = 400, 3  # so many are asked for; words between which the two of a phrase lie
KINDRED = Path(__file__).with_name("kindred.txt")
IRREGULAR = {
    "man": {"men"}, "woman": {"women"}, "child": {"children"}, "person": {"people"}, "people": {"person"},
}  # fmt: skip
Sets = dict[str, dict[str, Asking]]
Bools = NDArray[np.bool_]
Encode = Callable[[list[str]], NDArray[np.float32]]


class Named(NamedTuple):
    """What is asked for, and of which captions and pictures it is true: bool (asked, captions), (asked, pictures).

    A caption names it. It is true of a picture that two of its captions name it of, and doubtful of one where a single
    caption does, or where something kindred is named: a cyclist for a bicycle.
    """

    asked: list[str]
    captions: Bools
    shown: Bools
    doubtful: Bools


class Captions:
    """The captions of some splits of flickr8k, five to a picture, and what they name."""

    def __init__(self, root: Path, *splits: str) -> None:
        self.root = root
        captions = {name: said for split in splits for name, said in data.flickr_captions(root, split).items()}
        self.names, self.texts = list(captions), [caption for several in captions.values() for caption in several]
        self.own = np.repeat(np.arange(len(self.names)), CAPTIONS)

    @cached_property
    def tokens(self) -> list[list[str]]:
        """The words of each caption."""
        return [re.findall("[a-z]+", text.lower()) for text in self.texts]

    @cached_property
    def where(self) -> dict[str, set[int]]:
        """Word -> the captions that have it."""
        found: dict[str, set[int]] = defaultdict(set)
        for at, words in enumerate(self.tokens):
            for word in words:
                found[word].add(at)
        return found

    def things(self) -> Named:
        """Plain words: nouns (of LVIS), and words of everyday photographs."""
        found = {noun: self._captions(_forms(noun)) for noun in _nouns(self.root)}
        return self._named(found, {noun: self._pictures(self._kin(noun)) for noun in found})

    def phrases(self) -> Named:
        """Two words that captions say together: `dog running`, `black dog`, `two boys`."""
        single = {form: noun for noun in _nouns(self.root) for form in _forms(noun)}
        found: dict[str, set[int]] = defaultdict(set)
        for at, words in enumerate(self.tokens):
            for place, word in enumerate(words):
                after = words[place + 1 : place + 1 + NEAR]
                said = [f"{word} {other}" for other in after if other.endswith("ing") and word in single]
                said += [f"{word} {other}" for other in after[:1] if other in single]
                for phrase in said:
                    found[phrase].add(at)
        often = {p: rows for p, rows in found.items() if len(rows) >= NAMED_BY * LEAST and wording(p) == "phrase"}
        doubtful = {}
        for phrase in often:
            first, second = phrase.split()
            noun, other = (second, first) if second in single else (first, second)
            doubtful[phrase] = self._pictures(self._kin(single[noun])) & self._pictures(self._like(other))
        return self._named(often, doubtful, PHRASES)

    def _named(self, found: Mapping[str, set[int]], doubtful: Mapping[str, Bools], most: int | None = None) -> Named:
        rows = []
        for asked, captions in sorted(found.items()):
            named = np.zeros(len(self.texts), bool)
            named[sorted(captions)] = True
            counts = named.reshape(-1, CAPTIONS).sum(1)
            shown = counts >= NAMED_BY
            if shown.sum() >= LEAST:
                rows.append((asked, named, shown, ((counts > 0) | doubtful[asked]) & ~shown))
        if most is not None and len(rows) > most:
            rows = [rows[at] for at in np.random.default_rng(0).permutation(len(rows))[:most]]
        asked_for, *truth = zip(*rows, strict=True)
        return Named(list(asked_for), *(np.stack(each) for each in truth))

    def _captions(self, words: Iterable[str]) -> set[int]:
        return set().union(*(self.where.get(word, set()) for word in words))

    def _pictures(self, captions: set[int]) -> Bools:
        found = np.zeros(len(self.names), bool)
        found[[at // CAPTIONS for at in captions]] = True
        return found

    def _kin(self, noun: str) -> set[int]:
        words = {word for group in _kindred() if noun in group for word in group}
        return self._captions(form for word in {noun, *words} for form in _forms(word))

    def _like(self, word: str) -> set[int]:
        """Captions with another form of a word: jumps, jumped and jumping begin alike."""
        return self._captions(other for other in self.where if other[:4] == word[:4])


class Files:
    """Vectors of one split of the data folder. Sounds and labelled pictures have no `dev`: `train` stands in."""

    def __init__(self, encoder: OnnxEncoder, root: Path, *splits: str) -> None:
        self.encoder, self.root, self.split = encoder, root, "test" if "test" in splits else "train"
        self.captions = Captions(root, *splits)
        self.pictures = encode_files(encoder, [root / "flickr8k/images" / name for name in self.captions.names])
        self.words = encode_texts(encoder, self.captions.texts)

    def labelled(self, name: str) -> tuple[NDArray[np.float32], NDArray[Any]]:
        """(vectors, labels) of one labelled set."""
        files, labels = labelled(self.root, name, self.split)
        return encode_files(self.encoder, files), np.array(labels)

    def encode(self, texts: list[str]) -> NDArray[np.float32]:
        """Vectors of texts."""
        return encode_texts(self.encoder, texts)


@cache
def _kindred() -> list[frozenset[str]]:
    lines = KINDRED.read_text("utf-8").splitlines()
    return [frozenset(line.split()) for line in lines if not line.startswith("#")]


@cache
def _lvis(root: Path) -> frozenset[str]:
    entries = json.loads((root / "models/clip_text_vocab/lvis_v1_train_cat_info.json").read_text("utf-8"))
    return frozenset(re.sub(r"_\(.*", "", entry["synonyms"][0]) for entry in entries)


@cache
def _nouns(root: Path) -> tuple[str, ...]:
    return tuple(sorted(noun for noun in _lvis(root).union(*_kindred()) if re.fullmatch("[a-z]{2,}", noun)))


def _forms(noun: str) -> set[str]:
    ies = {f"{noun[:-1]}ies"} if noun.endswith("y") else set()
    return {noun, f"{noun}s", f"{noun}es", *ies, *IRREGULAR.get(noun, set())}


def of_flickr(files: Files) -> Sets:
    """Captions and the picture they tell of; words and phrases, and the pictures and captions they are true of."""
    pictures, words, own = files.pictures, files.words, files.captions.own
    things, every = files.captions.things(), np.arange(len(pictures))
    shown = things.shown[[name in _lvis(files.root) for name in things.asked]]
    there = shown.any(0)
    alike = ~(shown.T[:, :, None] & ~shown[None]).any(1)  # what one picture shows, the other shows too
    return {
        "text-image": {"captions": Asking(words, pictures, own[:, None] == every)},
        "image-text": {"captions": Asking(pictures, words, every[:, None] == own)},
        "image-image": {"things": Asking(pictures[there], pictures, alike[there], (every[:, None] == every)[there])},
        **of_texts(files.captions, words, files.encode),
        **_short(files.captions, "image", pictures, files.encode),
    }


def of_texts(captions: Captions, words: NDArray[np.float32], encode: Encode) -> Sets:
    """Captions and the others of the same picture; words and phrases, and the captions that name them."""
    own, first = captions.own, np.arange(0, len(words), CAPTIONS)
    asking = Asking(words[first], words, own[first, None] == own, first[:, None] == np.arange(len(words)))
    return {"text-text": {"captions": asking}, **_short(captions, "text", words, encode)}


def _short(captions: Captions, answer: Modality, gallery: NDArray[np.float32], encode: Encode) -> Sets:
    sets: Sets = {}
    for short, named, wordings in (("word", captions.things(), WORDINGS), ("phrase", captions.phrases(), WORDINGS[:1])):
        right, hidden = named.shown, named.doubtful
        if answer == "text":
            right = named.captions
            hidden = (named.shown | named.doubtful)[:, captions.own] & ~right
        times = (len(wordings), 1)
        queries = encode(_worded(named.asked, wordings))
        sets[f"{short}-{answer}"] = {
            f"{short}s": Asking(queries, gallery, np.tile(right, times), np.tile(hidden, times))
        }
    return sets


def _worded(names: Sequence[str], wordings: Sequence[str] = WORDINGS) -> list[str]:
    return [wording.format(name) for wording in wordings for name in names]


def of_sounds(files: Files) -> Sets:
    """Sounds, names and pictures of their sources: right is what has the same label."""
    sounds, labels = files.labelled("esc50")
    pictures, shown = files.labelled("esc50_pictures")
    city, street = files.labelled("urbansound")
    names = sorted(set(labels))
    texts, called = files.encode(_worded(names)), np.array(names * len(WORDINGS))
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
    """Labelled pictures, from which no map was learnt; their names ask by their wording, as they do in a search."""
    found: Sets = {"image-image": {}}
    for name in ("caltech101", "actions", "weather", "clothing"):
        pictures, labels = files.labelled(name)
        names = sorted(set(labels))
        for kind in sorted({wording(said) for said in names}):
            chosen = [said for said in names if wording(said) == kind]
            right = np.array(chosen * len(WORDINGS))[:, None] == labels
            found.setdefault(f"{kind}-image", {})[name] = Asking(files.encode(_worded(chosen)), pictures, right)
        same = labels[:, None] == labels
        found["image-image"][name] = Asking(pictures, pictures, same, np.eye(len(labels), dtype=bool))
    return found
