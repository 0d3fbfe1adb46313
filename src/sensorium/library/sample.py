"""Parts of one's own files as the sample from which the scales and the calibration of a converted model are made."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from sensorium.core.errors import SourceMissing, Unreadable
from sensorium.core.progress import Progress, Silent
from sensorium.core.types import Audio, Modality, Part
from sensorium.encoders.convert.convert import MANY
from sensorium.encoders.convert.forms import FEWEST
from sensorium.library.memory import Budget
from sensorium.library.prepared import resampled, storable
from sensorium.library.query import local_path
from sensorium.library.scan import scan

if TYPE_CHECKING:
    from sensorium.encoders.encoder import Wanted
    from sensorium.readers.workers import Workers

MOST = 128  # parts of each modality
LOOKED_INTO = 1000  # files, at most
EACH, AMONG = (
    8,
    4,
)  # parts of a modality that one file gives at most, where there are many files; among so many times more


class FolderSample:
    """A sample of the files in a folder, for `encoders.convert`: read as `Library.add` reads, chosen by chance.

    The same files give the same sample.
    """

    def __init__(
        self, folder: str | os.PathLike[str], *, progress: Progress | None = None,
        say: Callable[[str], None] = lambda _: None, seed: int = 0,
    ) -> None:  # fmt: skip
        """Nothing is read yet. `say` hears what a person may want to know. Raises SourceMissing."""
        self.folder = local_path(folder)
        self.progress, self.say, self.seed = progress or Silent(), say, seed
        wanted = "a sample is a folder with texts, pictures or sounds of yours"
        if not self.folder.is_dir():
            raise SourceMissing(f"{folder} is a file: {wanted}")
        self.files = [found.path for found in scan([self.folder], self.folder)]
        if not self.files:
            raise SourceMissing(f"{folder} has no files that can be seen: {wanted}")

    def __call__(self, wanted: Wanted, modalities: tuple[Modality, ...]) -> list[Part]:
        """At most `MOST` parts of each modality, as an encoder wants them; none of one that has too few."""
        from sensorium.core.machine import available_cores
        from sensorium.readers.workers import Make, Workers

        arguments = {"modalities": json.dumps(modalities), "rate": wanted.get("audio_rate", 0)}
        make = Make(f"{part_maker.__module__}:{part_maker.__name__}", arguments)
        budget = Budget.of(None, available_cores())
        with Workers(budget.worker_bytes, make) as workers:
            found, unread = self._chosen(workers, wanted, modalities)
        if unread:
            self.say(f"{unread:,} files of {self.folder} cannot be read, and are no part of the sample")
        for modality, parts in found.items():
            if len(parts) < FEWEST:
                has = f"{self.folder} has {len(parts)} {MANY[modality]}, and {FEWEST} is the least"
                self.say(f"{has}: Sensorium's own sample of {MANY[modality]} is taken")
        return [part for parts in found.values() if len(parts) >= FEWEST for part in parts]

    def _chosen(
        self, workers: Workers, wanted: Wanted, modalities: tuple[Modality, ...]
    ) -> tuple[dict[Modality, list[Part]], int]:
        """Parts by modality, from files in an order of chance until there are enough; how many could not be read."""
        random, unread = np.random.default_rng(self.seed), 0
        found: dict[Modality, list[Part]] = {modality: [] for modality in modalities}
        each = max(EACH, -(-MOST // len(self.files)))
        order = random.permutation(len(self.files))[:LOOKED_INTO]
        self.progress.start("reading the sample", len(order))
        for at in order:
            try:
                parts = list(_parts(workers, self.files[at], wanted, AMONG * each))
            except Unreadable:
                unread += 1
                self.progress.advance(skipped=1)
                continue
            for modality, kept in found.items():
                own = [part for part in parts if part.modality == modality]
                kept += [own[i] for i in sorted(random.permutation(len(own))[: min(each, MOST - len(kept))])]
            self.progress.advance()
            if all(len(kept) >= MOST for kept in found.values()):
                break
        self.progress.finish()
        return found, unread


def _parts(workers: Workers, path: str, wanted: Wanted, most: int) -> Iterator[Part]:
    from sensorium.readers.contract import Limits, Source

    limits = replace(Limits(**wanted), max_parts=most)
    for row in workers.read(Source.from_path(path), limits)[1]:
        content = row["content"]
        yield Part(row["modality"], Audio(content, row["rate"]) if row["modality"] == "audio" else content)


def part_maker(modalities: str, rate: int) -> Callable[[Part], dict[str, Any] | None]:
    """What makes the fields of a part of some modalities (JSON), None of others; sounds at `rate`.

    Called in a worker process, by its name.
    """
    known = json.loads(modalities)

    def fields(part: Part) -> dict[str, Any] | None:
        if part.modality not in known:
            return None
        content, heard = part.content, 0
        if isinstance(content, Audio):
            heard = rate or content.rate
            content = (content if content.rate == heard else resampled(content, heard)).samples
        elif isinstance(content, str):
            content = storable(content)
        return {"modality": part.modality, "content": content, "rate": heard}

    return fields
