"""A model as its makers publish it: a folder with its configuration, its weights as safetensors, its tokenizer."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sensorium.core.errors import BadModel
from sensorium.core.paths import absolute

CONFIG, OPEN_CLIP_CONFIG = "config.json", "open_clip_config.json"
OPEN_CLIP, TIMM = "open_clip", "timm"  # stand for a `model_type` where transformers did not write the folder
# Formats whose files can run code when they are read, or that nothing here reads.
REFUSED = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl", "*.pickle", "*.h5", "*.msgpack")
NEEDS = ("onnx", "safetensors", "torch", "transformers")


@dataclass(frozen=True)
class Source:
    """A model's folder, or one file of weights, that has been looked at but not loaded.

    `model_type` is what transformers calls the architecture, `open_clip`, or `timm`.
    """

    path: Path
    config: Mapping[str, Any]
    model_type: str

    @classmethod
    def open(cls, path: str | Path) -> Source:
        """Look at a folder in the layout of transformers, OpenCLIP or timm, or at a `.safetensors` with timm's names.

        Raises BadModel when it is none, when it has no safetensors, or when a package that converting needs is missing.
        """
        if missing := [name for name in NEEDS if find_spec(name) is None]:
            have = f"converting a model needs {', '.join(missing)}, not installed here"
            raise BadModel(f'{have}: run pip install "sensorium[convert]"')
        where = absolute(path)
        if where.suffix == ".safetensors" and where.is_file():
            return cls(where, {}, TIMM)
        if not where.is_dir():
            fix = "give a model's folder, or fetch one with sensorium models pull NAME"
            raise BadModel(f"{path} cannot be converted: there is no such folder; {fix}")
        config, model_type = _configured(where)
        source = cls(where, config, model_type)
        if not source.weights:
            _refuse(where)
        return source

    @property
    def folder(self) -> Path:
        """Where its files lie."""
        return self.path if self.path.is_dir() else self.path.parent

    @property
    def weights(self) -> tuple[Path, ...]:
        """Its files of weights."""
        return tuple(sorted(self.path.glob("*.safetensors"))) if self.path.is_dir() else (self.path,)

    @property
    def name(self) -> str:
        """A name for the bundle: that of the folder or file, in letters that a model's name may have."""
        plain = re.sub(r"[^\w.-]+", "-", self.path.stem if self.path.is_file() else self.path.name)
        return plain.strip("-.") or self.model_type

    @property
    def licence(self) -> str:
        """What the model's README says of its licence."""
        if self.path.is_dir() and (self.path / "README.md").is_file():
            text = (self.path / "README.md").read_text("utf-8", "replace")
            head = re.match(r"---\s*\n(.*?)\n---", text, re.DOTALL)
            if head and (found := re.search(r"^license(?:_name)?:\s*[\"']?([\w.+-]+)", head[1], re.MULTILINE)):
                return found[1]
        return "unknown (its source does not say)"

    def json(self, name: str) -> dict[str, Any] | None:
        """What one of the folder's JSON files says; None when it is missing. Raises BadModel when it is none."""
        path = self.folder / name
        if not path.is_file():
            return None
        try:
            found = json.loads(path.read_bytes())
        except ValueError as error:
            raise self.unfit(f"{name} is not JSON ({error})") from error
        if not isinstance(found, dict):
            raise self.unfit(f"{name} is not a JSON object")
        return found

    def unfit(self, why: str, fix: str = "get its original files anew") -> BadModel:
        """The error that says why this model cannot be converted, and the way out."""
        return BadModel(f"{self.path} cannot be converted: {' '.join(why.split())}; {fix}")

    @contextmanager
    def blamed(self, what: str) -> Iterator[None]:
        """Turns whatever a library says of the model's files into a BadModel of one line."""
        try:
            yield
        except (BadModel, MemoryError):
            raise
        except Exception as error:  # transformers, tokenizers and safetensors raise what they like
            lines = str(error).strip().splitlines() or [type(error).__name__]
            raise self.unfit(f"{what} ({lines[0][:200]})") from error

    def tensors(self, path: Path) -> dict[str, NDArray[np.float32]]:
        """The tensors of a file of weights, float32. Raises BadModel."""
        import torch
        from safetensors import safe_open

        with self.blamed(f"{path.name} cannot be read"), safe_open(str(path), "pt") as file:
            return {name: file.get_tensor(name).to(torch.float32).numpy() for name in file.keys()}  # noqa: SIM118


def _configured(folder: Path) -> tuple[dict[str, Any], str]:
    source = Source(folder, {}, "")
    config = source.json(OPEN_CLIP_CONFIG)
    if config is not None and not next(folder.glob("model*.safetensors"), None):
        return config, OPEN_CLIP
    config = source.json(CONFIG)
    if config is None:
        fix = "give the folder that the model's makers publish, with its config and its weights as safetensors"
        raise source.unfit(f"it has no {CONFIG}", fix)
    if "model_type" not in config and "architecture" in config:
        return config, TIMM
    model_type = config.get("model_type")
    if not isinstance(model_type, str):
        raise source.unfit(f"its {CONFIG} names no model_type")
    return config, model_type


def _refuse(folder: Path) -> None:
    source = Source(folder, {}, "")
    found = sorted(
        path.name for pattern in REFUSED for path in folder.glob(pattern) if path.name != "training_args.bin"
    )
    if found:
        why = f"{found[0]} is pickled, or of a format that is not read, and unpickling can run any code"
        raise source.unfit(why if len(found) == 1 else f"{why} ({len(found)} such files)", _SAFETENSORS)
    raise source.unfit("it has no weights (*.safetensors)")


_SAFETENSORS = "get the model.safetensors of the same model, or save it once more with save_pretrained"
