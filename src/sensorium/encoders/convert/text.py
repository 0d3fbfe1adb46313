"""Text encoders: BERT and its kin, with the pooling that sentence-transformers keeps beside them."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from sensorium.encoders.convert.draft import Draft
from sensorium.encoders.convert.loading import limit, load_model, load_tokenizer, lower_first
from sensorium.encoders.convert.source import Source
from sensorium.encoders.tokens import TextSettings

MEAN_SAID = "its folder says nothing of pooling: a text's vector is the mean of its tokens' vectors"
_POOLS = ("cls", "max", "mean", "mean_sqrt_len")  # in the order in which several are joined
_ACTIVATIONS = {"Identity": nn.Identity, "Tanh": nn.Tanh, "ReLU": nn.ReLU, "GELU": nn.GELU}
# Families whose positions start behind the id that fills up: two of them are never used.
_OFFSET = ("roberta", "xlm-roberta", "camembert", "mpnet")


class TextTower(nn.Module):
    """Token ids and their mask (n, t) to vectors (n, d): a transformer, then pooling and what follows it."""

    def __init__(self, model: Any, after: nn.Sequential) -> None:
        super().__init__()
        self.model, self.after = model, after

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Vectors (n, d)."""
        tokens = self.model(input_ids=ids, attention_mask=mask).last_hidden_state  # (n, t, d)
        made: torch.Tensor = (
            self.after[1:](self.after[0](tokens, mask)) if len(self.after) > 1 else self.after[0](tokens, mask)
        )
        return made


class Pooling(nn.Module):
    """Tokens' vectors (n, t, d) to one of each text, by one way or several joined."""

    def __init__(self, ways: tuple[str, ...]) -> None:
        super().__init__()
        self.ways = ways

    def forward(self, tokens: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Vectors (n, d x ways)."""
        there = mask.unsqueeze(-1).to(tokens.dtype)
        count = there.sum(1).clamp(min=1e-9)
        found = []
        for way in self.ways:
            if way == "cls":
                found.append(tokens[:, 0])
            elif way == "max":
                found.append(tokens.masked_fill(there == 0, -1e9).max(1).values)
            else:
                total = (tokens * there).sum(1)
                found.append(total / (count if way == "mean" else count.sqrt()))
        return torch.cat(found, 1) if len(found) > 1 else found[0]


class Normalize(nn.Module):
    """Vectors of length 1."""

    def forward(self, vectors: torch.Tensor) -> torch.Tensor:
        """Vectors (n, d)."""
        return nn.functional.normalize(vectors, dim=1)


def drafts(source: Source) -> list[Draft]:
    """The text tower. Raises BadModel."""
    modules = _modules(source)
    inner = source if not modules or modules[0][1] in ("", ".") else _inner(source, modules[0][1])
    model = load_model(inner, without=r"(^|\.)pooler\.|position_ids$")
    tokenizer, own = load_tokenizer(inner, int(model.config.vocab_size))
    said = inner.json("sentence_bert_config.json") or {}
    if said.get("do_lower_case"):
        lower_first(tokenizer)
    after, notes = _after(source, modules)
    positions = model.config.max_position_embeddings - (2 if inner.model_type in _OFFSET else 0)
    most = limit(positions, said.get("max_seq_length"), own.model_max_length)
    pad_id = own.pad_token_id if own.pad_token_id is not None else 0
    ids = torch.full((2, 8), own.sep_token_id or own.eos_token_id or 1, dtype=torch.int64)
    axes = {name: {0: "n", 1: "t"} for name in ("ids", "mask")}
    settings = TextSettings(max_tokens=most, pad_id=pad_id, around="keep")
    example = {"ids": ids, "mask": torch.ones_like(ids)}
    return [Draft("text", TextTower(model, after).eval(), example, axes, settings, tokenizer, notes)]


def _modules(source: Source) -> list[tuple[str, str]]:
    """(kind, folder) of what sentence-transformers puts one behind the other; none when it did not write the folder."""
    path = source.folder / "modules.json"
    if not path.is_file():
        return []
    import json

    with source.blamed("modules.json cannot be understood"):
        listed = sorted(json.loads(path.read_bytes()), key=lambda module: module["idx"])
        modules = [(module["type"].rpartition(".")[2], module["path"]) for module in listed]
    if not modules or modules[0][0] != "Transformer":
        raise source.unfit(f"its modules.json begins with {modules[0][0] if modules else 'nothing'}, not a Transformer")
    return modules


def _inner(source: Source, folder: str) -> Source:
    if ".." in folder or folder.startswith("/"):
        raise source.unfit("modules.json leads out of its folder")
    return Source.open(source.folder / folder)


def _after(source: Source, modules: list[tuple[str, str]]) -> tuple[nn.Sequential, tuple[str, ...]]:
    """What follows the transformer, and what there is to say of it."""
    if not modules:
        return nn.Sequential(Pooling(("mean",))), (MEAN_SAID,)
    after = []
    for kind, folder in modules[1:]:
        if kind == "Pooling":
            after.append(Pooling(_ways(source, source.json(f"{folder}/config.json") or {})))
        elif kind == "Normalize":
            after.append(Normalize())
        elif kind == "Dense":
            after.append(_dense(source, folder))
        elif kind != "Dropout":
            raise source.unfit(f"its modules.json has a {kind}, which there is no converter for")
    if not after or not isinstance(after[0], Pooling):
        raise source.unfit("its modules.json has no Pooling behind the transformer")
    return nn.Sequential(*after), _prompted(source)


def _ways(source: Source, config: dict[str, Any]) -> tuple[str, ...]:
    mode = config.get("pooling_mode")
    names = {"cls": "cls_token", "max": "max_tokens", "mean": "mean_tokens", "mean_sqrt_len": "mean_sqrt_len_tokens"}
    if mode is not None:
        ways = tuple(mode) if isinstance(mode, list) else tuple(mode.split("+"))
    else:
        ways = tuple(way for way in _POOLS if config.get(f"pooling_mode_{names[way]}"))
        others = {k for k, v in config.items() if k.startswith("pooling_mode_") and v} - {
            f"pooling_mode_{n}" for n in names.values()
        }
        ways += tuple(sorted(others))
    if not ways or not set(ways) <= set(_POOLS):
        raise source.unfit(f"its pooling ({', '.join(ways) or 'none'}) is none of {', '.join(_POOLS)}")
    return ways


def _dense(source: Source, folder: str) -> nn.Sequential:
    """A matrix behind the pooling, with its activation."""
    config = source.json(f"{folder}/config.json") or {}
    activation = str(config.get("activation_function", "torch.nn.modules.activation.Tanh")).rpartition(".")[2]
    if activation not in _ACTIVATIONS:
        raise source.unfit(f"{folder} has the activation {activation}, which there is no converter for")
    path = source.folder / folder / "model.safetensors"
    if not path.is_file():
        raise source.unfit(
            f"{folder} has no model.safetensors", "get the model in that format: pickled weights are not read"
        )
    weights = source.tensors(path)
    with source.blamed(f"{folder} is not whole"):
        linear = nn.Linear(config["in_features"], config["out_features"], bias=config.get("bias", True))
        linear.load_state_dict({k.removeprefix("linear."): torch.from_numpy(v) for k, v in weights.items()})
    return nn.Sequential(linear, _ACTIVATIONS[activation]()).requires_grad_(False)


def _prompted(source: Source) -> tuple[str, ...]:
    said = source.json("config_sentence_transformers.json") or {}
    name, prompts = said.get("default_prompt_name"), {k: v for k, v in (said.get("prompts") or {}).items() if v}
    if not prompts:
        return ()
    default = f"; sentence-transformers puts {prompts[name]!r} first by itself" if name in prompts else ""
    listed = ", ".join(f"{key}: {value!r}" for key, value in sorted(prompts.items()))
    return (f"trained with words before each text ({listed}), which are not added here{default}",)
