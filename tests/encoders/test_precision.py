"""Which form makes a vector: the tower itself, or its 8-bit form where that is good and the machine fast with it."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from small_towers import GOOD, SIDE, add_form, conv_tower, count_of_tokens, description, each, needs_int8, run

from sensorium.core.errors import BundleDamaged
from sensorium.core.types import Part
from sensorium.encoders import onnx as module
from sensorium.encoders import sessions
from sensorium.encoders.bundle import Bundle, EightBits, write_bundle
from sensorium.encoders.convert.quantize import cosines, quantize
from sensorium.encoders.onnx import BATCH, OnnxEncoder
from sensorium.testing.bundles import tiny_bundle

GREY = Part("image", np.full((32, 32, 3), 77, np.uint8))


@pytest.fixture
def folder(tmp_path):
    return tiny_bundle(tmp_path / "tiny")


def texts(*said):
    return [Part("text", text) for text in said]


MANY = texts(*("abcdefghijklmnopqrstuvwxyz0123"[: i % 30] for i in range(60)))


def encoded(bundle, parts, precision, threads=1):
    return OnnxEncoder(bundle, threads=threads, precision=precision).encode(parts)


def test_an_unknown_precision_is_refused_with_those_that_there_are(folder):
    with pytest.raises(ValueError, match="precision must be one of auto, float32, int8, not 'int4'"):
        OnnxEncoder(Bundle.open(folder), precision="int4")


@pytest.mark.parametrize("part", [texts("a dog")[0], GREY], ids=["text", "image"])
def test_a_good_form_is_used_at_int8_and_never_at_float32(folder, part):
    own = OnnxEncoder(Bundle.open(folder), threads=1).encode([part])
    bundle = add_form(folder, part.modality, GOOD)

    np.testing.assert_array_equal(encoded(bundle, [part], "float32"), own)
    np.testing.assert_array_equal(encoded(bundle, [part], "int8"), -own)


def test_auto_takes_int8_where_the_machine_is_fast_with_it(folder, fast):
    own = OnnxEncoder(Bundle.open(folder), threads=1).encode([GREY])
    encoder = OnnxEncoder(add_form(folder, "image", GOOD), threads=1)

    assert encoder.precision == ("int8" if fast else "float32")
    np.testing.assert_array_equal(encoder.encode([GREY]), -own if fast else own)


@pytest.mark.usefixtures("fast")
@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_what_is_asked_for_is_done_on_any_machine(folder, precision):
    assert OnnxEncoder(add_form(folder, "image", GOOD), precision=precision).precision == precision


@pytest.mark.parametrize(
    ("cosine", "overlap", "good"),
    [
        (0.99, 0.95, True), (1.0, 1.0, True), (0.9899, 1.0, False), (1.0, 0.9499, False), (0.5, 0.5, False),
        (float("nan"), 1.0, False),
    ],
)  # fmt: skip
def test_a_form_that_is_not_good_enough_is_never_used(folder, cosine, overlap, good):
    own = OnnxEncoder(Bundle.open(folder), threads=1).encode([GREY])
    bundle = add_form(folder, "image", {"cosine": cosine, "overlap": overlap})

    assert EightBits("f", cosine, overlap).good is good
    np.testing.assert_array_equal(encoded(bundle, [GREY], "int8"), -own if good else own)


def test_a_form_that_is_not_good_enough_is_not_even_loaded(folder):
    bundle = add_form(folder, "image", {"cosine": 0.9, "overlap": 0.9})
    (folder / "image.int8.onnx").write_bytes(b"nonsense")

    assert np.isfinite(encoded(bundle, [GREY], "int8")).all()


def test_towers_without_a_form_are_themselves_at_int8(folder):
    own = OnnxEncoder(Bundle.open(folder), threads=1).encode(MANY)

    np.testing.assert_array_equal(encoded(add_form(folder, "image", GOOD), MANY, "int8"), own)


def test_the_form_counts_as_the_tower_being_loaded(folder):
    encoder = OnnxEncoder(add_form(folder, "image", GOOD), precision="int8")
    encoder.load("image")

    assert encoder.loaded == ("image",)


@pytest.mark.parametrize("threads", [1, 2])
def test_rows_that_reach_the_end_of_the_scales_are_encoded_by_the_tower_itself(folder, threads):
    """Texts of 16 tokens and more, [CLS] and [SEP] among them, whatever their batch-mates."""
    own = OnnxEncoder(Bundle.open(folder), threads=1).encode(MANY)
    bundle = add_form(folder, "text", GOOD, reach=count_of_tokens(16))
    far = np.array([len(part.content) + 2 >= 16 for part in MANY])
    assert 10 < far.sum() < 50

    found = encoded(bundle, MANY, "int8", threads)
    np.testing.assert_allclose(found, np.where(far[:, None], own, -own), atol=1e-5)
    np.testing.assert_array_equal(encoded(bundle, MANY, "float32", 1), own)
    for part, vector in zip(MANY[10:20], found[10:20], strict=True):
        np.testing.assert_allclose(encoded(bundle, [part], "int8", threads)[0], vector, atol=1e-5)


def test_the_tower_itself_is_loaded_only_when_a_row_reaches_far(folder):
    bundle = add_form(folder, "text", GOOD, reach=count_of_tokens(16))
    (folder / "text.onnx").write_bytes(b"nonsense")
    encoder = OnnxEncoder(bundle, precision="int8")

    encoder.encode(texts("a dog"))
    with pytest.raises(BundleDamaged, match=r"text\.onnx is not the file that was packed"):
        encoder.encode(texts("a dog that runs along the beach"))


CONTRAST = 13  # grey levels around the middle: the form's pixels, of mean 0.5 and std 0.05, are from -1 to 1


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    """A bundle whose convolutional picture tower has a true 8-bit form; a few pictures of its sample were glaring."""
    folder = tiny_bundle(tmp_path_factory.mktemp("bundles") / "real", modalities=["text", "image"])
    conv_tower(folder / "image.onnx")
    described = description(folder)
    described["towers"]["image"].update({"inputs": ["x"], "side": SIDE, "mean": [0.5] * 3, "std": [0.05] * 3})
    sample = (photographs(96, 1, CONTRAST) + photographs(4, 2, 127)).copy()
    encoder = OnnxEncoder(write_bundle(folder, described))
    settings = encoder.bundle.towers["image"].settings
    rows = module.normalized([encoder.prepare(part) for part in sample], settings)
    quantize(folder / "image.onnx", folder / "image.int8.onnx", each(rows))
    described["towers"]["image"]["int8"] = {"file": "image.int8.onnx", **GOOD}
    return write_bundle(folder, described)


def photographs(count, seed, contrast):
    """Pictures of 4 x 4 fields that are so far from middle grey at most."""
    fields = np.random.default_rng(seed).uniform(-contrast, contrast, (count, 4, 4, 3))
    pixels = np.kron(fields, np.ones((1, SIDE // 4, SIDE // 4, 1))) + 127.5
    return [Part("image", picture.round().astype(np.uint8)) for picture in pixels]


@needs_int8
@pytest.mark.parametrize("threads", [1, 2])
def test_a_true_form_gives_nearly_the_towers_vectors_and_exactly_those_of_glaring_pictures(real, threads):
    plain, glaring = photographs(20, 5, CONTRAST), photographs(3, 6, 127)
    mixed = [*plain[:7], glaring[0], *plain[7:], *glaring[1:]]
    at = [7, 21, 22]
    own, found = encoded(real, mixed, "float32"), encoded(real, mixed, "int8", threads)

    np.testing.assert_allclose(found[at], own[at], atol=1e-5)
    assert cosines(found, own).min() > 0.995
    ordinary = np.delete(np.arange(23), at)
    assert np.abs(found[ordinary] - own[ordinary]).max() > 1e-4  # they are the form's


@needs_int8
@pytest.mark.parametrize("threads", [1, 2])
def test_a_pictures_vector_does_not_depend_on_what_it_is_encoded_with(real, threads):
    parts = [*photographs(9, 7, CONTRAST), *photographs(2, 8, 127), *photographs(9, 9, CONTRAST)]
    encoder = OnnxEncoder(real, threads=threads, precision="int8")
    together = encoder.encode(parts)

    np.testing.assert_allclose(np.concatenate([encoder.encode([part]) for part in parts]), together, atol=1e-5)
    np.testing.assert_allclose(encoder.encode(parts[::-1])[::-1], together, atol=1e-5)


@needs_int8
def test_what_a_true_form_leaves_to_the_tower_is_what_it_would_have_got_wrong(real):
    rows = module.normalized(
        [part.content for part in photographs(3, 6, 127)], real.towers["image"].settings
    )  # fmt: skip
    form, own = (run(real.folder / name, rows) for name in ("image.int8.onnx", "image.onnx"))

    assert cosines(form, own).max() < 0.99


@pytest.fixture
def threads_of_runs(monkeypatch):
    """How many threads each session was made for."""
    made: list[int] = []
    options = sessions.session_options
    monkeypatch.setattr(sessions, "session_options", lambda threads: made.append(threads) or options(threads))
    return made


def test_many_texts_run_side_by_side_on_a_thread_each_and_give_the_same(folder, threads_of_runs):
    bundle = Bundle.open(folder)
    alone = np.concatenate([OnnxEncoder(bundle, threads=1).encode([part]) for part in MANY[:31]])
    threads_of_runs.clear()

    together = OnnxEncoder(bundle, threads=3).encode(MANY[:31])

    assert threads_of_runs == [1]
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_many_pictures_run_side_by_side_too(folder, threads_of_runs):
    OnnxEncoder(Bundle.open(folder), threads=3).encode([GREY] * (4 * BATCH["image"]))

    assert threads_of_runs == [1]


def test_one_text_and_one_picture_use_all_threads(folder, threads_of_runs):
    encoder = OnnxEncoder(Bundle.open(folder), threads=3)
    encoder.encode(texts("a dog"))
    encoder.encode([GREY])

    assert threads_of_runs == [3, 3]


def test_a_tower_that_is_open_for_many_is_not_opened_again_for_one(folder, threads_of_runs):
    encoder = OnnxEncoder(Bundle.open(folder), threads=3)
    encoder.encode([GREY] * (4 * BATCH["image"]))
    encoder.encode([GREY])

    assert threads_of_runs == [1]


def test_rows_keep_their_order_whatever_their_lengths(folder):
    encoder, turned = OnnxEncoder(Bundle.open(folder), threads=2), MANY[::-1]

    np.testing.assert_allclose(encoder.encode(turned), encoder.encode(MANY)[::-1], atol=1e-5)


def test_callers_on_several_threads_do_not_get_in_each_others_way(folder):
    bundle = add_form(folder, "text", GOOD, reach=count_of_tokens(16))
    encoder = OnnxEncoder(bundle, threads=2, precision="int8")
    batches = [MANY[i : i + 30] for i in range(0, 30, 3)]
    expected = [encoded(bundle, batch, "int8") for batch in batches]

    with ThreadPoolExecutor(4) as callers:
        found = list(callers.map(encoder.encode, batches))

    np.testing.assert_allclose(np.stack(found), np.stack(expected), atol=1e-5)


def test_what_fails_side_by_side_is_said_in_one_line(folder):
    """A tokenizer with more tokens than the tower has embeddings."""
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    tokenizer["model"]["vocab"]["Ã"] = 99_999
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    encoder = OnnxEncoder(write_bundle(folder, description(folder)), threads=2)

    with pytest.raises(BundleDamaged, match=r"text.onnx .* fails \(") as caught:
        encoder.encode([*MANY, *texts("é")])
    assert "\n" not in str(caught.value)
