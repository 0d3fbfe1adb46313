"""What of a page is its content: not its navigation, banners, share buttons and lists of other pages."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from sensorium.readers.page_tree import HEADINGS, INLINE, Tree, names

_FRAME = frozenset({"aside", "footer", "form", "menu", "nav"})
_ROLES = names(
    "alertdialog banner complementary contentinfo dialog form menu menubar navigation search toolbar tooltip"
)
# Words in classes and ids, each group for one kind of what surrounds a content.
_WORDS = (
    "nav|navi|navbar|navigation|menu|submenu|breadcrumbs?|sidebar|sidenav|pagination|pager|navbox|catlinks|"
    "footer|masthead|topbar|site header|"
    "cookies?|consent|gdpr|ccpa|onetrust|"
    "share|sharing|shares|sharebar|sharedaddy|social|socials|addtoany|addthis|"
    "ads?|adverts?|advertisements?|advertising|adsense|dfp|sponsor|sponsored|promo|promos|promotion|"
    "newsletter|subscribe|subscription|signup|paywall|outbrain|taboola|"
    "related|recommended|recommendations?|recirc|trending|read more|most read|"
    "modal|popup|overlay|tooltip|toolbar|editsection|jump link|skip links?|noprint|no print|"
    "respond|comment form|comment reply"
)
_SURROUNDING = re.compile(rf"(?<![a-z])(?:{_WORDS})(?![a-z])")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_PARTING = re.compile(r"[^a-z]+")
_LONGEST_NAMES = 500
_PROSE = 40  # characters of a paragraph that are no links
_HELD = 0.8  # of a page's prose lie in what is taken for its content
_CLUTTER, _LITTLE = 1.3, 300  # a share, and characters
_LINK_PAGE = 0.2
_LINKS, _LINK_SHARE = 3, 0.7
_PARAGRAPHS = names("blockquote dd details dl dt figure h1 h2 h3 h4 h5 h6 li ol p pre ul")
_LISTS = names("div dd dl li ol p section td ul")


@dataclass(slots=True)
class Content:
    """`root` is the element that holds a tree's content, `out` (n,) tells what in it is left out."""

    root: int
    out: list[bool]


@dataclass(slots=True)
class _Sums:
    """Of each element with all in it: characters, those in links, links, headings, its share of the page's prose."""

    text: list[int]
    linked: list[int]
    links: list[int]
    headings: list[int]
    prose: list[int]


def whole(tree: Tree) -> Content:
    """All of `tree`: a chapter of a book has nothing else in it."""
    return Content(0, [False] * len(tree))


def content_of(tree: Tree, *, is_whole: bool = True) -> Content:
    """What `tree` is about. Of a piece of a page, which is not `is_whole`, no root is sought.

    Left out is what its element, role, class or id says is around the content, unless it holds half of the prose;
    what lies outside the smallest element with nearly all prose, if it is much; and lists of mere links, except in
    pages that are mostly links.
    """
    own = _counted(tree)
    prose = sum(own.prose)
    sums, out = _summed(tree, own, prose, [_surrounds(tree, number) for number in range(len(tree))])
    if sums.text[0] < 200 and sum(own.text) >= 5 * sums.text[0]:
        sums, out = _summed(tree, own, prose, [False] * len(tree))
    root = _root(tree, sums, out) if is_whole else 0
    if sums.linked[root] * 2 < sums.text[root]:
        for number in range(root + 1, tree.ends[root]):
            if tree.tags[number] in _LISTS and _mere_links(sums, number):
                out[number] = True
    return Content(root, out)


def _counted(tree: Tree) -> _Sums:
    """The counts of each element without what is in the elements in it; a text counts for the block that it is in."""
    n = len(tree)
    own = _Sums([0] * n, [0] * n, [0] * n, [0] * n, [0] * n)
    block, in_link = [0] * n, [False] * n
    for number in range(1, n):
        tag, parent = tree.tags[number], tree.parents[number]
        if not tag:
            text = tree.texts[number]
            if not text.isspace():
                own.text[parent] += len(text)
                if in_link[parent]:
                    own.linked[parent] += len(text)
                else:
                    own.prose[block[parent]] += len(text)
            continue
        block[number] = block[parent] if tag in INLINE else number
        in_link[number] = in_link[parent]
        if tag == "a" and "href" in tree.attributes[number]:
            in_link[number] = True
            own.links[number] = 1
        elif tag in HEADINGS:
            own.headings[number] = 1
    long = [size if size >= _PROSE else 0 for size in own.prose]
    own.prose = long if any(long) else own.prose if any(own.prose) else list(own.text)
    return own


def _summed(tree: Tree, own: _Sums, prose: int, surrounds: list[bool]) -> tuple[_Sums, list[bool]]:
    """`own` summed up over what is in each element, and which of those that `surrounds` marks are left out."""
    sums = _Sums(list(own.text), list(own.linked), list(own.links), list(own.headings), list(own.prose))
    text, linked, links, headings, found = sums.text, sums.linked, sums.links, sums.headings, sums.prose
    out = [False] * len(tree)
    for number in range(len(tree) - 1, 0, -1):
        if not tree.tags[number] or (not text[number] and not surrounds[number]):
            continue
        if surrounds[number] and 2 * found[number] < max(prose, 1):
            out[number] = True
            continue
        parent = tree.parents[number]
        text[parent] += text[number]
        linked[parent] += linked[number]
        links[parent] += links[number]
        headings[parent] += headings[number]
        found[parent] += found[number]
    return sums, out


def _surrounds(tree: Tree, number: int) -> bool:
    tag, attributes = tree.tags[number], tree.attributes[number]
    if not tag or tag in ("body", "main", "article"):
        return False
    if tag in _FRAME or (tag == "header" and _of_site(tree, number)):
        return True
    if not attributes:
        return False
    return attributes.get("role") in _ROLES or _is_surrounding(
        (attributes.get("class") or "")[:_LONGEST_NAMES], (attributes.get("id") or "")[:_LONGEST_NAMES]
    )


def _of_site(tree: Tree, number: int) -> bool:
    """Whether a header is the site's and not that of an article."""
    if any(tree.tags[inside] == "h1" for inside in range(number + 1, tree.ends[number])):
        return False
    while (number := tree.parents[number]) > 0:
        if tree.tags[number] in ("article", "main", "section"):
            return False
    return True


@lru_cache(maxsize=8192)
def _is_surrounding(classes: str, name: str) -> bool:
    if not classes and not name:
        return False
    words = _PARTING.sub(" ", _CAMEL.sub(" ", f"{classes} . {name}").lower())
    return _SURROUNDING.search(words) is not None


def _root(tree: Tree, sums: _Sums, out: list[bool]) -> int:
    """The largest element that holds nearly all prose and little else; all of a page with hardly any prose."""
    if sums.prose[0] < _LINK_PAGE * sums.text[0]:
        return 0
    needed = _HELD * sums.prose[0]
    chain = [0]
    while True:
        inside = (child for child in tree.children(chain[-1]) if not out[child] and sums.prose[child] >= needed)
        child = next(inside, None)
        if child is None or tree.tags[child] in INLINE or tree.tags[child] in _PARAGRAPHS:
            break
        chain.append(child)
    most = max(_CLUTTER * sums.text[chain[-1]], sums.text[chain[-1]] + _LITTLE)
    root = next(number for number in chain if sums.text[number] <= most)
    while tree.tags[root] in ("tbody", "tr"):  # a table is read as a whole
        root = tree.parents[root]
    return root


def _mere_links(sums: _Sums, number: int) -> bool:
    return (
        sums.links[number] >= _LINKS
        and sums.linked[number] > _LINK_SHARE * sums.text[number]
        and not sums.prose[number]
    )
