"""Models that can be had by name: the catalog, and what plug-ins add to it.

An entry point of the group `sensorium.models` names a `Model`, or several in a tuple; the catalog is one itself.
"""

from __future__ import annotations

import csv
import re
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sensorium.core.errors import ModelUnknown

if TYPE_CHECKING:
    from sensorium.core.types import Modality

GROUP = "sensorium.models"
# The same line as in pyproject.toml, for a package that runs from its source tree without being installed.
BUILT_IN = "sensorium.encoders.catalog:MODELS"
HUB_ID = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")

_TEXT = ("config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors")
_PAIR = ("config.json", "preprocessor_config.json", *_TEXT[1:])
_SENTENCE = (*_TEXT[:-1], "modules.json", "sentence_bert_config.json", "1_Pooling/config.json", _TEXT[-1])
_LAYOUTS = {"text": _TEXT, "pair": _PAIR, "sentence": _SENTENCE}


@dataclass(frozen=True, slots=True)
class Model:
    """A model that can be had by name.

    `source`: its id on the hub; `files`: what is wanted of it; `megabytes`: what they weigh (10^6 bytes, about).
    `folder`: a finished bundle instead, one that a plug-in brings with it: nothing is to be pulled.
    """

    name: str
    modalities: tuple[Modality, ...]
    dimension: int
    megabytes: int
    licence: str
    good_at: str
    source: str = ""
    revision: str = "main"
    files: tuple[str, ...] = _PAIR
    folder: Path | None = None


def _built_in() -> Iterator[Model]:
    """The rows of `catalog.csv`.

    Sizes are those of the weights on the hub. OpenAI's cards name no licence: theirs is that of github.com/openai/CLIP.
    """
    with Path(__file__).with_name("catalog.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            takes: Any = tuple(row["takes"].split("+"))
            yield Model(
                row["name"], takes, int(row["dimension"]), int(row["megabytes"]), row["licence"], row["good_at"],
                row["source"], files=_LAYOUTS[row["layout"]],
            )  # fmt: skip


MODELS = tuple(_built_in())


@cache
def catalog() -> Mapping[str, Model]:
    """Every model by name. A plug-in that takes a built-in's name replaces it; one that cannot be loaded warns."""
    found = {model.name: model for model in MODELS}
    for point in sorted(metadata.entry_points(group=GROUP), key=lambda point: point.name):
        if point.value != BUILT_IN:
            found.update({model.name: model for model in _loaded(point)})
    return found


def _loaded(point: metadata.EntryPoint) -> tuple[Model, ...]:
    try:
        value: Any = point.load()
    except (ImportError, AttributeError) as error:
        why = str(error)
    else:
        models = (value,) if isinstance(value, Model) else value
        if isinstance(models, tuple | list) and all(isinstance(model, Model) for model in models):
            return tuple(models)
        why = f"{point.value} is neither a Model nor several"
    warnings.warn(f"the model plug-in {point.name!r} cannot be loaded ({why}): reinstall or remove it", stacklevel=3)
    return ()


def named(name: str) -> Model:
    """The model of the catalog by that name, or one made up for an id on the hub. Raises ModelUnknown."""
    if name in catalog():
        return catalog()[name]
    if HUB_ID.fullmatch(name):
        known = next((model for model in catalog().values() if model.source == name), None)
        return known or Model(plain_name(name), (), 0, 0, "", "", name)
    there = ", ".join(catalog())
    raise ModelUnknown(f"no model {name!r} in the catalog: it has {there}; or give an id of the hub, as openai/NAME")


def plain_name(source: str) -> str:
    """The name that a model gets when none is said: the last part of its id or path, in small letters."""
    last = re.split(r"[\\/]", source.rstrip("\\/"))[-1]
    return re.sub(r"[^\w.-]+", "-", last.lower()).strip(".-") or "model"
