"""ViT-Ti/16 in PyTorch, read from a safetensors file under timm's names: a teacher, never shipped."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

WIDTH, DEPTH, HEADS, GRID = 192, 12, 3, 14


def read_safetensors(path: Path) -> dict[str, torch.Tensor]:
    """All tensors of a safetensors file as float32."""
    raw = path.read_bytes()
    size = int.from_bytes(raw[:8], "little")
    kinds = {"F32": np.float32, "F16": np.float16, "I64": np.int64}
    tensors = {}
    for name, entry in json.loads(raw[8 : 8 + size]).items():
        if name == "__metadata__":
            continue
        start, end = entry["data_offsets"]
        array = np.frombuffer(raw[8 + size + start : 8 + size + end], kinds[entry["dtype"]])
        tensors[name] = torch.from_numpy(array.reshape(entry["shape"]).copy()).float()
    return tensors


class VitTeacher(torch.nn.Module):
    """The frozen ViT. Pixels (n, 3, 224, 224) in [-1, 1] -> cls (n, 192), patch tokens (n, 14, 14, 192)."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.names: dict[str, str] = {}
        for name, tensor in read_safetensors(path).items():
            key = name.replace(".", "_")
            self.names[name] = key
            self.register_buffer(key, tensor)

    def _of(self, name: str) -> torch.Tensor:
        return getattr(self, self.names[name])

    def _linear(self, x: torch.Tensor, name: str) -> torch.Tensor:
        return F.linear(x, self._of(name + ".weight"), self._of(name + ".bias"))

    def _norm(self, x: torch.Tensor, name: str) -> torch.Tensor:
        return F.layer_norm(x, (WIDTH,), self._of(name + ".weight"), self._of(name + ".bias"), 1e-6)

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Class token and patch tokens, both float32 after the last norm."""
        weight, bias = self._of("patch_embed.proj.weight"), self._of("patch_embed.proj.bias")
        n = len(pixels)
        patches = pixels.unflatten(3, (GRID, 16)).unflatten(2, (GRID, 16))  # (n, 3, 14, 16, 14, 16)
        patches = patches.permute(0, 2, 4, 1, 3, 5).reshape(n, GRID * GRID, -1)  # (n, 196, 768)
        x = F.linear(patches, weight.flatten(1), bias)
        x = torch.cat([self._of("cls_token").expand(n, -1, -1).to(x.dtype), x], 1) + self._of("pos_embed")
        for i in range(DEPTH):
            block = f"blocks.{i}."
            qkv = self._linear(self._norm(x, block + "norm1"), block + "attn.qkv")
            q, k, v = qkv.unflatten(-1, (3, HEADS, -1)).permute(2, 0, 3, 1, 4)  # each (n, heads, 197, 64)
            attended = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
            x = x + self._linear(attended, block + "attn.proj")
            hidden = F.gelu(self._linear(self._norm(x, block + "norm2"), block + "mlp.fc1"))
            x = x + self._linear(hidden, block + "mlp.fc2")
        x = self._norm(x, "norm").float()
        return x[:, 0], x[:, 1:].unflatten(1, (GRID, GRID))
