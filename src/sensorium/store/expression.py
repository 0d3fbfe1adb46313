"""An SQL expression cut into words and marks: which names it speaks of, and that it is an expression and no more."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

# What DataFusion takes for a string or a comment must be one here too, else a part of it would go unseen: so strings
# with a prefix, dollar quotes, comments that may nest, and all characters that no expression needs are refused.
_TOKEN = re.compile(
    r"""
    (?P<blank>\s+|--[^\n]*)
    |(?P<string>'(?:[^']|'')*')
    |(?P<quoted>"(?:[^"]|"")+"|`[^`]+`)
    |(?P<number>\d\w*(?:\.\w*)?|\.\d\w*)
    |(?P<word>[^\W\d]\w*)
    |(?P<mark>/(?!\*)|[-+*%<>=!~(),.:|&^\[\]])
    """,
    re.VERBOSE,
)
_WORDS = frozenset({
    "and", "or", "not", "like", "ilike", "similar", "to", "escape", "in", "is", "null", "true", "false", "unknown",
    "between", "symmetric", "case", "when", "then", "else", "end", "as", "cast", "try_cast", "distinct", "from", "any",
    "all", "some", "exists", "select", "where", "group", "by", "order", "having", "limit", "union", "div",
})  # fmt: skip
TABLE = "dataset"  # what Lance calls the table that it is asked about
_TYPES = frozenset({"date", "time", "timestamp", "interval"})  # before a string: its type; else names like others


class NoExpression(ValueError):
    """The text is not one expression; says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Name:
    """A name in an expression: text[start:end], its pieces between dots, and whether these are in quotes."""

    start: int
    end: int
    pieces: tuple[str, ...]
    quoted: bool

    def spellings(self) -> Iterator[str]:
        """What it may stand for: as it is written, and in small letters unless it is in quotes."""
        name = ".".join(self.pieces)
        yield name
        if not self.quoted and name != name.lower():
            yield name.lower()


def names_in(text: str) -> list[Name]:
    """The names that `text` speaks of, in order. Raises `NoExpression` for what cannot be a part of an expression."""
    tokens = [token for token in _tokens(text) if token.lastgroup != "blank"]
    _check(tokens)
    found: list[Name] = []
    at = 0
    while at < len(tokens):
        end = at + 1
        while _is_name(tokens[at]) and end + 1 < len(tokens) and tokens[end][0] == "." and _is_piece(tokens[end + 1]):
            end += 2
        if _is_name(tokens[at]) and (end > at + 1 or _stands_alone(tokens, at)):
            found.append(_name(tokens[at:end]))
        at = end
    return found


def replaced(text: str, names: Mapping[Name, str]) -> str:
    """`text` with other words in the place of these names."""
    for name in sorted(names, key=lambda name: -name.start):
        text = text[: name.start] + names[name] + text[name.end :]
    return text


def in_quotes(name: str) -> str:
    """A name as SQL takes it literally."""
    return '"' + name.replace('"', '""') + '"'


def _tokens(text: str) -> Iterator[re.Match[str]]:
    at, before = 0, ""
    while at < len(text):
        token = _TOKEN.match(text, at)
        if token is None:
            raise NoExpression(f"Expected an expression, found {text[at]!r}")
        if token.lastgroup in ("string", "quoted") and before in ("word", "number", "string", "quoted"):
            raise NoExpression(f"Expected a space before {token[0][:20]}")
        yield token
        at, before = token.end(), token.lastgroup or ""


def _check(tokens: list[re.Match[str]]) -> None:
    depth = 0
    for token in tokens:
        depth += (token[0] == "(") - (token[0] == ")")
        if depth < 0:
            raise NoExpression("a bracket closes that was not opened")
    if depth:
        raise NoExpression("a bracket opens that is not closed")


def _is_name(token: re.Match[str]) -> bool:
    return _is_piece(token) and token[0].lower() not in _WORDS


def _is_piece(token: re.Match[str]) -> bool:
    return token.lastgroup in ("word", "quoted")


def _stands_alone(tokens: list[re.Match[str]], at: int) -> bool:
    """Whether a word is no function, no type and no unit."""
    before = tokens[at - 1][0].lower() if at else ""
    after = tokens[at + 1] if at + 1 < len(tokens) else None
    if tokens[at].lastgroup == "quoted":
        return True
    if before in ("as", ":") or (after is not None and after[0] == "("):
        return False
    return not (tokens[at][0].lower() in _TYPES and after is not None and after.lastgroup == "string")


def _name(tokens: list[re.Match[str]]) -> Name:
    pieces = tuple(_plain(token[0]) for token in tokens if token.lastgroup != "mark")
    pieces = pieces[1:] if len(pieces) > 1 and pieces[0].lower() == TABLE else pieces
    return Name(tokens[0].start(), tokens[-1].end(), pieces, any(token.lastgroup == "quoted" for token in tokens))


def _plain(piece: str) -> str:
    if piece.startswith('"'):
        return piece[1:-1].replace('""', '"')
    return piece.strip("`")
