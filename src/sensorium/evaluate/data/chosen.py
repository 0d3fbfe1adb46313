"""A part of a data set, drawn by chance: what belongs together stays together."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from sensorium.core.errors import BadData
from sensorium.evaluate.dataset import Dataset, Sample

BESIDE = 10  # documents that are kept for each query that is, when judgments are limited


def limited(dataset: Dataset, limit: int, seed: int) -> Dataset:
    """At most `limit` things that are asked for or about, drawn by chance.

    Of pairs: groups, those with an answer first. Of classes: files, from each class alike. Of judgments: queries, with
    their right answers and BESIDE documents for each. Raises BadData for a limit below 2.
    """
    if limit < 2:
        raise BadData(f"the limit is {limit}: of fewer than 2 nothing can be wrong, ask for more")
    chance = random.Random(seed)
    draw = {"pairs": _groups, "classes": _files, "judgments": _queries}[dataset.relation]
    return draw(dataset, limit, chance, f"seed {seed}")


def _groups(dataset: Dataset, limit: int, chance: random.Random, how: str) -> Dataset:
    sizes = Counter(sample.group for sample in dataset.samples)
    if len(sizes) <= limit:
        return dataset
    answered = [group for group, size in sizes.items() if size > 1]
    lonely = [group for group, size in sizes.items() if size == 1]
    drawn = chance.sample(answered, min(limit, len(answered)))
    drawn += chance.sample(lonely, limit - len(drawn))
    kept = set(drawn)
    note = f"{limit:,} of {len(sizes):,} drawn by chance ({how}), with all that belongs to them"
    return _with(dataset, [sample for sample in dataset.samples if sample.group in kept], note)


def _files(dataset: Dataset, limit: int, chance: random.Random, how: str) -> Dataset:
    by_class: dict[str, list[Sample]] = {}
    for sample in dataset.samples:
        if not _is_name(sample):
            by_class.setdefault(sample.group, []).append(sample)
    total = sum(map(len, by_class.values()))
    if total <= limit:
        return dataset
    for files in by_class.values():
        chance.shuffle(files)
    order = list(by_class.values())
    chance.shuffle(order)
    turns = [files[turn] for turn in range(max(map(len, order))) for files in order if turn < len(files)]
    kept = {sample.key for sample in turns[:limit]}
    groups = {sample.group for sample in turns[:limit]}
    note = f"{limit:,} of {total:,} files drawn by chance ({how}), from each class alike"
    return _with(dataset, [one for one in dataset.samples if one.key in kept or _is_name(one, groups)], note)


def _queries(dataset: Dataset, limit: int, chance: random.Random, how: str) -> Dataset:
    queries = [sample.key for sample in dataset.samples if sample.split == "query"]
    documents = [sample.key for sample in dataset.samples if sample.split != "query"]
    if len(queries) <= limit and len(documents) <= BESIDE * limit:
        return dataset
    asked = set(chance.sample(queries, min(limit, len(queries))))
    judgments = tuple(one for one in dataset.judgments if one.query in asked)
    right = {judgment.answer for judgment in judgments}
    others = [key for key in documents if key not in right]
    kept = asked | right | set(chance.sample(others, min(len(others), max(0, BESIDE * limit - len(right)))))
    found = sum(key in kept for key in documents)
    drawn = [f"{len(asked):,} of {len(queries):,} queries"] if len(asked) < len(queries) else []
    if found < len(documents):
        drawn.append(f"{found:,} of {len(documents):,} documents, all right ones among them: easier than the whole")
    if not drawn:
        return dataset
    note = f"drawn by chance ({how}): {', and '.join(drawn)}"
    return replace(_with(dataset, [one for one in dataset.samples if one.key in kept], note), judgments=judgments)


def _with(dataset: Dataset, samples: Sequence[Sample], note: str) -> Dataset:
    return replace(dataset, samples=tuple(samples), notes=(*dataset.notes, note))


def _is_name(sample: Sample, groups: set[str] | None = None) -> bool:
    """Whether a sample is the text of a class, of one of these."""
    is_one = isinstance(sample.source, str) and sample.key == f"class {sample.group}"
    return is_one and (groups is None or sample.group in groups)
