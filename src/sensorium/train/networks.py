"""The three towers of a small bundle, in PyTorch. Each gives (n, dimension) float32, not normalised."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn


def conv_norm(inside: int, outside: int, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    """Convolution without bias, then batch norm."""
    return nn.Sequential(nn.Conv2d(inside, outside, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(outside))


class Residual(nn.Module):
    """Two 3 x 3 convolutions around a skip (He et al. 2016, basic block)."""

    def __init__(self, inside: int, outside: int, stride: int = 1) -> None:
        super().__init__()
        self.first = conv_norm(inside, outside, 3, stride)
        self.second = conv_norm(outside, outside)
        same = inside == outside and stride == 1
        self.skip = nn.Identity() if same else conv_norm(inside, outside, 1, stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(n, inside, h, w) -> (n, outside, h / stride, w / stride)."""
        return F.relu(self.second(F.relu(self.first(x))) + self.skip(x))


def stage(inside: int, outside: int, blocks: int, stride: int) -> nn.Sequential:
    """`blocks` residual blocks, the first of which changes width and stride."""
    return nn.Sequential(Residual(inside, outside, stride), *(Residual(outside, outside) for _ in range(blocks - 1)))


class Head(nn.Module):
    """Features -> space: a hidden layer beside a straight linear path. `dropout` works in training alone."""

    def __init__(self, features: int, dimension: int, hidden: int = 512, dropout: float = 0.0) -> None:
        super().__init__()
        self.dropout = dropout
        self.norm = nn.LayerNorm(features)
        self.up, self.down = nn.Linear(features, hidden), nn.Linear(hidden, dimension)
        self.straight = nn.Linear(features, dimension, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(n, features) -> (n, dimension)."""
        x = F.dropout(self.norm(x), self.dropout, self.training)
        return self.down(F.dropout(F.gelu(self.up(x)), self.dropout, self.training)) + self.straight(x)


class ImageBackbone(nn.Module):
    """Pixels (n, 3, s, s), standardised -> maps at stride 16 (n, widths[2], ...) and 32 (n, widths[3], ...)."""

    def __init__(self, widths: tuple[int, ...] = (32, 64, 192, 384), blocks: tuple[int, ...] = (1, 2, 3, 2)) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, widths[0], 4, 4, bias=False), nn.BatchNorm2d(widths[0]), nn.ReLU())
        self.fine = nn.Sequential(
            stage(widths[0], widths[0], blocks[0], 1),
            stage(widths[0], widths[1], blocks[1], 2),
            stage(widths[1], widths[2], blocks[2], 2),
        )
        self.coarse = stage(widths[2], widths[3], blocks[3], 2)
        self.widths = widths

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The fine map and the coarse map."""
        fine = self.fine(self.stem(pixels))
        return fine, self.coarse(fine)


class Imitation(nn.Module):
    """What the teacher says, from the student's maps: class token, and patch tokens at both strides."""

    def __init__(self, widths: tuple[int, ...], teacher: int = 192) -> None:
        super().__init__()
        self.cls = nn.Sequential(nn.Linear(widths[3], 512), nn.GELU(), nn.Linear(512, teacher))
        self.mean = nn.Linear(widths[3], teacher)
        self.fine, self.coarse = nn.Conv2d(widths[2], teacher, 1), nn.Conv2d(widths[3], teacher, 1)

    def forward(self, fine: torch.Tensor, coarse: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Class token (n, teacher), mean patch token (n, teacher), and the two maps with `teacher` channels."""
        pooled = coarse.mean((2, 3))
        return self.cls(pooled), self.mean(pooled), self.fine(fine), self.coarse(coarse)


class TextTower(nn.Module):
    """Token ids, mask int64 (n, t) -> (n, dimension): a small pre-norm transformer, mean-pooled over the mask."""

    def __init__(self, vocabulary: int = 12_000, width: int = 192, layers: int = 4, longest: int = 96,
                 dimension: int = 256) -> None:  # fmt: skip
        super().__init__()
        self.tokens, self.places = nn.Embedding(vocabulary, width), nn.Embedding(longest, width)
        nn.init.normal_(self.tokens.weight, std=0.5)
        nn.init.normal_(self.places.weight, std=0.1)
        self.blocks = nn.ModuleList(Block(width) for _ in range(layers))
        self.head = Head(width, dimension)

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """What is masked (0) changes nothing; a text without tokens gives what no token says, not NaN."""
        x = self.tokens(ids) + self.places(torch.arange(ids.shape[1], device=ids.device))
        hidden = (1.0 - mask[:, None, None].to(x.dtype)) * -1e4  # (n, 1, 1, t)
        for block in self.blocks:
            x = block(x, hidden)
        weights = mask[..., None].to(x.dtype)
        return self.head((x * weights).sum(1) / weights.sum(1).clamp(min=1.0))


class Block(nn.Module):
    """Self-attention and a GELU layer, each behind a layer norm and beside a skip."""

    def __init__(self, width: int, heads: int = 6, wider: int = 4) -> None:
        super().__init__()
        self.first, self.second = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, wider * width), nn.Linear(wider * width, width)
        self.heads = heads

    def forward(self, x: torch.Tensor, hidden: torch.Tensor) -> torch.Tensor:
        """Tokens x (n, t, width) -> the same shape; `hidden` (n, 1, 1, t) is far below 0 where a token is masked."""
        n, t, width = x.shape
        qkv = self.qkv(self.first(x)).reshape(n, t, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        q, k, v = qkv[0], qkv[1], qkv[2]
        weights = torch.softmax(q @ k.transpose(2, 3) * (width // self.heads) ** -0.5 + hidden, -1)
        x = x + self.out((weights @ v).transpose(1, 2).reshape(n, t, width))
        return x + self.down(F.gelu(self.up(self.second(x))))


class ImageTower(nn.Module):
    """Pixels (n, 3, s, s), standardised to [-1, 1] -> (n, dimension)."""

    def __init__(self, backbone: ImageBackbone, dimension: int = 256) -> None:
        super().__init__()
        self.backbone, self.head = backbone, Head(backbone.widths[3], dimension)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Vectors of the pictures, from the mean of the coarse map."""
        return self.head(self.backbone(pixels)[1].mean((2, 3)))


class AudioTower(nn.Module):
    """Standardised log-mel (n, bins, frames) -> (n, dimension); `features` gives the pooled layer before the head."""

    def __init__(self, bins: int = 64, widths: tuple[int, ...] = (32, 64, 128, 256), dimension: int = 256) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(bins)
        self.stem = nn.Sequential(nn.Conv2d(1, widths[0], 4, 4, bias=False), nn.BatchNorm2d(widths[0]))
        self.pitch = nn.Parameter(torch.zeros(1, widths[0], bins // 4, 1))  # tells low from high bins
        self.stages = nn.Sequential(
            stage(widths[0], widths[0], 1, 1),
            stage(widths[0], widths[1], 1, 2),
            stage(widths[1], widths[2], 2, 2),
            stage(widths[2], widths[3], 1, 2),
        )
        self.head = Head(2 * widths[3], dimension)

    def features(self, mel: torch.Tensor) -> torch.Tensor:
        """(n, 512): mean and maximum over the last map."""
        x = self.stages(F.relu(self.stem(self.norm(mel)[:, None]) + self.pitch))
        return torch.cat([x.mean((2, 3)), x.amax((2, 3))], 1)

    def forward(self, mel: torch.Tensor) -> torch.Tensor:
        """Vectors of the sounds."""
        return self.head(self.features(mel))
