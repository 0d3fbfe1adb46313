"""What a library has open: its store, the encoder of its space, and the live rows, kept fresh."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from sensorium.core.errors import BundleDamaged, ModelUnknown, SpaceMismatch
from sensorium.core.progress import Progress, Silent
from sensorium.store.tables import Store

if TYPE_CHECKING:
    from sensorium.encoders.bundle import Bundle
    from sensorium.encoders.onnx import OnnxEncoder
    from sensorium.library.rows import LiveView


@dataclass
class Session:
    """Shared by the verbs of one open library."""

    store: Store
    model: str | None = None
    progress: Progress = field(default_factory=Silent)
    view: LiveView | None = None
    notes: list[str] = field(default_factory=list)
    _encoder: OnnxEncoder | None = None

    @property
    def encoder(self) -> OnnxEncoder:
        """The encoder of the default space: the bundle that the library keeps, else the model asked for."""
        if self._encoder is None:
            self._encoder = self._open_encoder()
        return self._encoder

    def forget(self) -> None:
        """Let go of the encoder; it is opened again when it is needed."""
        self._encoder = None

    def _open_encoder(self) -> OnnxEncoder:
        from sensorium.core.settings import default_model
        from sensorium.encoders.bundle import Bundle, find_bundle
        from sensorium.encoders.onnx import OnnxEncoder

        space = self.store.settings.default_space
        if space is None:
            return OnnxEncoder(Bundle.open(find_bundle(self.model or default_model())))
        made_by = self.store.settings.spaces[space].model
        if self.model is not None:
            wanted = Bundle.open(find_bundle(self.model))
            if wanted.space != space:
                raise SpaceMismatch(
                    f"{self.store.path} was made with the model {made_by} (space {space}), not with {wanted.name} (space {wanted.space}): "
                    f"leave out --model, or make another library for {wanted.name} with --library"
                )
            return OnnxEncoder(wanted)
        kept = self.store.path / "bundles" / space
        bundle = Bundle.open(kept) if kept.is_dir() else self._stand_in(space, made_by)
        if bundle.space != space:
            raise BundleDamaged(f"the bundle kept in {kept} is not the one that made the library: put back the folder of {made_by}, space {space}")
        return OnnxEncoder(bundle)

    def _stand_in(self, space: str, made_by: str) -> Bundle:
        """The named model, when the library's own copy is gone and the model is still the same."""
        from sensorium.encoders.bundle import Bundle, find_bundle

        try:
            bundle = Bundle.open(find_bundle(made_by))
        except ModelUnknown as missing:
            raise BundleDamaged(f"the library's bundle {space} is gone and no model {made_by} is installed: {missing}") from missing
        if bundle.space != space:
            raise BundleDamaged(f"the library's bundle {space} is gone, and the installed {made_by} is another version: put the folder bundles/{space} back")
        return bundle

    def keep_bundle(self) -> str:
        """Make the encoder's space the library's own, with a copy of its bundle; returns the space."""
        import shutil

        encoder = self.encoder
        if self.store.settings.default_space is None:
            kept = self.store.path / "bundles" / encoder.space
            partial = kept.with_name(kept.name + ".partial")
            if not kept.is_dir():
                shutil.rmtree(partial, ignore_errors=True)
                shutil.copytree(encoder.bundle.folder, partial)
                partial.rename(kept)
            self.store.add_space(encoder.space, encoder.bundle.name, encoder.dimension, encoder.bundle.storage, default=True)
        return encoder.space

    def indexes(self, space: str) -> Path:
        """Where the index files of a space lie."""
        return self.store.path / "indexes" / space
