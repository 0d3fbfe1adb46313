"""What is asked of a loader: a path, and what was said behind it (`pairs.csv?image=photo&text=title`)."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs

from sensorium.core.errors import BadData
from sensorium.core.paths import absolute

OPTIONS = {
    "image": "the column with paths of pictures",
    "audio": "the column with paths of sounds",
    "file": "the column with paths of either",
    "text": "a column with texts (may be given more than once)",
    "label": "the column with classes",
    "split": "the column that says train, dev or test",
    "files": "the folder that paths begin in",
    "template": "how a class is said as a text, with {} for its name (may be given more than once)",
    "truth": "what of a library are right answers: captions, labels, folders or stems",
}
SAME = (("dev", "val", "valid", "validation"), ("train", "training"), ("test", "testing"))
_SPLITS = {name: group[0] for group in SAME for name in group}


@dataclass(frozen=True, slots=True)
class Request:
    """A data set as asked for: where it is, what was said of it, and which split (None: all of it)."""

    path: Path
    said: Mapping[str, Sequence[str]] = field(default_factory=dict)
    split: str | None = None

    @classmethod
    def of(cls, path: str | os.PathLike[str], split: str | None = None) -> Request:
        """From a path with options behind a question mark. Raises BadData for one that there is none of."""
        text = os.fspath(path)
        said: Mapping[str, Sequence[str]] = {}
        if "?" in text and not os.path.exists(text):  # noqa: PTH110 - which has no error for a name that is too long
            text, _, query = text.partition("?")
            said = parse_qs(query.replace("+", "%2B"), keep_blank_values=True)  # a plus is one: this is no form
        for name in said:
            if name not in OPTIONS:
                raise BadData(f"{path}: there is no option {name!r}: choose among {', '.join(OPTIONS)}")
        return cls(absolute(text), said, split)

    @property
    def name(self) -> str:
        """What to call the data set: its folder's name, or its file's."""
        return self.path.stem if self.path.is_file() else self.path.name

    def one(self, option: str) -> str | None:
        """What was said for an option, the last of several."""
        return self.said[option][-1] if self.said.get(option) else None


def same_split(one: str, other: str) -> bool:
    """Whether two names of splits mean the same: `val` is `dev`."""
    one, other = one.strip().lower(), other.strip().lower()
    return _SPLITS.get(one, one) == _SPLITS.get(other, other)
