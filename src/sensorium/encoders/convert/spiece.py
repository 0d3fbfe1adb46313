"""The tokenizer of the first SigLIP, which transformers has only in Python, as one of the library tokenizers."""

from __future__ import annotations

import re
import string
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, processors

UNIGRAM = 1
FILE = "spiece.model"
SPECIAL = ("</s>", "<unk>")


def siglip_tokenizer(path: Path, *, lower: bool = True) -> Tokenizer:
    """The tokenizer of a `spiece.model`, with the canonical form that SigLIP gives to texts first.

    Lower case, no ASCII punctuation, no blanks but single spaces; then what sentencepiece does; `</s>` ends a text.
    Raises ValueError when the file is no Unigram model of sentencepiece.
    """
    from transformers.convert_slow_tokenizer import import_protobuf

    proto: Any = import_protobuf().ModelProto()
    try:
        proto.ParseFromString(path.read_bytes())
    except Exception as error:  # protobuf's own errors
        raise ValueError(f"{path.name} is not a model of sentencepiece") from error
    if proto.trainer_spec.model_type != UNIGRAM:
        raise ValueError(f"{path.name} is not a Unigram model of sentencepiece")
    pieces = [(piece.piece, piece.score) for piece in proto.pieces]
    tokenizer = Tokenizer(
        models.Unigram(pieces, unk_id=proto.trainer_spec.unk_id, byte_fallback=proto.trainer_spec.byte_fallback)
    )
    charsmap = proto.normalizer_spec.precompiled_charsmap
    steps = [
        normalizers.Replace("▁", " "),
        *([normalizers.Lowercase()] if lower else []),
        normalizers.Replace(Regex(f"[{re.escape(string.punctuation)}]"), ""),
        normalizers.Replace(Regex(r"\s+"), " "),
        # The map looks at one letter with its marks at a time, and leaves one with many marks as it is.
        *([normalizers.NFC(), normalizers.Precompiled(charsmap)] if charsmap else []),
        normalizers.Replace(Regex(r" +"), " "),
        normalizers.Strip(),
        normalizers.Replace(Regex(r"\A"), "▁"),  # also before a text that is empty
        normalizers.Replace(" ", "▁"),
    ]
    tokenizer.normalizer = normalizers.Sequence(steps)
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.add_special_tokens([AddedToken(token, rstrip=True, lstrip=True, normalized=False) for token in SPECIAL])
    end = tokenizer.token_to_id("</s>")
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", end)])
    return tokenizer
