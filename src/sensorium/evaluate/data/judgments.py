"""Folders as BEIR has them: a corpus, queries, and which documents answer which query (qrels)."""

from __future__ import annotations

import math
from collections.abc import Set
from pathlib import Path

from sensorium.core.errors import BadData
from sensorium.evaluate.data.draft import Draft
from sensorium.evaluate.data.request import Request, same_split
from sensorium.evaluate.data.tables import json_lines, text_lines
from sensorium.evaluate.dataset import Dataset, Judgment, Sample

CORPUS, QUERIES, QRELS = "corpus.jsonl", "queries.jsonl", "qrels"
_USUAL = ("test", "dev", "train")


def from_beir(request: Request) -> Dataset:
    """A folder with `corpus.jsonl`, `queries.jsonl` and `qrels/*.tsv`; the test split unless said. Raises BadData."""
    folder = request.path if request.path.is_dir() else request.path.parent
    path = _qrels(folder, request.split)
    draft = Draft(folder.name, str(folder))
    queries, _ = _texts(draft, folder / QUERIES, "queries")
    documents, same = _texts(draft, folder / CORPUS, "documents", set(queries.values()))
    judgments = _judged(draft, path, documents, queries)
    asked = {judgment.query for judgment in judgments}
    for key, text in queries.items():
        if f"query {key}" not in asked:
            continue
        # a query that is itself in the corpus (ArguAna, Quora) is of that document's group: no answer to itself
        keys = same.get(text, ())
        group = f"document {key if key in keys else keys[0]}" if keys else f"query {key}"
        draft.samples.append(Sample(f"query {key}", "text", text, group, split="query"))
    itself = sum(sample.group != sample.key for sample in draft.samples)
    draft.samples += [
        Sample(f"document {key}", "text", text, f"document {key}") for key, text in documents.items()
    ]  # fmt: skip
    if itself:
        said = f"queries that are word for word a document of the corpus: {itself:,}"
        draft.notes.append(f"{said}; it is no answer to them, unless judged right")
    if unjudged := len(queries) - len(asked):
        draft.notes.append(f"left out because queries have no right answer in {path.name}: {unjudged:,}")
    draft.notes.append(f"right answers from {QRELS}/{path.name}")
    return draft.finish("judgments", judgments=judgments)


def _qrels(folder: Path, split: str | None) -> Path:
    found = {path.stem: path for path in sorted((folder / QRELS).glob("*.tsv"))}
    if not found:
        raise BadData(f"{folder}: has no {QRELS}/*.tsv, which say what answers a query")
    if split is not None:
        for name, path in found.items():
            if same_split(name, split):
                return path
        raise BadData(f"{folder}: has no split {split!r}: there are {', '.join(found)}")
    return next((found[name] for name in _USUAL if name in found), next(iter(found.values())))


def _texts(
    draft: Draft, path: Path, what: str, sought: Set[str] = frozenset()
) -> tuple[dict[str, str], dict[str, list[str]]]:  # fmt: skip
    """The texts of a corpus or of queries by id, a document's title before its text; and the ids of texts `sought`.

    A document counts as one of those with its title and without: a query of ArguAna has no title.
    """
    found: dict[str, str] = {}
    saying: dict[str, list[str]] = {}
    for number, row in enumerate(json_lines(path), 1):
        if "_id" not in row:
            raise BadData(f"{path}: line {number} has no `_id`")
        key = str(row["_id"])
        text = " ".join(f"{row.get('title') or ''} {row.get('text') or ''}".split())
        if key in found:
            draft.leave_out(f"{what} have an id that came before", key)
        elif not text:
            draft.leave_out(f"{what} are empty", key)
        else:
            found[key] = text
            for said in sought & {text, " ".join(str(row.get("text") or "").split())}:
                saying.setdefault(said, []).append(key)
    return found, saying


def _judged(draft: Draft, path: Path, documents: dict[str, str], queries: dict[str, str]) -> list[Judgment]:
    lines, notes = text_lines(path)
    draft.notes += notes
    rows = [(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    found: dict[tuple[str, str], float] = {}
    for number, line in rows:
        fields = [field.strip() for field in (line.split("\t") if "\t" in line else line.split())]
        score = _grade(fields[-1])
        if number == rows[0][0] and score is None:  # the names of the columns
            continue
        if score is None or not math.isfinite(score) or len(fields) < 3:
            wants = "a query, a document and a grade, with tabs between"
            raise BadData(f"{path}: line {number} is not {wants}: {line.strip()[:60]!r}")
        query, document = fields[0], fields[-2]  # TREC's has a column between
        if query not in queries:
            draft.leave_out("right answers are of a query that is not there", query)
        elif document not in documents:
            draft.leave_out("right answers are not in the corpus", document)
        elif score <= 0:
            draft.leave_out("judgments have a grade of 0 or less, and are no right answers", f"{query} {document}")
        else:
            if (query, document) in found:
                draft.leave_out("right answers come more than once (the best grade counts)", f"{query} {document}")
            found[query, document] = max(score, found.get((query, document), 0.0))
    return [Judgment(f"query {query}", f"document {key}", grade) for (query, key), grade in found.items()]


def _grade(said: str) -> float | None:
    """A grade, None for what is no number."""
    try:
        return float(said)
    except ValueError:
        return None
