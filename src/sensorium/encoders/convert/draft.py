"""A tower that has been loaded and not yet written, and which module loads the towers of which architecture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any

from sensorium.encoders.convert.source import OPEN_CLIP, TIMM, Source

if TYPE_CHECKING:
    import torch
    from tokenizers import Tokenizer

    from sensorium.core.types import Modality
    from sensorium.encoders.bundle import Settings

# `model_type` -> the module of this package whose `drafts(source)` loads its towers.
FAMILIES: dict[str, str] = {
    **dict.fromkeys(("clip", "chinese_clip", "siglip"), "dual"),
    **dict.fromkeys(
        ("bert", "distilbert", "mpnet", "roberta", "xlm-roberta", "camembert", "electra", "albert"), "text"
    ),
    **dict.fromkeys(("vit", "deit", "beit", "dinov2", "dinov2_with_registers", "convnext", "swin", "resnet"), "vision"),
    "clap": "clap",
    OPEN_CLIP: "openclip",
    TIMM: "timm",
}


@dataclass(frozen=True)
class Draft:
    """A tower: a network in float32 whose output is vectors (n, d), and what goes into it.

    `example` are inputs of two rows, by name and in the order in which `network` takes them; `axes` names those of
    their axes that change (`n` rows, `t` tokens). A text tower has its `tokenizer`. `notes` go into the bundle's card.
    """

    modality: Modality
    network: torch.nn.Module
    example: Mapping[str, torch.Tensor]
    axes: Mapping[str, Mapping[int, str]]
    settings: Settings
    tokenizer: Tokenizer | None = None
    notes: tuple[str, ...] = field(default=())


def drafts(source: Source) -> list[Draft]:
    """Load the towers of a model. Raises BadModel."""
    module = FAMILIES.get(source.model_type)
    if source.model_type == "siglip2":
        fix = "get the model of the same size with one side, such as siglip2-base-patch16-224"
        raise source.unfit("it takes pictures of any shape (NaFlex), and towers here take one side", fix)
    if module is None:
        known = ", ".join(sorted(FAMILIES))
        raise source.unfit(f"there is no converter for {source.model_type!r} models", f"there are for {known}")
    family: Any = import_module(f"sensorium.encoders.convert.{module}")
    found: list[Draft] = family.drafts(source)
    return found
