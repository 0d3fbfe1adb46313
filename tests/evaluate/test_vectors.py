"""Vectors of samples: the same as the encoder's own, made once, kept across stops and processes."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from sensorium.core.types import Audio, Part
from sensorium.encoders.bundle import Bundle
from sensorium.encoders.onnx import OnnxEncoder
from sensorium.evaluate.dataset import Sample
from sensorium.evaluate.vectors import Cache, embed
from sensorium.testing.bundles import tiny_bundle
from sensorium.testing.media import encoded, patchwork, tone, wav


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return tiny_bundle(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="module")
def encoder(model):
    return OnnxEncoder(Bundle.open(model))


@pytest.fixture
def cache(tmp_path):
    with Cache(tmp_path / "cache/vectors.sqlite") as opened:
        yield opened


def picture(path, seed):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encoded(patchwork(seed, 64, 48)))
    return Sample(path.name, "image", path, path.name)


def said(text, key="t"):
    return Sample(key, "text", text, key)


def unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


class Watching:
    def __init__(self):
        self.started, self.done, self.skipped, self.finished = [], 0, 0, 0

    def start(self, what, total):
        self.started.append((what, total))

    def advance(self, done=1, *, skipped=0):
        self.done, self.skipped = self.done + done, self.skipped + skipped

    def finish(self):
        self.finished += 1


def test_vectors_are_those_of_the_encoder(tmp_path, encoder, cache):
    (tmp_path / "s.wav").write_bytes(wav(tone(440, seconds=2)))
    samples = [
        said("a dog"), picture(tmp_path / "p.png", 1), Sample("s", "audio", tmp_path / "s.wav", "s"),
        said("a dog", "u"), said("  a cat "),
    ]  # fmt: skip
    watching = Watching()
    made = embed(samples, encoder, cache=cache, progress=watching)
    assert made.rows.tolist() == [0, 1, 2, 3, 4] and made.rows.dtype == np.int64 and made.vectors.dtype == np.float32
    assert (watching.started, watching.done, watching.skipped, watching.finished) == ([("embedding", 5)], 5, 0, 1)
    of_texts = encoder.encode([Part("text", text) for text in ("a dog", "a cat")])
    assert np.array_equal(made.vectors[[0, 4]], of_texts) and np.array_equal(made.vectors[0], made.vectors[3])
    assert np.allclose(made.vectors[1], encoder.encode([Part("image", patchwork(1, 64, 48))]), atol=1e-5)
    sound = Audio(tone(440, seconds=2), 16000)
    assert np.allclose(made.vectors[2], encoder.encode([Part("audio", sound)]), atol=1e-2)
    again = embed(samples, encoder, cache=cache)
    assert np.array_equal(again.vectors, made.vectors) and (made.reused, again.reused) == (0, 5)
    assert len(cache) == 4  # one text came twice


def test_of_several_parts_the_mean_of_their_directions_counts(tmp_path, encoder):
    (tmp_path / "long.wav").write_bytes(wav(np.concatenate([tone(300, 5), tone(900, 5, loudness=0.1), tone(2000, 5)])))
    made = embed([Sample("s", "audio", tmp_path / "long.wav", "s")], encoder)
    parts = [tone(300, 5), tone(900, 5, loudness=0.1), tone(2000, 5)]
    own = encoder.encode([Part("audio", Audio(part, 16000)) for part in parts])
    lengths = np.linalg.norm(own, axis=1, keepdims=True)
    mean = (own / lengths).mean(0)
    cosine = made.vectors[0] @ mean / np.linalg.norm(made.vectors[0]) / np.linalg.norm(mean)
    assert cosine > 0.999 and np.isclose(np.linalg.norm(made.vectors[0]), lengths.mean(), rtol=0.01)


def test_what_has_many_parts_is_encoded_piece_by_piece(tmp_path, encoder):
    parts = [tone(200 + 90 * n, 5) for n in range(40)]  # more than are held decoded at a time
    (tmp_path / "long.wav").write_bytes(wav(np.concatenate(parts)))
    made = embed([Sample("s", "audio", tmp_path / "long.wav", "s")], encoder)
    own = encoder.encode([Part("audio", Audio(part, 16000)) for part in parts])
    few, all_of_it = (unit(unit(some).mean(0)) for some in (own[:16], own))
    assert unit(made.vectors[0]) @ all_of_it > 0.9999 > unit(made.vectors[0]) @ few


def test_each_failure_is_a_line_and_the_others_have_vectors(tmp_path, encoder):
    good = picture(tmp_path / "good.png", 3)
    (tmp_path / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\n nothing")
    (tmp_path / "text.png").write_text("no picture at all, only words")
    samples = [
        Sample("gone", "image", tmp_path / "gone.png", "a"), Sample("bad", "image", tmp_path / "bad.png", "b"), good,
        Sample("text", "image", tmp_path / "text.png", "c"), said(" "),
        Sample("row", "image", Path("rows:table/7"), "d"),
    ]  # fmt: skip
    watching = Watching()
    made = embed(samples, encoder, progress=watching)
    assert made.rows.tolist() == [2] and made.vectors.shape == (1, encoder.dimension)
    why = {failure.path.rpartition("/")[2]: failure.why for failure in made.failures}
    assert why.keys() == {"gone.png", "bad.png", "text.png", "t", "7"}
    assert why["gone.png"] == "there is no such file" and why["t"] == "an empty text"
    assert why["text.png"] == "there is no image in it (text)" and "row of a table" in why["7"]
    assert (watching.done, watching.skipped) == (6, 5)


def test_a_modality_without_a_tower_is_one_line(tmp_path):
    bundle = tiny_bundle(tmp_path / "blind", modalities=("text",))
    made = embed([said("a"), *(picture(tmp_path / f"{n}.png", n) for n in range(3))], OnnxEncoder(Bundle.open(bundle)))
    assert made.rows.tolist() == [0]
    assert [one.to_json() for one in made.failures] == [
        {"path": "3 image samples", "why": "the model tiny has no tower for image"}
    ]


def test_nothing_to_embed(encoder):
    made = embed([], encoder)
    assert made.rows.shape == (0,) and made.vectors.shape == (0, encoder.dimension)


def test_a_file_that_changed_is_embedded_again(tmp_path, encoder, cache):
    before = embed([picture(tmp_path / "p.png", 1)], encoder, cache=cache)
    after = embed([picture(tmp_path / "p.png", 2)], encoder, cache=cache)
    assert after.reused == 0 and not np.allclose(before.vectors, after.vectors)
    assert embed([picture(tmp_path / "q.png", 1)], encoder, cache=cache).reused == 1  # by content, not by name


def test_spaces_and_precisions_do_not_mix(tmp_path, encoder, cache):
    other = OnnxEncoder(Bundle.open(tiny_bundle(tmp_path / "other", seed=9)))
    sample = said("a dog")
    one = embed([sample], encoder, cache=cache)
    two = embed([sample], other, cache=cache)
    assert two.reused == 0 and not np.allclose(one.vectors, two.vectors)
    whole = "int8" if encoder.precision == "float32" else "float32"
    assert embed([sample], OnnxEncoder(encoder.bundle, precision=whole), cache=cache).reused == 0


def test_a_damaged_cache_is_set_aside_and_said(tmp_path, encoder, cache):
    embed([said(f"text {n}", str(n)) for n in range(300)], encoder, cache=cache)
    cache.close()
    cache.path.write_bytes(b"this is no database at all" * 100)
    with Cache(cache.path) as again:
        made = embed([said("text 1")], encoder, cache=again)
        assert made.reused == 0 and len(again) == 1
        (note,) = again.notes
        assert "was damaged" in note and "set aside as vectors.sqlite.damaged-" in note
    assert len(list(cache.path.parent.glob("*.damaged-*"))) == 1


def test_pages_that_were_torn_are_noticed_too(encoder, cache):
    embed([said(f"text {n}", str(n)) for n in range(2000)], encoder, cache=cache)
    cache.close()
    data = bytearray(cache.path.read_bytes())
    data[8192:] = bytes(len(data) - 8192)
    cache.path.write_bytes(bytes(data))
    samples = [said(f"text {n}", str(n)) for n in range(2000)]
    with Cache(cache.path) as again:
        made = embed(samples, encoder, cache=again)
        assert again.notes and len(made.rows) == 2000
        assert np.array_equal(made.vectors, encoder.encode([Part("text", one.source) for one in samples]))


def test_a_vector_that_was_altered_is_not_believed(encoder, cache):
    right = embed([said("a dog")], encoder, cache=cache)
    cache.close()
    with sqlite3.connect(cache.path) as db:
        (packed,) = db.execute("SELECT vector FROM vectors").fetchone()
        db.execute("UPDATE vectors SET vector = ?", (bytes([packed[0] ^ 1]) + packed[1:],))
    db.close()
    again = embed([said("a dog")], encoder, cache=cache)
    assert again.reused == 0 and np.array_equal(again.vectors, right.vectors)


def test_a_cache_that_cannot_be_made_is_said_and_done_without(tmp_path, encoder):
    (tmp_path / "file").write_text("in the way")
    with Cache(tmp_path / "file/vectors.sqlite") as cache:
        made = embed([said("a dog"), said("a cat", "c")], encoder, cache=cache)
        assert len(made.rows) == 2 and len(cache) == 0
        (note,) = cache.notes
        assert "cannot be used" in note and "SENSORIUM_CACHE" in note


def test_the_cache_is_the_users_unless_said(monkeypatch, tmp_path):
    monkeypatch.setenv("SENSORIUM_CACHE", str(tmp_path / "mine"))
    assert Cache().path == tmp_path / "mine/vectors.sqlite"


_WRITER = """
import sys
import numpy as np
from sensorium.evaluate.cache import Cache
path, own = sys.argv[1], int(sys.argv[2])
with Cache(path) as cache:
    for start in range(0, 400, 20):
        cache.put("s", {f"{n}": np.full(8, n, np.float32) for n in range(start, start + 20)})
        cache.put("s", {f"{own}/{n}": np.full(8, own, np.float32) for n in range(start, start + 20)})
    assert not cache.notes, cache.notes
"""


def test_several_processes_may_write_at_once(cache):
    running = [subprocess.Popen([sys.executable, "-c", _WRITER, str(cache.path), str(own)]) for own in range(4)]
    assert [one.wait(30) for one in running] == [0, 0, 0, 0]
    assert len(cache) == 400 + 4 * 400
    found = cache.get("s", [f"{n}" for n in range(400)])
    assert all((found[f"{n}"] == n).all() for n in range(400)) and cache.notes == []


_RUN = """
import sys
from pathlib import Path
from sensorium.encoders.bundle import Bundle
from sensorium.encoders.onnx import OnnxEncoder
from sensorium.evaluate.dataset import Sample
from sensorium.evaluate.vectors import Cache, embed

folder, model, cache = map(Path, sys.argv[1:])
samples = [Sample(path.name, "image", path, path.name) for path in sorted(folder.iterdir())]

class Saying:
    def start(self, what, total): pass
    def advance(self, done=1, *, skipped=0): print(done, flush=True)
    def finish(self): pass

made = embed(samples, OnnxEncoder(Bundle.open(model)), cache=Cache(cache), progress=Saying())
print("reused", made.reused, len(made.rows), flush=True)
"""


def test_a_run_that_is_killed_goes_on_from_where_it_was(tmp_path, model, encoder, cache):
    folder = tmp_path / "pictures"
    samples = [picture(folder / f"{n:04}.png", n) for n in range(600)]
    command = [sys.executable, "-c", _RUN, str(folder), str(model), str(cache.path)]
    run = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert run.stdout is not None
    for _ in range(200):  # three batches of 64, and a bit
        run.stdout.readline()
    os.killpg(run.pid, signal.SIGKILL)
    assert run.wait(10) == -signal.SIGKILL
    run.stdout.close()
    kept = len(cache)
    assert 128 <= kept < 600
    began = time.monotonic()
    made = embed(samples, encoder, cache=cache)
    assert made.reused == kept and len(made.rows) == 600 and time.monotonic() - began < 30
    assert cache.notes == [] and np.array_equal(made.vectors, embed(samples, encoder).vectors)
