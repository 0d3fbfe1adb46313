"""The text corpus, and a tokenizer that no text defeats."""

from __future__ import annotations

import pkgutil

import pytest
from tokenizers import Tokenizer

from sensorium.train import texts

NASTY = [
    "", " ", "\n\t", "a", "ÀÉÎÕÜ ß", "日本語のテキスト", "👩‍👩‍👧 emoji", "\x00\x01\x7f", "\u202eright to left\u202c",
    "ﬁ ligature", "x" * 5000, "[PAD] [BOS] [EOS]", "i\u0307", "\ud7ff\ue000\ufffd", "𝕬𝖇𝖈", "e\u0301\u0301\u0301",
]  # fmt: skip


def test_prompts_put_every_name_into_every_template():
    assert texts.prompts(["dog", "cat"], ("{}", "a {}")) == ["dog", "a dog", "cat", "a cat"]


def test_sentences_are_of_middling_length_and_ascii():
    prose = (
        "Short one. This sentence is long enough to be kept.\n  As is this one, over\n two lines! Ünicode is not kept."
    )
    assert texts.sentences(prose) == ["This sentence is long enough to be kept.", "As is this one, over two lines!"]
    assert texts.sentences("a" * 299) == ["a" * 299] and texts.sentences("a" * 300) == []
    assert texts.sentences("a" * 21) == ["a" * 21] and texts.sentences("a" * 20) == []


def test_word_salad_is_pairs_and_triples_and_the_same_for_a_seed():
    words = ["dog", "rain", "sky"]
    salad = texts.word_salad(words, 200, seed=1)

    assert len(salad) == 200 and salad == texts.word_salad(words, 200, seed=1) != texts.word_salad(words, 200, seed=2)
    assert {len(text.split()) for text in salad} == {2, 3}
    assert {word for text in salad for word in text.split()} == set(words)


def test_the_standard_library_speaks_of_itself_and_nobody_else_does(monkeypatch):
    some = [m for m in pkgutil.iter_modules() if m.name in ("textwrap", "heapq", "numpy", "antigravity", "this")]
    monkeypatch.setattr(pkgutil, "iter_modules", lambda: some)
    prose = texts.standard_library_prose()

    assert "Remove any common leading whitespace from every line in `text`." in prose
    assert prose == sorted(set(prose)) and not any("ndarray" in sentence for sentence in prose)


def test_the_corpus_has_every_text_once_and_nothing_of_other_splits(tiny_root, tiny_texts):
    assert len(tiny_texts) == len(set(tiny_texts)) and all(t == t.strip() != "" for t in tiny_texts)
    assert "a bright red field number 0" in tiny_texts and "a photo of a dog" in tiny_texts
    assert "the sound of Speech, male" in tiny_texts and "sea lion" in tiny_texts and "rain is loud 3" in tiny_texts
    assert not [text for text in tiny_texts if text.endswith((" 8", " 9", " 10", " 11"))]


@pytest.fixture(scope="module")
def tokenizer(tiny_texts, tmp_path_factory):
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    texts.train_tokenizer(tiny_texts, ["dog", "rain", "water"], 400, path)
    return Tokenizer.from_file(str(path))


@pytest.mark.parametrize("text", NASTY)
def test_no_text_is_unknown_to_the_tokenizer(tokenizer, text):
    encoded = tokenizer.encode(text)

    assert encoded.ids[0] == tokenizer.token_to_id("[BOS]") == 1
    assert encoded.ids[-1] == tokenizer.token_to_id("[EOS]") == 2
    assert tokenizer.token_to_id("[PAD]") == 0 and min(encoded.ids) >= 0 and max(encoded.ids) < 400


@pytest.mark.parametrize("text", ["日本語", "naïve café", "👩‍👩‍👧", "tab\tand\nline"])
def test_what_the_tokenizer_reads_it_can_say_again(tokenizer, text):
    assert tokenizer.decode(tokenizer.encode(text).ids).strip() == text.lower()


def test_case_and_width_of_letters_do_not_matter(tokenizer):
    assert tokenizer.encode("A DOG").ids == tokenizer.encode("a dog").ids == tokenizer.encode("ａ ｄｏｇ").ids


def test_frequent_words_are_single_tokens(tokenizer):
    assert len(tokenizer.encode("dog rain water").ids) == 2 + 3
