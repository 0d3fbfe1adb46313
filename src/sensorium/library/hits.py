"""Answers: a list of hits that says how they were found, and shows itself in a notebook."""

from __future__ import annotations

import html
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from sensorium.core.types import Hit, TextRead

Previews = Callable[[Sequence[int]], Mapping[int, bytes]]


class Hits(list[Hit]):
    """Hits, best first.

    `seconds` is the search itself, `encode_seconds` making the query's vector; `index_name` says what was searched,
    `terms` how each text of the query was read in each space, `notes` what else there is to know. Where hits of several
    modalities are mixed under cosine, their order is that of the calibrated scores, and `Hit.score` is the cosine all
    the same. `likeliest` is the highest relevance of anything that was found, whether or not it is among the hits.
    """

    def __init__(
        self, hits: Iterable[Hit] = (), *, seconds: float = 0.0, encode_seconds: float = 0.0, index_name: str = "",
        terms: Sequence[TextRead] = (), notes: Sequence[str] = (), previews: Previews | None = None,
        likeliest: float | None = None,
    ) -> None:  # fmt: skip
        super().__init__(hits)
        self.seconds, self.encode_seconds = seconds, encode_seconds
        self.index_name, self.terms, self.notes = index_name, tuple(terms), tuple(notes)
        self.likeliest = likeliest
        self._previews = previews

    def _repr_html_(self) -> str:
        """A table with thumbnails and players."""
        bare = [hit.part for hit in self if hit.preview is None]
        loaded = self._previews(bare) if self._previews is not None and bare else {}
        rows = [_row(rank, hit, hit.preview or loaded.get(hit.part)) for rank, hit in enumerate(self, 1)]
        return f"<table><tr><th></th><th>score</th><th>kind</th><th></th><th>path</th></tr>{''.join(rows)}</table>"


def _row(rank: int, hit: Hit, preview: bytes | None) -> str:
    shown = html.escape(hit.text[:200])
    if preview:
        shown = f'<img style="max-height:96px" src="data:image/webp;base64,{b64encode(preview).decode()}"> {shown}'
    if hit.kind == "audio":
        shown += f'<audio controls preload="none" src="{html.escape(Path(hit.path).as_uri())}"></audio>'
    cells = (
        str(rank),
        f"{hit.score:.3f}",
        html.escape(hit.kind),
        shown,
        html.escape(f"{hit.path} {hit.place}".strip()),
    )
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"
