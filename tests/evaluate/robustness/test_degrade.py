"""Each degradation does what it says, by measure; the same content and seed give the same, and nothing is altered."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from sensorium.core.errors import BadQuery
from sensorium.core.types import Audio, Part
from sensorium.evaluate.robustness.degrade import (
    DEGRADATIONS,
    FULL_WELL,
    GAMMA,
    READ_NOISE,
    Condition,
    degraded,
    standard,
)

RATE = 32_000
PICTURES = [name for name, one in DEGRADATIONS.items() if one.modality == "image"]
SOUNDS = [name for name, one in DEGRADATIONS.items() if one.modality == "audio"]
BY_CHANCE = {"noise", "low_light", "crop", "white_noise"}


@pytest.fixture(scope="module")
def picture():
    """Smooth waves of colour with edges in them, 120 x 160."""
    down, across = np.mgrid[:120, :160]
    waves = [127 + 90 * np.sin(across / 9 + c) * np.cos(down / 7) + 30 * (across > 80) for c in range(3)]
    return Part("image", np.clip(np.stack(waves, axis=2), 0, 255).astype(np.uint8))


@pytest.fixture(scope="module")
def sound():
    """Three tones and some hiss, two seconds, half of full scale."""
    at = np.arange(2 * RATE) / RATE
    tones = sum(np.sin(2 * np.pi * f * at) for f in (200, 1000, 6000)) + 0.1 * np.random.default_rng(0).normal(
        size=at.size
    )
    return Part("audio", Audio((0.5 * tones / np.abs(tones).max()).astype(np.float32), RATE))


def tone(hertz, rate=RATE, loud=0.5):
    """A second of a sine."""
    return Part("audio", Audio((loud * np.sin(2 * np.pi * hertz * np.arange(rate) / rate)).astype(np.float32), rate))


def made(part, name, strength, seed=0):
    """The content under a condition."""
    return degraded(part, Condition(name, strength), seed).content


def level(samples):
    """Mean power in dB."""
    return 10 * np.log10(np.mean(np.square(samples, dtype=np.float64)) + 1e-12)


@pytest.mark.parametrize("condition", standard(), ids=str)
def test_all_keep_the_kind_of_content_and_leave_the_given_one_alone(condition, picture, sound):
    part = picture if condition.modality == "image" else sound
    data = part.content.samples if condition.modality == "audio" else part.content
    before = data.copy()
    once, again = (degraded(part, condition, 7) for _ in range(2))
    assert (data == before).all()
    if condition.modality == "image":
        assert once.content.dtype == np.uint8 and once.content.ndim == 3 and once.content.shape[2] == 3
        assert (once.content == again.content).all()
        assert condition.name == "crop" or once.content.shape == before.shape
    else:
        assert once.content.samples.dtype == np.float32 and once.content.samples.shape == before.shape
        assert once.content.rate == RATE and np.abs(once.content.samples).max() <= 1.0
        assert (once.content.samples == again.content.samples).all()


@pytest.mark.parametrize("name", DEGRADATIONS)
def test_usual_strengths_go_from_mild_to_strong(name, picture, sound):
    one = DEGRADATIONS[name]
    if name == "crop":
        sizes = [made(picture, name, strength).size for strength in one.strengths]
        assert sizes == sorted(sizes, reverse=True) and sizes[0] < picture.content.size
        return
    part = picture if one.modality == "image" else sound
    whole = (part.content if one.modality == "image" else part.content.samples).astype(np.float64)
    contents = [made(part, name, strength) for strength in one.strengths]
    # the shape counts, not the level: a sound that is only softer or louder is as good
    alike = [np.corrcoef((c if one.modality == "image" else c.samples).ravel(), whole.ravel())[0, 1] for c in contents]
    assert alike == sorted(alike, reverse=True) and alike[-1] < alike[0] < 0.99999, alike


@pytest.mark.parametrize("name", sorted(BY_CHANCE))
def test_chance_comes_from_the_seed_and_the_content(name, picture, sound):
    part = picture if name in PICTURES else sound
    strength = DEGRADATIONS[name].strengths[2]

    def bits(part, seed):
        content = made(part, name, strength, seed)
        return (content if name in PICTURES else content.samples).tobytes()

    assert bits(part, 0) != bits(part, 1)
    if name == "noise":  # two pictures have no common noise
        grey = [Part("image", np.full((64, 64, 3), value, np.uint8)) for value in (120, 121)]
        first, second = (made(p, name, 20).astype(int) - p.content for p in grey)
        assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 0.05


def test_a_blurred_point_is_as_wide_as_said():
    pixels = np.zeros((201, 301, 3), np.uint8)
    pixels[95:106, 145:156] = 255
    share = made(Part("image", pixels), "blur", 0.04)[..., 0].astype(float)
    share /= share.sum()
    own = (11**2 - 1) / 12  # the variance of the 11 pixels themselves
    for axis, length in ((0, 201), (1, 301)):
        along, at = share.sum(axis=1 - axis), np.arange(length)
        variance = (along * (at - (along * at).sum()) ** 2).sum() - own
        assert variance**0.5 == pytest.approx(0.04 * 201, rel=0.08)


def test_noise_has_its_deviation():
    grey = Part("image", np.full((200, 200, 3), 128, np.uint8))
    off = made(grey, "noise", 16).astype(float) - 128
    assert off.std() == pytest.approx(16, rel=0.02) and abs(off.mean()) < 0.3


def test_jpeg_is_what_pillow_writes(picture):
    written = io.BytesIO()
    Image.fromarray(picture.content).save(written, "JPEG", quality=10, subsampling=2)
    assert (made(picture, "jpeg", 10) == np.asarray(Image.open(written))).all()


def test_low_light_is_so_many_stops_darker_and_has_the_noise_of_so_few_electrons():
    pixels = np.full((300, 300, 3), 200, np.uint8)
    light = (200 / 255) ** GAMMA / 2**2
    seen = (made(Part("image", pixels), "low_light", 2) / 255.0) ** GAMMA
    assert seen.mean() == pytest.approx(light, rel=0.02)
    electrons = light * FULL_WELL
    assert seen.std() == pytest.approx((electrons + READ_NOISE**2) ** 0.5 / FULL_WELL, rel=0.05)


@pytest.mark.parametrize("share", [1, 0.5, 0.05])
def test_a_crop_is_a_piece_of_the_picture_of_that_area(picture, share):
    pixels = np.arange(120 * 160 * 3, dtype=np.int64).reshape(120, 160, 3) % 251
    whole = pixels.astype(np.uint8)
    piece = made(Part("image", whole), "crop", share)
    assert piece.shape[0] * piece.shape[1] == pytest.approx(share * 120 * 160, rel=0.05)
    assert piece.shape[1] / piece.shape[0] == pytest.approx(160 / 120, rel=0.05)
    pieces = np.lib.stride_tricks.sliding_window_view(whole, piece.shape)
    assert (pieces == piece).all(axis=(3, 4, 5)).any()


@pytest.mark.parametrize("ratio", [20, 0, -10])
def test_white_noise_lies_so_many_decibels_below(ratio):
    part = tone(440, loud=0.1)
    heard = made(part, "white_noise", ratio).samples.astype(np.float64)
    clean = part.content.samples.astype(np.float64)
    scale = (heard @ clean) / (clean @ clean)  # made softer where it would be too loud
    assert level(scale * clean) - level(heard - scale * clean) == pytest.approx(ratio, abs=0.5)
    assert scale <= 1.05


def test_a_sound_that_is_loud_already_is_not_cut_by_its_noise():
    heard = made(tone(440, loud=1.0), "white_noise", 0).samples
    assert np.abs(heard).max() == pytest.approx(1.0) and (np.abs(heard) > 0.999).sum() < 5


def test_an_overdriven_sine_is_cut_where_it_should_be():
    heard = made(tone(441, loud=0.3), "clipping", 20).samples
    assert np.abs(heard).max() == pytest.approx(0.3, rel=1e-3)
    at_the_top = np.mean(np.abs(heard) > 0.2999)
    assert at_the_top == pytest.approx(1 - 2 / np.pi * np.arcsin(0.1), abs=0.01)  # of a sine beyond a tenth of its peak


@pytest.mark.parametrize("rate", [8000, 22_050, 32_000, 44_100])
def test_a_telephone_lets_through_its_band_and_nothing_else(rate):
    passed = made(tone(1000, rate), "telephone", 3400)
    assert passed.rate == rate and len(passed.samples) == rate
    assert level(passed.samples) == pytest.approx(level(tone(1000, rate).content.samples), abs=0.3)
    for hertz in (100, 3700, 9000):
        if hertz < rate / 2:
            assert level(made(tone(hertz, rate), "telephone", 3400).samples) < -60, hertz


def test_a_telephone_quantises_to_eight_bits():
    clean, heard = tone(1000).content.samples, made(tone(1000), "telephone", 3400).samples
    assert 30 < level(clean) - level(heard - clean) < 45  # about 38 dB: G.711


@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 40, 3)])
def test_the_smallest_pictures_can_be_made_worse(name, shape):
    for strength in (DEGRADATIONS[name].strengths[-1], max(DEGRADATIONS[name].least, 1e-3)):
        assert made(Part("image", np.full(shape, 9, np.uint8)), name, strength).size


@pytest.mark.parametrize("name", SOUNDS)
@pytest.mark.parametrize("samples", [np.zeros(0), np.zeros(5), np.ones(1), np.zeros(16_000)])
def test_the_shortest_and_silent_sounds_stay_finite(name, samples):
    content = Audio(samples.astype(np.float32), 16_000)
    heard = made(Part("audio", content), name, DEGRADATIONS[name].strengths[-1]).samples
    assert heard.shape == samples.shape and np.isfinite(heard).all()
    assert samples.any() or not heard.any()


@pytest.mark.parametrize(
    ("name", "strength", "said"),
    [("fog", 1, "'fog' is unknown: choose among blur, noise"), ("blur", -0.1, "give one from 0 to 1"),
     ("jpeg", 0, "from 1 to 95"), ("crop", 0, "crop has a strength of 0"), ("noise", float("nan"), "strength of nan")],
)  # fmt: skip
def test_what_there_is_none_of_is_said_in_a_line(name, strength, said):
    with pytest.raises(BadQuery) as caught:
        Condition(name, strength)
    assert said in str(caught.value) and "\n" not in str(caught.value)


def test_a_sound_cannot_be_blurred(sound):
    with pytest.raises(BadQuery, match="blur is for image, not for audio"):
        degraded(sound, Condition("blur", 0.1))


def test_the_usual_conditions_of_a_modality():
    assert {one.name for one in standard("image")} == set(PICTURES)
    assert {one.name for one in standard("audio")} == set(SOUNDS)
    assert len(standard()) == len(standard("image")) + len(standard("audio"))
