"""Texts of any kind become at least one and at most `max_tokens` tokens."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from sensorium.encoders.tokens import MOST_WINDOWS, TextSettings, TextTokens, pad, windows
from sensorium.testing.bundles import byte_tokenizer


@pytest.fixture
def bytewise(tmp_path):
    """[CLS] is 2, [SEP] is 3, then the bytes."""
    byte_tokenizer().save(str(tmp_path / "tokenizer.json"))
    return TextTokens(tmp_path / "tokenizer.json", TextSettings(max_tokens=16))


@pytest.fixture
def wordwise(tmp_path):
    """Two words, no special tokens around a text; pads and truncates by itself unless told not to."""
    tokenizer = Tokenizer(models.WordLevel({"[PAD]": 0, "dog": 1, "cat": 2, "[UNK]": 3}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.enable_padding(length=50)
    tokenizer.enable_truncation(2)
    tokenizer.save(str(tmp_path / "words.json"))
    return TextTokens(tmp_path / "words.json", TextSettings("words.json", max_tokens=6))


def test_words_become_their_ids_whatever_the_file_says_of_padding(wordwise):
    ids = wordwise("dog cat dog")

    assert ids.tolist() == [1, 2, 1]
    assert ids.dtype == np.int64


@pytest.mark.parametrize("text", ["", "   ", "\n\t", "\u200b", "zebra", "\ud800"])
def test_nothing_and_the_unknown_are_the_unknown_token(wordwise, text):
    assert wordwise(text).tolist() == [3]


def test_a_text_without_letters_keeps_its_special_tokens(bytewise):
    assert bytewise("").tolist() == bytewise("  \n ").tolist() == [2, 3]


@pytest.mark.parametrize("text", ["ж", "日本語", "🙂", "é", "\x00", "\ufffd", "\ud83d"])
def test_the_byte_tokenizer_of_the_tests_knows_every_character(bytewise, text):
    ids = bytewise(text)

    assert len(ids) > 2
    assert 1 not in ids


def test_long_texts_are_cut_and_keep_their_end_token(bytewise):
    short, long = bytewise("abcdefghijklmn"), bytewise("abcdefghijklmnopq" * 1000)

    assert len(short) == len(long) == 16
    assert long.tolist() == short.tolist()


def test_a_huge_text_is_cut(bytewise):
    huge = "word " * 4_000_000

    assert len(bytewise(huge)) == 16


def test_threads_get_what_one_thread_gets(bytewise):
    texts = [f"text number {i}" for i in range(200)]

    with ThreadPoolExecutor(4) as threads:
        got = [ids.tolist() for ids in threads.map(bytewise, texts)]

    assert got == [bytewise(text).tolist() for text in texts]


def test_padding_is_zeros_behind_and_the_mask_says_so():
    ids, mask = pad([np.array([5, 6, 7]), np.array([8])], 4)

    assert ids.tolist() == [[5, 6, 7, 0], [8, 0, 0, 0]]
    assert mask.tolist() == [[1, 1, 1, 0], [1, 0, 0, 0]]
    assert ids.dtype == mask.dtype == np.int64


@pytest.mark.parametrize("content", ["", "{}", "not json", '{"version": "1.0", "model": {"type": "Magic"}}'])
def test_a_file_that_is_no_tokenizer_is_refused(tmp_path, content):
    (tmp_path / "tokenizer.json").write_text(content)

    with pytest.raises(ValueError, match=r"tokenizer\.json is not a tokenizer"):
        TextTokens(tmp_path / "tokenizer.json", TextSettings())


def test_windows_are_full_but_for_the_last_and_each_has_its_special_tokens(tmp_path):
    byte_tokenizer().save(str(tmp_path / "tokenizer.json"))
    settings = TextSettings(max_tokens=16, beyond="window")
    text = "abcdefghijklmnopqrstuvwxyz0123456789"

    ids = TextTokens(tmp_path / "tokenizer.json", settings)(text)
    found = windows(ids, settings)

    assert [len(window) for window in found] == [16, 16, 10]
    assert all((window[0], window[-1]) == (2, 3) for window in found)
    whole = TextTokens(tmp_path / "tokenizer.json", TextSettings(max_tokens=64))(text)
    assert np.concatenate([window[1:-1] for window in found]).tolist() == whole[1:-1].tolist()


def test_a_text_that_just_fits_is_one_window(tmp_path):
    byte_tokenizer().save(str(tmp_path / "tokenizer.json"))
    settings = TextSettings(max_tokens=16, beyond="window")
    tokens = TextTokens(tmp_path / "tokenizer.json", settings)

    assert [len(window) for window in windows(tokens("abcdefghijklmn"), settings)] == [16]
    assert [len(window) for window in windows(tokens("abcdefghijklmno"), settings)] == [16, 3]
    assert [len(window) for window in windows(tokens(""), settings)] == [2]


def test_of_a_huge_text_the_first_windows_are_read(tmp_path):
    byte_tokenizer().save(str(tmp_path / "tokenizer.json"))
    tokens = TextTokens(tmp_path / "tokenizer.json", TextSettings(max_tokens=16, beyond="window"))

    assert len(tokens("abc " * 2_000_000)) == MOST_WINDOWS * 16


@pytest.mark.parametrize(("around", "ids"), [("strip", "a b"), ("keep", "  a b ")])
def test_blanks_around_a_text_are_taken_off_or_kept(tmp_path, around, ids):
    byte_tokenizer().save(str(tmp_path / "tokenizer.json"))
    tokens = TextTokens(tmp_path / "tokenizer.json", TextSettings(max_tokens=16, around=around))
    plain = TextTokens(tmp_path / "tokenizer.json", TextSettings(max_tokens=16, around="keep"))

    assert tokens("  a b ").tolist() == plain(ids).tolist()


@pytest.mark.parametrize("wrong", [{"beyond": "drop"}, {"around": "trim"}, {"pad_to": 8}, {"pad_id": -1}])
def test_settings_that_mean_nothing_are_refused(wrong):
    with pytest.raises(ValueError):
        TextSettings(**wrong)


def test_fewer_than_four_tokens_are_refused():
    with pytest.raises(ValueError):
        TextSettings(max_tokens=3)
