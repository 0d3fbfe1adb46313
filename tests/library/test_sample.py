"""One's own files as the sample of a conversion: read as they are added, chosen by chance; a lack is said."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from sensorium.core.errors import SourceMissing
from sensorium.library import sample as module
from sensorium.library.sample import MOST, FolderSample
from sensorium.testing.media import wav


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "mine"
    place.mkdir()
    return place


def notes(folder, count):
    for number in range(count):
        (folder / f"{number}.txt").write_text(f"Note {number} about the harbour and the sea.")


def pictures(folder, count):
    random = np.random.default_rng(0)
    (folder / "deeper").mkdir()
    for number in range(count):
        pixels = random.integers(0, 256, (300, 400, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"deeper/{number}.png")


def sampled(folder, wanted, modalities, **options):
    said = []
    parts = FolderSample(folder, say=said.append, **options)(wanted, modalities)
    return parts, said


def test_parts_are_as_an_encoder_wants_them(folder):
    notes(folder, 40)
    pictures(folder, 40)
    parts, said = sampled(folder, {"image_side": 32}, ("text", "image"))

    texts, images = ([part.content for part in parts if part.modality == m] for m in ("text", "image"))
    assert said == [] and len(parts) == 80
    assert sorted(texts) == sorted(f"Note {number} about the harbour and the sea." for number in range(40))
    assert all(pixels.dtype == np.uint8 and pixels.ndim == 3 and pixels.shape[2] == 3 for pixels in images)
    assert {min(pixels.shape[:2]) for pixels in images} <= set(range(64, 301))


def test_sounds_have_the_rate_and_the_length_of_the_tower(folder):
    for number in range(20):
        noise = np.random.default_rng(number).normal(0, 0.1, 2 * 3 * 8000).clip(-1, 1).astype(np.float32)
        (folder / f"{number}.wav").write_bytes(wav(noise, 8000))
    parts, said = sampled(folder, {"audio_rate": 16000, "window_seconds": 3.0}, ("audio",))

    assert said == [] and len(parts) == 40
    assert {part.content.rate for part in parts} == {16000}
    assert all(abs(len(part.content.samples) - 48000) < 200 for part in parts)
    assert all(part.content.samples.dtype == np.float32 for part in parts)


def test_the_same_files_give_the_same_sample_and_another_seed_another(folder):
    notes(folder, MOST + 60)
    one, again, other = ([part.content for part in sampled(folder, {}, ("text",), seed=seed)[0]] for seed in (0, 0, 1))
    assert one == again and len(one) == len(set(one)) == len(other) == MOST
    assert set(one) != set(other)


def test_no_file_fills_the_sample_alone_unless_there_are_few(folder):
    lines = [f"Sentence number {n} of a long book, which goes on and on about the weather. " * 5 for n in range(300)]
    (folder / "book.txt").write_text("\n\n".join(lines))
    parts, _ = sampled(folder, {}, ("text",))
    assert len(parts) == MOST

    notes(folder, MOST)
    parts, _ = sampled(folder, {}, ("text",))
    assert sum("long book" in part.content for part in parts) <= module.EACH


def test_too_few_of_a_modality_are_none_and_it_is_said(folder):
    notes(folder, 40)
    pictures(folder, 31)
    parts, said = sampled(folder, {"image_side": 32}, ("text", "image", "audio"))

    assert {part.modality for part in parts} == {"text"}
    assert said == [
        f"{folder} has 31 pictures, and 32 is the least: Sensorium's own sample of pictures is taken",
        f"{folder} has 0 sounds, and 32 is the least: Sensorium's own sample of sounds is taken",
    ]


def test_what_a_model_has_no_tower_for_is_left_out(folder):
    notes(folder, 40)
    pictures(folder, 40)
    parts, said = sampled(folder, {}, ("text",))
    assert len(parts) == 40 and {part.modality for part in parts} == {"text"} and said == []


def test_files_that_cannot_be_read_are_counted_and_cost_only_themselves(folder):
    notes(folder, 40)
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    (folder / "empty.jpg").write_bytes(b"")
    parts, said = sampled(folder, {}, ("text",))
    assert len(parts) == 40
    assert said == [f"2 files of {folder} cannot be read, and are no part of the sample"]


def test_of_very_many_files_only_some_are_looked_into(folder, monkeypatch):
    monkeypatch.setattr(module, "LOOKED_INTO", 50)
    notes(folder, 90)
    assert len(sampled(folder, {}, ("text", "image"))[0]) == 50


def test_a_folder_that_is_none_is_one_line_at_once(folder, tmp_path):
    (tmp_path / "a.txt").write_text("a")
    for place, why in ((tmp_path / "no", "does not exist"), (tmp_path / "a.txt", "is a file"), (folder, "no files")):
        with pytest.raises(SourceMissing, match=why) as caught:
            FolderSample(place)
        assert "\n" not in str(caught.value) and str(place) in str(caught.value)
