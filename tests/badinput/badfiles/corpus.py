"""All good files by what they are, and all attacks by what they are aimed at."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

from badfiles import bombs, documents, films, markup, pdfs, pictures, sounds, traps
from badfiles.markup import Ground

KINDS = ("text", "image", "audio", "video", "html", "xml", "pdf", "table", "office", "epub")
# PDFium and resvg end the process when they get no more memory, and give no other choice.
MAY_DIE = frozenset(
    {"pdfs/bomb.pdf", "pdfs/forms.pdf", "pdfs/texts.pdf", "pdfs/twice-packed.pdf", "drawings/long-path.svg"}
)
UNREAD = ("fields.tga", "fields.ico")  # no reader need take them; they stand for all that is skipped
SECRET = "The password of the vault is heliotrope."
PASSWORDS = "root:x:0:0:"


@cache
def good(kind: str) -> dict[str, bytes]:
    """Name -> file of one kind; all but `UNREAD` can be read."""
    found = {}
    if kind in ("image", "video"):
        moving = kind == "video"
        found = {name: data for name, data in pictures.good_pictures().items() if name.startswith("moving") == moving}
    if kind in ("html", "xml"):
        found = {name: data for name, data in markup.good_markup().items() if name.endswith("html") == (kind == "html")}
    if kind in ("office", "table", "epub"):
        found = {name: data for name, data in documents.good_documents().items() if _document_kind(name) == kind}
    more: dict[str, Callable[[], dict[str, bytes]]] = {
        "text": documents.good_texts, "table": documents.good_tables, "audio": sounds.good_sounds,
        "video": films.good_films, "pdf": pdfs.good_pdfs,
    }  # fmt: skip
    return found | (more[kind]() if kind in more else {})


def _document_kind(name: str) -> str:
    return {"epub": "epub", "xlsx": "table", "ods": "table"}.get(name.rpartition(".")[2], "office")


@cache
def all_good() -> dict[str, bytes]:
    """Name -> good file of every kind."""
    return {name: data for kind in KINDS for name, data in good(kind).items()}


ATTACKS: dict[str, Callable[[Ground], dict[str, bytes]]] = {
    "pictures": lambda ground: bombs.picture_bombs(),
    "drawings": markup.svg_traps,
    "sounds": lambda ground: sounds.odd_sounds(),
    "films": lambda ground: films.odd_films(),
    "playlists": lambda ground: films.playlists(ground.port, str(ground.secret)),
    "pages": markup.html_traps,
    "xml": markup.xml_bombs,
    "pdfs": pdfs.bad_pdfs,
    "documents": traps.office_traps,
    "tables": lambda ground: traps.table_traps(),
    "texts": lambda ground: traps.text_traps(),
    "archives": lambda ground: bombs.packed_archives(),
}


def lay(ground: Ground, group: str) -> Path:
    """Write one group of attacks into a folder of its own, and return it."""
    folder = ground.folder / group
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in ATTACKS[group](ground).items():
        (folder / name).write_bytes(data)
    if group in ("pages", "drawings"):
        _links(folder, ground)
    return folder


def _links(folder: Path, ground: Ground) -> None:
    """What pages and drawings name beside them: ways out of their folder, and things without an end."""
    import os

    for name, target in (
        ("link-out.png", ground.picture),
        ("folder-out", ground.picture.parent),
        ("zero.png", Path("/dev/zero")),
    ):
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(target)
    if not (folder / "fifo.png").exists():
        os.mkfifo(folder / "fifo.png")
