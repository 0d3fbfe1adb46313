"""BERT for texts, CLIP for pictures and CLAP for sounds in one library: study B, from converting to searching.

Tiny models of these architectures, and with SENSORIUM_SLOW=1 bert-base, CLIP ViT-L/14 and CLAP of true size, all with
random weights: 3 minutes on two cores, 7.3 GB of memory (processes that read files among it), 7 GB of disk. No 8-bit
forms are made: their vectors are not meant to be within 1e-4, and those of a ViT-L/14 would take the longest of all.
"""

from __future__ import annotations

import gc
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import small_models as small
import torch
import transformers
import true_models as true
from PIL import Image

from sensorium import File, Library
from sensorium.core.types import Part
from sensorium.encoders.convert.convert import convert
from sensorium.encoders.convert.loading import quietly
from sensorium.encoders.convert.sounds import sample_sounds
from sensorium.encoders.onnx import OnnxEncoder
from sensorium.testing.naive import assert_hits, best_items, live_rows

pytestmark = pytest.mark.data
SAME = 1e-4  # of vectors of length 1
HALF = 2.0**-11  # of a number: so far off it may be when it is stored in 16 bits
APART = 1e-2  # vectors of different files differ by more somewhere, or comparing them would say nothing
MODALITIES = {"bert": ("text",), "clip": ("text", "image"), "clap": ("text", "audio")}
KINDS = {"bert": transformers.BertModel, "clip": transformers.CLIPModel, "clap": transformers.ClapModel}
LONG = "A dog runs along the beach, and then it barks at the waves until the evening comes and everybody goes home."


@dataclass(frozen=True)
class Sizes:
    """How large the models are: lengths of vectors, and the tokens of a text that they read."""

    true_size: bool
    dimensions: dict[str, int]
    tokens: dict[str, int]
    clip: str


SIZES = {
    "tiny": Sizes(False, {"bert": 32, "clip": 24, "clap": 24}, {"bert": 64, "clip": 77, "clap": 64}, "tiny"),
    "true": Sizes(True, {"bert": 768, "clip": 768, "clap": 512}, {"bert": 512, "clip": 77, "clap": 64}, "ViT-L/14"),
}


def files(folder):
    """Captions as text files in `folder`, with one that is too long for CLIP; pictures and sounds of the data."""
    data = Path(os.environ.get("SENSORIUM_DATA", "../shared/data")).resolve()
    captions, pictures, sounds = data / "flickr8k/captions.csv", data / "flickr8k/images", data / "esc50/audio"
    if not (captions.is_file() and pictures.is_dir() and sounds.is_dir()):
        pytest.skip("needs the data folder: set SENSORIUM_DATA")
    lines = [line.partition(",")[2].strip('" .') for line in captions.read_text("utf-8").splitlines()[1::400]]
    folder.mkdir(parents=True)
    for number, line in enumerate([*[line for line in lines if len(line) < 50][:6], LONG]):
        (folder / f"{number}.txt").write_text(line, encoding="utf-8")
    return {
        "text": sorted(folder.iterdir()),
        "image": sorted(pictures.glob("*.webp"))[::1700][:4],
        "audio": sorted(sounds.glob("*.opus"))[::160][:4],
    }


def heard(path):
    """A sound as FFmpeg decodes it."""
    import av

    with av.open(str(path)) as container:
        frames = [frame.to_ndarray() for frame in container.decode(audio=0)]
        return np.concatenate(frames, axis=1)[0], container.streams.audio[0].rate


class Reference:
    """A saved model, run as the documentation of transformers has it, with nothing of Sensorium's."""

    def __init__(self, name, source):
        with quietly():
            self.model = KINDS[name].from_pretrained(source).eval()
            self.tokenizer = transformers.AutoTokenizer.from_pretrained(source)
            self.looks = transformers.CLIPImageProcessorPil.from_pretrained(source) if name == "clip" else None
            self.hears = transformers.ClapFeatureExtractor.from_pretrained(source) if name == "clap" else None

    def vectors(self, found, name, tokens):
        """By file, a vector of length 1; none for a text of more than `tokens` tokens."""
        with torch.inference_mode():
            made = {path: getattr(self, m)(path, tokens) for m in MODALITIES[name] for path in found[m]}
        return {path: small.unit(vector)[0] for path, vector in made.items() if vector is not None}

    def text(self, path, most):
        with quietly():  # or it says that a text is longer than the model reads
            tokens = self.tokenizer([path.read_text("utf-8")], return_tensors="pt")
        if tokens["input_ids"].shape[1] > most:
            return None
        if isinstance(self.model, transformers.BertModel):
            return self.model(**tokens).last_hidden_state.mean(1)
        return self.model.get_text_features(**tokens).pooler_output

    def image(self, path, _):
        pixels = self.looks(Image.open(path), return_tensors="pt")["pixel_values"]
        return self.model.get_image_features(pixel_values=pixels).pooler_output

    def audio(self, path, _):
        sound, rate = heard(path)
        features = self.hears(sound, sampling_rate=rate, return_tensors="pt")["input_features"]
        return self.model.get_audio_features(input_features=features).pooler_output


class System:
    """The three models converted, one library of theirs with a few files of each kind, and what transformers gives."""

    def __init__(self, folder, sizes):
        self.sizes, self.files = sizes, files(folder / "texts")
        self.bundles, self.references = {}, {}
        for name in MODALITIES:  # one after the other: a ViT-L/14 is 1.7 GB each time
            self.bundles[name], self.references[name] = self.converted(name, folder)
            gc.collect()
        self.library = Library(folder / "study.library", models=[str(b.folder) for b in self.bundles.values()])
        self.report = self.library.add(*(path for paths in self.files.values() for path in paths))

    def converted(self, name, folder):
        source = folder / "source"
        torch.manual_seed(0)
        with quietly():
            if name == "clip":
                true.clip(source, self.sizes.clip)
            else:
                getattr(true, name)(source, true_size=self.sizes.true_size)
        reference = Reference(name, source).vectors(self.files, name, self.sizes.tokens[name])
        sample = [Part("text", f"{who} {does}") for who in ("a dog", "two men") for does in ("runs", "eats", "sleeps")]
        sample += [Part("image", picture) for picture in small.pictures()[:6]] + sample_sounds(48_000, 6)
        bundle = convert(source, folder / "bundles" / name, name=name, int8=False, sample=sample)
        shutil.rmtree(source)
        return bundle, reference

    def space(self, name):
        return self.bundles[name].space

    def rows(self, name):
        """By path, what the library holds of a file in a model's space."""
        rows = live_rows(self.library.path, space=self.space(name))
        found = {Path(row.path): row for row in rows}
        assert len(found) == len(rows), "each of these files is one part"
        return found

    def encoder(self, name):
        return OnnxEncoder(self.bundles[name], precision="float32")

    def best(self, name, query, kind=None):
        """(item, part, cosine) of everything in a space, best first, by numpy."""
        rows = [row for row in self.rows(name).values() if kind in (None, row.modality)]
        return best_items(rows, query, len(rows))

    def loaded(self):
        """The towers that the library has in memory."""
        return {name: self.library._session.encoder_of(self.space(name)).loaded for name in MODALITIES}


@pytest.fixture(scope="module", params=SIZES)
def system(request, tmp_path_factory):
    if request.param == "true" and not os.environ.get("SENSORIUM_SLOW"):
        pytest.skip("takes 3 minutes and 8 GB: make parity")
    folder = tmp_path_factory.mktemp("study")
    try:
        yield System(folder, SIZES[request.param])
    finally:
        shutil.rmtree(folder)  # gigabytes


def test_each_file_is_in_every_space_whose_model_has_a_tower_for_it(system):
    assert (system.report.added, system.report.skipped) == (15, ())
    status = {space.model: space for space in system.library.status().spaces}
    for name, modalities in MODALITIES.items():
        assert set(system.rows(name)) == {path for modality in modalities for path in system.files[modality]}
        assert status[name].served and status[name].space == system.space(name) and status[name].left == 0
    assert len({system.space(name) for name in MODALITIES}) == 3


def test_each_space_has_its_models_dimension(system):
    for name, dimension in system.sizes.dimensions.items():
        assert system.bundles[name].dimension == dimension
        assert {row.vector.shape for row in system.rows(name).values()} == {(dimension,)}


def test_stored_vectors_are_those_of_transformers(system):
    for name in MODALITIES:
        rows, wanted = system.rows(name), system.references[name]
        longer = [system.files["text"][-1]] if len(wanted) < len(rows) else []
        assert set(wanted) == set(rows) - set(longer) and (not longer or name != "bert")
        got, right = small.unit([rows[path].vector for path in wanted]), np.array(list(wanted.values()))
        assert (np.abs(got - right) - HALF * np.abs(right)).max() < SAME
        for kind in MODALITIES[name]:
            same = np.array([vector for path, vector in wanted.items() if rows[path].modality == kind])
            apart = np.abs(same[:, None] - same[None]).max(2)[~np.eye(len(same), dtype=bool)]
            assert apart.min() > APART, f"the {kind} tower of {name} tells nothing apart"


@pytest.mark.parametrize("text", ["a dog runs along the beach", "rain on a roof"])
def test_words_ask_all_three_spaces_and_give_one_list_that_says_which(system, text):
    best = {}
    for name, bundle in system.bundles.items():
        query = system.encoder(name).encode([Part("text", text)])[0]
        for kind in MODALITIES[name]:
            usual = bundle.calibration[f"text-{kind}"]
            for item, _, cosine in system.best(name, query, kind):
                here = ((cosine - usual.mean) / usual.std, cosine, bundle.space)
                best[item] = max(best.get(item, here), here)
    wanted = sorted(best.items(), key=lambda one: -one[1][0])
    system.library.close()

    hits = system.library.search(text, k=50)

    assert system.loaded() == {"bert": ("text",), "clip": ("text",), "clap": ("text",)}
    assert [(hit.item, hit.space) for hit in hits] == [(item, space) for item, (_, _, space) in wanted]
    np.testing.assert_allclose([hit.score for hit in hits], [cosine for _, (_, cosine, _) in wanted], atol=1e-5)
    assert len(hits) == 15
    assert {hit.space for hit in hits if hit.kind == "image"} == {system.space("clip")}
    assert {hit.space for hit in hits if hit.kind == "audio"} == {system.space("clap")}
    assert all(hit.to_json()["space"] == hit.space for hit in hits)


@pytest.mark.parametrize(("kind", "name"), [("image", "clip"), ("audio", "clap")])
def test_a_picture_asks_clip_alone_and_a_sound_clap_alone(system, kind, name):
    system.library.close()
    path = system.files[kind][1]

    hits = system.library.search(File(path), k=50)

    assert system.loaded() == {**dict.fromkeys(MODALITIES, ()), name: (kind,)}
    assert {hit.space for hit in hits} == {system.space(name)} and len(hits) == len(system.rows(name))
    assert (hits[0].path, round(hits[0].score, 3)) == (str(path), 1.0)
    wanted = {str(other): vector @ system.references[name][path] for other, vector in system.references[name].items()}
    found = {hit.path: hit.score for hit in hits}
    np.testing.assert_allclose([found[other] for other in wanted], list(wanted.values()), atol=1e-3)


@pytest.mark.parametrize("name", MODALITIES)
def test_exact_search_of_a_space_is_numpys_own_ranking(system, name):
    query = system.encoder(name).encode([Part("text", "a dog runs along the beach")])[0]
    with Library(system.library.path, model=name) as one:
        for kind in MODALITIES[name]:
            assert_hits(one.search("a dog runs along the beach", kinds=kind, k=50, index="exact"),
                        system.best(name, query, kind))  # fmt: skip
        nearest = one.neighbors(query, k=50, index="exact")
    wanted = system.best(name, query)
    assert nearest.ids[0].tolist() == [part for _, part, _ in wanted]
    np.testing.assert_allclose(nearest.scores[0], [cosine for _, _, cosine in wanted], atol=2e-6)


FRESH = """
import json, sys
sys.modules.update(dict.fromkeys(("torch", "transformers", "onnx", "huggingface_hub")))  # to import one is an error
from sensorium import File, Library
with Library(sys.argv[1], create=False) as library:
    found = [library.search("a dog runs along the beach", k=50), *(library.search(File(p), k=50) for p in sys.argv[2:])]
print(json.dumps([[(hit.path, hit.space, hit.score) for hit in hits] for hits in found]))
"""


def test_a_process_without_torch_finds_the_same(system):
    asked = [system.files["image"][2], system.files["audio"][2]]
    command = [sys.executable, "-c", FRESH, system.library.path, *asked]

    ran = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)

    wanted = [system.library.search("a dog runs along the beach", k=50)]
    wanted += [system.library.search(File(path), k=50) for path in asked]
    for got, hits in zip(json.loads(ran.stdout), wanted, strict=True):
        assert [(path, space) for path, space, _ in got] == [(hit.path, hit.space) for hit in hits]
        np.testing.assert_allclose([score for _, _, score in got], [hit.score for hit in hits], atol=1e-6)
