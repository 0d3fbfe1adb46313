"""log_mel against the formula written out, one number at a time, in double precision."""

from __future__ import annotations

import cmath
import math

import numpy as np
import pytest

from sensorium.core.types import Audio
from sensorium.encoders.sound import AudioSettings, hann, log_mel, mel_bank, prepare_sound

SMALL = AudioSettings(
    rate=1000, seconds=0.3, fft=64, window=40, hop=16, bins=8, low=20.0, high=480.0, mean=-3.0, std=2.0
)
ODD = AudioSettings(rate=900, seconds=0.251, fft=51, window=36, hop=13, bins=6, low=0.0, high=450.0, floor=1e-3)


def naive_log_mel(samples: list[float], s: AudioSettings) -> np.ndarray:
    length = round(s.seconds * s.rate)
    signal = [min(1.0, max(-1.0, x)) for x in samples[:length]]
    signal += [0.0] * (length - len(signal))
    half = s.fft // 2
    padded = signal[1 : half + 1][::-1] + signal + signal[-half - 1 : -1][::-1]
    left = (s.fft - s.window) // 2
    window = [0.0] * s.fft
    for i in range(s.window):
        window[left + i] = 0.5 - 0.5 * math.cos(2 * math.pi * i / s.window)
    powers = []
    for start in range(0, len(padded) - s.fft + 1, s.hop):
        frame = [padded[start + i] * window[i] for i in range(s.fft)]
        powers.append([
            abs(sum(x * cmath.exp(-2j * math.pi * k * i / s.fft) for i, x in enumerate(frame))) ** 2
            for k in range(half + 1)
        ])  # fmt: skip
    result = np.zeros((s.bins, len(powers)))
    for row, triangle in enumerate(naive_bank(s)):
        for column, power in enumerate(powers):
            energy = sum(weight * p for weight, p in zip(triangle, power, strict=True))
            result[row, column] = (math.log(energy + s.floor) - s.mean) / s.std
    return result


def naive_bank(s: AudioSettings) -> list[list[float]]:
    def mel(hertz):
        return 2595 * math.log10(1 + hertz / 700)

    step = (mel(s.high) - mel(s.low)) / (s.bins + 1)
    corners = [700 * (10 ** ((mel(s.low) + i * step) / 2595) - 1) for i in range(s.bins + 2)]
    bank = []
    for left, centre, right in zip(corners, corners[1:], corners[2:], strict=False):
        row = []
        for k in range(s.fft // 2 + 1):
            hertz = k * s.rate / s.fft
            if left < hertz <= centre:
                row.append((hertz - left) / (centre - left))
            elif centre < hertz < right:
                row.append((right - hertz) / (right - centre))
            else:
                row.append(0.0)
        bank.append(row)
    return bank


@pytest.mark.parametrize("settings", [SMALL, ODD], ids=["even", "odd"])
@pytest.mark.parametrize("count", [0, 1, 7, 150, 300, 1000])
def test_log_mel_is_the_formula_for_shorter_and_longer_sounds(settings, count):
    samples = np.random.default_rng(count).uniform(-1, 1, count).astype(np.float32)

    got = log_mel(samples, settings)

    want = naive_log_mel([float(x) for x in samples], settings)
    assert got.dtype == np.float32
    assert got.shape == want.shape == (settings.bins, settings.frames)
    np.testing.assert_allclose(got, want, atol=2e-4)


def test_the_mel_bank_is_triangles_of_height_one():
    for settings in (SMALL, ODD, AudioSettings()):
        np.testing.assert_allclose(mel_bank(settings), naive_bank(settings), atol=1e-6)


def test_every_triangle_of_the_default_bank_hears_something():
    assert (mel_bank(AudioSettings()).sum(axis=1) > 0).all()


def test_the_window_is_periodic():
    np.testing.assert_allclose(hann(4), [0, 0.5, 1, 0.5])


def test_five_seconds_at_16_khz_are_501_frames():
    assert log_mel(np.zeros(80_000, np.float32), AudioSettings()).shape == (64, 501)


def test_silence_is_the_floor():
    settings = AudioSettings()

    got = log_mel(np.zeros(100, np.float32), settings)

    np.testing.assert_allclose(got, (math.log(1e-5) + 4) / 4, rtol=1e-6)


@pytest.mark.parametrize("hertz", [200, 1000, 5000])
def test_a_tone_is_loudest_in_the_triangle_that_stands_nearest(hertz):
    settings = AudioSettings()
    tone = np.sin(2 * np.pi * hertz * np.arange(80_000) / 16_000).astype(np.float32)
    mels = np.linspace(2595 * math.log10(1 + 50 / 700), 2595 * math.log10(1 + 8000 / 700), 66)[1:-1]
    nearest = int(np.abs(700 * (10 ** (mels / 2595) - 1) - hertz).argmin())

    loudest = log_mel(tone, settings)[:, 5:-5].argmax(axis=0)

    assert np.abs(loudest - nearest).max() <= 1


def test_broken_samples_are_heard_as_clipped_or_silent():
    settings = SMALL
    broken = np.array([np.nan, np.inf, -np.inf, 3.0, -1e30, 0.5], dtype=np.float32)
    mended = np.array([0.0, 1.0, -1.0, 1.0, -1.0, 0.5], dtype=np.float32)

    np.testing.assert_array_equal(log_mel(broken, settings), log_mel(mended, settings))
    assert np.isnan(broken[0]), "the caller's samples were changed"


def test_double_precision_samples_are_taken_too():
    samples = np.random.default_rng(0).uniform(-1, 1, 500)

    np.testing.assert_array_equal(log_mel(samples, SMALL), log_mel(samples.astype(np.float32), SMALL))


def test_stereo_is_refused():
    with pytest.raises(ValueError, match="mono"):
        log_mel(np.zeros((2, 100), np.float32), SMALL)


def test_another_rate_is_refused_rather_than_heard_at_the_wrong_pitch():
    with pytest.raises(ValueError, match="1000 Hz, not 44100 Hz"):
        prepare_sound(Audio(np.zeros(100, np.float32), 44100), SMALL)


@pytest.mark.parametrize(
    "wrong",
    [
        {"window": 600}, {"rate": 0}, {"hop": 0}, {"bins": 0}, {"seconds": 0.0}, {"seconds": 0.01}, {"low": 9000.0},
        {"high": 9000.0}, {"floor": 0.0}, {"std": 0.0},
    ],
    ids=str,
)  # fmt: skip
def test_settings_that_cannot_be_are_refused(wrong):
    with pytest.raises(ValueError):
        AudioSettings(**wrong)
