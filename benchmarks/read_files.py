"""What `read.py` reads: films, sounds, photographs and pages, composed out of the data folder's `test` files."""

from __future__ import annotations

import csv
import html
import io
import os
import random
from concurrent.futures import ProcessPoolExecutor
from itertools import cycle, islice
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from process import ROOT
from sensorium.testing.media import Form, Scene, film

DATA = Path(os.environ.get("SENSORIUM_DATA", ROOT / "../shared/data")).resolve()
CORES = 2
FILMS, FILM_SECONDS = 4, 60
SOUNDS, SOUND_SECONDS = 40, 90
PHOTOS = {"photos": (600, 2_500_000), "photos-large": (300, 5_000_000)}  # how many, and their size in bytes
DRAWN = 20  # so many of them are drawn, and the others differ in a comment
PAGES = {"short": 2_000, "article": 500}
SENTENCES = {"short": 9, "article": 60}  # of captions, about 50 characters each
SEED = 12
MENU = ("home", "news", "sport", "travel", "food", "about")


def test_files(labels: Path) -> list[str]:
    """Names of the files that a `labels.csv` or `splits.csv` calls `test`."""
    with labels.open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    name = "file" if "file" in rows[0] else next(iter(rows[0]))
    return [row[name] for row in rows if row["split"] == "test"]


def pictures() -> list[Path]:
    """The test photographs of flickr8k."""
    return [DATA / "flickr8k/images" / name for name in test_files(DATA / "flickr8k/splits.csv")]


def captions() -> list[str]:
    """Captions of the test photographs."""
    wanted = {path.name for path in pictures()}
    with (DATA / "flickr8k/captions.csv").open(encoding="utf-8") as lines:
        return [row["caption"] for row in csv.DictReader(lines) if row[next(iter(row))] in wanted]


def sounds(rate: int) -> list[NDArray[np.float32]]:
    """The test sounds of ESC-50, each float32 (n,)."""
    return [samples(DATA / "esc50/audio" / name, rate) for name in test_files(DATA / "esc50/labels.csv")]


def samples(path: Path, rate: int) -> NDArray[np.float32]:
    """A sound as mono float32 (n,)."""
    resample = av.AudioResampler("fltp", "mono", rate).resample
    with av.open(str(path)) as container:
        found = [one.to_ndarray()[0] for frame in container.decode(audio=0) for one in resample(frame)]
    return np.concatenate(found)


def write_films(folder: Path) -> None:
    """1080p, 30 frames a second, H.264 at 6 Mbit/s with AAC: a slow pan or zoom over a photograph for 3 to 8 s each."""
    jobs = [(str(folder / f"{number}.mp4"), number) for number in range(FILMS)]
    with ProcessPoolExecutor(CORES) as pool:
        list(pool.map(_write_film, *zip(*jobs, strict=True)))


def _write_film(path: str, number: int) -> None:
    chance, scenes, left = random.Random(SEED + number), [], float(FILM_SECONDS)
    photos, heard = chance.sample(pictures(), FILM_SECONDS), chance.sample(sounds(16000), FILM_SECONDS)
    while left > 0:
        seconds = min(chance.uniform(3, 8), left)
        picture = np.asarray(Image.open(photos.pop()).convert("RGB").resize((2400, 1350), Image.Resampling.BICUBIC))
        ends = [(chance.random(), chance.random()) for _ in range(2)]
        zoom = (chance.uniform(1, 1.3), chance.uniform(1, 1.3))
        scenes.append(Scene(picture, seconds, heard.pop(), pan=(ends[0], ends[1]), zoom=zoom))
        left -= seconds
    form = Form(size=(1920, 1080), fps=30, bit_rate=6_000_000, options={"preset": "veryfast"})
    film(scenes, form, to=path)


def write_sounds(folder: Path) -> None:
    """MP3, Ogg Opus and FLAC, 44.1 or 48 kHz, joined from clips of ESC-50."""
    clips, chance = sounds(48000), random.Random(SEED)
    forms = {"mp3": ("mp3", "libmp3lame"), "opus": ("ogg", "libopus"), "flac": ("flac", "flac")}
    for number, suffix in zip(range(SOUNDS), cycle(forms), strict=False):
        joined = np.concatenate(chance.sample(clips, SOUND_SECONDS // 5))[: SOUND_SECONDS * 48000]
        container_format, codec = forms[suffix]
        with av.open(str(folder / f"{number}.{suffix}"), "w", format=container_format) as container:
            stream = container.add_stream(codec, rate=48000, layout="mono")
            whole = (np.clip(joined, -1, 1) * 32767).astype(np.int16)[None]
            for start in range(0, whole.shape[1], 48000):
                frame = av.AudioFrame.from_ndarray(whole[:, start : start + 48000], "s16", "mono")
                frame.sample_rate, frame.pts = 48000, start
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))


def write_photos(folder: Path, photos: int, size: int) -> None:
    """4000 x 3000 pixels: photographs enlarged, with the noise of a sensor, until they are `size` bytes large."""
    noise = np.random.default_rng(SEED)
    for number, path in enumerate(islice(pictures(), DRAWN)):
        large = Image.open(path).convert("RGB").resize((4000, 3000), Image.Resampling.BICUBIC)
        grain = noise.normal(0, 1, (3000, 4000, 1)).astype(np.float32)
        low, high = 0.0, 24.0
        for _ in range(7):
            middle = (low + high) / 2
            pixels = np.clip(np.asarray(large, np.float32) + middle * grain, 0, 255).astype(np.uint8)
            written = io.BytesIO()
            Image.fromarray(pixels).save(written, "JPEG", quality=85)
            low, high = (middle, high) if written.tell() < size else (low, middle)
        data = written.getvalue()
        for copy in range(number, photos, DRAWN):
            words = f"copy {copy}".encode()
            comment = b"\xff\xfe" + (len(words) + 2).to_bytes(2, "big") + words
            (folder / f"{copy}.jpg").write_bytes(data[:2] + comment + data[2:])


def write_pages(folder: Path, pages: int, sentences: int) -> None:
    """Pages with navigation, scripts, styles and a footer, as pages have; sections of about three sentences."""
    said, chance = captions(), random.Random(SEED)
    menu = "".join(f'<li><a href="/{word}">{word}</a></li>' for word in MENU)
    style = "<style>" + "".join(f".c{n} {{ margin: {n}px; color: #{n:03x} }} " for n in range(300)) + "</style>"
    script = "<script>" + "".join(f"window.x{n} = (a) => a + {n};" for n in range(200)) + "</script>"
    for number in range(pages):
        words = iter(html.escape(text) for text in chance.sample(said, sentences + sentences // 3 + 2))
        sections = "".join(
            f'<h2 id="s{n}">{next(words)}</h2><p class="c{n}">{" ".join(islice(words, 3))}</p>'
            for n in range(sentences // 3)
        )
        page = (
            f"<!doctype html><html lang=en><head><meta charset=utf-8><title>{next(words)}</title>{style}{script}</head>"
            f"<body><nav><ul>{menu}</ul></nav><main><h1>Page {number}</h1>{sections}</main>"
            f"<footer>{menu}</footer></body></html>"
        )
        (folder / f"{number}.html").write_text(page, encoding="utf-8")


def composed(folder: Path, *names: str) -> None:
    """What is not there yet, of all or of some of the folders."""
    makers = {
        "films": write_films, "sounds": write_sounds,
        **{name: lambda to, form=form: write_photos(to, *form) for name, form in PHOTOS.items()},
        **{f"pages-{name}": lambda to, name=name: write_pages(to, PAGES[name], SENTENCES[name]) for name in PAGES},
    }  # fmt: skip
    for name, maker in makers.items():
        if name in (names or makers) and not (folder / name).is_dir():
            partial = folder / f"{name}.partial"
            partial.mkdir(parents=True, exist_ok=True)
            maker(partial)
            partial.rename(folder / name)
