"""OpenCLIP's folders: `open_clip_config.json` and weights under OpenCLIP's own names, without the package open_clip."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

from sensorium.encoders.convert.blocks import Patches, QuickGELU, Weights, blocks, norm, tensor, unused
from sensorium.encoders.convert.draft import Draft
from sensorium.encoders.convert.loading import limit, load_tokenizer
from sensorium.encoders.convert.source import OPEN_CLIP_CONFIG, Source
from sensorium.encoders.convert.text import Pooling
from sensorium.encoders.pixels import ImageSettings
from sensorium.encoders.tokens import TextSettings

WEIGHTS = "open_clip_model.safetensors"
_EPS = 1e-5
_NAMES = {
    **{f"norm{i}.{part}": f"ln_{i}.{part}" for i in (1, 2) for part in ("weight", "bias")},
    **{f"attn.qkv.{part}": f"attn.in_proj_{part}" for part in ("weight", "bias")},
    **{f"attn.proj.{part}": f"attn.out_proj.{part}" for part in ("weight", "bias")},
    **{f"fc1.{part}": f"mlp.c_fc.{part}" for part in ("weight", "bias")},
    **{f"fc2.{part}": f"mlp.c_proj.{part}" for part in ("weight", "bias")},
    "scale1": "ls_1.gamma", "scale2": "ls_2.gamma",
}  # fmt: skip
# What a configuration may say and still be built here. Anything else it says would make other vectors.
_VISION = {
    "image_size",
    "layers",
    "width",
    "head_width",
    "patch_size",
    "mlp_ratio",
    "ls_init_value",
    "patch_dropout",
    "pool_type",
}
_TEXT = {
    "context_length",
    "vocab_size",
    "width",
    "heads",
    "layers",
    "mlp_ratio",
    "ls_init_value",
    "pool_type",
    "pad_id",
}
_TOKENIZER = {"hf_tokenizer_name", "tokenizer_kwargs", "tokenizer_mode"}
_HF = {
    "hf_model_name",
    "hf_model_pretrained",
    "hf_proj_type",
    "hf_pooler_type",
    "context_length",
    "vocab_size",
    "width",
}
_OPENAI = "put the tokenizer.json of openai/clip-vit-base-patch32 beside it"


class ImageTower(nn.Module):
    """Pixels (n, 3, side, side) to vectors (n, d)."""

    def __init__(self, weights: Weights, heads: int, act: Callable[[], nn.Module]) -> None:
        super().__init__()
        self.patches = Patches(weights, "visual.conv1", "visual.class_embedding", "visual.positional_embedding")
        self.before, self.after = norm(weights, "visual.ln_pre", _EPS), norm(weights, "visual.ln_post", _EPS)
        self.blocks = blocks(weights, "visual.transformer.resblocks.", _NAMES, heads, act, eps=_EPS)
        self.proj = nn.Parameter(tensor(weights, "visual.proj"))

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Vectors (n, d)."""
        return self.after(self.blocks(self.before(self.patches(pixels)))[:, 0]) @ self.proj


class TextTower(nn.Module):
    """Token ids (n, t) to vectors (n, d): those of the token with the highest id, which ends a text."""

    def __init__(self, weights: Weights, prefix: str, heads: int, act: Callable[[], nn.Module]) -> None:
        super().__init__()
        self.tokens = nn.Embedding.from_pretrained(tensor(weights, f"{prefix}token_embedding.weight"))
        self.places = nn.Parameter(tensor(weights, f"{prefix}positional_embedding"))
        names = f"{prefix}transformer.resblocks."
        self.blocks = blocks(weights, names, _NAMES, heads, act, eps=_EPS, causal=True)
        self.norm = norm(weights, f"{prefix}ln_final", _EPS)
        self.proj = nn.Parameter(tensor(weights, f"{prefix}text_projection"))

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """Vectors (n, d)."""
        x = self.norm(self.blocks(self.tokens(ids) + self.places[: ids.shape[1]]))
        ends = x[torch.arange(ids.shape[0]), ids.argmax(-1)]
        return ends @ self.proj


class XlmTower(nn.Module):
    """Token ids and mask (n, t) to vectors (n, d): XLM-RoBERTa, the mean of its tokens, and a projection."""

    def __init__(self, weights: Weights, projection: str) -> None:
        super().__init__()
        self.model = _xlm(weights)
        self.pooling = Pooling(("mean",))
        layers = [nn.Linear(w.shape[1], w.shape[0], bias=False) for w in _projection(weights)]
        for layer, values in zip(layers, _projection(weights), strict=True):
            layer.load_state_dict({"weight": torch.from_numpy(values)})
        if len(layers) != {"linear": 1, "mlp": 2}[projection]:
            raise ValueError(f"a {projection} projection has not {len(layers)} matrices")
        self.proj = nn.Sequential(*(layers if len(layers) == 1 else (layers[0], nn.GELU(), layers[1])))

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Vectors (n, d)."""
        tokens = self.model(input_ids=ids, attention_mask=mask).last_hidden_state
        made: torch.Tensor = self.proj(self.pooling(tokens, mask))
        return made


def drafts(source: Source) -> list[Draft]:
    """Both towers. Raises BadModel."""
    model, pixels = source.config.get("model_cfg"), source.config.get("preprocess_cfg") or {}
    if (
        not isinstance(model, dict)
        or not isinstance(model.get("vision_cfg"), dict)
        or not isinstance(model.get("text_cfg"), dict)
    ):
        raise source.unfit(f"its {OPEN_CLIP_CONFIG} describes no model with vision_cfg and text_cfg")
    path = source.folder / WEIGHTS
    weights = source.tensors(path if path.is_file() else source.weights[0])
    act: Callable[[], nn.Module] = QuickGELU if model.get("quick_gelu") else nn.GELU
    known = {"embed_dim", "vision_cfg", "text_cfg", "quick_gelu", "custom_text", "init_logit_scale", "init_logit_bias"}
    _only(source, "model_cfg", model, known)
    prefix = "text." if any(name.startswith("text.") for name in weights) else ""
    parts = (
        ("text.",)
        if prefix
        else ("token_embedding.", "positional_embedding", "transformer.", "ln_final.", "text_projection")
    )
    if left := unused(weights, "visual.", "logit_scale", "logit_bias", "attn_mask", *parts):
        raise source.unfit(f"it has {left[0]}, which a plain CLIP has not")
    return [
        _text(source, model["text_cfg"], weights, prefix, act),
        _image(source, model["vision_cfg"], pixels, weights, act),
    ]


def _image(source: Source, said: dict[str, Any], pixels: dict[str, Any], weights: Weights, act: Any) -> Draft:
    _only(source, "vision_cfg", said, _VISION, pool_type="tok")
    with source.blamed("its image tower is not a plain vision transformer"):
        tower = (
            ImageTower(weights, int(said["width"]) // int(said.get("head_width", 64)), act).eval().requires_grad_(False)
        )
        side = tower.patches.side()
        if side != said["image_size"]:
            raise ValueError(f"its weights are for pictures of {side} x {side}, not {said['image_size']}")
    settings = _pixels(source, pixels, side)
    return Draft("image", tower, {"pixels": torch.rand(2, 3, side, side)}, {"pixels": {0: "n"}}, settings)


def _pixels(source: Source, said: dict[str, Any], side: int) -> ImageSettings:
    """As OpenCLIP's `image_transform` does for evaluation; its defaults are those of OpenAI's CLIP."""
    resize = {"shortest": "crop", "squash": "squash"}.get(said.get("resize_mode") or "shortest")
    if resize is None:
        raise source.unfit(f"its pictures are resized by {said['resize_mode']!r}, which there is not here")
    mean = said.get("mean") or (0.48145466, 0.4578275, 0.40821073)
    std = said.get("std") or (0.26862954, 0.26130258, 0.27577711)
    with source.blamed("its pixels cannot be made here"):
        return ImageSettings(side, resize, said.get("interpolation") or "bicubic", tuple(mean), tuple(std))  # type: ignore[arg-type]


def _text(source: Source, said: dict[str, Any], weights: Weights, prefix: str, act: Any) -> Draft:
    if said.get("hf_model_name"):
        return _hf_text(source, said, weights)
    _only(source, "text_cfg", said, _TEXT | _TOKENIZER, pool_type="argmax")
    with source.blamed("its text tower is not OpenCLIP's plain one"):
        tower = TextTower(weights, prefix, int(said.get("heads", 8)), act).eval().requires_grad_(False)
    most, known = tower.places.shape[0], tower.tokens.num_embeddings
    tokenizer, _ = load_tokenizer(source, known, fix=_OPENAI)
    end = tokenizer.encode("a").ids[-1]
    if end != known - 1:
        raise source.unfit(
            f"its tokenizer ends a text with token {end}, and its text tower looks for {known - 1}", _OPENAI
        )
    ids = torch.tensor([[known - 2, 5, 6, known - 1, 0, 0, 0, 0]] * 2)
    settings = TextSettings(max_tokens=most, pad_id=0, beyond="window", around="keep")
    return Draft("text", tower, {"ids": ids}, {"ids": {0: "n", 1: "t"}}, settings, tokenizer)


def _hf_text(source: Source, said: dict[str, Any], weights: Weights) -> Draft:
    """A multilingual text tower: XLM-RoBERTa's, averaged and projected."""
    _only(source, "text_cfg", said, _HF | _TOKENIZER, hf_pooler_type="mean_pooler")
    if "xlm-roberta" not in said["hf_model_name"]:
        raise source.unfit(
            f"there is no converter for its text tower {said['hf_model_name']!r}", "there is one for xlm-roberta"
        )
    with source.blamed("its text tower is not an averaged XLM-RoBERTa"):
        tower = XlmTower(weights, said.get("hf_proj_type", "mlp")).eval().requires_grad_(False)
    config = tower.model.config
    tokenizer, own = load_tokenizer(source, config.vocab_size)
    most = limit(said.get("context_length", 77), config.max_position_embeddings - 2, own.model_max_length)
    ids = torch.full((2, 8), 5)
    example = {"ids": ids, "mask": torch.ones_like(ids)}
    axes = {name: {0: "n", 1: "t"} for name in example}
    settings = TextSettings(max_tokens=most, pad_id=config.pad_token_id, beyond="window", around="keep")
    return Draft("text", tower, example, axes, settings, tokenizer)


def _projection(weights: Weights) -> list[np.ndarray[Any, np.dtype[np.float32]]]:
    return [weights[name] for name in sorted(weights) if name.startswith("text.proj.")]


def _xlm(weights: Weights) -> Any:
    """XLM-RoBERTa of the sizes that its weights have: its own configuration is not in OpenCLIP's folders."""
    import transformers

    inside = {
        name.removeprefix("text.transformer."): torch.from_numpy(w)
        for name, w in weights.items()
        if name.startswith("text.transformer.")
    }
    inside = {
        name: w for name, w in inside.items() if not name.startswith("pooler.") and not name.endswith("position_ids")
    }
    vocabulary, width = inside["embeddings.word_embeddings.weight"].shape
    config = transformers.XLMRobertaConfig(
        vocab_size=vocabulary, hidden_size=width, num_attention_heads=max(1, width // 64), type_vocab_size=1,
        num_hidden_layers=sum(name.endswith("intermediate.dense.bias") for name in inside),
        intermediate_size=inside["encoder.layer.0.intermediate.dense.weight"].shape[0],
        max_position_embeddings=inside["embeddings.position_embeddings.weight"].shape[0], layer_norm_eps=_EPS,
        pad_token_id=1, bos_token_id=0, eos_token_id=2, attn_implementation="eager",
    )  # fmt: skip
    model = transformers.XLMRobertaModel(config, add_pooling_layer=False)
    model.load_state_dict(inside, strict=True)
    return model


def _only(source: Source, what: str, said: Mapping[str, Any], known: set[str], **wanted: str) -> None:
    """Raise BadModel when a configuration asks for something that is not built here."""
    beyond = sorted(name for name, value in said.items() if value and name not in known)
    beyond += [f"{name} {said[name]!r}" for name, value in wanted.items() if said.get(name, value) != value]
    if beyond:
        fix = "get the model in the layout of transformers, if its makers publish one"
        raise source.unfit(f"its {what} asks for {', '.join(beyond)}, which there is no converter for", fix)
