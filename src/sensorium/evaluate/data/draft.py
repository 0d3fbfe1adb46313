"""A data set that is being put together: what is in it so far, and what was left out of it and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence, Set
from pathlib import Path

from sensorium.core.errors import BadData
from sensorium.core.types import Modality
from sensorium.evaluate.data.request import same_split
from sensorium.evaluate.dataset import Dataset, Judgment, Relation, Sample

_SHOWN = 60


class Draft:
    """Samples in the order they come; each file once, and each text once for what it belongs to.

    Of a request for one split nothing else is taken in, and nothing is said of the others.
    """

    def __init__(self, name: str, source: str, split: str | None = None) -> None:
        self.name, self.source, self.split = name, source, split
        self.samples: list[Sample] = []
        self.notes: list[str] = []
        self._left: Counter[str] = Counter()
        self._first: dict[str, str] = {}
        self._files: dict[str, Sample] = {}
        self._texts: dict[str, set[str]] = {}  # by group
        self._splits: Counter[str] = Counter()  # that there are

    def wants(self, split: str) -> bool:
        """Whether a split is the one that was asked for. Ask before anything else is done with a file or a text."""
        self._splits[split] += 1
        return self.split is None or (bool(split) and same_split(split, self.split))

    def leave_out(self, why: str, example: str) -> None:
        """Count something that is left out; `why` follows "because", as in "files are missing"."""
        self._left[why] += 1
        self._first.setdefault(why, " ".join(example.split())[:_SHOWN])

    def file(
        self, key: str, path: Path, modality: Modality, group: str, *, label: str = "", split: str = "",
        kept: tuple[str, int] | None = None,
    ) -> bool:  # fmt: skip
        """Take a file in; whether it is there now. One that belongs to something else already is not taken again."""
        if (known := self._files.get(key)) is not None:
            if known.group == group:
                return True
            self.leave_out("files come again with another answer (the first counts)", key)
            return False
        sample = Sample(key, modality, path, group, label, split, kept)
        self._files[key] = sample
        self.samples.append(sample)
        return True

    def text(self, text: str, group: str, *, label: str = "", split: str = "") -> bool:
        """Take a text in; whether it is there now. Its key is its group's, numbered."""
        text = text.strip().encode("utf-8", "replace").decode()  # halves of characters, which no file can hold
        known = self._texts.setdefault(group, set())
        if not text:
            self.leave_out("texts are empty", group)
        elif text in known:
            self.leave_out("texts come more than once for the same thing", text)
        else:
            key = f"{group}#{len(known)}"
            known.add(text)
            self.samples.append(Sample(key, "text", text, group, label, split))
            return True
        return bool(known)

    @property
    def groups(self) -> Set[str]:
        """The groups that have a text."""
        return self._texts.keys()

    def has(self, key: str) -> bool:
        """Whether a file was taken in."""
        return key in self._files

    def without_lonely(self, why: str) -> None:
        """Leave out what is alone in its group: nothing is a right answer to it."""
        sizes = Counter(sample.group for sample in self.samples)
        for sample in self.samples:
            if sizes[sample.group] == 1:
                self.leave_out(why, sample.key)
        self.samples = [sample for sample in self.samples if sizes[sample.group] > 1]

    def finish(
        self, relation: Relation, *, judgments: Sequence[Judgment] = (), templates: tuple[str, ...] = ()
    ) -> Dataset:
        """The data set. Raises BadData when nothing of it can be asked and answered."""
        if self.split is not None and not self.samples:
            there = ", ".join(sorted(name for name in self._splits if name)) or "none: leave out --split"
            if not any(same_split(name, self.split) for name in self._splits):
                raise BadData(f"{self.source}: has no split {self.split!r}: there are {there}")
        counted = ((why, f"{count:,} (the first: {self._first[why]})") for why, count in self._left.items())
        left = [f"left out because {why}: {how_many}" for why, how_many in counted]
        if not self.samples or (relation == "judgments" and not judgments):
            why = f": {'; '.join([*left, *self.notes])}" if left or self.notes else ""
            raise BadData(f"{self.source}: there is nothing in it to ask and to answer{why}")
        groups = {sample.group for sample in self.samples}
        if relation == "classes" and len(groups) == 1:
            raise BadData(f"{self.source}: all is of one class ({groups.pop()}): no answer can be wrong, add others")
        notes = (*left, *self.notes, *self._shared())
        return Dataset(self.name, self.source, tuple(self.samples), relation, tuple(judgments), notes, templates)

    def _shared(self) -> list[str]:
        """A note on texts that several things have: the answers of the others count as wrong."""
        times = Counter(text for texts in self._texts.values() for text in texts)
        shared = [text for text, count in times.items() if count > 1]
        if not shared:
            return []
        how_many = f"{len(shared):,} (the first: {min(shared)[:_SHOWN]})"
        return [f"texts that are said of several things: {how_many}; for each only its own counts as right"]
