"""What the tests of `pull` share: a repository, and how refusals are looked at."""

from __future__ import annotations

import hashlib

import pytest

from sensorium.core.errors import PullFailed
from sensorium.encoders import home
from sensorium.encoders.pull import pull

CLIP = "openai/clip-vit-base-patch32"
WEIGHTS = b"".join(hashlib.sha256(bytes([n % 256, n // 256])).digest() for n in range(40_000))  # 1.28 MB
FILES = {
    "config.json": b'{"model_type": "clip"}', "preprocessor_config.json": b"{}", "tokenizer.json": b"{}",
    "README.md": b"---\nlicense: mit\n---\n", "model.safetensors": WEIGHTS, "pytorch_model.bin": b"pickled",
    "flax_model.msgpack": b"more", "onnx/model.onnx": b"not ours", "notes/config.json": b"{}",
}  # fmt: skip
TAKEN = {"config.json", "preprocessor_config.json", "tokenizer.json", "README.md", "model.safetensors"}


def refused(*arguments, **options):
    """The one line that `pull` is refused with."""
    with pytest.raises(PullFailed) as caught:
        pull(*arguments, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def nothing_installed(models):
    assert home.names() == ()
    left = [p.name for p in models.glob("*")] if models.exists() else []
    assert not [name for name in left if name != "downloads" and not name.endswith((".lock.json", ".busy"))]
