"""The study as one page for yourself: its figures, and the photographs whose captions are shown, small."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from sensorium.evaluate.report.previews import Previews

_STYLE = """
:root{color-scheme:light dark}body{font:15px/1.5 system-ui,sans-serif;max-width:1040px;margin:2rem auto;padding:0 1rem}
.figures,.pairs{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(480px,100%),1fr));gap:1rem}
.figures img{width:100%}.pair{display:flex;gap:1rem}.pair img{width:128px;height:128px;object-fit:contain}
dt{opacity:.65;font-size:.85em}dd{margin:0 0 .4rem}
"""


def write_page(said: Mapping[str, Any], figures: Mapping[str, str], shown: Sequence[Path], path: Path) -> Path:
    """Write it, self-contained; its path. Pictures that cannot be read are left empty. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(_page(said, figures, shown)), encoding="utf-8")
    return path


def _page(said: Mapping[str, Any], figures: Mapping[str, str], shown: Sequence[Path]) -> Iterator[str]:
    title = f"The study on {escape(said['data']['name'])}"
    yield f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style>'
    yield f"<h1>{title}</h1><p>For yourself: it holds photographs, whose licences may not allow to publish them.</p>"
    yield '<div class="figures">'
    for name, svg in figures.items():
        yield _image(svg.encode(), "svg+xml", name)
    yield '</div><h2>Captions: standard and ours</h2><div class="pairs">'
    with Previews() as preview:
        for row, file in zip(said["captions"], shown, strict=True):
            small = preview(str(file))
            picture = "<p>no preview</p>" if small is None else _image(small, "webp", row["picture"])
            ours = f"ours ({'right' if row['right'] else 'of another picture'})"
            yield f'<div class="pair">{picture}<dl><dt>standard</dt><dd>{escape(row["standard"])}</dd>'
            yield f"<dt>{ours}</dt><dd>{escape(row['ours'])}</dd></dl></div>"
    yield "</div></html>"


def _image(data: bytes, kind: str, says: str) -> str:
    return f'<img src="data:image/{kind};base64,{b64encode(data).decode("ascii")}" alt="{escape(says, quote=True)}">'
