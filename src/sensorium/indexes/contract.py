"""What every index does: arrays in, arrays out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from sensorium.core.types import Metric, Neighbors


class Index(Protocol):
    """A search structure over rows of one space; `sensorium.testing.indexes.IndexContract` checks that a class is."""

    @property
    def metric(self) -> Metric:
        """What the scores mean: cos, q.c or -sqrt((q-c).(q-c)); higher is closer."""

    @property
    def dimension(self) -> int:
        """The length of a vector."""

    @property
    def ids(self) -> NDArray[np.int64]:
        """The ids of all rows that can be found, int64 (n,), in no particular order."""

    def search(self, queries: NDArray[np.float32], k: int, *, allow: NDArray[np.int64] | None = None) -> Neighbors:
        """The k best rows for each of the queries, float32 (q, d), best first, ties by ascending id.

        Only ids in `allow` (int64, any order; ids that no row has are ignored) are found when it is given. Fewer
        than k come only when fewer exist. Raises ValueError for queries of another width, queries that are not
        finite, a zero query under cosine, and k < 1.
        """
