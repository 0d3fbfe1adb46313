"""What a library has open: its store, the encoders of its spaces, and their live rows, kept fresh."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from sensorium.core.errors import BundleDamaged, ModelUnknown, SpaceMismatch
from sensorium.core.progress import Progress, Silent
from sensorium.store.library_json import Space
from sensorium.store.tables import Store

if TYPE_CHECKING:
    from sensorium.core.types import Precision
    from sensorium.encoders.bundle import Bundle
    from sensorium.encoders.onnx import OnnxEncoder
    from sensorium.encoders.scores import Relevance
    from sensorium.library.rows import LiveView

_PARTIAL = ".partial"


@dataclass
class Session:
    """Shared by the verbs of one open library. `notes` are what the next answer should mention.

    `models` are those that were asked for: they make a new library's spaces, and of one that is there choose among
    those in service; so does `precision`, unless it is `auto`.
    """

    store: Store
    models: tuple[str, ...] = ()
    precision: Precision = "auto"
    progress: Progress = field(default_factory=Silent)
    views: dict[str, LiveView] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    _encoders: dict[str, OnnxEncoder] = field(default_factory=dict)
    _bundles: dict[str, Bundle] = field(default_factory=dict)
    _meanings: dict[str, Mapping[str, Relevance]] = field(default_factory=dict)

    @property
    def spaces(self) -> tuple[str, ...]:
        """The spaces that are asked: those in service, the default one first, or those of the models asked for.

        Of these, such as the precision asked for makes. None in a new library. Raises SpaceMismatch, ModelUnknown.
        """
        if self.store.settings.default_space is None or not self.models:
            return self._made_so(self.store.settings.served)
        return self._made_so(tuple(dict.fromkeys(self._space_of(model) for model in self.models)))

    @property
    def view(self) -> LiveView | None:
        """What is known of the default space."""
        return self.views.get(self.store.settings.default_space or "")

    def encoder_of(self, space: str) -> OnnxEncoder:
        """The encoder of a space: of the bundle that the library keeps, or of the same model when that copy is gone."""
        if space not in self._encoders:
            from sensorium.encoders.onnx import OnnxEncoder

            bundle = self._kept(space, self.store.settings.spaces[space].model)
            self._encoders[space] = OnnxEncoder(bundle, precision=self.precision_in(bundle, space))
        return self._encoders[space]

    def meanings_of(self, space: str) -> Mapping[str, Relevance]:
        """What the scores of a space mean, by "query-answer" modalities; empty when no bundle says it.

        It is no part of a space, so that it may have been learnt since the library kept its copy of the bundle: then
        the installed model says it.
        """
        if space not in self._meanings:
            found = self.encoder_of(space).bundle.relevance
            try:
                installed = None if found else self._bundle(self.store.settings.spaces[space].model)
            except (ModelUnknown, BundleDamaged):  # the library's own copy is all there is: it does not say
                installed = None
            if installed is not None and space in installed.spaces:
                found = installed.relevance
            self._meanings[space] = found
        return self._meanings[space]

    def precision_in(self, bundle: Bundle, space: str) -> str:
        """What a bundle's towers run at to make vectors of a space: as asked for, where any does."""
        made_at = bundle.spaces[space]
        return self.precision if made_at == "auto" else made_at

    def new_encoders(self) -> Mapping[str, OnnxEncoder]:
        """By space, the encoders that a new library is to have."""
        from sensorium.core.settings import default_model
        from sensorium.encoders.onnx import OnnxEncoder

        made = (OnnxEncoder(self._bundle(name), precision=self.precision) for name in self.models or (default_model(),))
        return {encoder.space: self._encoders.setdefault(encoder.space, encoder) for encoder in made}

    def encoder_for(self, model: str) -> OnnxEncoder:
        """The encoder of a model whose space the library may or may not have.

        At the precision that was asked for, or the one that its space there has.
        """
        from sensorium.encoders.onnx import OnnxEncoder

        try:
            bundle = self._bundle(model)
        except ModelUnknown:  # no longer installed, but the library may have kept it
            if model not in {said.model for said in self.store.settings.spaces.values()}:
                raise
            bundle = self._kept(self.called(model), model)
        space = self._known(bundle)
        return self.encoder_of(space) if space else OnnxEncoder(bundle, precision=self.precision)

    def forget(self) -> None:
        """Let go of encoders and of index files; they are opened again when they are needed."""
        self._encoders, self._bundles, self._meanings, self.views = {}, {}, {}, {}

    def let_go(self) -> None:
        """Let go of what is open of spaces that are no longer in service."""
        for space in self.views.keys() - set(self.store.settings.served):
            self.views.pop(space, None)
            self._encoders.pop(space, None)

    def take_notes(self) -> list[str]:
        """What there is to say, once."""
        notes = [*self.notes, *self.store.notes]
        self.notes, self.store.notes = [], []
        return notes

    def keep_bundles(self) -> dict[str, OnnxEncoder]:
        """The encoders of the spaces in service; a new library gets its spaces now, with copies of their bundles."""
        if self.store.settings.default_space is None:
            from sensorium.encoders.trial import prove

            encoders = self.new_encoders()
            prove(*(encoder.bundle for encoder in encoders.values()))
            said = {space: self.keep(encoder) for space, encoder in encoders.items()}
            default, *beside = said
            self.store.add_spaces(said, default_space=default, beside=tuple(beside))
        self.check_models()
        return {space: self.encoder_of(space) for space in self.store.settings.served}

    def gaps(self) -> set[int]:
        """The items that are not done in a space in service: such as were out of reach when it was filled."""
        return {int(item) for space in self.store.settings.served for item in self.store.left(space)}

    def check_models(self) -> None:
        """Raises SpaceMismatch for a model or precision that made none of the spaces in service; ModelUnknown."""
        _ = self.spaces

    def keep(self, encoder: OnnxEncoder) -> Space:
        """Copy the bundle of a space into the library, unless it is there; returns what is to be said of the space."""
        kept, bundle = self.bundle_of(encoder.space), encoder.bundle
        if not kept.is_dir():
            _copy(bundle, kept)
        self._encoders[encoder.space] = encoder
        return Space(bundle.name, encoder.dimension, bundle.storage)

    def drop_bundle(self, space: str) -> None:
        """Delete the copy of a bundle; a kill leaves it whole, or as what the next copy clears away."""
        import shutil

        kept = self.bundle_of(space)
        if kept.is_dir():
            aside = kept.rename(kept.with_name(f"{kept.name}{_PARTIAL}"))
            shutil.rmtree(aside)

    def bundle_of(self, space: str) -> Path:
        """Where the bundle that made a space is kept."""
        return self.store.path / "bundles" / space

    def indexes(self, space: str) -> Path:
        """Where the index files of a space lie."""
        return self.store.path / "indexes" / space

    def called(self, name: str) -> str:
        """The space that the library has by a space's or a model's name. Raises SpaceMismatch."""
        known = self.store.settings.spaces
        found = [space for space, said in known.items() if name in (space, said.model)]
        there = ", ".join(f"{said.model} (space {space})" for space, said in known.items()) or "none"
        if name in known or len(found) == 1:
            return name if name in known else found[0]
        why = "several spaces are" if found else "no space is"
        raise SpaceMismatch(f"{self.store.path}: {why} called {name!r}; there are {there}: name one by its space")

    def _bundle(self, model: str) -> Bundle:
        """The bundle of a model, opened once."""
        from sensorium.encoders.bundle import Bundle, find_bundle

        if model not in self._bundles:
            self._bundles[model] = Bundle.open(find_bundle(model))
        return self._bundles[model]

    def _space_of(self, model: str) -> str:
        """The space in service that a model means."""
        settings = self.store.settings
        try:
            wanted = self._bundle(model)
        except ModelUnknown:
            if model not in {*settings.spaces, *(said.model for said in settings.spaces.values())}:
                raise
            space = self.called(model)
        else:
            space = self._known(wanted)
            if not space and (other := next((one for one in wanted.spaces if one in settings.spaces), "")):
                raise self._made_otherwise(wanted, other, model)
            if not space:
                made_by = " and ".join(f"{settings.spaces[s].model} (space {s})" for s in settings.served)
                raise SpaceMismatch(
                    f"{self.store.path} was made with the model {made_by}, not with {wanted.name} "
                    f"(space {wanted.space}): leave out --model and SENSORIUM_MODEL, name another --library, or make "
                    f"a space of it with: sensorium reindex --model {model}"
                )
        if space not in settings.served:
            name, default = settings.spaces[space].model, settings.spaces[settings.default_space or ""].model
            raise SpaceMismatch(
                f"{self.store.path}: the space of {name} ({space}) is not in service, that of {default} "
                f"({settings.default_space}) is: leave out --model, or fill and use it with: "
                f"sensorium reindex --use {space}"
            )
        return space

    def _known(self, bundle: Bundle) -> str:
        """The space of a bundle that the library has, at the precision asked for; one in service first; or ""."""
        settings = self.store.settings
        makes = bundle.spaces if self.precision == "auto" else (bundle.space_of(self.precision),)
        return next((space for space in (*settings.served, *settings.spaces) if space in makes), "")

    def _made_so(self, spaces: tuple[str, ...]) -> tuple[str, ...]:
        """Those of some spaces that the precision asked for makes.

        Raises SpaceMismatch when there is a model with none among them.
        """
        if self.precision == "auto":
            return spaces
        made_so = []
        for space in spaces:
            bundle, model = self.encoder_of(space).bundle, self.store.settings.spaces[space].model
            wanted = bundle.space_of(self.precision)
            if wanted == space:
                made_so.append(space)
            elif wanted not in spaces:
                raise self._made_otherwise(bundle, space, model)
        return tuple(made_so)

    def _made_otherwise(self, bundle: Bundle, space: str, model: str) -> SpaceMismatch:
        """What to say of a space that another precision than the one asked for has made."""
        return SpaceMismatch(
            f"{self.store.path} was made with {bundle.name} at precision {bundle.spaces[space]} (space {space}), not "
            f"at {self.precision} (space {bundle.space_of(self.precision)}): leave out --precision and "
            f"SENSORIUM_PRECISION, or make a space of it with: sensorium --precision {self.precision} reindex "
            f"--model {model}"
        )

    def _kept(self, space: str, made_by: str) -> Bundle:
        """The bundle that the library keeps, or the named model, when that copy is gone and the model still the same.

        Raises BundleDamaged.
        """
        from sensorium.encoders.bundle import Bundle

        kept = self.bundle_of(space)
        try:
            bundle = Bundle.open(kept)
            if space in bundle.spaces:
                return bundle
            damage = BundleDamaged(f"the bundle in {kept} is not the one that made the library: put that one back")
        except BundleDamaged as error:
            damage = error
        for model in dict.fromkeys((*self.models, made_by)):
            try:
                stand_in = self._bundle(model)
            except ModelUnknown:
                continue
            if space in stand_in.spaces:
                self.notes.append(f"{damage}; the installed model {made_by} is the same and is used instead")
                return stand_in
        raise damage


def _copy(bundle: Bundle, target: Path) -> None:
    """A copy of a bundle that is whole or absent, on the disk. Raises LibraryFull."""
    import shutil

    from sensorium.encoders.bundle import MANIFEST
    from sensorium.store.durable import full_disk_told, sync_file, sync_folder

    partial = target.with_name(f"{target.name}{_PARTIAL}")
    for left in target.parent.glob(f"*{_PARTIAL}"):  # of a killed process: whoever copies holds the lock
        shutil.rmtree(left, ignore_errors=True)
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
