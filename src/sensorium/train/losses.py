"""What the towers are pulled towards. All inputs are float32; similarities are cosines."""

from __future__ import annotations

import torch
import torch.nn.functional as F


def cosines(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """(n, d), (m, d) -> (n, m)."""
    return F.normalize(a, dim=-1) @ F.normalize(b, dim=-1).T


def contrast(a: torch.Tensor, b: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    """Symmetric cross-entropy against the diagonal (Radford et al. 2021, CLIP, figure 3)."""
    logits = scale * cosines(a, b)
    target = torch.arange(len(a))
    return (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2


def shared_label(a: torch.Tensor, b: torch.Tensor, labels_a: torch.Tensor, labels_b: torch.Tensor,
                 scale: torch.Tensor) -> torch.Tensor:  # fmt: skip
    """Cross-entropy both ways where every pair with the same label is right; rows without a partner do not count.

    Khosla et al. 2020, SupCon, here across modalities.
    """
    logits, same = scale * cosines(a, b), labels_a[:, None] == labels_b[None]
    losses = []
    for rows, match in ((logits, same), (logits.T, same.T)):
        some = match.any(1)
        target = match[some].float()
        target = target / target.sum(1, keepdim=True)
        losses.append(-(target * F.log_softmax(rows[some], 1)).sum(1).mean() if some.any() else logits.sum() * 0)
    return (losses[0] + losses[1]) / 2


def relations(student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    """Squared difference of the two cosine matrices of a batch (Park et al. 2019, relational distillation)."""
    return F.mse_loss(cosines(student, student), cosines(teacher, teacher)) * 10


def towards(student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    """1 - cosine, plus the squared error of the norms in units of the teacher's mean norm."""
    size = teacher.norm(dim=-1)
    norms = ((student.norm(dim=-1) - size) / size.mean()).square().mean()
    return (1 - F.cosine_similarity(student, teacher, dim=-1)).mean() + 0.1 * norms
