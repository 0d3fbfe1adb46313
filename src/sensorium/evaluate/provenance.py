"""Where figures come from: the data, the queries, the code and the machine, so that two results can be told apart."""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
from collections import Counter
from functools import cache
from pathlib import Path
from threading import Event

import numpy as np
from numpy.typing import NDArray

from sensorium.core.machine import available_cores
from sensorium.evaluate.dataset import Dataset, Sample
from sensorium.evaluate.directions import Question
from sensorium.evaluate.results import Data, Queries
from sensorium.library.content_hash import content_hash

Ints = NDArray[np.int64]
_PACKAGE = Path(__file__).parents[1]


def data_of(dataset: Dataset) -> Data:
    """What a data set is, with a hash of its samples, their content and its judgments, 16 hex digits.

    A file that cannot be read counts by its name: it has no vector either, and is among the failures. An item of a
    library counts by its file's size and time, as `add` knows it, so that a large one is not read whole.
    """
    whole = hashlib.sha256()
    for sample in dataset.samples:
        whole.update(_line(sample.key, sample.modality, sample.group, sample.label, sample.split, _content(sample)))
    for judgment in dataset.judgments:
        whole.update(_line(judgment.query, judgment.answer, repr(float(judgment.grade))))
    counts = Counter[str](sample.modality for sample in dataset.samples)
    return Data(
        dataset.name, dataset.source, whole.hexdigest()[:16], dict(counts), dataset.relation, tuple(dataset.notes)
    )


def queries_of(dataset: Dataset, question: Question) -> tuple[str, Queries]:
    """Who asked, and what that goes by: a hash of all keys and groups."""
    keys = np.array([_number(_name(dataset.samples[row])) for row in question.queries], np.uint64)
    groups = None
    if question.groups is not None:
        groups = np.unique(question.groups, return_inverse=True)[1].astype(np.int32)
    both = keys.tobytes() + (b"" if groups is None else groups.tobytes())
    return hashlib.sha256(both).hexdigest()[:16], Queries(keys, groups)


def hash_of_rows(dataset: Dataset, rows: Ints) -> str:
    """A hash of which samples these are, 16 hex digits."""
    whole = hashlib.sha256()
    for row in rows:
        whole.update(_line(_name(dataset.samples[row])))
    return whole.hexdigest()[:16]


def version() -> str:
    """Sensorium's own."""
    from sensorium import __version__

    return __version__


@cache
def commit() -> str | None:
    """The commit of the source that runs, with a "+" when it has changes; None when it is no checkout."""
    root = _PACKAGE.parents[1]
    if _PACKAGE.parent.name != "src" or not (root / ".git").exists():
        return None
    head = _git(root, "rev-parse", "--short=12", "HEAD")
    changed = _git(root, "status", "--porcelain", "--untracked-files=no", "--", "src")
    return None if head is None else f"{head}{'+' if changed else ''}"


def machine() -> dict[str, str | int]:
    """What figures of time depend on."""
    return {
        "cores": available_cores(), "system": platform.system(), "processor": platform.machine(),
        "python": platform.python_version(),
    }  # fmt: skip


def _git(root: Path, *words: str) -> str | None:
    settings = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}
    try:
        done = subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, env=settings, timeout=20)
    except (OSError, subprocess.TimeoutExpired):  # no git, or a slow disk: the commit is not known
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _content(sample: Sample) -> str:
    if isinstance(sample.source, str):
        return sample.source
    try:
        if sample.kept is not None:
            about = sample.source.stat()
            return f"{sample.source} {about.st_size} {about.st_mtime_ns}"
        return content_hash(str(sample.source), "blake3", Event())
    except OSError:
        return str(sample.source)


def _name(sample: Sample) -> str:
    return f"{sample.modality}\0{sample.key}"


def _number(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


def _line(*fields: str) -> bytes:
    return "\0".join(fields).encode("utf-8", "surrogatepass") + b"\n"
