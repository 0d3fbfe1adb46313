"""Every encoder that ships passes the suite for plug-in authors, and the suite catches those that should not pass."""

from __future__ import annotations

import numpy as np
import pytest

from sensorium.encoders.bundle import BUILT_IN, Bundle
from sensorium.encoders.onnx import OnnxEncoder
from sensorium.testing.bundles import tiny_bundle
from sensorium.testing.encoders import EncoderContract


class TestTinyEncoder(EncoderContract):
    @pytest.fixture(scope="class")
    @classmethod
    def encoder(cls, tmp_path_factory):
        return OnnxEncoder(Bundle.open(tiny_bundle(tmp_path_factory.mktemp("bundles") / "tiny")), threads=2)


class TestOneTowerEncoder(EncoderContract):
    @pytest.fixture(scope="class", params=["text", "image", "audio"])
    @classmethod
    def encoder(cls, request, tmp_path_factory):
        folder = tmp_path_factory.mktemp("bundles") / request.param
        return OnnxEncoder(Bundle.open(tiny_bundle(folder, dimension=5, seed=3, modalities=[request.param])))


@pytest.mark.skipif(not (BUILT_IN / "starter/bundle.json").is_file(), reason="the starter bundle is not built here")
class TestStarterEncoder(EncoderContract):
    @pytest.fixture(scope="class")
    @classmethod
    def encoder(cls):
        return OnnxEncoder(Bundle.open(BUILT_IN / "starter"))


class Spoilt(OnnxEncoder):
    """An encoder whose rows go through `spoil` before they are given out."""

    def __init__(self, bundle, spoil):
        super().__init__(bundle)
        self.spoil = spoil

    def embed(self, modality, prepared):
        return self.spoil(super().embed(modality, prepared))


SPOILS = {
    "test_rows_have_the_dimension_and_are_float32": lambda v: v.astype(np.float64),
    "test_rows_are_finite_and_not_zero": lambda v: v * 0,
    "test_vectors_survive_being_stored_in_half_precision": lambda v: v * np.float32(1e6),
    "test_the_same_parts_give_the_same_vectors": lambda v: v + np.random.default_rng().normal(size=v.shape),
    "test_a_row_does_not_depend_on_its_batch_mates": lambda v: v - 0.5 * v.mean(0),
    "test_different_parts_have_different_vectors": lambda v: np.ones_like(v),
}


@pytest.mark.filterwarnings("ignore:invalid value", "ignore:overflow")
@pytest.mark.parametrize("name", SPOILS)
def test_the_suite_catches_an_encoder_that_breaks_a_promise(name, tmp_path):
    encoder = Spoilt(Bundle.open(tiny_bundle(tmp_path / "tiny")), SPOILS[name])

    with pytest.raises(AssertionError):
        getattr(EncoderContract(), name)(encoder)
