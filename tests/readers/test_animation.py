"""Pictures that move are short films; those that do not stay pictures."""

from __future__ import annotations

import io
import time

import numpy as np
import pytest
from PIL import Image

from sensorium.core.errors import Unreadable
from sensorium.readers.animation import ANIMATED, durations, is_animated
from sensorium.readers.registry import Source, read
from sensorium.readers.sniff import sniff
from sensorium.testing.media import encoded, patchwork, picture

FORMS = {"GIF": "image/gif", "WEBP": "image/webp", "PNG": "image/png", "AVIF": "image/avif"}


def frames(count, side=48, first=0):
    return [Image.fromarray(patchwork(first + n, side, side)) for n in range(count)]


def animation(form, count=3, duration=700, **options):
    first, *rest = frames(count)
    return encoded(first, form, save_all=True, append_images=rest, duration=duration, **options)


@pytest.mark.parametrize("form", FORMS)
def test_told_from_the_bytes(form):
    media_type = FORMS[form]
    assert not is_animated(Source.from_bytes(encoded(picture(), form)), media_type)
    moving = animation(form)
    assert is_animated(Source.from_bytes(moving), media_type)
    assert sniff(Source.from_bytes(moving)) == ANIMATED[media_type]
    assert not is_animated(Source.from_bytes(moving[:12]), media_type)


@pytest.mark.parametrize("form", FORMS)
def test_the_length_of_each_frame_is_read_without_decoding(form):
    lengths = [300, 500, 1200]
    options = {"duration": lengths if form != "AVIF" else 400}
    found = durations(Source.from_bytes(animation(form, 3, **options)), ANIMATED[FORMS[form]], 10)
    assert found == pytest.approx([0.3, 0.5, 1.2] if form != "AVIF" else [0.4] * 3, abs=0.01)
    assert len(durations(Source.from_bytes(animation(form, 3, **options)), ANIMATED[FORMS[form]], 2)) == 2


@pytest.mark.parametrize("form", FORMS)
def test_shots_of_an_animation(parts_of, form):
    source = animation(form, 4, 1000)
    assert read(Source.from_bytes(source))[0] == "video"
    parts = parts_of(source)
    assert [part.place.seconds for part in parts] == [(0, 1), (1, 2), (2, 3), (3, 4)]
    for n, part in enumerate(parts):
        assert part.modality == "image"
        assert np.abs(part.content.astype(int) - patchwork(n, 48, 48)).mean() < 10
    codec = {"PNG": "apng"}.get(form, form.lower())
    assert parts[0].attributes == {"width": 48, "height": 48, "codec": codec, "seconds": 4.0, "fps": 1.0}
    assert parts[1].attributes == {}


def test_a_picture_that_only_trembles_is_one_shot(parts_of):
    wide = Image.fromarray(patchwork(1, 100, 60))
    cells = [wide.crop((n, 0, n + 60, 60)) for n in range(20)]
    (part,) = parts_of(encoded(cells[0], "WEBP", save_all=True, append_images=cells[1:], duration=100))
    assert part.place.seconds == (0, 2)


def test_frames_that_ask_for_no_time_are_shown_for_a_tenth_of_a_second(parts_of):
    parts = parts_of(animation("GIF", 10, 0))
    assert parts[-1].place.seconds[1] == 1.0


def test_what_is_clear_is_white_and_large_ones_come_smaller(parts_of):
    clear = [Image.new("RGBA", (600, 560), (200, 0, 0, 0 if n else 255)) for n in range(2)]
    parts = parts_of(encoded(clear[0], "WEBP", save_all=True, append_images=clear[1:], duration=1000, lossless=True))
    assert [part.content.shape for part in parts] == [(280, 300, 3)] * 2
    assert [part.content[5, 5].tolist() for part in parts] == [[200, 0, 0], [255, 255, 255]]


def test_the_picture_for_old_viewers_is_no_frame(parts_of):
    hidden, *shown = frames(3)
    parts = parts_of(encoded(hidden, "PNG", save_all=True, append_images=shown, default_image=True, duration=1000))
    assert len(parts) == 2
    assert (parts[0].content == patchwork(1, 48, 48)).all()


def test_of_a_damaged_one_the_frames_before_the_damage_are_read(parts_of):
    noise = [Image.fromarray(np.random.default_rng(n).integers(0, 256, (64, 64, 3), np.uint8)) for n in range(4)]
    for form in ("GIF", "WEBP", "PNG"):
        file = encoded(noise[0], form, save_all=True, append_images=noise[1:], duration=1000)
        parts = parts_of(file[: len(file) * 6 // 10])
        assert parts[0].modality == "image" and len(parts) < 4
    second = bytearray(encoded(noise[0], "GIF", save_all=True, append_images=noise[1:], duration=1000))
    at = second.index(b"\x2c", len(second) // 3)
    second[at : at + 200] = b"\xff" * 200
    assert parts_of(bytes(second))[0].content.shape == (64, 64, 3)


def test_a_damaged_first_frame_is_unreadable(parts_of):
    with pytest.raises(Unreadable):
        parts_of(b"GIF89a\x10\0\x10\0\0\0\0" + b"\x2c\0\0\0\0\x10\0\x10\0\0\x08\x01\0\0" * 2 + b";")


def test_of_one_whose_frames_are_damaged_the_still_picture_is_read(parts_of):
    still, shown = picture(), Image.fromarray(patchwork(1, 64, 48))
    file = encoded(Image.fromarray(still), "PNG", save_all=True, append_images=[shown], default_image=True)
    at = file.index(b"fcTL") - 4
    twice = file[:at] + file[at : at + 38] + file[at:]  # the frame is announced twice
    assert sniff(Source.from_bytes(twice)) == "video/apng"
    (part,) = parts_of(twice)
    assert part.modality == "image" and part.place.seconds is None
    assert (part.content == still).all()
    assert (part.attributes["width"], part.attributes["height"]) == (64, 48)
    assert part.attributes["damaged"].startswith("an animated picture that cannot be decoded: ")


def test_too_many_pixels_are_refused(parts_of):
    with pytest.raises(Unreadable, match="48 x 48 pixels"):
        parts_of(animation("GIF"), max_pixels=2000)


def test_a_million_frames_are_neither_counted_nor_all_decoded(parts_of):
    first = encoded(Image.new("P", (2, 2)), "GIF")
    start, frame = first[: first.index(b"\x2c")], first[first.index(b"\x2c") : -1]
    endless = start + frame * 1_000_000 + b";"
    begun = time.perf_counter()
    assert is_animated(Source.from_bytes(endless), "image/gif")
    assert time.perf_counter() - begun < 0.2
    (part,) = parts_of(endless)
    assert "seconds" not in part.attributes
    assert time.perf_counter() - begun < 8


def test_a_frame_without_end_is_not_searched_for_ever():
    endless = b"GIF89a\x02\0\x02\0\0\0\0,\0\0\0\0\x02\0\x02\0\0\x02" + (b"\xff" + bytes(255)) * 400_000
    begun = time.perf_counter()
    assert not is_animated(Source.from_bytes(endless), "image/gif")
    assert time.perf_counter() - begun < 3


@pytest.mark.data
@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
def test_real_animations(media):
    told = {}
    for path in sorted((media / "images").rglob("*")):
        if path.suffix in (".gif", ".webp", ".png", ".avif", ".avifs") and path.is_file():
            source = Source.from_path(path)
            try:
                told[path.name] = (sniff(source), read(source)[0])
            except Unreadable:
                continue
    films = {name for name, (media_type, kind) in told.items() if kind == "video"}
    assert len(films) > 25
    assert {"anim.webp", "cogs.gif", "ball.png", "star-8bpc.avifs", "animated-loop-3.webp"} <= films
    assert not films & {"single_frame_default.png", "rings.gif"}


def test_read_through_a_stream_that_is_closed_again():
    source = io.BytesIO(animation("GIF"))
    assert durations(Source.from_bytes(source.getvalue()), "video/gif", 5) == pytest.approx([0.7] * 3)
