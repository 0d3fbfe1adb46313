"""The encoder loads no more than it needs, refuses what it cannot trust, and stays out of the way."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from sensorium.core.errors import BadQuery, BundleDamaged
from sensorium.core.machine import available_cores
from sensorium.core.types import Audio, Part
from sensorium.encoders.bundle import Bundle, write_bundle
from sensorium.encoders.onnx import OnnxEncoder
from sensorium.encoders.sessions import session_options
from sensorium.encoders.sound import log_mel
from sensorium.testing.bundles import tiny_bundle


@pytest.fixture
def folder(tmp_path):
    return tiny_bundle(tmp_path / "tiny")


@pytest.fixture
def encoder(folder):
    return OnnxEncoder(Bundle.open(folder), threads=1)


def cosine(one, other):
    return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))


def texts(*said):
    return [Part("text", text) for text in said]


def tone(hertz, seconds=1.0):
    return Audio(0.3 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * 16000)) / 16000).astype(np.float32), 16000)


def repack(folder):
    """Hash the files again, as someone who packs a bundle does."""
    described = json.loads((folder / "bundle.json").read_text())
    del described["format"], described["files"]
    return write_bundle(folder, described)


def test_alike_texts_are_nearer_than_others(encoder):
    one, near, far = encoder.encode(texts("a dog on the beach", "a dog at the beach", "77 %"))

    assert cosine(one, near) > cosine(one, far) + 0.2


def test_alike_sounds_are_nearer_than_others(encoder):
    one, near, far = encoder.encode([Part("audio", tone(f)) for f in (440, 450, 5000)])

    assert cosine(one, near) > cosine(one, far) + 0.2


def test_alike_pictures_are_nearer_than_others(encoder):
    red = np.zeros((40, 50, 3), np.uint8)
    red[..., 0] = 220
    blue = red[..., ::-1]
    one, near, far = encoder.encode([Part("image", pixels) for pixels in (red, red[5:, 5:] // 11 * 10, blue)])

    assert cosine(one, near) > cosine(one, far) + 0.2


def test_a_sounds_vector_is_the_tower_applied_to_its_spectrogram(encoder, folder):
    model = onnx.load(folder / "audio.onnx")
    weights = {w.name: onnx.numpy_helper.to_array(w) for w in model.graph.initializer}
    spectrogram = log_mel(tone(700).samples, encoder.bundle.towers["audio"].settings) - weights["silence"]

    got = encoder.encode([Part("audio", tone(700))])[0]

    np.testing.assert_allclose(got, spectrogram.mean(1) @ weights["matrix"] + weights["bias"], rtol=1e-4, atol=1e-5)


def test_a_texts_padding_changes_nothing(encoder):
    """Lengths around every bucket's border, in one batch and alone."""
    said = texts(*("abcdefghijklmnopqrstuvwxyz0123456789"[:n] for n in range(1, 36)))

    together = encoder.encode(said)
    alone = np.concatenate([encoder.encode([part]) for part in said])

    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_only_the_towers_that_are_used_are_loaded(encoder):
    assert encoder.loaded == ()
    encoder.encode(texts("a dog"))
    assert encoder.loaded == ("text",)
    encoder.load("audio")
    assert encoder.loaded == ("text", "audio")


def test_a_text_search_needs_no_other_towers_files(folder):
    bundle = Bundle.open(folder)
    for name in ("image.onnx", "audio.onnx"):
        (folder / name).unlink()

    assert OnnxEncoder(bundle).encode(texts("a dog")).shape == (1, 16)


def run_fresh(folder, code):
    """Run code in a fresh process that has `bundle`; the JSON it prints. Warnings are errors, stderr is empty."""
    head = f"import json, sys\nfrom sensorium.encoders.bundle import Bundle\nbundle = Bundle.open({str(folder)!r})\n"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", head + textwrap.dedent(code)], capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    return json.loads(done.stdout)


def test_libraries_are_imported_with_the_modality_that_needs_them(folder):
    steps = run_fresh(
        folder,
        """
        heavy = ("onnxruntime", "PIL", "tokenizers", "pyarrow", "lance", "faiss", "av", "torch", "onnx")
        loaded = lambda: [name for name in heavy if name in sys.modules]
        steps = [loaded()]
        import numpy as np
        from sensorium.core.types import Audio, Part
        from sensorium.encoders.onnx import OnnxEncoder
        encoder = OnnxEncoder(bundle)
        steps.append(loaded())
        encoder.encode([Part("audio", Audio(np.zeros(9, np.float32), 16000))])
        steps.append(loaded())
        encoder.encode([Part("text", "a dog")])
        steps.append(loaded())
        encoder.encode([Part("image", np.zeros((9, 9, 3), np.uint8))])
        steps.append(loaded())
        print(json.dumps(steps))
        """,
    )

    assert steps == [
        [], ["onnxruntime"], ["onnxruntime"], ["onnxruntime", "tokenizers"], ["onnxruntime", "PIL", "tokenizers"],
    ]  # fmt: skip


def test_another_process_gets_the_same_vectors(folder, encoder):
    said = run_fresh(
        folder,
        """
        from sensorium.core.types import Part
        from sensorium.encoders.onnx import OnnxEncoder
        print(json.dumps(OnnxEncoder(bundle, threads=1).encode([Part("text", "a dog"), Part("text", "")]).tolist()))
        """,
    )

    np.testing.assert_array_equal(np.array(said, np.float32), encoder.encode(texts("a dog", "")))


def test_many_threads_may_load_and_encode_at_once(folder):
    encoder = OnnxEncoder(Bundle.open(folder), threads=1)
    parts = [part for i in range(30) for part in (Part("text", f"number {i}"), Part("audio", tone(100 + 50 * i, 0.2)))]

    with ThreadPoolExecutor(8) as threads:
        together = list(threads.map(lambda part: encoder.encode([part])[0], parts))

    np.testing.assert_array_equal(np.stack(together), np.concatenate([encoder.encode([part]) for part in parts]))


def test_limits_say_what_readers_should_deliver(encoder, tmp_path):
    assert encoder.limits() == {"image_side": 32, "audio_rate": 16000, "window_seconds": 5.0}
    only_text = OnnxEncoder(Bundle.open(tiny_bundle(tmp_path / "text", modalities=["text"])))
    assert only_text.limits() == {}


def test_a_modality_without_a_tower_is_refused_in_one_line(tmp_path):
    encoder = OnnxEncoder(Bundle.open(tiny_bundle(tmp_path / "t", modalities=["text", "image"])))

    for call in (
        lambda: encoder.encode([Part("audio", tone(440))]),
        lambda: encoder.prepare(Part("audio", tone(440))),
        lambda: encoder.embed("audio", []),
        lambda: encoder.load("audio"),
    ):
        with pytest.raises(BadQuery, match="'tiny' has no audio tower, only text, image; choose another --model"):
            call()


def test_mixed_modalities_are_refused(encoder):
    with pytest.raises(ValueError, match="one modality at a time, not audio, text"):
        encoder.encode([Part("text", "a"), Part("audio", tone(440))])


def test_no_parts_are_no_rows(encoder):
    assert encoder.embed("image", []).shape == (0, 16)
    assert encoder.embed("text", []).shape == (0, 16)


@pytest.mark.parametrize("name", ["text.onnx", "tokenizer.json"])
def test_a_file_altered_after_opening_is_never_used(folder, name):
    encoder = OnnxEncoder(Bundle.open(folder))
    (folder / name).write_bytes((folder / name).read_bytes() + b" ")

    with pytest.raises(BundleDamaged, match=f"{name} is not the file that was packed"):
        encoder.encode(texts("a dog"))


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("text.onnx", b"", "cannot be loaded by ONNX Runtime"),
        ("text.onnx", b"not a network", "cannot be loaded by ONNX Runtime"),
        ("tokenizer.json", b"{}", "has no tokenizer"),
    ],
)
def test_a_bundle_packed_with_nonsense_is_refused_in_one_line(folder, name, content, said):
    (folder / name).write_bytes(content)
    encoder = OnnxEncoder(repack(folder))

    with pytest.raises(BundleDamaged, match=said) as caught:
        encoder.encode(texts("a dog"))
    assert "\n" not in str(caught.value)


def replaced(folder, operator, *, source="pixels", output="vectors", width=16):
    """The bundle with an image tower that is (n, 3, 32, 32) -> `operator` of the mean of each channel and row."""
    nodes = [
        helper.make_node("ReduceMean", [source], ["means"], axes=[3], keepdims=0),
        helper.make_node("Flatten", ["means"], ["flat"]),
        helper.make_node("Slice", ["flat", "zero", "width", "one"], ["some"]),
        *operator,
        helper.make_node("Identity", ["result"], [output]),
    ]
    constants = {"zero": 0, "one": 1, "width": width}
    stored = [helper.make_tensor(k, TensorProto.INT64, [1], [v]) for k, v in constants.items()]
    graph = helper.make_graph(
        nodes,
        "image",
        [helper.make_tensor_value_info(source, TensorProto.FLOAT, ["n", 3, 32, 32])],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, ["n", width])],
        stored,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=9)
    (folder / "image.onnx").write_bytes(model.SerializeToString())
    return OnnxEncoder(repack(folder))


KEEP = [helper.make_node("Identity", ["some"], ["result"])]
ZERO = [helper.make_node("Sub", ["some", "some"], ["result"])]
NAN = [helper.make_node("Sub", ["some", "some"], ["none"]), helper.make_node("Div", ["none", "none"], ["result"])]
GREY = Part("image", np.full((9, 9, 3), 77, np.uint8))


def test_a_foreign_tower_of_the_right_form_works(folder):
    np.testing.assert_allclose(replaced(folder, KEEP).encode([GREY]), np.full((1, 16), 77 / 127.5 - 1), atol=1e-5)


@pytest.mark.parametrize(
    ("tower", "said"),
    [
        ({"operator": ZERO}, "image.onnx .* gives vectors that are zero or not finite"),
        ({"operator": NAN}, "image.onnx .* gives vectors that are zero or not finite"),
        ({"operator": KEEP, "source": "x"}, "image.onnx .* takes x, but is described with pixels"),
        ({"operator": KEEP, "output": "y"}, "image.onnx .* has no output 'vectors' of 16 numbers"),
        ({"operator": KEEP, "width": 15}, "image.onnx .* has no output 'vectors' of 16 numbers"),
    ],
)
def test_a_tower_that_breaks_its_promises_is_refused(folder, tower, said):
    with pytest.raises(BundleDamaged, match=said):
        replaced(folder, **tower).encode([GREY])


def test_a_tower_that_fails_while_it_runs_is_named(folder):
    """A tokenizer with more tokens than the tower has embeddings."""
    described = json.loads((folder / "tokenizer.json").read_text())
    described["model"]["vocab"]["Ã"] = 99_999
    (folder / "tokenizer.json").write_text(json.dumps(described))
    encoder = OnnxEncoder(repack(folder))

    with pytest.raises(BundleDamaged, match=r"text.onnx .* fails \(") as caught:
        encoder.encode(texts("é"))
    assert "\n" not in str(caught.value)


def test_sessions_run_in_order_on_threads_that_sleep():
    options = session_options(3)

    assert options.intra_op_num_threads == 3
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"
    assert options.use_deterministic_compute
    assert 1 <= available_cores() <= 4096
