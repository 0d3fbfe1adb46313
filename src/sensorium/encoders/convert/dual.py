"""CLIP and its kin in transformers (SigLIP 1 and 2, Chinese-CLIP): a text and an image tower in one space."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from sensorium.encoders.convert.draft import Draft
from sensorium.encoders.convert.loading import image_settings, limit, load_model, load_tokenizer
from sensorium.encoders.convert.source import Source
from sensorium.encoders.tokens import TextSettings

# Those whose text tower is causal and takes the vector at the end of the text: what stands behind changes nothing.
CAUSAL = ("clip",)
# Those trained on texts that are filled up to the full length, without a mask.
FILLED = ("siglip",)


class TextTower(nn.Module):
    """Token ids and their mask (n, t) to vectors (n, d)."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, ids: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """Vectors (n, d)."""
        return vectors(self.model.get_text_features(input_ids=ids, attention_mask=mask))


class ImageTower(nn.Module):
    """Pixels (n, 3, side, side) to vectors (n, d)."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Vectors (n, d)."""
        return vectors(self.model.get_image_features(pixel_values=pixels))


class FilledLeft(nn.Module):
    """A text tower trained on texts that are filled up on their left, for ids filled up on their right."""

    def __init__(self, tower: TextTower, pad_id: int) -> None:
        super().__init__()
        self.tower, self.pad_id = tower, pad_id

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """Vectors (n, d)."""
        length = ids.shape[1]
        there = torch.arange(1, length + 1) * (ids != self.pad_id)
        count = there.max(1, keepdim=True).values  # (n, 1): up to the last token that is no filling
        made: torch.Tensor = self.tower(ids.gather(1, torch.remainder(torch.arange(length) + count, length)))
        return made


def vectors(found: Any) -> torch.Tensor:
    """What transformers gives as features: a tensor, or (since its version 5) an output with one."""
    features: torch.Tensor = found if isinstance(found, torch.Tensor) else found.pooler_output
    return features


def drafts(source: Source) -> list[Draft]:
    """Both towers. Raises BadModel."""
    model = load_model(source)
    return [text_draft(source, model), image_draft(source, model)]


def text_draft(source: Source, model: Any) -> Draft:
    """The text tower with its tokenizer. Texts beyond its few tokens are read in windows."""
    tokenizer, own = load_tokenizer(source, int(model.config.text_config.vocab_size))
    left = getattr(own, "padding_side", "right") == "left"
    most = limit(model.config.text_config.max_position_embeddings, own.model_max_length)
    pad_id = own.pad_token_id or 0
    filled = source.model_type in FILLED
    settings = TextSettings(
        max_tokens=most, pad_id=pad_id, pad_to=most if filled else 0, beyond="window", around="keep"
    )
    length = most if filled else min(8, most)
    ids = torch.full((2, length), own.eos_token_id or own.sep_token_id or 1, dtype=torch.int64)
    ids[:, 1 : length - 1] = 5
    with_mask = source.model_type not in (*CAUSAL, *FILLED)
    example = {"ids": ids, "mask": torch.ones_like(ids)} if with_mask else {"ids": ids}
    axes = {name: {0: "n"} if settings.pad_to else {0: "n", 1: "t"} for name in example}
    network = FilledLeft(TextTower(model), pad_id) if filled and left else TextTower(model)
    return Draft("text", network, example, axes, settings, tokenizer)


def image_draft(source: Source, model: Any) -> Draft:
    """The image tower."""
    side = int(model.config.vision_config.image_size)
    example = {"pixels": torch.rand(2, 3, side, side)}
    return Draft("image", ImageTower(model), example, {"pixels": {0: "n"}}, image_settings(source, side))
