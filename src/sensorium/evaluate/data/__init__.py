"""Data sets to evaluate on, whatever their layout: pairs, classes, judgments, or a library itself."""

from __future__ import annotations

import os

from sensorium.evaluate.dataset import Dataset


def load(
    path: str | os.PathLike[str], *, format: str | None = None, split: str | None = None, limit: int | None = None,
    seed: int = 0,
) -> Dataset:  # fmt: skip
    """The data set at a path, told from its files unless `format` names a layout of `data.layouts`.

    `library` is the library that is used when none is named. Behind a path may stand what its files do not say:
    `pairs.csv?image=photo&text=title` (see `data.request.OPTIONS`). `split` takes a part that the data set names
    (`val` is `dev`); `limit` draws as many things by chance, by `seed`, each with all that belongs to it. No file of a
    picture or a sound is opened. What cannot be used is left out, and `notes` say so. Raises BadData.
    """
    from sensorium.core.settings import library_path
    from sensorium.evaluate.data.chosen import limited
    from sensorium.evaluate.data.layouts import read
    from sensorium.evaluate.data.request import Request

    name, mark, said = os.fspath(path).partition("?")
    if name == "library" and not os.path.exists(name):  # noqa: PTH110 - a name, not a path yet
        path = f"{library_path()}{mark}{said}"
    dataset = read(Request.of(path, split), format)
    return dataset if limit is None else limited(dataset, limit, seed)
