"""Which files other programs open: an oracle for the table of formats, and for a test.

A picture by Pillow (with all its plug-ins), by FFmpeg, by libheif, and by a browser if one is installed; sounds and
films by FFmpeg; a PDF by PDFium; documents by the parsers made for them. "Opens" means that it gives a picture, a
stretch of sound or a text, however little.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
import warnings
import zipfile
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from urllib.parse import quote

import av
import pypdfium2
from lxml import etree
from PIL import Image

from sensorium.readers.damage import DAMAGE

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
AT_A_TIME = 100
PAGE = """<body><pre id=out></pre><script>
const shows = async (url) => {
  const picture = new Image();
  const loaded = new Promise(done => { picture.onload = () => done(true); picture.onerror = () => done(false); });
  picture.src = url;
  if (!await loaded) return false;
  const canvas = document.createElement('canvas'), context = canvas.getContext('2d');
  canvas.width = canvas.height = 32;
  context.drawImage(picture, 0, 0, 32, 32);
  return context.getImageData(0, 0, 32, 32).data.some((value, at) => at % 4 == 3 && value > 0);
};
(async () => {
  const found = [];
  for (const url of URLS) found.push(await shows(url));
  document.getElementById('out').textContent = 'RES' + 'ULT' + JSON.stringify(found) + 'END';
})();
</script></body>"""


def _endings(said: str) -> frozenset[str]:
    return frozenset(said.split())


PICTURES = _endings(
    "avif avifs bmp bw cur dds exr ff fli fpx gif hdr heic heif hif ico imt j2k jp2 jpeg jpg mpo pbm pcx pgm png ppm "
    "psd sgi svg tga tif tiff wal webp xbm xpm emf eps dcm bin icns qoi"
)
FILMS = _endings("3gp asf avi flv m4v mka mkv mov mp4 mpg mxf ogv webm")
SOUNDS = _endings("aac ac3 aif aiff ape flac m4a m4b mp2 mp3 oga ogg opus wav weba wma")
TEXTS = _endings("csv gpl ipynb json jsonl markdown md py rb rst sh srt tsv txt yml")  # what any editor opens
XML = _endings("docbook fb2 ncx nxml opf opml rss atom smil tei xml")
PAGES = frozenset({"html", "htm", "xhtml"})
ZIPS = {"docx": "word/document.xml", "pptx": "ppt/presentation.xml", "xlsx": "xl/workbook.xml", "odt": "content.xml",
        "ods": "content.xml", "odp": "content.xml", "epub": "META-INF/container.xml"}  # fmt: skip
TROUBLE = (
    *DAMAGE, av.error.FFmpegError, Image.DecompressionBombError, etree.LxmlError, zipfile.BadZipFile,
    pypdfium2.PdfiumError,
)  # fmt: skip


def tries(what: Callable[[Path], bool]) -> Callable[[Path], bool]:
    """`what`, and whatever a program's decoder raises means that it does not open the file."""

    def tried(path: Path) -> bool:
        try:
            return what(path)
        except TROUBLE:
            return False

    return tried


@tries
def by_pillow(path: Path) -> bool:
    """`Image.open`, with every plug-in it has."""
    with Image.open(path) as picture:
        picture.load()
    return True


@tries
def by_libheif(path: Path) -> bool:
    """The library that most programs open HEIC with."""
    import pillow_heif

    return bool(pillow_heif.open_heif(path)[0].data)


@tries
def by_ffmpeg(path: Path) -> bool:
    """A frame, as `ffmpeg -i` would decode it, the name's ending helping."""
    with av.open(str(path)) as container:
        return any(True for stream in container.streams.video for _ in container.decode(stream))


@tries
def by_sound(path: Path) -> bool:
    """A stretch of sound, by FFmpeg."""
    with av.open(str(path)) as container:
        return any(True for stream in container.streams.audio for _ in container.decode(stream))


@tries
def by_pdfium(path: Path) -> bool:
    """The first page, as Chrome would show it."""
    with pypdfium2.PdfDocument(path) as document:
        return document[0].render(scale=0.1).width > 0


@tries
def by_xml_parser(path: Path) -> bool:
    """Well-formed, as a browser wants it."""
    etree.parse(path, etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True))
    return True


@tries
def by_zip(path: Path) -> bool:
    """The document's main part is there and is XML."""
    with zipfile.ZipFile(path) as archive:
        etree.fromstring(archive.read(ZIPS[path.suffix[1:].lower()]))
    return True


@tries
def by_workbook(path: Path) -> bool:
    """An old workbook."""
    import python_calamine

    return bool(python_calamine.CalamineWorkbook.from_path(path).sheet_names)


@tries
def by_editor(path: Path) -> bool:
    """A text in UTF-8."""
    return bool(path.read_text("utf-8").strip())


def by_browser(paths: Iterable[Path]) -> set[Path]:
    """The pictures of which a browser shows anything; none where no browser is installed."""
    program = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    shown: set[Path] = set()
    waiting = list(paths) if program else []
    for start in range(0, len(waiting), AT_A_TIME):
        some = waiting[start : start + AT_A_TIME]
        with tempfile.TemporaryDirectory() as folder:
            page = Path(folder) / "page.html"
            urls = json.dumps([f"file://{quote(str(path.resolve()))}" for path in some])
            page.write_text(PAGE.replace("URLS", urls))
            options = ("--headless", "--no-sandbox", "--disable-gpu", "--allow-file-access-from-files",
                       "--virtual-time-budget=1000000", f"--user-data-dir={folder}", "--dump-dom")  # fmt: skip
            run = subprocess.run(
                [str(program), *options, f"file://{page}"], capture_output=True, text=True, check=False
            )
        found = re.search(r"RESULT(\[.*?\])END", run.stdout, re.DOTALL)
        shown |= {
            path
            for path, there in zip(some, json.loads(found[1]) if found else [False] * len(some), strict=True)
            if there
        }
    return shown


def programs(path: Path) -> list[tuple[str, Callable[[Path], bool]]]:
    """The programs that a person would try, by the name's ending."""
    suffix = path.suffix[1:].lower()
    if suffix in PICTURES:
        heif = [("libheif", by_libheif)] if suffix in ("heic", "heif", "hif") else []
        return [("Pillow", by_pillow), ("FFmpeg", by_ffmpeg), *heif]
    for endings, name, opens in _BY_ENDING:
        if suffix in endings:
            return [(name, opens)]
    return []


_BY_ENDING: tuple[tuple[Collection[str], str, Callable[[Path], bool]], ...] = (
    (FILMS, "FFmpeg", lambda path: by_ffmpeg(path) or by_sound(path)),
    (SOUNDS, "FFmpeg", by_sound),
    (("pdf",), "PDFium", by_pdfium),
    (ZIPS, "Office", by_zip),
    (XML, "XML parser", by_xml_parser),
    (PAGES, "browser", lambda path: path.stat().st_size > 0),
    (("xls",), "Office", by_workbook),
    (("rtf",), "Office", lambda path: path.read_bytes().startswith(b"{\\rtf")),
    (TEXTS, "editor", by_editor),
)


def opened_by(paths: Iterable[Path]) -> dict[Path, list[str]]:
    """The programs that open each file."""
    files = list(paths)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = {path: [name for name, opens in programs(path) if opens(path)] for path in files}
    for path in by_browser(path for path in files if path.suffix[1:].lower() in PICTURES):
        found[path].append("browser")
    return found
