"""The models that are evaluated, by the names that results know them by."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sensorium.core.errors import LibraryMissing
from sensorium.core.settings import default_model, precision_of

if TYPE_CHECKING:
    from pathlib import Path

    from sensorium.encoders.onnx import OnnxEncoder
    from sensorium.evaluate.dataset import Dataset


def encoder_of(model: str, precision: str | None = None) -> OnnxEncoder:
    """The encoder of a model, by a name or a path. Raises ModelUnknown, BundleDamaged, BadPrecision."""
    from sensorium.encoders.bundle import Bundle, find_bundle
    from sensorium.encoders.onnx import OnnxEncoder

    return OnnxEncoder(Bundle.open(find_bundle(model)), precision=precision_of(precision))


def encoders_for(names: Sequence[str], dataset: Dataset, precision: str | None = None) -> dict[str, OnnxEncoder]:
    """The models to evaluate a data set with, by name; a model that was given by its path goes by its bundle's name.

    When none is named these are, of a library, the ones that made its spaces in service, else the default model. Raises
    as `encoder_of`.
    """
    libraries = {sample.kept[0] for sample in dataset.samples if sample.kept is not None}
    if not names and libraries:
        return {name: encoder for path in sorted(libraries) for name, encoder in _made(path, precision).items()}
    found: dict[str, OnnxEncoder] = {}
    for model in dict.fromkeys(names or [default_model()]):
        encoder = encoder_of(model, precision)
        name = encoder.bundle.name if os.sep in model or "/" in model else model
        found[model if name in found else name] = encoder
    return found


def own_library(path: Path) -> str:
    """The library at a path, as the path of a data set. Raises LibraryMissing."""
    if not path.is_dir():
        raise LibraryMissing(
            f"there is no library at {path}: make one with `sensorium add FOLDER`, or name what to evaluate, as in "
            "`sensorium evaluate pairs.csv`"
        )
    return str(path)


def _made(path: str, precision: str | None) -> dict[str, OnnxEncoder]:
    """The encoders of a library's spaces in service, by the names of their models."""
    from sensorium.library.session import Session
    from sensorium.store.tables import Store

    session = Session(Store.open(path, create=False), (), precision_of(precision))
    return {session.store.settings.spaces[space].model: session.encoder_of(space) for space in session.spaces}
