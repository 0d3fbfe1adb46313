"""Inverted lists: what they find, what they keep on disk, and what they refuse to read."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from sensorium.core.types import METRICS
from sensorium.indexes import ivf
from sensorium.indexes.exact import ExactIndex
from sensorium.indexes.files import IndexDamaged
from sensorium.indexes.ivf import IvfIndex


def clustered(n=3000, d=24, centres=40, seed=0):
    """Rows around centres, as embeddings lie; raw lengths differ."""
    draw = np.random.default_rng(seed)
    middle = draw.standard_normal((centres, d))
    rows = middle[draw.integers(0, centres, n)] + 0.4 * draw.standard_normal((n, d))
    return np.arange(n) * 7 + 3, (rows * draw.uniform(0.7, 1.4, (n, 1))).astype(np.float32)


@pytest.mark.parametrize("metric", METRICS)
def test_five_lists_of_fifty_find_nearly_all_that_exact_search_finds(metric):
    ids, vectors = clustered()
    queries = vectors[::50] + np.float32(0.05)
    found = IvfIndex.build(ids, vectors, metric, lists=50, probes=5).search(queries, 10)
    right = ExactIndex(ids, vectors, metric).search(queries, 10)
    common = [len(set(a) & set(b)) / 10 for a, b in zip(found.ids.tolist(), right.ids.tolist(), strict=True)]
    assert np.mean(common) > 0.9


@pytest.mark.parametrize("metric", METRICS)
def test_a_pair_has_the_very_score_that_exact_search_gives_it(metric):
    ids, vectors = clustered()
    found = IvfIndex.build(ids, vectors, metric, lists=20, probes=3).search(vectors[:20], 50)
    everything = ExactIndex(ids, vectors, metric).search(vectors[:20], len(ids))
    for (some, scores), (all_ids, all_scores) in zip(found, everything, strict=True):
        right = dict(zip(all_ids.tolist(), all_scores.tolist(), strict=True))
        assert scores.tolist() == [right[row_id] for row_id in some.tolist()]


@pytest.mark.parametrize("metric", METRICS)
def test_searching_every_list_is_exact_search(metric):
    ids, vectors = clustered(800)
    vectors[100:300] = vectors[100]  # more ties than the spare candidates
    index = IvfIndex.build(ids, vectors, metric, lists=16)
    for allow in (None, ids[50:250]):
        found = index.search(vectors[98:102], 9, probes=16, allow=allow)
        right = ExactIndex(ids, vectors, metric).search(vectors[98:102], 9, allow=allow)
        assert np.array_equal(found.ids, right.ids)
        assert np.array_equal(found.scores, right.scores)


def test_it_looks_further_until_k_are_found(monkeypatch):
    ids, vectors = clustered(400)
    index, probed = IvfIndex.build(ids, vectors, "cosine", lists=32, probes=1), []
    honest = IvfIndex._candidates
    monkeypatch.setattr(IvfIndex, "_candidates", lambda self, q, w, p, b: probed.append(p) or honest(self, q, w, p, b))
    assert index.search(vectors[:1], 390).counts.tolist() == [390]
    assert probed == [1, 2, 4, 8, 16, 32]
    probed.clear()
    assert index.search(vectors[:1], 2).counts.tolist() == [2]
    assert probed == [1]
    probed.clear()
    assert index.search(vectors[:1], 5, allow=ids[7:8]).ids.tolist() == [[ids[7]]]
    assert probed[-1] <= 32


def test_fewer_rows_than_lists_make_fewer_lists_and_say_so(capfd):
    ids, vectors = clustered(150)
    for n, lists, note in [
        (0, 1, "0 rows are too few for 100 lists: 1 instead"),
        (1, 1, "1 rows are too few for 100 lists: 1 instead"),
        (90, 9, "90 rows are too few for 100 lists: 9 instead"),
        (100, 100, ""),
        (150, 100, ""),
    ]:
        index = IvfIndex.build(ids[:n], vectors[:n], "l2")
        assert (index.lists, index.note) == (lists, note)
    assert capfd.readouterr() == ("", ""), "Faiss must not print about few training points"


def test_the_same_seed_builds_the_same_index():
    ids, vectors = clustered()
    found = [IvfIndex.build(ids, vectors, "dot", lists=30, probes=1, seed=4).search(vectors[:50], 10) for _ in "ab"]
    assert np.array_equal(found[0].ids, found[1].ids)


@pytest.mark.parametrize("mapped", [True, False])
@pytest.mark.parametrize("metric", METRICS)
def test_what_was_saved_answers_the_same_when_loaded(tmp_path, metric, mapped):
    ids, vectors = clustered(90)
    built = IvfIndex.build(ids, vectors, metric, lists=200, probes=3)
    built.save(tmp_path / "lists.ivf")
    assert [path.name for path in tmp_path.iterdir()] == ["lists.ivf"]
    loaded = IvfIndex.load(tmp_path / "lists.ivf", ids, vectors, mmap=mapped)
    assert (loaded.metric, loaded.lists, loaded.probes, loaded.note) == (metric, built.lists, 3, built.note)
    for allow in (None, ids[:30]):
        first, second = (index.search(vectors[:9], 5, allow=allow) for index in (built, loaded))
        assert np.array_equal(first.ids, second.ids)
        assert np.array_equal(first.scores, second.scores)


def test_a_loaded_index_goes_on_after_its_file_was_replaced_and_deleted(tmp_path):
    ids, vectors = clustered(500)
    path = tmp_path / "lists.ivf"
    IvfIndex.build(ids, vectors, "cosine", lists=10).save(path)
    loaded = IvfIndex.load(path, ids, vectors)
    IvfIndex.build(ids[:50], vectors[:50], "dot", lists=3).save(path)
    path.unlink()
    right = ExactIndex(ids, vectors, "cosine").search(vectors[:5], 3)
    assert np.array_equal(loaded.search(vectors[:5], 3, probes=10).ids, right.ids)


def test_every_flipped_or_missing_byte_that_matters_is_noticed(tmp_path):
    ids, vectors = clustered(60, d=4)
    path = tmp_path / "lists.ivf"
    IvfIndex.build(ids, vectors, "l2", lists=4).save(path)
    good = path.read_bytes()
    for i in range(0, len(good), 3):  # below 128 KiB every byte is checked
        path.write_bytes(good[:i] + bytes([good[i] ^ 0x40]) + good[i + 1 :])
        with pytest.raises(IndexDamaged, match="build it again"):
            IvfIndex.load(path, ids, vectors)
    for cut in (b"", good[:1], good[:-1], good[: len(good) // 2], good + b"x", b"garbage" * 100, bytes(5000)):
        path.write_bytes(cut)
        with pytest.raises(IndexDamaged, match="build it again"):
            IvfIndex.load(path, ids, vectors)
    path.unlink()
    with pytest.raises(IndexDamaged, match="build it again"):
        IvfIndex.load(path, ids, vectors)


def test_other_rows_than_it_was_built_from_are_refused(tmp_path):
    ids, vectors = clustered(60, d=4)
    path = tmp_path / "lists.ivf"
    IvfIndex.build(ids, vectors, "l2", lists=4).save(path)
    for some, rows in [(ids + 1, vectors), (ids[:50], vectors[:50]), (ids, np.hstack([vectors, vectors]))]:
        with pytest.raises(IndexDamaged, match="other rows"):
            IvfIndex.load(path, some, rows)


def test_a_failed_save_leaves_the_old_file(tmp_path, monkeypatch):
    ids, vectors = clustered(60, d=4)
    path = tmp_path / "lists.ivf"
    index = IvfIndex.build(ids, vectors, "l2", lists=4)
    index.save(path)
    good = path.read_bytes()

    def full(_index, name):
        raise RuntimeError(f"Error: write error in {name}: 0 != 60 (No space left on device)")

    monkeypatch.setattr(ivf.faiss, "write_index", full)
    with pytest.raises(OSError, match="No space left") as caught:
        index.save(path)
    assert caught.value.errno == 28
    assert path.read_bytes() == good
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(("lists", "probes"), [(0, 1), (5, 0)])
def test_no_lists_and_no_probes_are_refused(lists, probes):
    with pytest.raises(ValueError, match="must be at least 1"):
        IvfIndex.build(*clustered(20), "dot", lists=lists, probes=probes)


MEMORY = """
import sys, numpy as np, psutil
from pathlib import Path
from sensorium.indexes.ivf import IvfIndex
n, d = 60_000, 128
folder = Path(sys.argv[1])
vectors = np.memmap(folder / "vectors", np.float32, "r", shape=(n, d))
norms = np.fromfile(folder / "norms", np.float32)
query = np.array(vectors[:1])
own = lambda info: info.rss - info.shared
before = own(psutil.Process().memory_info())
index = IvfIndex.load(folder / "lists.ivf", np.arange(n), vectors, norms, mmap=sys.argv[2] == "mapped")
assert index.search(query, 10).ids[0, 0] == 0
print(own(psutil.Process().memory_info()) - before)
"""


def test_a_mapped_index_stays_out_of_memory(tmp_path):
    n, d = 60_000, 128  # 31 MB of lists
    ids, vectors = clustered(n, d, centres=64)
    ids = np.arange(n)
    vectors.tofile(tmp_path / "vectors")
    np.sqrt((vectors**2).sum(axis=1)).astype(np.float32).tofile(tmp_path / "norms")
    IvfIndex.build(ids, vectors, "l2", lists=16, probes=1).save(tmp_path / "lists.ivf")
    grew = {
        how: int(subprocess.check_output([sys.executable, "-c", MEMORY, str(tmp_path), how], text=True))
        for how in ("mapped", "read")
    }
    lists = n * d * 4
    assert grew["read"] > 0.9 * lists, grew
    assert grew["mapped"] < 0.4 * lists, grew
