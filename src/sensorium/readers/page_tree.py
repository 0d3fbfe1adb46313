"""A page as flat lists, in document order: what is seen of it, quick to go over and without recursion."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from selectolax.lexbor import LexborDocumentOptions, LexborHTMLParser, LexborNode


def names(said: str) -> frozenset[str]:
    """The words in `said` as a set."""
    return frozenset(said.split())


HEADINGS = {f"h{level}": level for level in range(1, 7)}
INLINE = names(
    "a abbr acronym b bdi bdo big br cite code data del dfn em font i img ins kbd label mark nobr q ruby s samp "
    "small source span strike strong sub sup svg time tt u var wbr"
)
# What a browser does not show as text of the page, or what people act with instead of reading it.
_UNSEEN = names(
    "-comment annotation annotation-xml applet area audio base button canvas col datalist dialog embed frame frameset "
    "head iframe input link map meta meter noembed noframes object optgroup option param progress rp rt script select "
    "style template textarea title track video"
)
_WHOLE = frozenset({"html", "body", "main", "article"})  # hidden by a style until a script has run
_HIDDEN = re.compile(r"(?:^|;)\s*(?:display\s*:\s*none|visibility\s*:\s*hidden)")

Attributes = dict[str, str | None]
_NONE: Attributes = {}


@dataclass(slots=True)
class Tree:
    """Elements and texts of a page's body by their number; 0 is the body.

    `tags` is "" for a text. `ends[n]` is the number after the last one inside `n`.
    """

    tags: list[str]
    texts: list[str]
    attributes: list[Attributes]
    parents: list[int]
    ends: list[int]

    def __len__(self) -> int:
        return len(self.tags)

    def children(self, number: int) -> Iterator[int]:
        """The numbers of the elements and texts directly inside `number`."""
        child = number + 1
        while child < self.ends[number]:
            yield child
            child = self.ends[child]

    def text(self, number: int) -> str:
        """All text inside `number` on one line; blocks and line breaks part words, inline elements do not."""
        pieces = [
            text or ("" if tag in INLINE and tag != "br" else " ")
            for tag, text in zip(
                self.tags[number : self.ends[number]], self.texts[number : self.ends[number]], strict=True
            )
        ]
        return tidy("".join(pieces))


def tidy(text: str) -> str:
    """`text` on one line, without marks that are not seen."""
    if not text.isascii():
        text = text.replace("\u00ad", "").replace("\u200b", "").replace("\ufeff", "")
    return " ".join(text.split())


def parsed(markup: bytes) -> LexborHTMLParser:
    """`markup`, UTF-8, by the rules of HTML5."""
    return LexborHTMLParser(markup, options=LexborDocumentOptions.WO_EVENTS)


def tree_of(page: LexborHTMLParser) -> Tree:
    """The body of `page` without scripts, forms' fields, hidden elements and the like."""
    body = page.body
    tree = Tree(["body"], [""], [body.attributes if body else _NONE], [-1], [1])
    if body is None:
        return tree
    # Each node of a page comes by here: names are bound, and nothing is called that need not be.
    tags, texts, all_attributes, parents, ends = tree.tags, tree.texts, tree.attributes, tree.parents, tree.ends
    above, parent, after_block = [0], 0, True
    node = body.first_child or body
    while node is not body:
        tag, text, attributes, inside = node.tag or "", "", _NONE, None
        if tag == "-text":
            tag, text = "", node.text_content or ""
            is_seen = not (after_block and text.isspace())  # a third of all nodes
        else:
            is_seen = tag not in _UNSEEN or (tag == "button" and tags[parent] in HEADINGS)
            if is_seen:
                attributes = node.attributes
                is_seen = not attributes or tag in _WHOLE or not _is_hidden(attributes)
        if is_seen:
            tags.append(tag)
            texts.append(text)
            all_attributes.append(attributes)
            parents.append(parent)
            ends.append(len(tags))
            after_block = bool(tag) and tag not in INLINE and tag != "pre"
            if tag in ("noscript", "svg"):
                _add_pictures(tree, node)
            elif tag and (inside := node.first_child) is not None:
                parent = len(tags) - 1
                above.append(parent)
        if inside is None:
            inside = node.next
            while inside is None:  # up to the first element with something after it
                ended = above.pop()
                ends[ended] = len(tags)
                if not above:
                    return tree
                after_block = tags[ended] not in INLINE
                parent = above[-1]
                node = node.parent or body
                inside = node.next
        node = inside
    return tree


def _is_hidden(attributes: Attributes) -> bool:
    if "hidden" in attributes and attributes["hidden"] != "until-found":  # that one is opened by searching in the page
        return True
    if attributes.get("aria-hidden") == "true":
        return True
    style = attributes.get("style")
    return style is not None and _HIDDEN.search(style.lower()) is not None


def _add_pictures(tree: Tree, node: LexborNode) -> None:
    """Of the <noscript> or <svg> that was added last only the pictures; the words of the one ask for scripts."""
    number = len(tree) - 1
    for picture in node.css("img, image"):
        attributes = picture.attributes
        if picture.tag == "image":
            attributes["src"] = attributes.get("href") or attributes.get("xlink:href")
        tree.tags.append("img")
        tree.texts.append("")
        tree.attributes.append(attributes)
        tree.parents.append(number)
        tree.ends.append(len(tree))
    tree.ends[number] = len(tree)
