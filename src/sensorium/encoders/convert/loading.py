"""A transformers model from a folder, in float32 and complete, and what goes with it: tokenizer and image settings."""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

from tokenizers import Tokenizer, normalizers

from sensorium.encoders.convert import spiece
from sensorium.encoders.convert.source import Source
from sensorium.encoders.pixels import FILTERS, ImageSettings

_MANY = 1_000_000  # tokenizers without a limit name a huge one
# One of these must be there: without any, transformers makes an empty tokenizer and says nothing.
_TOKENIZERS = ("tokenizer.json", "vocab.txt", "vocab.json", "*.model", "*.bpe.model")
_PIL_FILTERS = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic", 4: "box"}


def load_model(source: Source, *, without: str = r"$.") -> Any:
    """The folder's model for inference, float32, with plain attention.

    Raises BadModel when a weight is missing, has another shape, or cannot be read; `without` matches the names of
    weights that may be missing, since nothing that is converted uses them.
    """
    import torch
    import transformers

    with source.blamed(f"transformers {transformers.__version__} cannot load it"):
        model, found = transformers.AutoModel.from_pretrained(
            str(source.folder), local_files_only=True, use_safetensors=True, trust_remote_code=False,
            dtype=torch.float32, attn_implementation="eager", output_loading_info=True,
            ignore_mismatched_sizes=True,  # refused below, by name
        )  # fmt: skip
    missing = sorted(name for name in found["missing_keys"] if not re.search(without, name))
    unfit = [*missing, *sorted(key if isinstance(key, str) else str(key[0]) for key in found["mismatched_keys"])]
    if unfit:
        first = unfit[0]
        raise source.unfit(f"its weights are not whole: {first} is missing or has another shape")
    return model.eval().requires_grad_(False)


def load_tokenizer(
    source: Source, known: int, *, fix: str = "put the tokenizer.json of the same model beside it"
) -> tuple[Tokenizer, Any]:
    """The folder's tokenizer, without padding and truncation, and transformers' own object.

    `known` is how many tokens the model has vectors of. Raises BadModel, also when the tokenizer has more.
    """
    import transformers

    if not any(next(source.folder.glob(pattern), None) for pattern in _TOKENIZERS):
        raise source.unfit("it has no tokenizer (tokenizer.json)", fix)
    if _in_python_only(source):
        return _siglip(source)
    with source.blamed("its tokenizer cannot be loaded"):
        own = transformers.AutoTokenizer.from_pretrained(
            str(source.folder), local_files_only=True, trust_remote_code=False, use_fast=True
        )
    if not getattr(own, "is_fast", False):
        raise source.unfit(f"its tokenizer ({type(own).__name__}) is not one of the library tokenizers", fix)
    highest = max(own.backend_tokenizer.get_vocab(with_added_tokens=True).values(), default=-1)
    if not 0 <= highest < known:
        raise source.unfit(f"its tokenizer has {highest + 1} tokens, and the model knows {known}")
    return plain(own.backend_tokenizer), own


def _in_python_only(source: Source) -> bool:
    """Whether it is the tokenizer of the first SigLIP, whose rules are in Python and not in its files."""
    said = source.json("tokenizer_config.json") or {}
    return said.get("tokenizer_class") == "SiglipTokenizer" and (source.folder / spiece.FILE).is_file()


def _siglip(source: Source) -> tuple[Tokenizer, Any]:
    said = source.json("tokenizer_config.json") or {}
    with source.blamed("its tokenizer cannot be read"):
        tokenizer = spiece.siglip_tokenizer(source.folder / spiece.FILE, lower=said.get("do_lower_case", True))
    pad = said.get("pad_token", "</s>")
    pad_id = tokenizer.token_to_id(pad["content"] if isinstance(pad, dict) else pad)
    length = said.get("model_max_length", 64)
    return tokenizer, SimpleNamespace(
        pad_token_id=pad_id, eos_token_id=tokenizer.token_to_id("</s>"), model_max_length=length, padding_side="right"
    )


def plain(tokenizer: Tokenizer) -> Tokenizer:
    """A copy that neither pads nor cuts."""
    copy = Tokenizer.from_str(tokenizer.to_str())
    copy.no_padding()
    copy.no_truncation()
    return copy


def lower_first(tokenizer: Tokenizer) -> None:
    """Make a tokenizer lower its texts before all else."""
    then = [tokenizer.normalizer] if tokenizer.normalizer is not None else []
    tokenizer.normalizer = normalizers.Sequence([normalizers.Lowercase(), *then])


def limit(*lengths: Any) -> int:
    """The least of some numbers of tokens; what is None or no real limit does not count."""
    return min(int(length) for length in lengths if length is not None and 0 < int(length) < _MANY)


def image_settings(source: Source, side: int | None = None) -> ImageSettings:
    """How the folder's image processor makes pixels, for a tower that takes `side` x `side` (None: any).

    Raises BadModel when this cannot be said as settings.
    """
    import transformers

    with source.blamed("its image processor cannot be loaded"):
        own = transformers.AutoImageProcessor.from_pretrained(
            str(source.folder), local_files_only=True, trust_remote_code=False, use_fast=False
        )
    return settings_of(source, own, side)


def settings_of(source: Source, own: Any, side: int | None) -> ImageSettings:
    """What an image processor of transformers does, as settings. Raises BadModel where there are none for it."""
    if not own.do_resize or not own.do_rescale or getattr(own, "do_pad", None):
        raise source.unfit("its image processor pads, or does not resize or rescale: there are no settings for that")
    if abs(own.rescale_factor * 255 - 1) > 1e-6:
        raise source.unfit(f"its image processor rescales by {own.rescale_factor}, not by 1/255")
    filter_name = _PIL_FILTERS.get(int(own.resample))
    if filter_name not in FILTERS:
        raise source.unfit(f"its image processor resizes with filter {own.resample}, which there is not here")
    size, cropped = _sizes(own.size), _sizes(own.crop_size) if getattr(own, "do_center_crop", False) else {}
    side = side or next(iter((cropped or size).values()))
    mean, std = (own.image_mean, own.image_std) if own.do_normalize else (0.0, 1.0)
    numbers: Any = {"mean": _three(mean), "std": _three(std), "filter": filter_name}
    if "shortest_edge" in size and set(cropped.values()) == {side}:
        shorter = size["shortest_edge"] if size["shortest_edge"] != side else 0
        return ImageSettings(side, "crop", shorter=shorter, centre="floor", **numbers)
    if "shortest_edge" not in size and set((cropped or size).values()) == {side} == set(size.values()):
        return ImageSettings(side, "squash", **numbers)
    raise source.unfit(f"its image processor makes pictures of {size} {cropped}, and its tower takes {side} x {side}")


def _sizes(size: Any) -> dict[str, int]:
    found = dict(size.items()) if hasattr(size, "items") else dict(vars(size))
    return {name: int(value) for name, value in found.items() if value is not None}


def _three(values: float | Sequence[float]) -> tuple[float, ...]:
    return (float(values),) * 3 if isinstance(values, int | float) else tuple(float(value) for value in values)


@contextmanager
def quietly() -> Iterator[None]:
    """Without the warnings and progress bars of transformers and torch, on one setting that is put back."""
    from transformers.utils import logging as own

    level, bars, root = own.get_verbosity(), own.is_progress_bar_enabled(), logging.getLogger()
    before = root.level
    own.set_verbosity_error()
    own.disable_progress_bar()
    root.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        own.set_verbosity(level)
        root.setLevel(before)
        if bars:
            own.enable_progress_bar()
