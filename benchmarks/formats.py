"""What is read of every format, and what is not and why: `python benchmarks/formats.py` (about three minutes).

Adds `../shared/data/documents` and `../shared/data/media` to a fresh library with one command, reads each file once
more through its reader alone for the seconds, and asks which other programs open it. Writes benchmarks/formats.json
and docs/formats.md. `--page` only writes the page, from the JSON that is there.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import lance

from mainstream import opened_by
from process import ROOT, SENSORIUM, run, write
from sensorium import Library
from sensorium.core.errors import Unreadable
from sensorium.core.types import MODALITIES
from sensorium.readers.reasons import called
from sensorium.readers.registry import Source, read
from sensorium.readers.sniff import EMPTY, UNKNOWN, sniff

PAGE = ROOT / "docs/formats.md"
JSON = ROOT / "benchmarks/formats.json"
NAMES = {
    EMPTY: "empty files", UNKNOWN: "unknown", "text/plain": "plain text", "text/x-source": "source code",
    "text/markdown": "Markdown", "text/x-rst": "reStructuredText", "text/csv": "CSV", "application/rtf": "RTF",
    "text/tab-separated-values": "TSV", "application/x-ndjson": "JSON lines", "text/html": "HTML",
    "application/xml": "XML", "application/pdf": "PDF", "application/epub+zip": "EPUB",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "Word (.docx)",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": "PowerPoint (.pptx)",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "Excel (.xlsx)",
    "application/vnd.ms-excel": "Excel (.xls)", "application/vnd.oasis.opendocument.text": "OpenDocument (.odt)",
    "application/vnd.oasis.opendocument.spreadsheet": "OpenDocument (.ods)",
    "application/vnd.oasis.opendocument.presentation": "OpenDocument (.odp)",
    "application/x-ole-storage": "OLE (.msg, .fpx)", "application/x-nifti": "NIfTI, Analyze",
    "application/vnd.iccprofile": "colour profiles", "application/x-pickle": "pickles",
    "video/gif": "GIF, animated", "video/webp": "WebP, animated", "video/apng": "PNG, animated",
    "video/avif": "AVIF, animated", "video/quicktime": "QuickTime", "video/x-matroska": "Matroska, WebM",
    "audio/mpeg": "MP3, MP2, AAC", "audio/mp4": "MP4 sound", "audio/x-matroska": "Matroska sound",
    "audio/x-ms-asf": "WMA", "video/x-ms-asf": "WMV", "video/x-flv": "Flash video", "video/mp4": "MP4",
    "audio/quicktime": "QuickTime sound", "audio/ac3": "AC-3", "audio/x-aiff": "AIFF", "audio/ogg": "Ogg sound",
}  # fmt: skip


def named(media_type: str) -> str:
    """A row's name."""
    return NAMES.get(media_type) or called(media_type)


def read_alone(path: Path) -> dict[str, Any]:
    """What the reader gives of a file: kind, parts by modality, seconds; or why it does not."""
    started = time.perf_counter()
    counts: Counter[str] = Counter()
    try:
        kind, parts = read(Source.from_path(path))
        for part in parts:
            counts[part.modality] += 1
    except Unreadable as error:
        return {"why": error.why, "seconds": time.perf_counter() - started}
    return {"kind": kind, "parts": counts, "seconds": time.perf_counter() - started}


def read_all(files: Iterable[Path]) -> dict[Path, dict[str, Any]]:
    """`read_alone` of each, once the readers are loaded: one file of every format is read before."""
    told: dict[Path, dict[str, Any]] = {}
    loaded: set[str] = set()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for path in files:
            media_type = sniff(Source.from_path(path))
            if media_type not in loaded:
                loaded.add(media_type)
                read_alone(path)
            told[path] = {"type": media_type, **read_alone(path)}
    return told


def added(folders: Iterable[Path], library: Path) -> tuple[dict[str, Any], dict[Path, dict[str, Any]]]:
    """One command takes the folders in: (its figures, what is in the library by path)."""
    result = run(SENSORIUM, "--library", library, "add", "--json", *folders)
    report = json.loads(result.out)
    held: dict[Path, dict[str, Any]] = {Path(each["path"]): {"why": each["why"]} for each in report["skipped"]}
    with Library(library, create=False) as opened:
        items = opened.items().to_pylist()
    rows = lance.dataset(str(library / "parts.lance")).to_table(columns=["item", "revision", "modality"]).to_pylist()
    counts: dict[tuple[int, int], Counter[str]] = {}
    for row in rows:
        counts.setdefault((row["item"], row["revision"]), Counter())[row["modality"]] += 1
    for item in items:
        ours = [found for (name, _), found in counts.items() if name == item["id"]]
        held[Path(item["path"])] = {"kind": item["kind"], "parts": ours[-1] if ours else Counter()}
    return {"seconds": round(result.seconds, 1), "items": len(items), "skipped": len(report["skipped"])}, held


def by_format(told: Mapping[Path, Mapping[str, Any]], opens: Mapping[Path, list[str]]) -> dict[str, Any]:
    """A row for each format."""
    rows: dict[str, Any] = {}
    for path, said in told.items():
        row = rows.setdefault(named(said["type"]), {
            "kind": "", "files": 0, "opened_elsewhere": 0, "read": 0, "skipped": 0, "why": Counter(),
            "parts": dict.fromkeys(MODALITIES, 0), "seconds": 0.0,
        })  # fmt: skip
        row["files"] += 1
        row["opened_elsewhere"] += bool(opens[path])
        row["seconds"] += said["seconds"]
        if "why" in said:
            row["skipped"] += 1
            row["why"][said["why"]] += 1
            continue
        row["read"] += 1
        row["kind"] = said["kind"]
        for modality, count in said["parts"].items():
            row["parts"][modality] += count
    for row in rows.values():
        row["seconds"] = round(row["seconds"], 2)
    return dict(sorted(rows.items(), key=lambda each: (not each[1]["read"], each[1]["kind"], each[0].lower())))


def measured(data: Path) -> dict[str, Any]:
    """All figures."""
    folders = [data / "documents", data / "media"]
    files = [path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()]
    with tempfile.TemporaryDirectory() as scratch:
        figures, held = added(folders, Path(scratch) / "formats.library")
    told, opens = read_all(files), opened_by(files)
    differ = {
        str(path.relative_to(data)): [told[path].get("why", "read"), held.get(path, {}).get("why", "read")]
        for path in files if not _same(told[path], held.get(path, {}))
    }  # fmt: skip
    missed = {str(path.relative_to(data)): {"opened_by": opens[path], "why": told[path]["why"]}
              for path in files if opens[path] and "why" in told[path]}  # fmt: skip
    return {
        "files": len(files),
        "opened_elsewhere": sum(bool(found) for found in opens.values()),
        "read": sum("why" not in said for said in told.values()),
        "add": {**figures, "differ_from_reading_alone": differ},
        "opened_elsewhere_only": missed,
        "formats": by_format(told, opens),
    }


def _same(alone: Mapping[str, Any], kept: Mapping[str, Any]) -> bool:
    return all(alone.get(name) == kept.get(name) for name in ("kind", "parts", "why"))


def page(figures: Mapping[str, Any]) -> str:
    """docs/formats.md."""
    add, formats = figures["add"], figures["formats"]
    same = len(add["differ_from_reading_alone"])
    lines = [
        "# Formats", "",
        "<!-- Written by `python benchmarks/formats.py` from `benchmarks/formats.json`: do not edit. -->", "",
        f"The files of decoders' and parsers' own test suites, {figures['files']} of them, many odd or broken on",
        f"purpose, were added with one command in {add['seconds']} s: {add['items']} items, {add['skipped']} skipped",
        "with a reason. Some other program (Pillow, FFmpeg, libheif, PDFium, a browser, an XML parser, Office) opens",
        f"{figures['opened_elsewhere']}; {len(figures['opened_elsewhere_only'])} of these are not read: see below.",
        f"Reading each file alone gave the same kind, parts and reason for all but {same} of them.",
        "Seconds are of one thread that only reads.", "",
        "| format | kind | files | opened elsewhere | read | skipped | texts | images | sounds | seconds |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    for name, row in formats.items():
        parts = " | ".join(str(row["parts"][modality] or "") for modality in MODALITIES)
        numbers = f"{row['files']} | {row['opened_elsewhere'] or ''} | {row['read'] or ''} | {row['skipped'] or ''}"
        lines.append(f"| {name} | {row['kind']} | {numbers} | {parts} | {row['seconds']} |")
    lines += ["", "## Skipped, and why", ""]
    for name, row in formats.items():
        lines += [f"- {name}: {why}" + (f" ({count} files)" if count > 1 else "") for why, count in row["why"].items()]
    lines += ["", "## Opened elsewhere, and not read", ""]
    lines += [f"- `{path}` ({', '.join(said['opened_by'])}): {said['why']}"
              for path, said in figures["opened_elsewhere_only"].items()]  # fmt: skip
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, write the JSON and the page."""
    if "--page" not in sys.argv:
        data = Path(os.environ.get("SENSORIUM_DATA", ROOT / "../shared/data")).resolve()
        write("formats", measured(data))
    PAGE.write_text(page(json.loads(JSON.read_text())))


if __name__ == "__main__":
    main()
