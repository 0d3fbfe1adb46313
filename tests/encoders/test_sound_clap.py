"""Spectrograms for CLAP against transformers' own extractor, and those for earlier bundles against what made them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sensorium.encoders.sound import AudioSettings, hann, hertz, log_mel, mel, mel_bank

TRAINED = AudioSettings(
    rate=32_000, fft=1024, window=800, hop=320, low=40.0, high=15_000.0, mean=-3.0, std=4.5
)  # the starter's


def as_before(samples, s):
    """`log_mel` as it was when the starter was trained, in one piece and in float32."""
    half, skip = s.fft // 2, (s.fft - s.window) // 2
    signal = np.zeros(s.samples + 2 * half, dtype=np.float32)
    inner = signal[half : half + s.samples]
    taken = samples[: s.samples]
    np.clip(taken, -1.0, 1.0, out=inner[: len(taken)], casting="same_kind")
    np.nan_to_num(inner, copy=False, nan=0.0)
    signal[:half] = inner[half:0:-1]
    signal[half + s.samples :] = inner[-2 : -half - 2 : -1]
    frames = np.lib.stride_tricks.sliding_window_view(signal, s.fft)[:: s.hop]
    spectrum = np.fft.rfft(frames[:, skip : skip + s.window] * hann(s.window), n=s.fft)
    power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32, copy=False)
    levels = mel_bank(s) @ power.T
    levels += np.float32(s.floor)
    np.log(levels, out=levels)
    levels -= np.float32(s.mean)
    levels /= np.float32(s.std)
    return levels


@pytest.mark.parametrize("settings", [TRAINED, AudioSettings()], ids=["starter", "default"])
@pytest.mark.parametrize("count", [0, 1, 50_000, 160_000, 300_000])
def test_what_earlier_bundles_hear_stays_the_same_to_the_last_bit(settings, count):
    samples = np.random.default_rng(count).normal(0, 0.4, count).astype(np.float32)
    samples[7:8], samples[8:9] = np.nan, np.inf

    np.testing.assert_array_equal(log_mel(samples, settings), as_before(samples, settings))


@pytest.mark.parametrize("truncation", ["rand_trunc", "fusion"])
def test_clap_hears_what_transformers_makes_it_hear(truncation):
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    import small_clap as small

    scale = {"rand_trunc": {"scale": "slaney", "norm": "slaney"}, "fusion": {}}[truncation]
    settings = AudioSettings(
        rate=small.RATE, seconds=10.0, fft=1024, window=1024, hop=480, low=50.0, high=14_000.0, floor=1e-10, mean=0.0,
        std=1.0, level="db", fill="repeat", **scale,
    )  # fmt: skip
    extract = small.extractor(truncation=truncation)
    for name, wave in small.waves().items():
        wanted = extract(wave, sampling_rate=small.RATE, return_tensors="np")["input_features"][0, 0].T

        got = log_mel(wave, settings)

        assert got.shape == wanted.shape == (64, 1001)
        assert np.abs(got - wanted).max() < 1e-3, name  # of a decibel, from -100 to 50


def test_slaneys_scale_is_straight_to_a_kilohertz_and_a_logarithm_from_there():
    heights = np.array([0.0, 500.0, 1000.0, 6400.0])

    mels = mel(heights, "slaney")

    np.testing.assert_allclose(mels, [0, 7.5, 15, 42])
    np.testing.assert_allclose(hertz(mels, "slaney"), heights, atol=1e-9)


def test_triangles_of_equal_area_hear_a_flat_spectrum_alike():
    settings = AudioSettings(
        rate=48_000, fft=8192, window=8192, bins=40, low=50.0, high=14_000.0, scale="slaney", norm="slaney"
    )

    areas = mel_bank(settings).sum(axis=1) * settings.rate / settings.fft

    np.testing.assert_allclose(areas, 1.0, atol=0.02)


SHORT = {"rate": 1000, "seconds": 0.3, "fft": 64, "window": 40, "hop": 16, "bins": 8, "low": 20.0, "high": 480.0}


def test_a_short_sound_is_said_as_often_as_it_fits_whole_and_silence_follows():
    settings = AudioSettings(**SHORT, fill="repeat")
    sound = np.random.default_rng(0).uniform(-1, 1, 130).astype(np.float32)
    twice = np.concatenate([sound, sound, np.zeros(40, np.float32)])

    np.testing.assert_array_equal(log_mel(sound, settings), log_mel(twice, settings))
    np.testing.assert_array_equal(log_mel(sound[:0], settings), log_mel(np.zeros(300, np.float32), settings))


def test_a_sound_as_long_as_the_window_or_longer_is_not_said_again():
    repeats, cut = AudioSettings(**SHORT, fill="repeat"), AudioSettings(**SHORT)
    sound = np.random.default_rng(0).uniform(-1, 1, 450).astype(np.float32)

    for count in (151, 300, 450):
        filled = sound[:count] if count != 151 else np.concatenate([sound[:151], np.zeros(149, np.float32)])
        np.testing.assert_array_equal(log_mel(sound[:count], repeats), log_mel(filled, cut))


def test_decibels_of_silence_are_the_floor_and_of_a_full_tone_what_its_window_lets_through():
    settings = AudioSettings(rate=16_000, floor=1e-10, mean=0.0, std=1.0, level="db", bins=20)
    tone = np.sin(2 * np.pi * 1000 * np.arange(80_000) / 16_000).astype(np.float32)

    silence, loud = log_mel(np.zeros(10, np.float32), settings), log_mel(tone, settings)[:, 5:-5]

    np.testing.assert_allclose(silence, -100, atol=1e-4)
    # A tone of height 1 through a Hann window of 400 samples: (400 / 4)^2 at its middle, and triangles up to 1 high.
    assert 10 * math.log10(100**2 / 2) < loud.max() < 10 * math.log10(2 * 100**2)


@pytest.mark.parametrize("wrong", [{"scale": "bark"}, {"norm": "l2"}, {"level": "log2"}, {"fill": "loop"}], ids=str)
def test_a_setting_that_is_not_known_is_refused_with_those_that_are(wrong):
    ((name, value),) = wrong.items()

    with pytest.raises(ValueError, match=f"{name} must be .* or .*, not '{value}'"):
        AudioSettings(**wrong)
