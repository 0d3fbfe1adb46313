"""The heads bring together what belongs together, out of cached features."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs torch: pip install 'sensorium[train]'")

from sensorium.train.losses import cosines
from sensorium.train.space import SpacePlan, TeacherHeads, captions_about, draw, train_space


def test_captions_about_a_label_name_all_of_it_and_are_short():
    captions = ["A dog barks", "dogs are Barking far away", "A dog runs", "the hot dog barker", "a dog barks " * 7]

    assert captions_about("dog bark", captions) == ["A dog barks", "dogs are Barking far away", "the hot dog barker"]
    assert captions_about("dog bark", captions, longest=11) == ["A dog barks"]
    assert captions_about("dog", ["a hotdog", "DOG!"]) == ["DOG!"]
    assert captions_about("x y", captions) == []  # no word of three letters, so nothing that could be found


def test_the_corpus_knows_which_rows_belong_together(tiny, tiny_texts):
    c = tiny.corpus

    assert c.vit.shape == (2, 32, 384) and c.mn04.shape == (2, 12, 384) and c.heard.shape == (2, 12, 3)
    assert c.captioned.tolist() == list(range(8)) and c.labelled.tolist() == list(range(8, 32))
    assert [[tiny_texts[row] for row in rows] for rows in c.captions[:1]] == [
        ["a bright red field number 0", "red water under a red sky 0"]
    ]
    assert c.labels == ["dog", "rain"] and (c.picture_label[:8] == -1).all()
    assert c.shared.tolist() == c.labelled.tolist()
    assert [tiny_texts[row] for row in c.picture_texts[0]][:2] == ["dog", "a photo of a dog"]
    assert {tiny_texts[row] for row in c.sound_sentences[0]} == {
        f"a {x} dog barks {i}" for i, x in enumerate(("loud", "soft", "bright"))
    }
    assert len(c.audioset) == 3 and all(c.audioset)


def test_features_are_the_class_token_beside_the_mean_of_the_patches(tiny, tiny_work):
    cls, grid = (np.load(tiny_work / f"rounds/001/{name}.npy").astype(np.float32) for name in ("cls", "grid"))
    assert np.allclose(tiny.corpus.vit[1], np.concatenate([cls, grid.mean((2, 3))], 1), atol=2e-3)


def test_a_label_is_said_in_one_of_its_sentences(tiny, tiny_texts):
    rng = np.random.default_rng(0)
    of_pictures = {tiny_texts[tiny.corpus.label_text(0, rng, sound=False)] for _ in range(60)}
    of_sounds = {tiny_texts[tiny.corpus.label_text(0, rng, sound=True)] for _ in range(120)}

    assert "there is a dog in the picture" in of_pictures and not any("sound" in text for text in of_pictures)
    assert {"dog", "the sound of dog", "a loud dog barks 0"} <= of_sounds and "a photo of a dog" not in of_sounds


def test_a_draw_pairs_pictures_with_their_captions_and_labels(tiny, tiny_texts):
    rows = draw(tiny.corpus, np.random.default_rng(0), 16)

    assert {name: len(drawn) for name, drawn in rows.items()} == {
        "seen": 16, "caption": 16, "named": 8, "name": 8, "heard": 8, "sentence": 8, "both": 2, "plain": 16, "tags": 3,
    }  # fmt: skip
    for picture, caption in zip(rows["seen"].tolist(), rows["caption"].tolist(), strict=True):
        assert tiny_texts[caption].endswith(f" {picture}")
    for sound, sentence in zip(rows["heard"].tolist(), rows["sentence"].tolist(), strict=True):
        assert tiny.corpus.labels[tiny.corpus.sound_label[sound]] in tiny_texts[sentence]


def test_the_factor_on_cosines_begins_at_a_fourteenth_and_stays_below_a_hundred():
    heads = TeacherHeads()
    assert heads.heat.item() == pytest.approx(1 / 0.07, rel=1e-5)
    with torch.no_grad():
        heads.scale.fill_(50.0)
    assert heads.heat.item() == 100.0


@torch.no_grad()
def test_training_brings_captions_to_pictures_and_sounds_to_names(tiny):
    c = tiny.corpus
    with torch.enable_grad():
        heads = train_space(c, SpacePlan(steps=25, batch=16))
    assert not heads.training

    colours = [[i for i in range(8) if i % 3 == colour] for colour in range(3)]
    scores = cosines(heads.read(c.minilm[[c.captions[i][0] for i in range(8)]]), heads.see(c.vit[0][:8]))
    for alike in colours:
        others = [i for i in range(8) if i not in alike]
        assert scores[alike][:, alike].mean() > scores[alike][:, others].mean() + 0.3

    names = cosines(heads.hear(c.mn04[0]), heads.read(c.minilm[[c.sound_texts[label][0] for label in (0, 1)]]))
    assert (names.argmax(1) == c.sound_label).float().mean() > 0.9


def test_training_is_the_same_for_a_seed(tiny):
    one, two, other = (train_space(tiny.corpus, SpacePlan(steps=3, batch=8, seed=s)).state_dict() for s in (1, 1, 2))
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert not torch.equal(one["text.weight"], other["text.weight"])
