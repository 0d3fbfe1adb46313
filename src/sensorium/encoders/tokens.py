"""Text to token ids: what a text tower sees. `tokenizers` is imported with the first text."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from tokenizers import Encoding

# No tokenizer's tokens are this long on average, so what lies behind cannot change the first `max_tokens` tokens.
LONGEST_TOKEN = 64
# So many windows of a text are read at most: some 2,000 words for a tower that reads 77 tokens.
MOST_WINDOWS = 32


@dataclass(frozen=True, slots=True)
class TextSettings:
    """The preprocessing of a text tower: its tokenizer's file, and how many tokens it reads (special ones included).

    `pad_id` stands where a text is filled up: to `pad_to` tokens, or to the next multiple of 8 when that is 0. What is
    `beyond` the tokens it reads is `cut`, or read in further windows (`window`), whose unit vectors are averaged: 32
    windows at most. Blanks `around` a text are taken off (`strip`), or left to the tokenizer (`keep`).
    """

    tokenizer: str = "tokenizer.json"
    max_tokens: int = 64
    pad_id: int = 0
    pad_to: int = 0
    beyond: str = "cut"
    around: str = "strip"

    def __post_init__(self) -> None:
        if self.max_tokens < 4:
            raise ValueError("max_tokens must be 4 or more")
        if self.pad_to not in (0, self.max_tokens) or self.pad_id < 0:
            raise ValueError("pad_to must be 0 or max_tokens, pad_id not below 0")
        if self.beyond not in ("cut", "window"):
            raise ValueError(f"beyond must be cut or window, not {self.beyond!r}")
        if self.around not in ("strip", "keep"):
            raise ValueError(f"around must be strip or keep, not {self.around!r}")


class Extent(NamedTuple):
    """How much of a text is read: of its `tokens`, special ones included, `limit` at once, in so many `windows`.

    `cut` is how many of its characters are read when these are not all of them, else None.
    """

    tokens: int
    limit: int
    windows: int
    cut: int | None


class TextTokens:
    """The tokenizer of one text tower. Safe to use from several threads at once."""

    def __init__(self, path: Path, settings: TextSettings) -> None:
        """Load a `tokenizers` file; raises ValueError when it is not one."""
        from tokenizers import Tokenizer

        try:
            self._tokenizer = Tokenizer.from_file(str(path))
        except Exception as error:  # tokenizers raises plain Exception, whatever is wrong with the file
            raise ValueError(f"{path.name} is not a tokenizer: {error}") from error
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(settings.max_tokens)
        self._settings = settings
        self._nothing = self._filler()

    def _filler(self) -> int:
        """The token that stands for a text without tokens, so that no tower averages over nothing."""
        for name in ("[UNK]", "<unk>", "[PAD]", "<pad>"):
            found = self._tokenizer.token_to_id(name)
            if found is not None:
                return int(found)
        return 0

    def __call__(self, text: str, beyond: str | None = None) -> NDArray[np.int64]:
        """Token ids int64 (t,), t >= 1. A longer text is cut at `max_tokens`, or comes in windows one after the other.

        Windows are full (`max_tokens` tokens, special ones included) but for the last. `beyond`, `cut` or `window`,
        stands for the setting of that name.
        """
        most = self._most(beyond)
        encoded = self._encoded(self._trimmed(text, most), most)
        ids = encoded.ids
        if most > 1:
            ids = [token for window in (encoded, *encoded.overflowing[: most - 1]) for token in window.ids]
        return np.array(ids or [self._nothing], dtype=np.int64)

    def extent(self, text: str, beyond: str | None = None) -> Extent:
        """How much of a text `__call__` reads. Tokens are counted as far as 32 windows can reach."""
        most = self._most(beyond)
        trimmed = self._trimmed(text, most)
        first = self._encoded(trimmed, MOST_WINDOWS)
        pieces, special = [first, *first.overflowing], sum(first.special_tokens_mask)
        tokens = special + sum(len(piece) - sum(piece.special_tokens_mask) for piece in pieces)
        cut = None
        if len(pieces) > most:
            cut = max(end for _, end in pieces[most - 1].offsets)
        elif len(trimmed) > self._characters(most):
            cut = self._characters(most)
        if cut is not None:
            cut += text.index(trimmed[0])
        return Extent(tokens, self._settings.max_tokens, min(len(pieces), most), cut)

    def _most(self, beyond: str | None) -> int:
        """How many windows of a text are read."""
        return MOST_WINDOWS if (beyond or self._settings.beyond) == "window" else 1

    def _characters(self, most: int) -> int:
        """How many characters so many windows can have."""
        return most * self._settings.max_tokens * LONGEST_TOKEN

    def _trimmed(self, text: str, most: int) -> str:
        """The text without the blanks around it, unless they are the tokenizer's."""
        return text.strip() if self._settings.around == "strip" or len(text) > self._characters(most) else text

    def _encoded(self, text: str, most: int) -> Encoding:
        clean = text[: self._characters(most)].encode("utf-8", "replace").decode("utf-8")  # no lone surrogates
        return self._tokenizer.encode(clean)


def pad(rows: list[NDArray[np.int64]], length: int, pad_id: int = 0) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Token ids of several texts as (ids, mask), both int64 (n, length): padded with `pad_id` where mask is 0."""
    ids = np.full((len(rows), length), pad_id, dtype=np.int64)
    mask = np.zeros((len(rows), length), dtype=np.int64)
    for row, tokens in enumerate(rows):
        ids[row, : len(tokens)] = tokens
        mask[row, : len(tokens)] = 1
    return ids, mask


def windows(tokens: NDArray[np.int64], settings: TextSettings) -> list[NDArray[np.int64]]:
    """The windows of a prepared text, each at most `max_tokens` long; there is always one."""
    return [tokens[start : start + settings.max_tokens] for start in range(0, len(tokens), settings.max_tokens)]
