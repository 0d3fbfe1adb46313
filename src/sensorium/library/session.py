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
    """Shared by the verbs of one open library. `notes` are what the next answer should mention."""

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
        """Let go of the encoder and of index files; they are opened again when they are needed."""
        self._encoder = self.view = None

    def take_notes(self) -> list[str]:
        """What there is to say, once."""
        notes = [*self.notes, *self.store.notes]
        self.notes, self.store.notes = [], []
        return notes

    def keep_bundle(self) -> str:
        """Make the encoder's space the library's own, with a copy of its bundle; returns the space."""
        encoder = self.encoder
        if self.store.settings.default_space is None:
            kept = self.bundle_of(encoder.space)
            if not kept.is_dir():
                _copy(encoder.bundle, kept)
            bundle = encoder.bundle
            self.store.add_space(encoder.space, bundle.name, encoder.dimension, bundle.storage, default=True)
        return encoder.space

    def bundle_of(self, space: str) -> Path:
        """Where the bundle that made a space is kept."""
        return self.store.path / "bundles" / space

    def indexes(self, space: str) -> Path:
        """Where the index files of a space lie."""
        return self.store.path / "indexes" / space

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
            if space not in wanted.spaces:
                raise SpaceMismatch(
                    f"{self.store.path} was made with the model {made_by} (space {space}), not with {wanted.name} "
                    f"(space {wanted.space}): leave out --model and SENSORIUM_MODEL, or name another --library"
                )
        bundle = self._kept(space, made_by)
        return OnnxEncoder(bundle, precision=bundle.spaces[space])

    def _kept(self, space: str, made_by: str) -> Bundle:
        """The bundle that the library keeps, or the named model, when that copy is gone and the model still the same.

        Raises BundleDamaged.
        """
        from sensorium.encoders.bundle import Bundle, find_bundle

        kept = self.bundle_of(space)
        try:
            bundle = Bundle.open(kept)
            if space in bundle.spaces:
                return bundle
            damage = BundleDamaged(f"the bundle in {kept} is not the one that made the library: put that one back")
        except BundleDamaged as error:
            damage = error
        try:
            stand_in = Bundle.open(find_bundle(self.model or made_by))
        except ModelUnknown:
            raise damage from None
        if space not in stand_in.spaces:
            raise damage
        self.notes.append(f"{damage}; the installed model {made_by} is the same and is used instead")
        return stand_in


def _copy(bundle: Bundle, target: Path) -> None:
    """A copy of a bundle that is whole or absent, on the disk. Raises LibraryFull."""
    import shutil

    from sensorium.encoders.bundle import MANIFEST
    from sensorium.store.durable import full_disk_told, sync_file, sync_folder

    partial = target.with_name(f"{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        with full_disk_told(target.parent.parent):
            partial.mkdir(parents=True)
            for name in (MANIFEST, *bundle.files):
                shutil.copyfile(bundle.folder / name, partial / name)
                sync_file(partial / name)
            sync_folder(partial)
            partial.rename(target)
            sync_folder(target.parent)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
