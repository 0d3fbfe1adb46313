"""Models of true architectures at their makers' published sizes, or tiny, with random weights. Needs transformers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import small_clap
import small_models as small
import transformers

# The length of a vector; width, layers and heads of the text tower; of the image tower, and its pixels a patch.
CLIPS = {
    "ViT-B/32": (512, (512, 12, 8), (768, 12, 12, 32)),
    "ViT-L/14": (768, (768, 12, 12), (1024, 24, 16, 14)),
    "tiny": (24, (32, 2, 4), (32, 2, 4, 56)),
}


def sizes(width: int, layers: int, heads: int) -> dict[str, int]:
    """What a transformer's configuration says of its size."""
    return {
        "hidden_size": width, "num_hidden_layers": layers, "num_attention_heads": heads, "intermediate_size": 4 * width,
    }  # fmt: skip


def saved(folder: Path, model: Any, *others: Any) -> Path:
    """A folder as on the hub."""
    model.save_pretrained(str(folder))
    for other in others:
        other.save_pretrained(str(folder))
    return folder


def clip(folder: Path, name: str) -> Path:
    """A CLIP of OpenAI's, by its name in `CLIPS`: 224 x 224 pixels, 49,408 rows of embeddings."""
    dimension, text, (width, layers, heads, patch) = CLIPS[name]
    tokenizer = small.clip_tokenizer()
    special = {"eos_token_id": tokenizer.eos_token_id, "bos_token_id": tokenizer.bos_token_id}
    config = transformers.CLIPConfig(
        text_config={**sizes(*text), "vocab_size": 49408, "projection_dim": dimension, **special},
        vision_config={
            **sizes(width, layers, heads),
            "image_size": 224,
            "patch_size": patch,
            "projection_dim": dimension,
        },
        projection_dim=dimension,
    )
    return saved(folder, transformers.CLIPModel(config), tokenizer, transformers.CLIPImageProcessorPil())


def siglip(folder: Path) -> Path:
    """A SigLIP base of Google's."""
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=small.unigram(lower=True),
        pad_token="<pad>",
        eos_token="</s>",
        unk_token="<unk>",
        model_max_length=64,
    )
    text = {**sizes(768, 12, 12), "vocab_size": 32_000, "projection_size": 768, "max_position_embeddings": 64}
    vision = {**sizes(768, 12, 12), "image_size": 224, "patch_size": 16}
    config = transformers.SiglipConfig(text_config=text, vision_config=vision)
    pixels = transformers.SiglipImageProcessorPil(size={"height": 224, "width": 224})
    return saved(folder, transformers.SiglipModel(config), tokenizer, pixels)


def bert(folder: Path, *, true_size: bool = True) -> Path:
    """A bert-base-uncased, with its vocabulary, or one of 2 layers."""
    config = transformers.BertConfig(**({} if true_size else {**small.SIZES, "max_position_embeddings": 64}))
    return saved(folder, transformers.BertModel(config), small.wordpiece())


def clap(folder: Path, *, true_size: bool = True) -> Path:
    """A CLAP of the size of laion/clap-htsat-unfused, or a small one: 10 s at 48 kHz."""
    return small_clap.save(folder, small_clap.model(true_size=true_size))
