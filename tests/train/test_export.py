"""A bundle gives the vectors that PyTorch gives, and is small."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import onnx
import pytest

torch = pytest.importorskip("torch", reason="training needs torch: pip install 'sensorium[train]'")

from sensorium.core.types import Audio, Part
from sensorium.encoders.bundle import write_bundle
from sensorium.encoders.onnx import OnnxEncoder
from sensorium.encoders.pixels import normalized, prepare_pixels
from sensorium.encoders.sound import log_mel
from sensorium.train.export import export, unrelated
from sensorium.train.hearing import FRONT_END, RATE
from sensorium.train.networks import AudioTower, ImageBackbone, ImageTower, TextTower
from sensorium.train.students import Tokens

NEAR = 5e-3  # weights in 8 bits of random towers, which have no structure to forgive it
TEXTS = ["a", "a dog on the beach", "", "loud rain on water " * 30, "naïve café 日本語"]


@pytest.fixture(scope="module")
def towers():
    """The towers at their true size, untrained, with norms that have seen something."""
    torch.manual_seed(3)
    found = SimpleNamespace(text=TextTower(), image=ImageTower(ImageBackbone()), audio=AudioTower())
    with torch.no_grad():
        found.image.train()(torch.randn(8, 3, 64, 64))
        found.audio.train()(torch.randn(8, 64, 101))
    for tower in vars(found).values():
        tower.eval()
    return found


@pytest.fixture(scope="module")
def bundle(towers, tiny_work, tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundle")
    described = export(towers.text, towers.image, towers.audio, tiny_work / "tokenizer.json", 128, folder)
    (folder / "CARD.md").write_text("# random\n")
    return write_bundle(folder, {"name": "random", "version": "0", "dimension": 256, "licence": "none",
                                 "storage": "float16", "towers": described, "calibration": {}})  # fmt: skip


@pytest.fixture(scope="module")
def encoder(bundle):
    return OnnxEncoder(bundle, threads=1)


def apart(one, other):
    """The largest difference of unit rows' components."""
    one, other = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (one, other))
    return np.abs(one - other).max()


@torch.no_grad()
def test_texts_have_the_vectors_that_pytorch_gives(encoder, towers, bundle):
    tokens = Tokens(bundle.folder / "tokenizer.json", [t.strip() for t in TEXTS], 96)
    expected = towers.text(*tokens.batch(np.arange(len(TEXTS)))).numpy()
    found = encoder.encode([Part("text", t) for t in TEXTS])

    assert found.shape == (5, 256) and apart(found, expected) < NEAR
    assert np.linalg.norm(found, axis=1) == pytest.approx(np.linalg.norm(expected, axis=1), rel=5e-3)


@torch.no_grad()
def test_pictures_have_the_vectors_that_pytorch_gives(encoder, towers, bundle):
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 255, (150 + 40 * i, 200, 3), dtype=np.uint8) for i in range(3)]
    settings = bundle.towers["image"].settings
    prepared = normalized([prepare_pixels(p, settings) for p in pictures], settings)
    expected = towers.image(torch.from_numpy(prepared)).numpy()

    assert apart(encoder.encode([Part("image", p) for p in pictures]), expected) < NEAR
    # what a picture is scaled to is what rounds of crops are scaled to
    assert prepared.min() == pytest.approx(-1, abs=0.05) and prepared.max() == pytest.approx(1, abs=0.05)


@torch.no_grad()
def test_sounds_have_the_vectors_that_pytorch_gives(encoder, towers, bundle):
    waves = [
        0.1 * np.random.default_rng(i).normal(size=n).astype(np.float32) for i, n in enumerate((RATE, 160_000, 200_000))
    ]
    expected = towers.audio(torch.from_numpy(np.stack([log_mel(w, FRONT_END) for w in waves]))).numpy()

    assert bundle.towers["audio"].settings == FRONT_END
    assert apart(encoder.encode([Part("audio", Audio(w, RATE)) for w in waves]), expected) < NEAR


def test_the_bundle_fits_in_thirty_megabytes_even_with_a_full_tokenizer(bundle):
    size = sum(path.stat().st_size for path in bundle.folder.iterdir())
    assert size + 1_000_000 < 30_000_000
    bundle.verify()


def test_large_weights_are_stored_in_eight_bits_and_small_ones_whole(bundle):
    stored = {t.name: t for t in onnx.load(str(bundle.folder / "image.onnx")).graph.initializer}
    whole = {name for name, tensor in stored.items() if tensor.data_type == onnx.TensorProto.INT8}

    assert whole and all(np.prod(stored[name].dims) >= 1024 for name in whole)
    floats = {n for n, t in stored.items() if t.data_type == onnx.TensorProto.FLOAT and np.prod(t.dims) >= 1024}
    assert all(name.endswith(".scale") for name in floats)


def test_cosines_of_unrelated_pairs_by_hand():
    axes, diagonal = np.eye(2, dtype=np.float32), np.array([[3, 3]], np.float32)

    assert unrelated(axes, diagonal) == {"mean": 0.7071, "std": 0.0}
    assert unrelated(axes, -5 * diagonal) == {"mean": -0.7071, "std": 0.0}
    # all pairs of two sets: half are 0, half are 1
    assert unrelated(axes, axes.copy()) == {"mean": pytest.approx(0.5, abs=0.02), "std": pytest.approx(0.5, abs=0.02)}


def test_a_row_is_related_to_itself():
    axes = np.eye(2, dtype=np.float32)
    assert unrelated(axes, axes) == {"mean": 0.0, "std": 0.0}
