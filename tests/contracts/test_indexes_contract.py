"""Every built-in index passes the contract suite that plug-in authors are given."""

from __future__ import annotations

import numpy as np
import pytest

from sensorium.indexes.delta import DeltaIndex
from sensorium.indexes.exact import ExactIndex
from sensorium.indexes.ivf import IvfIndex
from sensorium.testing.indexes import IndexContract


class TestExact(IndexContract):
    exact = True

    def build(self, ids, vectors, metric):
        return ExactIndex(ids, vectors, metric)


class TestIvf(IndexContract):
    def build(self, ids, vectors, metric):
        return IvfIndex.build(ids, vectors, metric, lists=12, probes=2)


class TestIvfWithEveryListSearched(IndexContract):
    exact = True

    def build(self, ids, vectors, metric):
        return IvfIndex.build(ids, vectors, metric, lists=9, probes=9)


class TestLoadedIvf(IndexContract):
    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path):
        self.folder = tmp_path

    def build(self, ids, vectors, metric):
        path = self.folder / "lists.ivf"
        IvfIndex.build(ids, vectors, metric, lists=12, probes=2).save(path)
        return IvfIndex.load(path, ids, vectors)


class TestDelta(IndexContract):
    """A base that is behind: some rows moved to the extra side, some stale under their id, some removed."""

    exact = True

    def base(self, ids, vectors, metric):
        return ExactIndex(ids, vectors, metric)

    def build(self, ids, vectors, metric):
        split = 2 * len(ids) // 3
        gone = np.array([1, 2, 3], np.int64)
        stale = ids[split : split + 4]
        base_ids = np.concatenate([ids[:split], gone, stale])
        old = np.ones((len(gone) + len(stale), vectors.shape[1]), np.float32)
        base = self.base(base_ids, np.concatenate([vectors[:split], old]), metric)
        return DeltaIndex(base, ExactIndex(ids[split:], vectors[split:], metric), gone)


class TestDeltaOverIvf(TestDelta):
    exact = False

    def base(self, ids, vectors, metric):
        return IvfIndex.build(ids, vectors, metric, lists=7, probes=2)


class _Broken:
    """An exact index with one fault."""

    def __init__(self, ids, vectors, metric, fault):
        self._inner, self.fault = ExactIndex(ids, vectors, metric), fault
        self.ids, self.metric, self.dimension = ids, metric, vectors.shape[1]

    def search(self, queries, k, *, allow=None):
        found = self._inner.search(queries, k, allow=None if self.fault == "allow" else allow)
        if found.ids.size:
            self.spoil(found)
        return found

    def spoil(self, found):
        if self.fault == "minus one":
            found.ids[:, -1] = -1
        if self.fault == "duplicate":
            found.ids[:, -1] = found.ids[:, 0]
        if self.fault == "order":
            found.ids[:], found.scores[:] = found.ids[:, ::-1].copy(), found.scores[:, ::-1].copy()
        if self.fault == "sign":
            found.scores[:] = -found.scores
        if self.fault == "count":
            found.counts[:] -= 1


@pytest.mark.parametrize("fault", ["minus one", "duplicate", "order", "sign", "count", "allow"])
def test_the_suite_catches_an_index_that_is_wrong(fault):
    suite = IndexContract()
    suite.build = lambda ids, vectors, metric: _Broken(ids, vectors, metric, fault)
    caught = 0
    for name in [name for name in dir(suite) if name.startswith("test_")]:
        try:
            getattr(suite, name)()
        except AssertionError:
            caught += 1
    assert caught
