"""Rounds of sounds, and the front ends of teacher and student."""

from __future__ import annotations

import numpy as np
import pytest

from sensorium.encoders.sound import log_mel
from sensorium.train import data
from sensorium.train.hearing import (
    FRONT_END,
    RATE,
    SAMPLES,
    SoundTeacher,
    load_wave,
    make_sound_rounds,
    teacher_mel,
    vary,
)


def tone(hertz, loud=0.5):
    return (loud * np.sin(2 * np.pi * hertz * np.arange(SAMPLES) / RATE)).astype(np.float32)


def loudest(wave):
    return np.abs(np.fft.rfft(wave)).argmax() * RATE / len(wave)


def test_a_sound_is_loaded_at_the_rate_and_length_that_both_listen_to(tiny_root):
    wave = load_wave(tiny_root / "esc50/audio/rain0.wav")  # a second of 1,800 Hz, at 8 kHz

    assert wave.shape == (SAMPLES,) and wave.dtype == np.float32
    assert loudest(wave) == pytest.approx(1800, abs=1)
    assert np.abs(wave[: RATE - 1000]).max() == pytest.approx(0.45, abs=0.1) and not wave[RATE + 1000 :].any()


def test_the_teachers_front_end_has_a_column_every_ten_milliseconds_and_hears_pitch():
    low, high = teacher_mel(tone(300)), teacher_mel(tone(3000))

    assert low.shape == (128, 500) and low.dtype == np.float32
    assert low.mean(1).argmax() < high.mean(1).argmax()
    assert teacher_mel(np.zeros(SAMPLES, np.float32)) == pytest.approx((np.log(1e-5) + 4.5) / 5)


def test_the_students_front_end_has_as_many_columns():
    assert FRONT_END.rate == RATE and FRONT_END.samples == SAMPLES and FRONT_END.frames == 501
    heard = log_mel(tone(1000, 0.1), FRONT_END)
    assert heard.shape == (64, 501) and -2 < heard.mean() < 2 and 0.3 < heard.std() < 3


def test_varied_sounds_stay_within_bounds_and_keep_their_pitch():
    waves = np.stack([tone(500), tone(2500), np.zeros(SAMPLES, np.float32)])
    rng = np.random.default_rng(0)
    varied = [vary(waves, 0, rng) for _ in range(12)]

    assert all(v.shape == (SAMPLES,) and v.dtype == np.float32 for v in varied)
    assert all(np.isfinite(v).all() and np.abs(v).max() <= 1.001 for v in varied)
    assert [loudest(v) for v in varied] == [pytest.approx(500, abs=1)] * 12
    assert len({round(float(np.abs(v).max()), 3) for v in varied}) > 4
    assert np.isfinite(vary(waves, 2, np.random.default_rng(1))).all()


def test_a_round_holds_what_student_and_teacher_hear_of_the_same_variation(tiny_root, tmp_path, ears):
    items = data.sounds(tiny_root, "train")[:4]
    make_sound_rounds(items, 2, ears, tmp_path)
    mel, embedding, logits = (np.load(tmp_path / f"{name}.npy") for name in ("mel", "embedding", "logits"))

    assert mel.shape == (2, 4, 64, 501) and embedding.shape == (2, 4, 384) and logits.shape == (2, 4, 3)
    assert mel.dtype == embedding.dtype == logits.dtype == np.float16
    assert all((heard == load_wave(item.path)).all() for heard, item in zip(ears.waves, items, strict=False))
    for row, wave in zip(mel.reshape(8, 64, 501), ears.waves, strict=True):
        assert np.abs(row - log_mel(wave, FRONT_END)).max() < 0.01
    assert (mel[0] != mel[1]).any()


@pytest.mark.data
def test_the_real_teacher_knows_a_dog_and_rain(real_data):
    names = [row["display_name"] for row in data.rows(real_data / "models/audioset_labels.csv")]
    teacher = SoundTeacher(real_data / "models/efficientat_mn04.onnx")
    chosen = {s.label: s.path for s in data.sounds(real_data, "test") if s.collection == "esc50"}
    embedding, logits = teacher(np.stack([load_wave(chosen["dog"]), load_wave(chosen["rain"])]))

    assert embedding.shape == (2, 384) and logits.shape == (2, len(names)) == (2, 527)
    for row, expected in zip(logits, ({"Dog", "Bark", "Animal"}, {"Rain", "Rain on surface", "Raindrop"}), strict=True):
        assert expected & {names[i] for i in row.argsort()[-5:]}
