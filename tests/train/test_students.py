"""Text and sound towers come nearer to what the teachers' heads say."""

from __future__ import annotations

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs torch: pip install 'sensorium[train]'")

from sensorium.train.students import StudentPlan, masked, train_audio, train_text


def log_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_batch_of_tokens_is_as_wide_as_its_longest_text(tiny, tiny_texts):
    rows = sorted(range(len(tiny_texts)), key=lambda i: tiny.tokens.lengths[i])[:3]
    ids, mask = tiny.tokens.batch(np.array(rows[::-1]))

    assert ids.dtype == mask.dtype == torch.int64
    assert ids.shape == mask.shape == (3, tiny.tokens.lengths[rows].max())
    for row, said, there in zip(rows[::-1], ids, mask, strict=True):
        encoded = tiny.tokens.tokenizer.encode(tiny_texts[row]).ids
        assert said[: len(encoded)].tolist() == encoded and not said[len(encoded) :].any()
        assert there.sum() == len(encoded) and there[: len(encoded)].all()


def test_texts_are_cut_at_the_longest_and_end_as_whole_ones_do(tiny_work):
    from sensorium.train.students import Tokens

    tokens = Tokens(tiny_work / "tokenizer.json", ["dog " * 50, "dog"], 10)
    ids, mask = tokens.batch(torch.tensor([0, 1]))
    assert ids.shape == (2, 10) and ids[0, -1] == 2 and mask.sum(1).tolist() == [10, 3]


def test_the_text_tower_learns_what_the_head_says(tiny):
    plan = StudentPlan(steps=60, batch=16, rate=3e-3, report_every=12)
    tower = train_text(tiny.corpus, tiny.heads, tiny.tokens, plan, tiny.text, tiny.log)

    log = log_of(tiny.log)
    assert [line["step"] for line in log] == [12, 24, 36, 48, 60]
    assert log[-1]["cosine"] > log[0]["cosine"] + 0.2
    assert tower is tiny.text and not tower.training


def test_the_sound_tower_learns_what_the_head_says(tiny, tiny_work):
    mels = np.load(tiny_work / "sounds_train/mel.npy", mmap_mode="r")[:, :, :, ::8]  # a column of eight, to be quick
    plan = StudentPlan(steps=12, batch=4, report_every=3)
    tower = train_audio(tiny.corpus, tiny.heads, mels, plan, tiny.log)

    log = log_of(tiny.log)
    assert len(log) == 4 and not tower.training
    assert log[-1]["cosine"] > log[0]["cosine"] + 0.15


def test_masking_sets_some_bins_and_frames_to_the_mean_of_a_copy():
    mel = torch.ones(2, 64, 100)
    varied = masked(mel, np.random.default_rng(0))

    assert mel.all() and varied.shape == mel.shape
    bins, frames = (varied[0].sum(1) == 0), (varied[0].sum(0) == 0)
    assert 1 <= bins.sum() <= 14 and 1 <= frames.sum() <= 98
    assert torch.equal(varied[0] == 0, bins[:, None] | frames[None])
