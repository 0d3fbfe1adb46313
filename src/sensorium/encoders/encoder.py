"""The contract of an encoder, as types; `sensorium.testing.encoders` has the suite that each must pass."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypedDict

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from sensorium.core.types import Modality, Part

    Prepared = NDArray[Any]
    """One part as its tower sees it: token ids int64 (t,), pixels uint8 (s, s, 3), log-mel float32 (bins, frames)."""


class Wanted(TypedDict, total=False):
    """What a reader should deliver: the fields of `readers.registry.Limits` that depend on the encoder."""

    image_side: int
    audio_rate: int
    window_seconds: float


class Encoder(Protocol):
    """Parts to vectors of one space. Deterministic; a row never depends on its batch-mates, is finite and not zero."""

    @property
    def space(self) -> str:
        """Identifies the vector space; changes with anything that changes vectors."""

    @property
    def dimension(self) -> int:
        """The length of a vector."""

    @property
    def modalities(self) -> tuple[Modality, ...]:
        """What it can encode."""

    def limits(self) -> Wanted:
        """What a reader should deliver."""

    def prepare(self, part: Part) -> Prepared:
        """The part as its tower sees it; may be called from several threads at once."""

    def embed(self, modality: Modality, prepared: Sequence[Prepared]) -> NDArray[np.float32]:
        """Vectors of prepared parts of one modality, float32 (n, dimension), not normalised."""

    def encode(self, parts: Sequence[Part]) -> NDArray[np.float32]:
        """`prepare`, then `embed`: parts of one modality to float32 (n, dimension)."""
