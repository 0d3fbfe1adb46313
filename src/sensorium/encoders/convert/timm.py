"""Plain vision transformers under timm's names (`vit_*`, `deit_*`): the vector of the first token, after the norm."""

from __future__ import annotations

import re
from typing import Any

import torch
from torch import nn

from sensorium.encoders.convert.blocks import Patches, Weights, blocks, norm, unused
from sensorium.encoders.convert.draft import Draft
from sensorium.encoders.convert.source import Source
from sensorium.encoders.pixels import ImageSettings

_PLAIN = re.compile(r"^(vit|deit)_(tiny|small|base|large)_patch\d+_\d+$")
_NAMES = {
    **{f"norm{i}.{part}": f"norm{i}.{part}" for i in (1, 2) for part in ("weight", "bias")},
    **{f"attn.{layer}.{part}": f"attn.{layer}.{part}" for layer in ("qkv", "proj") for part in ("weight", "bias")},
    **{f"{layer}.{part}": f"mlp.{layer}.{part}" for layer in ("fc1", "fc2") for part in ("weight", "bias")},
    "scale1": "ls1.gamma", "scale2": "ls2.gamma",
}  # fmt: skip
_HEAD_WIDTH, _EPS = 64, 1e-6  # of all plain ones
# What timm's `vit_*` of ImageNet-21k ask for; said in the card where the folder does not say.
_USUAL = {"mean": [0.5] * 3, "std": [0.5] * 3, "interpolation": "bicubic", "crop_pct": 0.9}
USUAL_SAID = (
    "its file says nothing of pixels: they are made as timm does for its vit_* models (0.9 of the picture, -1 to 1)"
)


class ImageTower(nn.Module):
    """Pixels (n, 3, side, side) to vectors (n, width)."""

    def __init__(self, weights: Weights) -> None:
        super().__init__()
        self.patches = Patches(weights, "patch_embed.proj", "cls_token", "pos_embed")
        heads = self.patches.first.shape[-1] // _HEAD_WIDTH
        self.blocks = blocks(weights, "blocks.", _NAMES, heads, nn.GELU, eps=_EPS)
        self.norm = norm(weights, "norm", _EPS)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Vectors (n, width)."""
        made: torch.Tensor = self.norm(self.blocks(self.patches(pixels))[:, 0])
        return made


def drafts(source: Source) -> list[Draft]:
    """The image tower. Raises BadModel."""
    architecture = str(source.config.get("architecture", source.name)).split(".")[0]
    if not _PLAIN.match(architecture):
        raise source.unfit(
            f"there is no converter for timm's {architecture!r}",
            "there is one for plain vit_* and deit_*; or get the model in the layout of transformers",
        )
    if len(source.weights) != 1:
        raise source.unfit("its weights are in several files")
    weights = source.tensors(source.weights[0])
    if left := unused(weights, "patch_embed.proj.", "cls_token", "pos_embed", "blocks.", "norm.", "head."):
        raise source.unfit(f"it has {left[0]}, which a plain {architecture} has not")
    with source.blamed("its weights are not those of a plain vision transformer"):
        tower = ImageTower(weights).eval().requires_grad_(False)
        side = tower.patches.side()
    told: dict[str, Any] = {**_USUAL, **(source.config.get("pretrained_cfg") or {})}
    settings = _settings(source, told, side)
    notes = () if source.config.get("pretrained_cfg") else (USUAL_SAID,)
    return [
        Draft("image", tower, {"pixels": torch.rand(2, 3, side, side)}, {"pixels": {0: "n"}}, settings, notes=notes)
    ]


def _settings(source: Source, told: dict[str, Any], side: int) -> ImageSettings:
    """As timm's `create_transform` does to evaluate: the shorter side to side / crop_pct, then the centre."""
    size = told.get("input_size")
    if size is not None and list(size) != [3, side, side]:
        raise source.unfit(f"its config asks for pixels {size}, and its weights for 3 x {side} x {side}")
    if told.get("crop_mode", "center") != "center":
        raise source.unfit(f"it asks for the crop mode {told['crop_mode']!r}, which there is not here")
    shorter = int(side / float(told["crop_pct"]))
    mean, std = ([float(number) for number in told[name]] for name in ("mean", "std"))
    with source.blamed("its pixels cannot be made here"):
        return ImageSettings(
            side,
            "crop",
            str(told["interpolation"]),
            (mean[0], mean[1], mean[2]),
            (std[0], std[1], std[2]),
            shorter=shorter if shorter != side else 0,
            centre="round",
        )
