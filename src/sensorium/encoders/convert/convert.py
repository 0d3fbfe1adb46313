"""A model of another library into a bundle: its towers as ONNX, its preprocessing as data, a card."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sensorium.core.errors import BadModel, LibraryFull
from sensorium.core.types import MODALITIES, Part
from sensorium.encoders.bundle import MANIFEST, Bundle, write_bundle
from sensorium.encoders.convert.source import Source

if TYPE_CHECKING:
    from sensorium.encoders.convert.draft import Draft

CHECKED = 6  # rows of each modality that a converted tower is compared with its original on


def convert(
    source: str | Path,
    out: Path,
    *,
    name: str | None = None,
    int8: bool = True,
    sample: Sequence[Part] | None = None,
) -> Bundle:
    """Make the model in the folder `source` into the bundle `out`, which must not exist, and open it.

    `sample` are ordinary parts, a hundred or more of each modality: the scales of 8-bit forms and the calibration are
    made from them. Modalities without any have samples of Sensorium's own. Each tower is compared with its original
    before it counts, and 8-bit forms are kept where they agree (unless `int8` is False). Nothing stays of a conversion
    that failed. Raises BadModel, and LibraryFull when the disk is full.
    """
    out = Path(out).expanduser().absolute()
    if out.exists():
        raise BadModel(f"{out} already exists: delete it, or choose another folder for the model")
    opened = Source.open(source)
    partial = out.with_name(f"{out.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)  # what a killed run left
    try:
        partial.mkdir(parents=True)
        _made(opened, partial, name or opened.name, int8, list(sample or ()))
        partial.rename(out)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            fix = "free some space, or choose a folder on another disk"
            raise LibraryFull(f"the disk under {out.parent} is full: the model was not converted; {fix}") from error
        raise opened.unfit(
            f"{error.filename or partial}: {error.strerror or error}", "see to it, then try again"
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return Bundle.open(out)


def _made(source: Source, folder: Path, name: str, int8: bool, given: list[Part]) -> None:
    """Write all of a bundle into `folder`."""
    from sensorium.encoders.convert.draft import drafts
    from sensorium.encoders.convert.export import export
    from sensorium.encoders.convert.loading import quietly

    with quietly():
        found = drafts(source)
        widths = {}
        for draft in found:
            with source.blamed(f"its {draft.modality} tower cannot be written as ONNX"):
                widths[draft.modality] = export(draft, folder / f"{draft.modality}.onnx")
    if len(set(widths.values())) != 1:
        said = ", ".join(f"{modality} {width}" for modality, width in widths.items())
        raise source.unfit(f"its towers give vectors of different lengths ({said})", "convert them one by one")
    for draft in found:
        if draft.tokenizer is not None:
            draft.tokenizer.save(str(folder / "tokenizer.json"))
    towers = {draft.modality: _entry(draft) for draft in found}
    notes = [note for draft in found for note in draft.notes]
    (folder / "CARD.md").write_text(_card(source, name, next(iter(widths.values())), found, notes), encoding="utf-8")
    description = {
        "name": name, "version": "1", "dimension": next(iter(widths.values())), "licence": source.licence,
        "storage": "float16", "towers": towers, "calibration": {},
    }  # fmt: skip
    plain = write_bundle(folder, description)
    (folder / MANIFEST).unlink()
    _measure(source, plain, found, description, int8, given)
    write_bundle(folder, description)


def _entry(draft: Draft) -> dict[str, Any]:
    settings = {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(draft.settings).items()}
    return {"file": f"{draft.modality}.onnx", "inputs": list(draft.example), **settings}


def _measure(
    source: Source, plain: Bundle, found: list[Draft], description: dict[str, Any], int8: bool, given: list[Part]
) -> None:
    """Compare the towers with their originals; add 8-bit forms that agree, and the calibration, to the description."""
    from sensorium.encoders.convert.export import TOLERANCE, difference
    from sensorium.encoders.convert.forms import calibrations, sampled, single_rows, with_eight_bits
    from sensorium.encoders.onnx import OnnxEncoder

    encoder = OnnxEncoder(plain, precision="float32")
    vectors = {}
    for draft in found:
        tower = plain.towers[draft.modality]
        if not (parts := sampled(tower, given)):
            continue
        rows = single_rows(tower, prepared := [encoder.prepare(part) for part in parts])
        off = difference(draft, plain.folder / tower.file, rows[:CHECKED])
        if not off <= TOLERANCE:
            fix = "report it, with the versions of torch, transformers and onnxruntime"
            raise source.unfit(f"its {draft.modality} tower came out different: vectors are off by {off:.1e}", fix)
        vectors[draft.modality] = encoder.embed(draft.modality, prepared)
        if int8:
            form = with_eight_bits(plain.folder, tower, rows)
            if form is not None:
                description["towers"][draft.modality]["int8"] = form
    description["calibration"] = calibrations(vectors)


def _card(source: Source, name: str, dimension: int, found: list[Draft], notes: list[str]) -> str:
    """What the bundle is, for people."""
    lines = [
        f"# {name}",
        "",
        f"Converted from a model of the architecture `{source.model_type}`: vectors of {dimension} numbers.",
        "",
    ]
    for modality in MODALITIES:
        for draft in (draft for draft in found if draft.modality == modality):
            size = sum(parameter.numel() for parameter in draft.network.parameters()) / 1e6
            lines.append(f"- {modality}: {size:.1f} million parameters")
    lines += ["", f"Licence, as its source says: {source.licence}."]
    lines += [f"\n{note[0].upper()}{note[1:]}." for note in notes]
    return "\n".join(lines) + "\n"
