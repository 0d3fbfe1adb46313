"""CLAP in transformers (LAION's, fused and unfused): a text and an audio tower in one space."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from sensorium.encoders.convert.draft import Draft
from sensorium.encoders.convert.export import TOLERANCE
from sensorium.encoders.convert.htsat import Htsat
from sensorium.encoders.convert.loading import limit, load_model, load_tokenizer
from sensorium.encoders.convert.source import Source
from sensorium.encoders.sound import AudioSettings
from sensorium.encoders.tokens import TextSettings

# What a checkpoint may lack: what is reckoned, and what only the loss uses.
_NOT_WEIGHTS = r"(position_ids|token_type_ids|relative_position_index|num_batches_tracked)$|^logit_scale_[at]$"
# Two mel scales, told apart as transformers does it: by what is done with a sound that is too long.
_BANKS = {"rand_trunc": {"scale": "slaney", "norm": "slaney"}, "fusion": {"scale": "htk", "norm": "none"}}
_FILLS = {"repeatpad": "repeat", "pad": "zero"}
_SILENCE = 1e-10  # energy below which transformers' decibels do not go


class TextTower(nn.Module):
    """Token ids and their mask (n, t) to vectors (n, d)."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model, self.projection = model.text_model, model.text_projection

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Vectors (n, d), not normalised."""
        vectors: torch.Tensor = self.projection(self.model(input_ids=ids, attention_mask=mask).pooler_output)
        return vectors


def drafts(source: Source) -> list[Draft]:
    """Both towers. Raises BadModel."""
    model = load_model(source, without=_NOT_WEIGHTS)
    return [text_draft(source, model), audio_draft(source, model)]


def text_draft(source: Source, model: Any) -> Draft:
    """The text tower, a RoBERTa, with its tokenizer. Its positions start behind the id that fills up."""
    config = model.config.text_config
    tokenizer, own = load_tokenizer(source, int(config.vocab_size))
    if own.pad_token_id != config.pad_token_id:
        raise source.unfit(
            f"its tokenizer fills up with token {own.pad_token_id}, its model with {config.pad_token_id}"
        )
    most = limit(config.max_position_embeddings - config.pad_token_id - 1, own.model_max_length)
    settings = TextSettings(max_tokens=most, pad_id=config.pad_token_id, beyond="window", around="keep")
    ids = torch.full((2, min(8, most)), config.eos_token_id, dtype=torch.int64)
    axes = {name: {0: "n", 1: "t"} for name in ("ids", "mask")}
    return Draft("text", TextTower(model), {"ids": ids, "mask": torch.ones_like(ids)}, axes, settings, tokenizer)


def audio_draft(source: Source, model: Any) -> Draft:
    """The audio tower. A sound is heard in windows as long as the tower's, so that none is ever too long for it.

    A fused model has weights for longer ones (three random pieces beside the whole); for a window it takes the whole
    alone, as LAION's own code does when nothing is too long.
    """
    settings = audio_settings(source, model.config.audio_config.num_mel_bins)
    with source.blamed("its audio tower has no converter"):
        network = Htsat(model.audio_model, model.audio_projection, settings.frames).eval()
    mel = torch.linspace(-100, 30, 2 * settings.bins * settings.frames).reshape(2, settings.frames, settings.bins)
    mel = mel.transpose(1, 2).roll(17, 1).contiguous()
    with torch.inference_mode(), source.blamed("transformers cannot run its audio tower"):
        made, wanted = nn.functional.normalize(network(mel), dim=1), original(model, mel)
    if not (off := float((made - wanted).abs().max())) <= TOLERANCE:
        fix = "report it, with the versions of torch and transformers"
        raise source.unfit(f"its audio tower came out different: vectors are off by {off:.1e}", fix)
    said = f"sounds are heard in windows of {settings.seconds:g} s; no window is a random piece of a longer sound"
    fused = ", and the fusion of such pieces is left out" if model.config.audio_config.enable_fusion else ""
    return Draft("audio", network, {"mel": mel}, {"mel": {0: "n"}}, settings, notes=(said + fused,))


def original(model: Any, mel: torch.Tensor) -> torch.Tensor:
    """The vectors of length 1 that a `ClapModel` gives of log-mel (n, bins, frames), none of them of a longer sound."""
    features = mel.transpose(1, 2)[:, None]
    if model.config.audio_config.enable_fusion:
        features = features.expand(-1, 4, -1, -1)
    longer = torch.zeros(len(mel), 1, dtype=torch.bool)
    found: torch.Tensor = model.get_audio_features(input_features=features, is_longer=longer).pooler_output
    return found


def audio_settings(source: Source, bins: int) -> AudioSettings:
    """How the folder's feature extractor makes spectrograms of `bins` bins. Raises BadModel where none is like it."""
    import transformers

    extractors: Any = transformers.AutoFeatureExtractor
    with source.blamed("its feature extractor cannot be loaded"):
        own = extractors.from_pretrained(str(source.folder), local_files_only=True, trust_remote_code=False)
    if own.feature_size != bins:
        raise source.unfit(f"its feature extractor makes {own.feature_size} mel bins, and its tower takes {bins}")
    if own.truncation not in _BANKS or own.padding not in _FILLS or own.padding_value != 0:
        said = f"truncation {own.truncation!r}, padding {own.padding!r} with {own.padding_value}"
        raise source.unfit(f"its feature extractor has settings that there are none for here ({said})")
    with source.blamed("its feature extractor makes no sense"):
        return AudioSettings(
            rate=own.sampling_rate, seconds=own.nb_max_samples / own.sampling_rate, fft=own.fft_window_size,
            window=own.fft_window_size, hop=own.hop_length, bins=bins, low=float(own.frequency_min),
            high=float(own.frequency_max), floor=_SILENCE, mean=0.0, std=1.0, level="db", fill=_FILLS[own.padding],
            **_BANKS[own.truncation],
        )  # fmt: skip
