"""How fast files of each kind go in, with the starter end to end: `python benchmarks/read.py` (about ten minutes).

Composes 1080p films, long sounds, pages and 12-megapixel photographs out of the data folder's `test` files (`--keep
FOLDER` keeps them for the next run), adds each kind through the command line, a process each, and beside it decodes the
same files and does nothing else, on the same two cores: the limit. Writes benchmarks/read.json.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import av
from PIL import Image
from selectolax.lexbor import LexborHTMLParser

from process import SENSORIUM, run, write
from read_files import CORES, FILM_SECONDS, FILMS, PAGES, PHOTOS, SOUND_SECONDS, SOUNDS, composed, samples
from sensorium.readers.contract import Limits, Source
from sensorium.readers.html import reader as html_reader


def decode_film(path: str) -> None:
    """Every frame and every sample, with as many threads as there are cores."""
    with av.open(path) as container:
        for stream in (container.streams.video[0], container.streams.audio[0]):
            stream.thread_type, stream.codec_context.thread_count = "AUTO", CORES
        for _ in container.decode(video=0, audio=0):
            pass


def decode_sound(path: str) -> None:
    """Decoded and resampled to what the model hears."""
    samples(Path(path), 32000)


def decode_photo(path: str) -> None:
    """At an eighth of its size, which is the least that a JPEG decoder can do."""
    with Image.open(path) as picture:
        picture.draft(None, (320, 320))
        picture.load()


def parse_page(path: str) -> None:
    """Into a tree."""
    LexborHTMLParser(Path(path).read_bytes())


def read_page(path: str) -> None:
    """Into parts, without a model."""
    for _ in html_reader.read(Source.from_path(path), Limits()):
        pass


def alone(decode: Callable[[str], None], files: Sequence[Path], processes: int) -> float:
    """Seconds to decode all files and do nothing else."""
    paths = [str(path) for path in files]
    with ProcessPoolExecutor(processes) as pool:
        list(pool.map(decode, paths[:processes]))
        started = time.perf_counter()
        list(pool.map(decode, paths, chunksize=max(1, len(paths) // (8 * processes))))
        return time.perf_counter() - started


def measured(folder: Path, amount: float, decode: Callable[[str], None], processes: int = CORES) -> dict[str, float]:
    """`amount` (files, or seconds of film or sound) a second, end to end and decoding alone, and the share reached."""
    files = sorted(path for path in folder.iterdir() if path.is_file())
    limit = statistics.median(alone(decode, files, processes) for _ in range(3))
    runs = []
    for _ in range(3):
        with tempfile.TemporaryDirectory() as place:
            ran = run(SENSORIUM, "--library", Path(place) / "it.library", "add", folder, "--json")
            report = json.loads(ran.out)
            assert report["added"] == len(files), report
            runs.append(ran)
    seconds = statistics.median(ran.seconds for ran in runs)
    return {
        "files": len(files), "megabytes": round(sum(path.stat().st_size for path in files) / 1e6, 1),
        "seconds": round(seconds, 2), "rate": round(amount / seconds, 1),
        "decoding_alone_rate": round(amount / limit, 1),
        "share_of_limit": round(limit / seconds, 3), "peak_mb": round(max(ran.peak_mb for ran in runs)),
    }  # fmt: skip


def main() -> None:
    """Compose, measure, write the JSON, print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", type=Path, help="keep what is composed in this folder")
    keep = parser.parse_args().keep
    with tempfile.TemporaryDirectory() as temporary:
        folder = keep or Path(temporary)
        composed(folder)
        pages = {
            f"pages_{name}": {
                "characters": round(statistics.mean(len(p.read_bytes()) for p in (folder / f"pages-{name}").iterdir())),
                **measured(folder / f"pages-{name}", PAGES[name], parse_page),
                "reading_alone_rate": round(
                    PAGES[name] / alone(read_page, sorted((folder / f"pages-{name}").iterdir()), CORES), 1
                ),
            }
            for name in PAGES
        }
        figures = {
            "films_seconds_per_second": measured(folder / "films", FILMS * FILM_SECONDS, decode_film, 1),
            "sounds_seconds_per_second": measured(folder / "sounds", SOUNDS * SOUND_SECONDS, decode_sound),
            "photos_per_second": measured(folder / "photos", PHOTOS["photos"][0], decode_photo),
            "photos_large_per_second": measured(folder / "photos-large", PHOTOS["photos-large"][0], decode_photo),
            **pages,
        }
    write("read", figures)


if __name__ == "__main__":
    main()
