"""The towers: sizes that checkpoints rely on, and independence of whatever is beside a row."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="training needs torch: pip install 'sensorium[train]'")

from sensorium.train.networks import AudioTower, Head, ImageBackbone, ImageTower, Imitation, TextTower


def parameters(module):
    return sum(p.numel() for p in module.parameters())


@pytest.fixture
def text():
    torch.manual_seed(0)
    return TextTower(100, 48, 2, 16, dimension=32).eval()


def ids_of(*rows):
    length = max(map(len, rows))
    ids = torch.tensor([[*row, *[0] * (length - len(row))] for row in rows])
    return ids, torch.tensor([[1] * len(row) + [0] * (length - len(row)) for row in rows])


@torch.no_grad()
def test_padding_and_neighbours_do_not_change_a_texts_vector(text):
    alone = text(*ids_of([1, 7, 8, 2]))[0]
    beside = text(*ids_of([1, 5, 2], [1, 7, 8, 2], [1, *range(20, 33), 2]))[1]
    assert torch.allclose(alone, beside, atol=1e-5)

    ids, mask = ids_of([1, 7, 8, 2], [1] * 9)
    ids[0, 4:] = 99  # what is masked may be anything
    assert torch.allclose(alone, text(ids, mask)[0], atol=1e-5)


@torch.no_grad()
def test_the_order_of_words_changes_a_texts_vector(text):
    one, other = text(*ids_of([1, 7, 8, 2], [1, 8, 7, 2]))
    assert not torch.allclose(one, other, atol=1e-3)


@torch.no_grad()
def test_a_text_without_tokens_has_a_finite_vector(text):
    assert text(torch.zeros(1, 4, dtype=torch.int64), torch.zeros(1, 4, dtype=torch.int64)).isfinite().all()


@torch.no_grad()
def test_maps_lie_at_strides_sixteen_and_thirty_two():
    backbone = ImageBackbone((8, 8, 16, 24), (1, 1, 1, 1)).eval()
    fine, coarse = backbone(torch.zeros(2, 3, 64, 96))
    assert fine.shape == (2, 16, 4, 6) and coarse.shape == (2, 24, 2, 3)

    cls, mean, near, far = Imitation(backbone.widths)(fine, coarse)
    assert cls.shape == mean.shape == (2, 192) and near.shape == (2, 192, 4, 6) and far.shape == (2, 192, 2, 3)


@torch.no_grad()
def test_a_pictures_and_a_sounds_vector_do_not_depend_on_their_neighbours():
    image, audio = ImageTower(ImageBackbone((8, 8, 16, 24), (1, 1, 1, 1)), 32).eval(), AudioTower(dimension=32).eval()
    for tower, batch in ((image, torch.randn(3, 3, 64, 64)), (audio, torch.randn(3, 64, 101))):
        assert tower(batch).shape == (3, 32)
        assert torch.allclose(tower(batch)[1], tower(batch[1:2])[0], atol=1e-5)


def test_dropout_works_in_training_alone():
    head, x = Head(16, 8, dropout=0.5), torch.randn(4, 16)
    assert not torch.equal(head(x), head(x))
    head.eval()
    assert torch.equal(head(x), head(x))


def test_the_towers_are_small():
    backbone = ImageBackbone()
    assert parameters(backbone) == pytest.approx(6.66e6, rel=0.01)
    assert parameters(AudioTower()) == pytest.approx(2.05e6, rel=0.01)
    # two bytes a weight; tokenizer and graphs take the rest of the 30 MB
    assert 2 * sum(map(parameters, (TextTower(), ImageTower(backbone), AudioTower()))) < 28e6


def test_checkpoints_go_by_these_names():
    """A change of names or shapes would lose whatever was trained before."""
    text, image, audio = TextTower().state_dict(), ImageTower(ImageBackbone()).state_dict(), AudioTower().state_dict()

    assert text["tokens.weight"].shape == (12_000, 192) and text["places.weight"].shape == (96, 192)
    assert text["blocks.3.qkv.weight"].shape == (576, 192) and text["head.straight.weight"].shape == (256, 192)
    assert image["backbone.stem.0.weight"].shape == (32, 3, 4, 4) and image["head.up.weight"].shape == (512, 384)
    assert image["backbone.coarse.1.second.1.running_var"].shape == (384,)
    assert image["backbone.fine.2.0.skip.0.weight"].shape == (192, 64, 1, 1)
    assert audio["pitch"].shape == (1, 32, 16, 1) and audio["stages.3.0.first.0.weight"].shape == (256, 128, 3, 3)
    assert (len(text), len(image), len(audio)) == (57, 127, 97)
