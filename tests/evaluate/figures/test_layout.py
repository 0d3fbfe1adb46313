import numpy as np
import pytest

from sensorium.core.errors import BadData
from sensorium.evaluate.figures.charts import layout


def test_a_map_keeps_what_is_near_together_and_is_the_same_again():
    random = np.random.default_rng(0)
    middles = random.normal(size=(3, 16))
    vectors = np.concatenate([middle + 0.1 * random.normal(size=(12, 16)) for middle in middles])
    places = layout(vectors, seed=1)
    assert places.shape == (36, 2) and places.dtype == np.float32
    own = np.repeat(np.arange(3), 12)
    distance = np.linalg.norm(places[:, None] - places[None], axis=2) + np.diag(np.full(36, np.inf))
    assert (own[distance.argmin(1)] == own).all()
    assert np.array_equal(layout(vectors, seed=1), places)


def test_a_map_of_too_few_vectors_is_refused_in_one_line():
    with pytest.raises(BadData, match="at least 4 vectors, not 3"):
        layout(np.zeros((3, 8)))
