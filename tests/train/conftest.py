"""A data folder of a few files, and a work folder as the first stages leave it, with fakes for the teachers."""

from __future__ import annotations

import csv
import importlib.util
import json
import os
import re
import wave
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from sensorium.train import data

DATA = Path(os.environ.get("SENSORIUM_DATA", "../shared/data")).resolve()
WORDS = ["dog", "rain", "red", "blue", "green", "bright", "dark", "loud", "soft", "field", "water", "sky"]
COLOURS = {"red": (200, 40, 30), "blue": (30, 60, 200), "green": (30, 180, 60)}
LABELS = ("dog", "rain")
TOKENS = {"vocabulary": 400, "longest": 24}


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """Matrices of these sizes take longer to share between threads than to compute."""
    if importlib.util.find_spec("torch"):
        import torch

        torch.set_num_threads(1)


@pytest.fixture(scope="session")
def real_data():
    """The data folder itself."""
    if not (DATA / "flickr8k").is_dir():
        pytest.skip("needs the data folder: set SENSORIUM_DATA")
    return DATA


def write_csv(path, columns, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([columns, *rows])


def picture(path, colour, seed):
    """A picture of noise around a colour."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(-25, 25, (40, 48, 3))
    Image.fromarray(np.clip(np.array(colour) + noise, 0, 255).astype(np.uint8)).save(path)


def sound(path, hertz, seed):
    """A second of a tone with some noise, 8 kHz."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).normal(0, 0.02, 8000)
    samples = 0.4 * np.sin(2 * np.pi * hertz * np.arange(8000) / 8000) + noise
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", "not compressed"))
        file.writeframes((samples * 32767).astype("<i2").tobytes())


def flickr(root):
    """Twelve pictures, four a colour, eight of them for training; two captions each, which name the colour."""
    splits, captions = [], []
    for i in range(12):
        colour, name = list(COLOURS)[i % 3], f"{i}_flickr.png"
        picture(root / "flickr8k/images" / name, COLOURS[colour], i)
        splits.append((name, "train" if i < 8 else "dev" if i < 10 else "test"))
        captions += [(name, f"a bright {colour} field number {i} "), (name, f"{colour} water under a {colour} sky {i}")]
    write_csv(root / "flickr8k/splits.csv", ("image", "split"), splits)
    write_csv(root / "flickr8k/captions.csv", ("image", "caption"), captions)


@pytest.fixture(scope="session")
def tiny_root(tmp_path_factory):
    """A data folder with the files and columns of the real one, and a handful of rows."""
    root = tmp_path_factory.mktemp("data")
    flickr(root)
    for n, name in enumerate(data.PICTURE_SETS):
        rows = [(f"{label}/{i}.png", label, "train" if i < 2 else "test") for label in LABELS for i in range(3)]
        for i, (file, label, _) in enumerate(rows):
            picture(root / name / file, (220, 220, 30) if label == "dog" else (120, 120, 130), 100 * n + i)
        write_csv(root / name / "labels.csv", ("file", "label", "split"), rows)
    for n, name in enumerate(data.SOUND_SETS):
        rows = [(f"{label}{i}.wav", label, "train" if i < 3 else "test", "yes") for label in LABELS for i in range(4)]
        for i, (file, label, *_) in enumerate(rows):
            sound(root / name / "audio" / file, 440 if label == "dog" else 1800, 100 * n + i)
        write_csv(root / name / "labels.csv", ("file", "label", "split", "esc10"), rows)
    about = [f"a {loud} dog barks {i}" for i, loud in enumerate(("loud", "soft", "bright"))] + ["rain falls on water"]
    (root / "texts").mkdir()
    (root / "texts/audiocaps_captions_train.txt").write_text("\n".join([*about, "", " a soft hum "]), encoding="utf-8")
    columns = ("file_name", *(f"caption_{i}" for i in range(1, 6)))
    write_csv(root / "texts/clotho_captions_train.csv", columns, [("x.wav", *(f"rain is loud {i}" for i in range(5)))])
    names = [(0, "m", "Dog"), (1, "m", "Rain"), (2, "m", "Speech, male")]
    write_csv(root / "models/audioset_labels.csv", ("index", "mid", "display_name"), names)
    nouns = [{"synonyms": ["sea_lion", "seal"], "def": "an animal of the sea"}]
    vocabulary = root / "models/clip_text_vocab/lvis_v1_train_cat_info.json"
    vocabulary.parent.mkdir()
    vocabulary.write_text(json.dumps(nouns), encoding="utf-8")
    return root


@pytest.fixture(scope="session")
def tiny_texts(tiny_root):
    """The corpus of the tiny data folder, without most of the random pairs of words."""
    from sensorium.train import texts

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(texts, "standard_library_prose", lambda: ["Return the number of items in a container."])
        return texts.corpus(tiny_root, WORDS)[:400]


def words_teacher(texts):
    """Unit rows (n, 384): the sum of a random vector for each word."""
    rows = np.zeros((len(texts), 384), np.float32)
    for row, text in zip(rows, texts, strict=True):
        for word in re.findall(r"\w+", text.lower()) or ["-"]:
            row += np.random.default_rng(list(word.encode())).normal(size=384)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


class FakeEyes:
    """Class and patch tokens that are a random linear function of the colours of patches."""

    def __init__(self):
        import torch

        self.matrix = torch.from_numpy(np.random.default_rng(5).normal(size=(3, 192)).astype(np.float32))
        self.calls = 0

    def __call__(self, pixels):
        self.calls += 1
        patches = pixels.float().unflatten(3, (14, 16)).unflatten(2, (14, 16)).mean((3, 5))  # (n, 3, 14, 14)
        tokens = patches.permute(0, 2, 3, 1) @ self.matrix
        return tokens.mean((1, 2)), tokens


class FakeEars:
    """An embedding and logits of three names, from the loudest frequency."""

    def __init__(self):
        self.waves = []

    def __call__(self, waves):
        self.waves += list(waves)
        loudest = np.abs(np.fft.rfft(waves, axis=1)).argmax(1) / 5000  # kHz, of five seconds
        matrix = np.random.default_rng(6).normal(size=(8, 384))
        high = np.tanh(4 * (loudest - 1.0))
        logits = np.stack([-3 * high, 3 * high, -3 + 0 * high], 1)
        return (np.sin(np.outer(loudest, np.arange(1, 9))) @ matrix).astype(np.float32), logits.astype(np.float32)


@pytest.fixture
def eyes():
    return FakeEyes()


@pytest.fixture
def ears():
    return FakeEars()


@pytest.fixture(scope="session")
def tiny_work(tiny_root, tiny_texts, tmp_path_factory):
    """What the stages `texts`, `sounds` and `rounds` leave, for the tiny data folder."""
    from sensorium.train import hearing, texts
    from sensorium.train.rounds import make_round

    work = tmp_path_factory.mktemp("work")
    texts.train_tokenizer(tiny_texts, WORDS, TOKENS["vocabulary"], work / "tokenizer.json")
    (work / "texts.json").write_text(json.dumps(tiny_texts), encoding="utf-8")
    np.save(work / "texts_minilm.npy", words_teacher(tiny_texts).astype(np.float16))
    hearing.make_sound_rounds(data.sounds(tiny_root, "train"), 2, FakeEars(), work / "sounds_train")
    for number in range(2):
        make_round([p.path for p in data.training_pictures(tiny_root)], number, FakeEyes(), work / "rounds")
    return work


@pytest.fixture
def tiny_recipe(tmp_path):
    """A run file as a dict, for the sizes of the tiny work folder."""
    card = tmp_path / "card.md"
    card.write_text("# tiny\n\nFor tests.\n", encoding="utf-8")
    bundle = {
        "name": "tiny",
        "version": "0",
        "dimension": 256,
        "licence": "Apache-2.0",
        "storage": "float16",
        "side": 64,
    }
    return {"card": str(card), "bundle": bundle, "tokens": TOKENS, "sounds": {"rounds": 2}, "rounds": {"count": 2}}


@pytest.fixture
def tiny(tiny_root, tiny_work, tiny_texts, tmp_path):
    """What the loops take: corpus, heads, tokens, a small text tower, and a file to report into."""
    import torch

    from sensorium.train.networks import TextTower
    from sensorium.train.space import Corpus, TeacherHeads
    from sensorium.train.students import Tokens

    torch.manual_seed(0)
    return SimpleNamespace(
        corpus=Corpus(tiny_root, tiny_work, tiny_texts),
        heads=TeacherHeads().eval(),
        tokens=Tokens(tiny_work / "tokenizer.json", tiny_texts, TOKENS["longest"]),
        text=TextTower(TOKENS["vocabulary"], 48, 1, TOKENS["longest"]),
        log=tmp_path / "log.jsonl",
    )


@pytest.fixture
def ticking(monkeypatch):
    """Makes a module's clock advance by a second whenever it is read, so that budgets are numbers of steps."""

    def tick(module):
        seconds = iter(range(1_000_000))
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: float(next(seconds))))

    return tick
