"""Sounds: files that play, the same each time, and physics that can be measured."""

from __future__ import annotations

import io
import wave

import numpy as np
import pytest

from sensorium.demo.sounds import SOUNDS, Sound, blocks, creatures, machines, weather

BY_NAME = {sound.about: sound for sound in SOUNDS}


def samples_of(wav):
    with wave.open(io.BytesIO(wav)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 32_000)
        return np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32_768


@pytest.fixture(scope="module")
def heard(gathered):
    """The samples of every sound, as they lie in the folder."""
    return {s.about: samples_of(s.path.read_bytes()) for s in gathered.samples if s.kind == "audio"}


def power(samples, low, high):
    """Share of the energy between two frequencies."""
    spectrum = np.abs(np.fft.rfft(samples)) ** 2
    hertz = np.fft.rfftfreq(len(samples), 1 / 32_000)
    return spectrum[(hertz >= low) & (hertz < high)].sum() / spectrum.sum()


def rhythm(samples):
    """The strongest beat of the loudness, in Hz, between 1 and 40."""
    loudness = np.abs(samples[: len(samples) // 320 * 320]).reshape(-1, 320).mean(1)
    spectrum = np.abs(np.fft.rfft(loudness - loudness.mean()))
    hertz = np.fft.rfftfreq(len(loudness), 0.01)
    inside = (hertz >= 1) & (hertz <= 40)
    return hertz[inside][spectrum[inside].argmax()]


def test_every_sound_is_five_seconds_loud_enough_and_not_clipped(heard):
    assert len(heard) == len(SOUNDS) >= 21
    for about, samples in heard.items():
        assert len(samples) == 160_000, about
        assert np.abs(samples).max() == pytest.approx(0.8, abs=0.001), about
        assert np.sqrt(np.mean(samples**2)) > 0.008, about
        assert abs(samples.mean()) < 0.02, about


def test_no_two_sounds_are_the_same(heard):
    assert len({samples.tobytes() for samples in heard.values()}) == len(SOUNDS)


@pytest.mark.parametrize("about", ["an alarm clock", "water drops", "a heartbeat"])
def test_a_sound_is_the_same_each_time_and_another_take_is_not(about, heard):
    sound = BY_NAME[about]
    assert sound.wav() == sound.wav()
    assert np.array_equal(samples_of(sound.wav()), heard[about])
    assert not np.array_equal(samples_of(sound.wav(1)), heard[about])


def test_crickets_chirp_between_four_and_five_kilohertz(heard):
    assert power(heard["crickets at night"], 4_000, 5_000) > 0.9


def test_thunder_is_low_and_rain_is_high(heard):
    assert power(heard["thunder"], 0, 400) > 0.8
    assert power(heard["heavy rain"], 1_000, 16_000) > 0.8


def test_a_slow_clock_ticks_twice_a_second_and_a_quick_one_four_times(heard):
    assert rhythm(heard["a slow clock"]) % 2 == pytest.approx(0, abs=0.05)
    assert rhythm(heard["a quick clock"]) % 4 == pytest.approx(0, abs=0.05)


def test_a_helicopter_slaps_sixteen_times_a_second(heard):
    assert rhythm(heard["a helicopter"]) == pytest.approx(16.2, abs=0.4)


def test_a_siren_sweeps_up_and_down(heard):
    def pitch(second):
        piece = heard["a siren"][int(second * 32_000) : int((second + 0.1) * 32_000)]
        spectrum = np.abs(np.fft.rfft(piece * np.hanning(len(piece)), 32_000))
        return 400 + spectrum[400:1_500].argmax()

    assert pitch(0.02) < 650 < 1_250 < pitch(1.15) and pitch(2.35) < 650


def test_a_heart_beats_low(heard):
    assert power(heard["a heartbeat"], 20, 200) > 0.95


def test_the_small_dog_is_higher_than_the_large_one():
    large, small = (creatures.bark(np.random.default_rng(1), pitch) for pitch in (300.0, 700.0))
    assert power(large, 200, 420) > 3 * power(small, 200, 420)


def test_heavier_rain_has_fewer_gaps():
    def crest(heavy):
        samples = weather.rain(np.random.default_rng(0), heavy)
        return np.abs(samples).max() / samples.std()

    assert crest(1.0) < crest(0.0)


def test_a_revved_motorcycle_is_louder_than_an_idle_one():
    samples = machines.motorcycle(np.random.default_rng(0), 29)
    idle, revved = samples[: 32_000 // 2], samples[int(3.3 * 32_000) : int(3.6 * 32_000)]
    assert revved.std() > 1.3 * idle.std()


def test_a_tone_has_the_pitch_and_the_harmonics_asked_for():
    spectrum = np.abs(np.fft.rfft(blocks.tone(np.full(32_000, 440.0), (1.0, 0.0, 0.5)))) / 16_000
    assert spectrum[440] == pytest.approx(1, abs=0.01) and spectrum[1_320] == pytest.approx(0.5, abs=0.01)
    assert spectrum[880] < 0.01


def test_harmonics_that_cannot_be_heard_are_left_out():
    assert np.abs(blocks.tone(np.full(3_200, 8_000.0), (0.0, 1.0))).max() == 0


def test_levels_are_decibels_on_a_logarithmic_axis():
    gain = blocks.levels((100, 0), (1_000, -20))
    assert gain(np.array([50.0, 100.0, 1_000.0, 5_000.0])) == pytest.approx([1, 1, 0.1, 0.1])
    assert gain(np.array([10**2.5])) == pytest.approx([10**-0.5])  # half way: -10 dB


def test_noise_has_its_spectrum_and_a_deviation_of_one():
    made = blocks.noise(np.random.default_rng(0), 1.0, blocks.band(900, 1_100, 8))
    assert made.std() == pytest.approx(1) and power(made, 700, 1_400) > 0.9


def test_events_begin_at_their_moments_and_are_cut_at_the_end():
    whole = blocks.placed([(0.25, np.ones(8_000)), (0.9, np.ones(32_000))], seconds=1.0)
    assert len(whole) == 32_000
    assert whole[7_999] == 0 and whole[8_000] == 1 and whole[16_000] == 0 and whole[-1] == 1


def test_a_decay_falls_to_a_third_in_its_time():
    envelope = blocks.decay(1.0, 0.2, 0.001)
    assert envelope[0] == 0 and envelope[6_400] == pytest.approx(np.exp(-1), rel=1e-3)


def test_a_struck_body_is_the_sum_of_its_decaying_sines():
    t = np.arange(4_800) / 32_000
    slow = np.exp(-t / 0.1) * np.sin(2 * np.pi * 440 * t) + 0.5 * np.exp(-t / 0.02) * np.sin(2 * np.pi * 1_234.5 * t)
    fast = blocks.strike([(440.0, 1.0, 0.1), (1_234.5, 0.5, 0.02)], 0.15, rise=1e-9)
    assert np.abs(fast - slow).max() < 1e-9


def test_a_voice_is_loudest_at_its_formant():
    pitch = np.full(32_000, 100.0)
    spectrum = np.abs(np.fft.rfft(blocks.voice(pitch, [(np.full(32_000, 1_200.0), 80.0, 1.0)], tilt=0.0)))
    assert spectrum.argmax() == 1_200


def test_a_room_goes_on_after_the_sound_and_keeps_its_length():
    dry = np.zeros(32_000)
    dry[:100] = 1
    wet = blocks.room(np.random.default_rng(0), dry, 0.2, 0.5)
    assert len(wet) == len(dry) and np.abs(wet[6_400:]).max() > 0 and np.array_equal(dry[100:], np.zeros(31_900))


def test_a_new_sound_needs_one_function():
    whistle = Sound("a whistle", lambda rng: blocks.tone(np.full(160_000, 2_000.0)))
    assert power(samples_of(whistle.wav()), 1_990, 2_010) > 0.99
