"""How much a text asks for: a thing, a thing and one or two words of it, or what a sentence tells."""

from __future__ import annotations

import re
import unicodedata

# Words that say nothing of what is looked for, among them those by which people ask for a picture or a sound.
_SMALL = frozenset(
    """a an the this that these those some any my our your his her its their and or of in on at to by for with from
    is are was were be being there which who where it i me we you he she they find show search
    photo photos photograph photographs picture pictures image images film films video videos clip sound sounds
    recording recordings noise text texts page pages""".split()  # noqa: SIM905 - a page of quotes is harder to read
)
_WORD = re.compile(r"\w+(?:[-'’]\w+)*")
PHRASE = 3  # words that say something in what is no sentence yet


def wording(text: str) -> str:
    """`word`, `phrase` (two or three words that say something) or `text`.

    Small words are known of English alone: in other languages a text is sooner taken for a longer one, of which less is
    said to be relevant. Two signs of Chinese, Japanese or Korean count as a word.
    """
    words = [word for word in _WORD.findall(text.lower()) if word not in _SMALL]
    count = sum(max(1, _wide(word) // 2) for word in words)
    return "word" if count <= 1 else "phrase" if count <= PHRASE else "text"


def _wide(word: str) -> int:
    return sum(unicodedata.east_asian_width(sign) in "WF" for sign in word)
