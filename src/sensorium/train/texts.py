"""The text corpus that the text tower learns from, and the tokenizer trained on it.

Captions of pictures and sounds, label sentences, nouns and their definitions, the standard library's own prose, and
single words with random pairs and triples of them: the last give the small tower a wide vocabulary.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
import sys
import warnings
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from sensorium.train import data

PICTURE_PROMPTS = ("{}", "a photo of a {}", "a picture of {}", "a close-up of a {}", "there is a {} in the picture")
SOUND_PROMPTS = ("{}", "the sound of {}", "a recording of {}", "{} can be heard", "you can hear {}")
SKIPPED_MODULES = re.compile(r"(^|\.)(test|tests|idlelib|lib2to3|turtledemo|antigravity|this|__main__)(\.|$)")


def audioset_names(root: Path) -> list[str]:
    """The 527 display names of AudioSet, in the order of the sound teacher's logits."""
    return [r["display_name"] for r in data.rows(root / "models/audioset_labels.csv")]


def prompts(names: Iterable[str], templates: tuple[str, ...]) -> list[str]:
    """Every name in every template."""
    return [t.format(n) for n in names for t in templates]


def sentences(prose: str) -> list[str]:
    """Sentences of 21 to 299 characters, all of them ASCII."""
    flat = re.sub(r"\s+", " ", prose)
    return [s for s in re.split(r"(?<=[.!?:]) ", flat) if 20 < len(s) < 300 and s.isascii()]


def standard_library_prose() -> list[str]:
    """Sentences of the docstrings of Python's standard library: plain technical English that is everywhere."""
    found: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for module in pkgutil.iter_modules():
            if module.name not in sys.stdlib_module_names or SKIPPED_MODULES.search(module.name):
                continue
            try:
                loaded = importlib.import_module(module.name)
            except ImportError:
                continue  # a module of another platform
            members = inspect.getmembers(loaded, lambda o: inspect.isroutine(o) or inspect.isclass(o))
            for member in (loaded, *(member for _, member in members)):
                found += sentences(inspect.getdoc(member) or "")
    return sorted(set(found))


def word_salad(words: list[str], count: int, seed: int) -> list[str]:
    """`count` random pairs and triples of words."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(2, 4, count)
    return [" ".join(words[i] for i in rng.integers(len(words), size=n)) for n in lengths]


def corpus(root: Path, words: list[str], seed: int = 0) -> list[str]:
    """All training texts, each once, in a fixed order."""
    captions = [c for cs in data.flickr_captions(root, "train").values() for c in cs]
    labels = sorted({p.label for p in data.training_pictures(root) if p.label})
    heard = sorted({s.label for s in data.sounds(root, "train") if s.label} | set(audioset_names(root)))
    texts = [
        *captions, *data.sound_captions(root), *prompts(labels, PICTURE_PROMPTS), *prompts(heard, SOUND_PROMPTS),
        *data.noun_definitions(root), *standard_library_prose(), *words, *word_salad(words, 40_000, seed),
    ]  # fmt: skip
    return list(dict.fromkeys(t.strip() for t in texts if t.strip()))


def train_tokenizer(texts: list[str], words: list[str], size: int, out: Path) -> None:
    """A byte-level BPE over lower-cased text, so that no text is ever unknown; written as tokenizer.json."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size, special_tokens=["[PAD]", "[BOS]", "[EOS]"], show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )  # fmt: skip
    plain = [t for t in texts if len(t.split()) > 3]
    tokenizer.train_from_iterator([*plain, *(w for w in words for _ in range(8))], trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[BOS] $A [EOS]", pair=None, special_tokens=[("[BOS]", 1), ("[EOS]", 2)]
    )
    tokenizer.save(str(out))
