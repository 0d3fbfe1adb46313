"""The suite that every encoder must pass. An author of one runs it with pytest:

from sensorium.testing.encoders import EncoderContract

class TestMyEncoder(EncoderContract):
    @pytest.fixture(scope="class")
    def encoder(self):
        return MyEncoder()
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np

from sensorium.core.types import Audio, Modality, Part

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sensorium.encoders.encoder import Encoder

# Batched and single runs may add numbers up in another order; a difference beyond this would change answers.
TOLERANCE = 1e-5

TEXTS = (
    "a dog runs along the beach", "two people repair a red bicycle", "rain", "", "   \n\t ", "\ufffd", "日本語の文章",
    "\x00", "🙂" * 40, "no-spaces-" * 60, "A sentence that goes on and on, with many words in it. " * 200,
)  # fmt: skip


class EncoderContract:
    """Needs a fixture `encoder`. `parts` gives the inputs, ordinary ones first, then odd ones; extend it with yours."""

    def parts(self, encoder: Encoder, modality: Modality) -> list[Part]:
        """Parts as a reader would deliver them to this encoder, at least three of them ordinary and different."""
        if modality == "text":
            return [Part("text", text) for text in TEXTS]
        if modality == "image":
            return [Part("image", pixels) for pixels in _pictures()]
        return [Part("audio", Audio(s, rate)) for rate in [_rate(encoder)] for s in _sounds(rate)]

    def test_rows_have_the_dimension_and_are_float32(self, encoder: Encoder) -> None:
        """One row a part."""
        for _, parts, vectors in self._encoded(encoder):
            assert vectors.shape == (len(parts), encoder.dimension)
            assert vectors.dtype == np.float32

    def test_no_parts_give_no_rows(self, encoder: Encoder) -> None:
        """An empty batch is not an error."""
        assert encoder.encode([]).shape == (0, encoder.dimension)

    def test_rows_are_finite_and_not_zero(self, encoder: Encoder) -> None:
        """Even of an empty text, a black pixel and silence; else cosine is undefined."""
        for modality, parts, vectors in self._encoded(encoder):
            for part, vector in zip(parts, vectors, strict=True):
                said = f"{modality} {str(part.content)[:40]!r}"
                assert np.isfinite(vector).all(), f"{said}: not finite"
                assert np.linalg.norm(vector.astype(np.float64)) > 0, f"{said}: zero"

    def test_vectors_survive_being_stored_in_half_precision(self, encoder: Encoder) -> None:
        """Most libraries store float16: nothing may overflow or vanish there."""
        for _, _, vectors in self._encoded(encoder):
            half = vectors.astype(np.float16).astype(np.float32)
            assert np.isfinite(half).all()
            assert _cosines(half, vectors).min() > 0.999

    def test_the_same_parts_give_the_same_vectors(self, encoder: Encoder) -> None:
        """Bit for bit, in the same batch."""
        for _, parts, vectors in self._encoded(encoder):
            np.testing.assert_array_equal(encoder.encode(parts), vectors)

    def test_a_row_does_not_depend_on_its_batch_mates(self, encoder: Encoder) -> None:
        """Alone, in reverse order, and repeated beyond any batch size, a part has the vector it has among others."""
        for _, parts, vectors in self._encoded(encoder):
            alone = np.concatenate([encoder.encode([part]) for part in parts])
            reverse = encoder.encode(parts[::-1])[::-1]
            many = encoder.encode(parts * 7)[-len(parts) :]
            for other in (alone, reverse, many):
                scale = np.linalg.norm(vectors, axis=1, keepdims=True)
                np.testing.assert_allclose(other / scale, vectors / scale, rtol=0, atol=TOLERANCE)

    def test_different_parts_have_different_vectors(self, encoder: Encoder) -> None:
        """An encoder that says the same of everything finds nothing."""
        for modality, _, vectors in self._encoded(encoder):
            for one in range(3):
                for other in range(one):
                    cosine = _cosines(vectors[[one]], vectors[[other]])[0]
                    assert cosine < 0.999, f"{modality} {other} and {one} are one to the encoder"

    def test_encoding_is_preparing_then_embedding(self, encoder: Encoder) -> None:
        """The pipeline calls the two on different threads."""
        for modality, parts, vectors in self._encoded(encoder):
            with ThreadPoolExecutor(4) as threads:
                prepared = list(threads.map(encoder.prepare, parts))
            np.testing.assert_array_equal(encoder.embed(modality, prepared), vectors)

    def test_parts_are_left_as_they_were(self, encoder: Encoder) -> None:
        """The pipeline makes previews of the same arrays."""
        for modality in encoder.modalities:
            parts, fresh = self.parts(encoder, modality), self.parts(encoder, modality)
            encoder.encode(parts)
            for part, same in zip(parts, fresh, strict=True):
                np.testing.assert_array_equal(_array(part), _array(same))

    def test_the_space_is_named_and_stays(self, encoder: Encoder) -> None:
        """Vectors are kept under this name."""
        assert encoder.space
        assert encoder.space == encoder.space
        assert encoder.dimension > 0
        assert encoder.modalities

    def _encoded(self, encoder: Encoder) -> Iterator[tuple[Modality, list[Part], NDArray[np.float32]]]:
        for modality in encoder.modalities:
            parts = self.parts(encoder, modality)
            yield modality, parts, encoder.encode(parts)


def _pictures() -> list[NDArray[np.uint8]]:
    """Three different gradients, then odd ones: black, white, one pixel, a line, a column."""
    across, down = np.meshgrid(np.linspace(0, 255, 200), np.linspace(0, 255, 150))
    blank = np.zeros_like(across)
    gradients = [(across, down, blank), (255 - across, blank, down), (blank, 255 - down, across)]
    ordinary = [np.stack(channels, axis=2).astype(np.uint8) for channels in gradients]
    odd = [(33, 47, 0), (64, 64, 255), (1, 1, 77), (1, 500, 200), (301, 1, 9)]
    return [*ordinary, *(np.full((height, width, 3), value, dtype=np.uint8) for height, width, value in odd)]


def _sounds(rate: int) -> list[NDArray[np.float32]]:
    """A low tone, a high tone and noise, then odd ones: silence, nothing, one sample, very loud, broken, very long."""
    time = np.arange(3 * rate) / rate
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 3 * rate)
    broken = np.where(time % 0.1 < 0.01, np.nan, noise)
    odd = [np.zeros(rate), np.zeros(0), np.ones(1), noise * 1e20, broken, np.full(rate, np.inf), np.tile(noise, 20)]
    ordinary = [0.5 * np.sin(2 * np.pi * 220 * time), 0.5 * np.sin(2 * np.pi * 3000 * time), noise]
    return [samples.astype(np.float32) for samples in (*ordinary, *odd)]


def _rate(encoder: Encoder) -> int:
    return encoder.limits().get("audio_rate", 16000)


def _array(part: Part) -> NDArray[np.generic]:
    content = part.content.samples if isinstance(part.content, Audio) else part.content
    return np.asarray(content)


def _cosines(one: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float64]:
    """Cosine of each row of one with the same row of the other, float64 (n,)."""
    a, b = one.astype(np.float64), other.astype(np.float64)
    return np.asarray((a * b).sum(1) / (np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)))
