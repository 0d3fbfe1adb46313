"""Losses against values worked out by hand."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch", reason="training needs torch: pip install 'sensorium[train]'")

from sensorium.train import losses

AXES = torch.eye(2)
ONE = torch.tensor(1.0)


def about(value):
    return pytest.approx(value, abs=1e-5)


def test_cosines_do_not_depend_on_length():
    a, b = torch.tensor([[3.0, 0.0], [1.0, 1.0]]), torch.tensor([[0.0, 5.0]])
    assert losses.cosines(a, b).flatten().tolist() == [about(0.0), about(math.sqrt(0.5))]


def test_contrast_of_axes_with_themselves_is_that_of_one_against_zero():
    # each row: logits (1, 0), the first is right
    assert losses.contrast(AXES, 2 * AXES, ONE).item() == about(math.log(math.e + 1) - 1)


def test_contrast_falls_with_heat_when_right_and_rises_when_wrong():
    assert losses.contrast(AXES, AXES, 20 * ONE) < 1e-6
    assert losses.contrast(AXES, AXES.flip(0), 20 * ONE).item() == about(20.0)


def test_contrast_is_symmetric():
    a, b = torch.randn(2, 5, 3, generator=torch.Generator().manual_seed(1))
    assert losses.contrast(a, b, 3 * ONE).item() == about(losses.contrast(b, a, 3 * ONE).item())


def test_shared_label_without_repeats_is_contrast():
    a, b = torch.randn(2, 4, 3, generator=torch.Generator().manual_seed(2))
    labels = torch.arange(4)
    assert losses.shared_label(a, b, labels, labels, 5 * ONE).item() == about(losses.contrast(a, b, 5 * ONE).item())


def test_shared_label_takes_every_pair_of_a_label_as_right():
    # Both rows of a have label 7, as has the first of b: logits are [[1, 0], [0, 1]].
    # From a: -log softmax(1 of (1, 0)) and -log softmax(0 of (0, 1)). From b, its first row alone: the mean of both.
    loss = losses.shared_label(AXES, AXES, torch.tensor([7, 7]), torch.tensor([7, 8]), ONE)
    near, far = math.log(math.e + 1) - 1, math.log(math.e + 1)
    assert loss.item() == about((near + far) / 2)


def test_shared_label_of_strangers_is_zero_and_has_a_gradient():
    a = AXES.clone().requires_grad_()
    loss = losses.shared_label(a, AXES, torch.tensor([1, 2]), torch.tensor([3, 4]), ONE)
    loss.backward()
    assert loss.item() == 0 and not a.grad.any()


def test_relations_is_ten_times_the_squared_difference_of_cosines():
    alike = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    # cosine matrices [[1, 0], [0, 1]] and [[1, 1], [1, 1]]: two of four entries differ by 1
    assert losses.relations(AXES, alike).item() == about(10 * 2 / 4)
    assert losses.relations(AXES, AXES @ torch.tensor([[0.0, 1.0], [-1.0, 0.0]])).item() == about(0.0)


def test_towards_counts_the_angle_and_a_tenth_of_the_squared_norm_error():
    assert losses.towards(AXES, AXES).item() == about(0.0)
    assert losses.towards(3 * AXES, AXES).item() == about(0.1 * 4)
    assert losses.towards(AXES.flip(0), AXES).item() == about(1.0)
    # the unit of the norms is the teacher's mean norm: (3 - 1) / 2 and (3 - 3) / 2
    teacher = torch.tensor([[1.0, 0.0], [0.0, 3.0]])
    assert losses.towards(3 * AXES, teacher).item() == about(0.1 * 0.5)
