"""A text beyond what its tower reads has the mean vector of its windows, whatever else is in the batch."""

from __future__ import annotations

import numpy as np
import pytest
from small_towers import add_form, count_of_tokens, description
from tokenizers import Tokenizer, models, pre_tokenizers

from sensorium.core.types import Part
from sensorium.encoders.bundle import BUILT_IN, Bundle, write_bundle
from sensorium.encoders.onnx import OnnxEncoder
from sensorium.encoders.tokens import LONGEST_TOKEN, MOST_WINDOWS, TextSettings, TextTokens
from sensorium.testing.bundles import MAX_TOKENS, tiny_bundle

INSIDE = MAX_TOKENS - 2  # letters of a full window
LONG = "the-quick-brown-fox-jumps-over-the-lazy-dog-and-the-rest-of-the-pack-of-wolves"


@pytest.fixture
def folder(tmp_path):
    folder = tiny_bundle(tmp_path / "tiny", modalities=("text",))
    described = description(folder)
    described["towers"]["text"]["beyond"] = "window"
    write_bundle(folder, described)
    return folder


def encode(folder, *texts, **more):
    return OnnxEncoder(Bundle.open(folder), threads=1, **more).encode([Part("text", text) for text in texts])


def unit(vector):
    return vector / np.linalg.norm(vector)


def by_hand(folder, text):
    """Each window is encoded as a text of its own: tokens are bytes, so that a text can be cut anywhere."""
    parts = [text[at : at + INSIDE] for at in range(0, len(text), INSIDE)]
    weights = [len(part) + 2 for part in parts]
    return np.average([unit(vector) for vector in encode(folder, *parts)], axis=0, weights=weights)


def test_a_long_text_is_the_mean_of_its_windows(folder):
    assert len(LONG) > 2 * INSIDE

    np.testing.assert_allclose(encode(folder, LONG)[0], by_hand(folder, LONG), atol=1e-5)


def test_a_short_texts_vector_is_the_towers_own(folder, tmp_path):
    cut = tiny_bundle(tmp_path / "cut", modalities=("text",))

    np.testing.assert_array_equal(encode(folder, "a dog"), encode(cut, "a dog"))
    assert np.abs(encode(folder, LONG) - encode(cut, LONG)).max() > 0.01


def test_neither_batch_mates_nor_their_order_change_a_vector(folder):
    texts = ["a dog", LONG, "", LONG[:INSIDE], LONG[: INSIDE + 1], LONG * 3, "b"]

    together, backwards = encode(folder, *texts), encode(folder, *texts[::-1])[::-1]

    np.testing.assert_allclose(together, np.concatenate([encode(folder, text) for text in texts]), atol=1e-5)
    np.testing.assert_allclose(together, backwards, atol=1e-5)


@pytest.mark.usefixtures("fast")
def test_a_window_that_an_8_bit_form_clips_is_encoded_by_the_tower(folder):
    """The form's vectors point the other way; its full windows are at the end of their scale."""
    add_form(folder, "text", {"cosine": 0.9999, "overlap": 0.99}, reach=count_of_tokens(MAX_TOKENS))
    full, rest = unit(encode(folder, LONG[:INSIDE], precision="float32")[0]), LONG[INSIDE : INSIDE + 9]
    own = encode(folder, LONG[: INSIDE + 9], precision="float32")[0]

    eight = encode(folder, LONG[: INSIDE + 9], precision="int8")[0]

    weights = np.array([MAX_TOKENS, len(rest) + 2]) / (MAX_TOKENS + len(rest) + 2)
    np.testing.assert_allclose(eight, 2 * weights[0] * full - own, atol=1e-4)


def test_what_becomes_of_a_long_text_may_be_said_for_each_call(folder, tmp_path):
    """Each bundle does what the other does of itself."""
    cut = tiny_bundle(tmp_path / "cut", modalities=("text",))
    windowing, cutting = (OnnxEncoder(Bundle.open(bundle), threads=1) for bundle in (folder, cut))
    parts = [Part("text", text) for text in ("a dog", LONG, LONG[:INSIDE])]

    np.testing.assert_array_equal(cutting.encode(parts, "window"), windowing.encode(parts))
    np.testing.assert_array_equal(windowing.encode(parts, "cut"), cutting.encode(parts))
    assert windowing.space != cutting.space  # the setting is part of the bundle; the call changes no space


EXTENTS = [("", 2, 1), ("a dog", 7, 1), (LONG[:INSIDE], MAX_TOKENS, 1), (LONG[: INSIDE + 1], MAX_TOKENS + 1, 2)]


@pytest.mark.parametrize(("text", "tokens", "windows"), [*EXTENTS, (LONG, len(LONG) + 2, 3)])
def test_how_much_of_a_text_is_read_is_known(folder, text, tokens, windows):
    encoder = OnnxEncoder(Bundle.open(folder))

    assert encoder.extent(text) == (tokens, MAX_TOKENS, windows, None)
    assert encoder.extent(text, "cut") == (tokens, MAX_TOKENS, 1, INSIDE if windows > 1 else None)


@pytest.mark.parametrize("text", [LONG, f"  \n {LONG} ", "ж" * 40, "日本語" * 30, "🙂" * 20, "A" * 5000, "\ud83d" * 50])
def test_where_a_text_was_cut_is_where_what_follows_does_not_count(folder, text):
    encoder = OnnxEncoder(Bundle.open(folder))

    def read(text):
        return encoder.prepare(Part("text", text), "cut").tolist()

    cut = encoder.extent(text, "cut").cut
    assert read(text[:cut]) == read(text) == read(text[:cut] + "and something else")
    assert read(text[: cut - 1]) != read(text)


def test_of_a_huge_text_it_is_known_where_the_last_window_ends(folder):
    encoder, text = OnnxEncoder(Bundle.open(folder)), "abc " * 200_000

    found = encoder.extent(text)
    assert (found.windows, found.cut) == (MOST_WINDOWS, MOST_WINDOWS * INSIDE) and found.tokens > MOST_WINDOWS * INSIDE
    assert len(encoder.prepare(Part("text", text))) == MOST_WINDOWS * MAX_TOKENS


def test_blanks_that_are_nothing_to_the_tokenizer_may_hide_what_is_behind_them(tmp_path):
    """Only so many characters are looked at: what was not is said to be cut."""
    tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0, "dog": 1, "cat": 2}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    tokens = TextTokens(tmp_path / "tokenizer.json", TextSettings(max_tokens=6))
    text = "dog" + " " * 2000 + "cat"

    assert tokens(text).tolist() == [1] and tokens.extent(text) == (2, 6, 1, 6 * LONGEST_TOKEN)
    assert tokens(text, "window").tolist() == [1, 2] and tokens.extent(text, "window") == (2, 6, 1, None)


def test_the_starters_tokens_are_counted_as_its_tokenizer_counts_them():
    bundle = Bundle.open(BUILT_IN / "starter")
    settings = bundle.towers["text"].settings
    whole = Tokenizer.from_file(str(bundle.folder / settings.tokenizer))
    whole.no_truncation()
    text = " A dog runs along the beach, and the waves take its ball away." * 12

    found = OnnxEncoder(bundle).extent(text)

    encoded = whole.encode(text.strip())
    assert (found.tokens, found.limit, found.windows) == (len(encoded.ids), settings.max_tokens, 1)
    assert found.cut == 1 + encoded.offsets[settings.max_tokens - 2][1]  # the blank in front; the last one is the end's
    assert OnnxEncoder(bundle).extent(text, "window") == (len(encoded.ids), 96, 2, None)
