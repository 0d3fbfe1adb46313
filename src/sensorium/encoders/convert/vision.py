"""Vision encoders of transformers: ViT, DINOv2 and the like."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from sensorium.encoders.convert.draft import Draft
from sensorium.encoders.convert.loading import image_settings, load_model
from sensorium.encoders.convert.source import Source

# A picture's vector is that of the first token after the last norm; of the others, what they call their pooled output.
FIRST_TOKEN = ("vit", "deit", "dinov2", "dinov2_with_registers")


class ImageTower(nn.Module):
    """Pixels (n, 3, side, side) to vectors (n, d)."""

    def __init__(self, model: Any, first: bool) -> None:
        super().__init__()
        self.model, self.first = model, first

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Vectors (n, d)."""
        found = self.model(pixel_values=pixels)
        made: torch.Tensor = found.last_hidden_state[:, 0] if self.first else found.pooler_output.flatten(1)
        return made


def drafts(source: Source) -> list[Draft]:
    """The image tower. Raises BadModel."""
    first = source.model_type in FIRST_TOKEN
    model = load_model(source, without=r"(^|\.)pooler\.|mask_token$" if first else r"mask_token$")
    settings = image_settings(source)
    pixels = torch.rand(2, 3, settings.side, settings.side)
    with source.blamed("its places cannot be fitted to its pictures"):
        _fix_places(model, settings.side)
    return [Draft("image", ImageTower(model, first), {"pixels": pixels}, {"pixels": {0: "n"}}, settings)]


def _fix_places(model: Any, side: int) -> None:
    """DINOv2 stretches its table of places to each picture: do that once, for the side that all have here."""
    embeddings: Any = getattr(model, "embeddings", None)
    stretch = getattr(embeddings, "interpolate_pos_encoding", None)
    if stretch is None or model.config.model_type not in ("dinov2", "dinov2_with_registers"):
        return
    patches = (side // model.config.patch_size) ** 2
    with torch.no_grad():
        places = stretch(torch.zeros(1, patches + 1, model.config.hidden_size), side, side).clone()
    embeddings.interpolate_pos_encoding = lambda *_: places
