"""A small CLAP of the true architecture with random weights, saved as on the hub. Needs torch, transformers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from numpy.typing import NDArray
from tokenizers import pre_tokenizers

torch.set_num_threads(1)

RATE = 48_000
MERGES = (("t", "h"), ("th", "e"), ("Ġ", "d"), ("Ġd", "o"), ("o", "g"), ("Ġ", "the"), ("i", "n"), ("in", "g"))
SPECIAL = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")

Wave = NDArray[np.float32]


def tokenizer() -> Any:
    """RoBERTa's, with few merges: 256 bytes, and `<pad>` as number 1."""
    pieces = dict.fromkeys((*SPECIAL[:4], *sorted(pre_tokenizers.ByteLevel.alphabet()), *(a + b for a, b in MERGES)))
    vocab = {piece: number for number, piece in enumerate((*pieces, SPECIAL[4]))}
    return transformers.RobertaTokenizer(vocab=vocab, merges=list(MERGES), model_max_length=64)


def model(seed: int = 0, true_size: bool = False, **audio: Any) -> Any:
    """With weights as a trained one has them: norms, places and biases that say something, features that differ."""
    torch.manual_seed(seed)
    sizes = {} if true_size else {
        "audio_config": {"patch_embeds_hidden_size": 16, "depths": [2, 2], "num_attention_heads": [2, 4],
                         "hidden_size": 32, "num_hidden_layers": 2},
        "text_config": {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
                        "vocab_size": len(tokenizer()), "max_position_embeddings": 66},
    }  # fmt: skip
    sizes = {**sizes, "audio_config": {**sizes.get("audio_config", {}), **audio}}
    config = transformers.ClapConfig(**sizes, **({} if true_size else {"projection_dim": 24}))
    made = transformers.ClapModel(config)
    with torch.no_grad():
        for name, weights in made.named_parameters():
            if "relative_position" in name:
                weights.normal_(0, 0.5)
            elif weights.dim() == 2 and "embeddings" not in name:
                weights.normal_(0, weights.shape[1] ** -0.5)
            elif weights.dim() == 4:
                weights.normal_(0, 0.25)
            elif name.endswith("bias"):
                weights.normal_(0, 0.1)
        norm = made.audio_model.audio_encoder.batch_norm
        norm.running_mean.normal_(-30, 5)
        norm.running_var.uniform_(200, 400)
    return made.eval()


def extractor(**settings: Any) -> Any:
    """LAION's: 10 s at 48 kHz; `truncation` is `rand_trunc`, or `fusion` for fused models."""
    said = {
        "truncation": "rand_trunc",
        "padding": "repeatpad",
        "frequency_min": 50,
        "frequency_max": 14_000,
        **settings,
    }
    return transformers.ClapFeatureExtractor(**said)


def save(folder: Path, made: Any | None = None, sounds: Any | None = None) -> Path:
    """A folder as on the hub."""
    processor = transformers.ClapProcessor(sounds or extractor(), tokenizer())
    (made or model()).save_pretrained(str(folder))
    processor.save_pretrained(str(folder))
    return folder


def waves() -> dict[str, Wave]:
    """Sounds of every sort and length, up to 10 s: float32 in [-1, 1]."""
    random, time = np.random.default_rng(0), np.arange(10 * RATE) / RATE
    made = {
        "hiss": random.normal(size=len(time)) / 10,
        "tone": np.sin(2 * np.pi * 440 * time),
        "tone in 16 bits": np.round(np.sin(2 * np.pi * 440 * time) * 32767) / 32768,
        "glide": np.sin(2 * np.pi * (100 + 600 * time) * time),
        "click": np.eye(1, len(time), 5000)[0],
        "faint": random.normal(size=len(time)) * 1e-5,
        "constant": np.full(len(time), 0.7),
        "three times and a bit": random.normal(size=130_001) / 5,
        "almost whole": random.normal(size=len(time) - 1) / 5,
        "one sample": np.ones(1),
        "loud": random.normal(size=300_000) * 2,
    }
    return {name: np.clip(wave, -1, 1).astype(np.float32) for name, wave in made.items()}
