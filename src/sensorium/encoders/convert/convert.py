"""A model of another library into a bundle: its towers as ONNX, its preprocessing as data, a card."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sensorium.core.errors import BadModel, BundleDamaged, LibraryFull
from sensorium.core.paths import absolute
from sensorium.core.progress import Progress, Silent
from sensorium.core.types import MODALITIES, Modality, Part
from sensorium.encoders.bundle import MANIFEST, Bundle, write_bundle
from sensorium.encoders.convert.source import Source
from sensorium.encoders.disk import is_full

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sensorium.encoders.convert.draft import Draft
    from sensorium.encoders.encoder import Wanted
    from sensorium.encoders.onnx import OnnxEncoder

    Sample = Sequence[Part] | Callable[[Wanted, tuple[Modality, ...]], Sequence[Part]]
    """Ordinary parts, or what gives them: asked once, for what the model's towers want and for their modalities."""

CHECKED = 6  # rows of each modality that a converted tower is compared with its original on
MANY: dict[Modality, str] = {"text": "texts", "image": "pictures", "audio": "sounds"}
STEP = 32  # rows that are encoded between two words of progress


def convert(
    source: str | Path,
    out: Path,
    *,
    name: str | None = None,
    int8: bool = True,
    sample: Sample | None = None,
    licence: str | None = None,
    progress: Progress | None = None,
) -> Bundle:
    """Make the model in the folder `source` into the bundle `out`, which must not exist, and open it.

    `sample` are ordinary parts, a hundred or more of each modality: the scales of 8-bit forms and the calibration are
    made from them. Modalities without any have samples of Sensorium's own. Each tower is compared with its original
    before it counts, and 8-bit forms are kept where they agree (unless `int8` is False). `licence`: what is known of
    it from elsewhere; else what the source says. Nothing stays of a conversion that failed. Raises BadModel, and
    LibraryFull when the disk is full.
    """
    out = absolute(out)
    if out.exists():
        raise BadModel(f"{out} already exists: delete it, or choose another folder for the model")
    opened = Source.open(source)
    partial = out.with_name(f"{out.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)  # what a killed run left
    try:
        partial.mkdir(parents=True)
        _Conversion(opened, partial, name or opened.name, int8, sample or (), progress or Silent()).make(licence)
        partial.rename(out)
    except Exception as error:
        if is_full(error):
            fix = "free some space, or choose a folder on another disk"
            raise LibraryFull(f"the disk under {out.parent} is full: the model was not converted; {fix}") from error
        if isinstance(error, OSError):
            why = f"{error.filename or partial}: {error.strerror or error}"
            raise opened.unfit(why, "see to it, then try again") from error
        raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return Bundle.open(out)


@dataclass(frozen=True)
class _Conversion:
    """All of a bundle, written into `folder`."""

    source: Source
    folder: Path
    name: str
    int8: bool
    sample: Sample
    progress: Progress

    def make(self, licence: str | None) -> None:
        """Write it. Raises BadModel."""
        found, dimension = self._written()
        for draft in found:
            if draft.tokenizer is not None:
                draft.tokenizer.save(str(self.folder / "tokenizer.json"))
        towers = {draft.modality: _entry(draft) for draft in found}
        description = {
            "name": self.name, "version": "1", "dimension": dimension, "licence": licence or self.source.licence,
            "storage": "float16", "towers": towers, "calibration": {},
        }  # fmt: skip
        plain = write_bundle(self.folder, description)
        (self.folder / MANIFEST).unlink()
        samples = self._measured(plain, found, description)
        whose = "as Sensorium's catalog says" if licence else "as its source says"
        notes = [
            f"Licence, {whose}: {description['licence']}.",
            f"Calibration, and the scales of 8-bit forms, are from a sample: {', '.join(samples)}.",
            *(f"{note[0].upper()}{note[1:]}." for draft in found for note in draft.notes),
        ]
        (self.folder / "CARD.md").write_text(self._card(description, notes), encoding="utf-8")
        write_bundle(self.folder, description)

    def _card(self, description: dict[str, Any], notes: list[str]) -> str:
        """What the bundle is, for people."""
        kind, width = self.source.model_type, description["dimension"]
        lines = [
            f"# {self.name}",
            "",
            f"Converted from a model of the architecture `{kind}`: vectors of {width} numbers.",
            "",
        ]
        for modality in (modality for modality in MODALITIES if modality in description["towers"]):
            weights = (self.folder / description["towers"][modality]["file"]).stat().st_size / 4  # float32
            lines.append(f"- {modality}: {weights / 1e6:.1f} million parameters")
        return "\n".join([*lines, *(line for note in notes for line in ("", note))]) + "\n"

    def _written(self) -> tuple[list[Draft], int]:
        """The towers, each of them written as ONNX, and how long their vectors are."""
        from sensorium.encoders.convert.draft import drafts
        from sensorium.encoders.convert.export import export
        from sensorium.encoders.convert.loading import quietly

        source, widths = self.source, {}
        self.progress.start("writing ONNX", None)
        with quietly():
            with source.blamed("its files cannot be understood"):
                found = drafts(source)
            self.progress.advance(0)  # by now it is known whether this takes long
            for draft in found:
                with source.blamed(f"its {draft.modality} tower cannot be written as ONNX"):
                    widths[draft.modality] = export(draft, self.folder / f"{draft.modality}.onnx")
                self.progress.advance()
        self.progress.finish()
        if len(set(widths.values())) != 1:
            said = ", ".join(f"{modality} {width}" for modality, width in widths.items())
            raise source.unfit(f"its towers give vectors of different lengths ({said})", "convert them one by one")
        return found, next(iter(widths.values()))

    def _measured(self, plain: Bundle, found: list[Draft], description: dict[str, Any]) -> list[str]:
        """Compare the towers with their originals; add 8-bit forms that agree, and the calibration, to the description.

        Returns what was measured on, for people.
        """
        from sensorium.encoders.convert.forms import calibrations, first_windows, sampled, single_rows, with_eight_bits
        from sensorium.encoders.onnx import OnnxEncoder

        encoder = OnnxEncoder(plain, precision="float32")
        given = self.sample(encoder.limits(), plain.modalities) if callable(self.sample) else self.sample
        vectors, said = {}, []
        for draft in found:
            tower = plain.towers[draft.modality]
            parts, are_given = sampled(tower, given)
            whose = "given with --sample" if are_given else "Sensorium's own"
            said.append(f"{len(parts)} {MANY[draft.modality]} ({whose})")
            prepared = [encoder.prepare(part) for part in parts]
            first = first_windows(tower, prepared)
            rows = single_rows(tower, first)
            own = self._compared(encoder, draft, rows, first)
            vectors[draft.modality] = own.copy()
            if long := [row for row, one in enumerate(prepared) if len(one) > len(first[row])]:
                vectors[draft.modality][long] = self._embedded(encoder, draft.modality, [prepared[row] for row in long])
            encoder.unload()
            if self.int8:
                form = with_eight_bits(plain.folder, tower, rows, own, self.progress)
                if form is not None:
                    description["towers"][draft.modality]["int8"] = form
        description["calibration"] = calibrations(vectors)
        return said

    def _compared(
        self, encoder: OnnxEncoder, draft: Draft, rows: list[dict[str, Any]], prepared: list[Any]
    ) -> NDArray[np.float32]:
        """The vectors of all rows, once some have been found to be those of the original. Raises BadModel."""
        from sensorium.encoders.convert.export import TOLERANCE, difference

        self.progress.start(f"{draft.modality} tower: comparing with the original", len(prepared))
        file = encoder.bundle.folder / encoder.bundle.towers[draft.modality].file
        off = difference(draft, file, rows[:CHECKED])
        if math.isnan(off):
            raise self._lost(draft.modality)
        if not off <= TOLERANCE:
            fix = "report it, with the versions of torch, transformers and onnxruntime"
            raise self.source.unfit(f"its {draft.modality} tower came out different: vectors are off by {off:.1e}", fix)
        self.progress.advance(0)
        vectors = []
        for start in range(0, len(prepared), STEP):
            vectors.append(self._embedded(encoder, draft.modality, prepared[start : start + STEP]))
            self.progress.advance(len(vectors[-1]))
        self.progress.finish()
        return np.concatenate(vectors)

    def _embedded(self, encoder: OnnxEncoder, modality: Modality, prepared: list[Any]) -> NDArray[np.float32]:
        try:
            return encoder.embed(modality, prepared)
        except BundleDamaged as error:  # which names a folder that will be gone
            raise self._lost(modality) from error

    def _lost(self, modality: Modality) -> BadModel:
        return self.source.unfit(
            f"its {modality} tower gives vectors that are zero or not finite",
            "get its weights anew, or train it with a lower learning rate",
        )


def _entry(draft: Draft) -> dict[str, Any]:
    settings = {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(draft.settings).items()}
    return {"file": f"{draft.modality}.onnx", "inputs": list(draft.example), **settings}
