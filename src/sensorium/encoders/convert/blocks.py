"""A transformer as timm and OpenCLIP build theirs: norms first, one matrix for queries, keys and values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

Weights = Mapping[str, NDArray[np.float32]]


class QuickGELU(nn.Module):
    """What OpenAI's CLIP was trained with in place of GELU."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The same shape."""
        return x * torch.sigmoid(1.702 * x)


class Attention(nn.Module):
    """Every place looks at every other, or (`causal`) at those before it."""

    def __init__(self, width: int, heads: int, causal: bool) -> None:
        super().__init__()
        self.heads, self.causal = heads, causal
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(n, t, width) to the same."""
        n, t, width = x.shape
        q, k, v = self.qkv(x).view(n, t, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        scores = (q * (width // self.heads) ** -0.5) @ k.transpose(-2, -1)  # (n, heads, t, t)
        if self.causal:
            places = torch.arange(t)
            scores = scores + torch.where(places[None] > places[:, None], torch.tensor(-1e9), torch.tensor(0.0))
        made: torch.Tensor = self.proj((scores.softmax(-1) @ v).transpose(1, 2).reshape(n, t, width))
        return made


class Block(nn.Module):
    """Attention, then a network of two layers; what each gives is added to the stream, perhaps scaled (`scaled`)."""

    def __init__(
        self, width: int, heads: int, hidden: int, act: nn.Module, eps: float, causal: bool, scaled: bool
    ) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width, eps=eps), nn.LayerNorm(width, eps=eps)
        self.attn = Attention(width, heads, causal)
        self.fc1, self.act, self.fc2 = nn.Linear(width, hidden), act, nn.Linear(hidden, width)
        self.scale1 = nn.Parameter(torch.ones(width)) if scaled else None
        self.scale2 = nn.Parameter(torch.ones(width)) if scaled else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(n, t, width) to the same."""
        seen = self.attn(self.norm1(x))
        x = x + (seen if self.scale1 is None else seen * self.scale1)
        thought = self.fc2(self.act(self.fc1(self.norm2(x))))
        return x + (thought if self.scale2 is None else thought * self.scale2)


def blocks(
    weights: Weights, prefix: str, names: Mapping[str, str], heads: int, act: Callable[[], nn.Module], *,
    eps: float, causal: bool = False,
) -> nn.Sequential:  # fmt: skip
    """Blocks with the weights named `prefix`N.`, by the names that they have there (ours to theirs).

    Raises KeyError for a weight that is missing, RuntimeError for one of another shape, ValueError for one too many.
    """
    made: list[nn.Module] = []
    while any(name.startswith(f"{prefix}{len(made)}.") for name in weights):
        at = f"{prefix}{len(made)}."
        hidden, width = weights[f"{at}{names['fc1.weight']}"].shape
        scaled = f"{at}{names['scale1']}" in weights
        block = Block(width, heads, hidden, act(), eps, causal, scaled)
        used = {ours: f"{at}{names[ours]}" for ours in block.state_dict()}
        if left := sorted(name for name in weights if name.startswith(at) and name not in used.values()):
            raise ValueError(f"it has {left[0]}, which a plain block has not")
        block.load_state_dict({ours: tensor(weights, name) for ours, name in used.items()})
        made.append(block)
    return nn.Sequential(*made)


def tensor(weights: Weights, name: str) -> torch.Tensor:
    """One of the weights. Raises KeyError."""
    return torch.from_numpy(np.ascontiguousarray(weights[name]))


def norm(weights: Weights, name: str, eps: float) -> nn.LayerNorm:
    """A layer norm with the weights `name`.weight and `name`.bias. Raises KeyError."""
    made = nn.LayerNorm(weights[f"{name}.weight"].shape[0], eps=eps)
    made.load_state_dict({part: tensor(weights, f"{name}.{part}") for part in ("weight", "bias")})
    return made


class Patches(nn.Module):
    """Pixels (n, 3, side, side) to a first token and one for each patch, with their places: (n, 1 + patches, width)."""

    def __init__(self, weights: Weights, kernel: str, first: str, places: str) -> None:
        super().__init__()
        filters = tensor(weights, f"{kernel}.weight")  # (width, 3, patch, patch)
        self.conv = nn.Conv2d(3, filters.shape[0], filters.shape[2:], stride=filters.shape[2:])
        bias = weights.get(f"{kernel}.bias")
        self.conv.weight = nn.Parameter(filters)
        self.conv.bias = nn.Parameter(torch.zeros(filters.shape[0]) if bias is None else torch.from_numpy(bias))
        self.first = nn.Parameter(tensor(weights, first).reshape(1, 1, -1))
        self.places = nn.Parameter(tensor(weights, places).reshape(1, -1, filters.shape[0]))

    def side(self) -> int:
        """How many pixels wide and high a picture has to be. Raises ValueError when its places are no square."""
        count = self.places.shape[1] - 1
        if (across := round(count**0.5)) ** 2 != count:
            raise ValueError(f"{count} places of patches make no square")
        return across * int(self.conv.kernel_size[0])

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """(n, 1 + patches, width)."""
        patches = self.conv(pixels).flatten(2).transpose(1, 2)
        return torch.cat([self.first.expand(pixels.shape[0], -1, -1), patches], 1) + self.places


def unused(weights: Weights, *used: Any) -> list[str]:
    """The names of weights that begin with none of these: what a tower would silently leave out."""
    return sorted(name for name in weights if not name.startswith(used))
