"""Where shots begin and end, told from glances, and which frame stands for each."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from sensorium.readers.frames import Look, Turn, look_at, look_of, telling
from sensorium.readers.reel import Glance, Stretch, Watch, judge, leaps, swell
from sensorium.readers.shots import Shots
from sensorium.testing.media import patchwork, picture


def look(seed, light=1.0):
    return look_of(Image.fromarray((patchwork(seed) * light).astype(np.uint8)))


BLACK = look_at(np.zeros((36, 64, 3), np.uint8))


def seen(time, seed=0, light=1.0, cut=None):
    """A glance; without a seed at black."""
    pixels = np.zeros((48, 64, 3), np.uint8) if seed is None else (patchwork(seed, 64, 48) * light).astype(np.uint8)
    return Glance(time, look_of(Image.fromarray(pixels)), pixels, cut)


def pieces_of(glances, end):
    shots = Shots()
    found = [piece for glance in glances for piece in shots.take(glance)]
    return [*found, *shots.end(end)]


def spans(pieces):
    return [(piece.start, piece.end) for piece in pieces]


def stretch(sizes, key=1000, fps=25.0, **more):
    return Stretch(0.0, len(sizes) / fps, [n / fps for n in range(1, len(sizes) + 1)], list(sizes), key, **more)


def test_a_look_is_mean_colours_of_fields_and_shares_of_colours():
    found = look_at(np.full((36, 64, 3), [200, 0, 90], np.uint8))
    assert found.grid.shape == (9, 16, 3)
    assert (found.grid == [200, 0, 90]).all()
    assert found.colours.tolist().count(1.0) == 1 and found.colours.sum() == 1


def test_other_pictures_are_unlike_and_what_has_moved_or_dimmed_is_alike():
    wide = Image.fromarray(patchwork(5, 400, 300))
    here, there = (look_of(wide.crop((x, 60, x + 240, 240))) for x in (40, 70))
    assert look(5).unlike(look(6)) > 2.5
    assert here.unlike(there) < 1
    assert look(5).unlike(look(5, 0.4)) < 0.3
    assert look(5, 0.3).unlike(look(6, 0.3)) > 1.5
    assert look(5).unlike(look(5)) == 0
    assert BLACK.black and not look(5, 0.3).black


def test_a_sharp_and_bright_picture_tells_more():
    sharp = picture(64, 48)
    blurred = np.asarray(Image.fromarray(sharp).resize((4, 3)).resize((64, 48)))
    assert telling(sharp) > telling(blurred) > telling(np.full((48, 64, 3), 128, np.uint8))
    assert telling(sharp) > telling(sharp // 4)


@pytest.mark.parametrize(
    ("turn", "shown"),
    [
        ((0, False), "abcdef"),
        ((1, False), "cfbead"),
        ((2, False), "fedcba"),
        ((3, False), "daebfc"),
        ((0, True), "cbafed"),
    ],
)
def test_turns(turn, shown):
    pixels = np.frombuffer(b"abcdef", np.uint8).reshape(2, 3, 1)
    assert Turn(*turn)(pixels).tobytes().decode() == shown
    assert Turn(*turn).sideways == (turn[0] % 2 == 1)


def test_packets_as_large_as_cuts():
    calm = [50] * 100
    assert leaps(stretch(calm)) == []
    assert leaps(stretch([*calm[:60], 400, *calm[61:]])) == [pytest.approx(61 / 25)]
    assert leaps(stretch([*calm[:60], 240, *calm[61:]])) == []  # less than a quarter of a key frame
    assert leaps(stretch([300 + n % 3 for n in range(100)])) == []  # all are large
    assert leaps(stretch([400, *calm])) == [pytest.approx(1 / 25)]  # right after the key frame


def test_packets_that_grow_for_a_while():
    calm = [20] * 150
    assert swell(stretch(calm)) is None
    grown = [*calm[:70], *[300] * 20, *calm[90:]]
    assert swell(stretch(grown)) == pytest.approx(4.0, abs=0.51)
    assert swell(stretch(grown, key=50_000)) is None


def test_what_is_between_key_frames():
    calm = [20] * 100
    a, b = look(1), look(2)
    assert judge(a, a, stretch(calm)).inside is None
    assert judge(a, a, stretch(calm)).cut is None
    sure = judge(a, b, stretch(calm, clocked=False))
    assert (sure.cut, sure.inside) == (4.0, None)
    inside = judge(a, b, stretch([*calm[:60], 600, *calm[61:]]))
    assert (inside.cut, inside.inside) == (pytest.approx(61 / 25), None)
    there_and_back = judge(a, a, stretch([*calm[:30], 600, *calm[31:70], 600, *calm[71:]]))
    assert there_and_back.inside == pytest.approx(71 / 25 + 0.3)
    unsure = judge(a, b, stretch(calm, clocked=True))
    assert (unsure.cut, unsure.inside, unsure.unsure) == (4.0, 4.0, True)
    assert judge(BLACK, b, stretch(calm)).inside == 4.0
    assert judge(BLACK, BLACK, stretch(calm)).inside is None
    assert judge(BLACK, BLACK, stretch([500] * 100)).inside == 4.0


def test_frame_by_frame_only_cuts_are_cuts():
    wide = Image.fromarray(patchwork(5, 800, 300))
    panned = [look_of(wide.crop((x, 60, x + 240, 240))) for x in range(0, 400, 8)]
    watch = Watch()
    assert not any(watch.cut(frame) for frame in panned)
    assert watch.cut(look(9))
    assert not watch.cut(look(9))


def test_shots_are_cut_and_the_frame_that_tells_most_is_taken():
    glances = [seen(0, 1, 0.4), seen(2, 1), seen(4, 1, 0.6), seen(5, 2, cut=4.5), seen(7, 2)]
    first, second = pieces_of(glances, 8)
    assert spans([first, second]) == [(0, 4.5), (4.5, 8)]
    assert (first.picture == glances[1].picture).all()
    assert first.ends and second.ends


def test_where_nobody_saw_the_cut_it_is_put_in_the_middle():
    assert spans(pieces_of([seen(0, 1), seen(2, 1), seen(3, 2), seen(5, 2)], 6)) == [(0, 2.5), (2.5, 6)]


def test_what_is_black_has_no_picture():
    found = pieces_of([seen(0, None), seen(1, None), seen(2, 1), seen(4, 1), seen(5, None), seen(7, None)], 8)
    assert spans(found) == [(0, 1.5), (1.5, 4.5), (4.5, 8)]
    assert [piece.picture is None for piece in found] == [True, False, True]


def test_a_flash_is_no_shot_and_the_same_picture_is_not_given_twice():
    glances = [seen(0, 1), seen(3, 1), seen(4.0, 3, cut=4.0), seen(4.1, 1, cut=4.1), seen(6, 1)]
    found = pieces_of(glances, 7)
    assert spans(found) == [(0, 4), (4, 7)]
    assert [piece.picture is None for piece in found] == [False, True]


def test_what_stands_still_gives_one_picture_and_what_changes_one_every_ten_seconds():
    (still,) = pieces_of([seen(t, 1) for t in range(0, 60, 2)], 60)
    assert spans([still]) == [(0, 60)] and still.picture is not None
    wide = Image.fromarray(patchwork(5, 1200, 300))
    moving = [np.asarray(wide.crop((x * 7, 60, x * 7 + 240, 240)).resize((64, 48))) for x in range(0, 70, 2)]
    found = pieces_of([Glance(float(n), look_of(Image.fromarray(p)), p) for n, p in enumerate(moving)], 35)
    assert spans(found) == [(0, 10), (10, 20), (20, 30), (30, 35)]
    assert [piece.ends for piece in found] == [False, False, False, True]


def test_a_short_rest_of_a_shot_is_left_to_the_piece_before():
    wide = Image.fromarray(patchwork(5, 1200, 300))
    moving = [np.asarray(wide.crop((x * 7, 60, x * 7 + 240, 240)).resize((64, 48))) for x in range(0, 25, 2)]
    glances = [Glance(float(n), look_of(Image.fromarray(p)), p) for n, p in enumerate(moving)]
    assert spans(pieces_of(glances, 12)) == [(0, 12)]


def test_what_stands_still_for_very_long_is_handed_over_in_between():
    shots = Shots()
    given = [piece for t in range(0, 400, 5) for piece in shots.take(seen(t, 1))]
    assert spans(given)[0] == (0, 120)
    assert [piece.picture is None for piece in [*given, *shots.end(400)]] == [False, True, True, True]


def test_a_film_of_black_gives_its_first_frame():
    (piece,) = pieces_of([seen(0, None), seen(5, None)], 9)
    assert piece.picture is not None and spans([piece]) == [(0, 9)]
    assert pieces_of([], 5) == []


def test_look_is_a_value():
    assert isinstance(look(1), Look)
