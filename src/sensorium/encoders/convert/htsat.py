"""The audio tower of CLAP, a Swin transformer over spectrograms (HTSAT, arXiv:2202.00874), written for a plain graph.

Same weights and numbers as transformers' `ClapAudioModel`, other order of work. Tokens stay in the order of their
windows from layer to layer, so that rolling, cutting into windows and joining again is one lookup where the windows
shift, and nothing where they do not. What depends on no input (positions, masks, batch norm) is reckoned beforehand.
The tokens of all rows are one matrix, since products of matrices take their bias along (`Gemm`): 0.8 of the time.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn


class Htsat(nn.Module):
    """Log-mel float32 (n, bins, frames) to vectors (n, d), by the weights of a `ClapAudioModel` and its projection.

    Raises ValueError for a configuration whose windows do not fit its grid, or that sees spectrograms of other sizes.
    """

    def __init__(self, audio: Any, projection: nn.Module, frames: int) -> None:
        super().__init__()
        encoder = audio.audio_encoder
        config, fold = encoder.config, encoder.freq_ratio
        self.patches, self.patch_norm = encoder.patch_embed.proj, encoder.patch_embed.norm
        if self.patches.in_channels != 1:
            raise ValueError(f"its patches have {self.patches.in_channels} channels, where sound has one")
        norm = encoder.batch_norm
        scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        self.scale = nn.Buffer(scale.detach()[:, None])  # (bins, 1)
        self.shift = nn.Buffer((norm.bias - norm.running_mean * scale).detach()[:, None])
        # The spectrogram becomes a square: `fold` pieces of time, one below the other.
        pitches, self.side = config.spec_size // fold, config.spec_size
        self.in_time, self.in_pitch = _Taps(frames, self.side * fold), _Taps(config.num_mel_bins, pitches)
        self.pieces = (-1, pitches, fold, self.side)
        layers: list[nn.Module] = []
        order = torch.arange(encoder.input_resolutions[0][0] * encoder.input_resolutions[0][1])
        for stage, (height, width) in zip(encoder.layers, encoder.input_resolutions, strict=True):
            for block in stage.blocks:
                wanted, mask = _windows(height, width, *_window(block, height, width))
                layers.append(_Block(block, _Order(order, wanted), mask))
                order = wanted
            if stage.downsample is not None:
                layers.append(_Merge(stage.downsample, _Order(order, _quarters(height, width))))
                order = torch.arange(len(order) // 4)
        self.layers = nn.ModuleList(layers)
        self.norm, self.projection, self.tokens = encoder.norm, projection, len(order)

    def forward(self, mel: Tensor) -> Tensor:
        """Vectors (n, d), not normalised."""
        x = self.in_time(mel * self.scale + self.shift)
        x = self.in_pitch(x.transpose(1, 2)).transpose(1, 2)  # (n, pitches, times)
        x = x.reshape(self.pieces).transpose(1, 2).reshape(-1, 1, self.side, self.side)
        x = self.patch_norm(self.patches(x).flatten(2).transpose(1, 2)).flatten(0, 1)  # (n tokens, width)
        for layer in self.layers:
            x = layer(x)
        vectors: Tensor = self.projection(self.norm(x).unflatten(0, (-1, self.tokens)).mean(dim=1))
        return vectors


class _Taps(nn.Module):
    """Bicubic stretching of the last axis from `have` to `want` places: each is a sum of four."""

    def __init__(self, have: int, want: int) -> None:
        super().__init__()
        if have > want:
            raise ValueError(f"its spectrogram has {have} places, where the model has room for {want}")
        self.same = have == want
        whole = nn.functional.interpolate(
            torch.eye(have)[None, None], (want, have), mode="bicubic", align_corners=True
        )[0, 0]  # (want, have)
        places = whole.abs().topk(min(4, have), dim=1).indices.sort(dim=1).values
        self.places = nn.Buffer(places.T.contiguous())
        self.weights = nn.Buffer(whole.gather(1, places).T.contiguous())

    def forward(self, x: Tensor) -> Tensor:
        if self.same:
            return x
        taps = [x[:, :, places] * weights for places, weights in zip(self.places, self.weights, strict=True)]
        return torch.stack(taps).sum(0) if len(taps) != 4 else (taps[0] + taps[1]) + (taps[2] + taps[3])


class _Order(nn.Module):
    """The tokens of each row, which come in the order `have`, in the order `want`: (n tokens, width) to the same."""

    def __init__(self, have: Tensor, want: Tensor) -> None:
        super().__init__()
        self.moves = None if torch.equal(have, want) else nn.Buffer(torch.argsort(have)[want])

    def forward(self, x: Tensor) -> Tensor:
        return x if self.moves is None else x.unflatten(0, (-1, len(self.moves)))[:, self.moves].flatten(0, 1)


class _Block(nn.Module):
    """Attention within windows, and two layers for every token: (n tokens, width) to the same."""

    def __init__(self, block: Any, order: _Order, mask: Tensor) -> None:
        super().__init__()
        attention, self.order = block.attention.self, order
        heads, length = attention.num_attention_heads, mask.shape[1]
        self.cut = (-1, len(mask), length, heads, attention.attention_head_size)
        self.before, self.after = block.layernorm_before, block.layernorm_after
        self.query, self.key, self.value = deepcopy(attention.query), attention.key, attention.value
        for parameter in self.query.parameters():
            parameter.data *= attention.attention_head_size**-0.5
        places = attention.relative_position_bias_table.detach()[attention.relative_position_index.flatten()]
        places = places.reshape(length, length, heads).permute(2, 0, 1)
        self.added = nn.Buffer(places + mask[:, None] if bool(mask.any()) else places)  # (windows, heads, t, t) or less
        self.out = block.attention.output.dense
        self.wide, self.narrow = block.intermediate, block.output.dense

    def forward(self, x: Tensor) -> Tensor:
        x = self.order(x)
        seen = self.before(x)
        query, key, value = (part(seen).reshape(self.cut) for part in (self.query, self.key, self.value))
        near = query.transpose(2, 3) @ key.permute(0, 1, 3, 4, 2) + self.added  # (n, windows, heads, t, t)
        seen = torch.softmax(near, dim=-1) @ value.transpose(2, 3)
        x = x + self.out(seen.transpose(2, 3).flatten(3).flatten(0, 2))
        return x + self.narrow(self.wide(self.after(x)))


class _Merge(nn.Module):
    """Four neighbours become one token of twice the width: (n tokens, width) to (n tokens / 4, 2 width)."""

    def __init__(self, merging: Any, order: _Order) -> None:
        super().__init__()
        self.order, self.norm, self.reduction = order, merging.norm, merging.reduction

    def forward(self, x: Tensor) -> Tensor:
        joined: Tensor = self.reduction(self.norm(self.order(x).reshape(-1, *self.norm.normalized_shape)))
        return joined


def _window(block: Any, height: int, width: int) -> tuple[int, int]:
    """The side of a block's windows, and how far they are shifted."""
    full, least = block.attention.self.window_size[0], min(height, width)
    side, shift = (least, 0) if least <= full else (full, block.shift_size)
    if side != full or height % side or width % side:
        raise ValueError(f"its windows of {full} do not fit a grid of {height} x {width}")
    return side, int(shift)


def _windows(height: int, width: int, side: int, shift: int) -> tuple[Tensor, Tensor]:
    """Which place stands where when a shifted grid is read window by window: (tokens,).

    And what is added where two tokens of a window (windows, side^2, side^2) were no neighbours before the shift: -100.
    """
    grid = torch.arange(height * width).reshape(height, width)
    regions = _region(height, side, shift)[:, None] * 3 + _region(width, side, shift)[None]

    def cut(x: Tensor) -> Tensor:
        return x.reshape(height // side, side, width // side, side).transpose(1, 2).reshape(-1, side * side)

    near = cut(regions)
    mask = torch.where(near[:, None, :] == near[:, :, None], 0.0, -100.0)
    return cut(grid.roll((-shift, -shift), (0, 1))).flatten(), mask


def _region(length: int, side: int, shift: int) -> Tensor:
    """0 for what the shift leaves together, 1 and 2 for the two parts of the last window: (length,)."""
    place = torch.arange(length)
    return (place >= length - side).long() + (place >= length - shift).long() if shift else torch.zeros_like(place)


def _quarters(height: int, width: int) -> Tensor:
    """The places of a grid, four neighbours after each other: the upper left, the one below, the two to their right."""
    if height % 2 or width % 2:
        raise ValueError(f"a grid of {height} x {width} has no neighbours for every token")
    grid = torch.arange(height * width).reshape(height // 2, 2, width // 2, 2)
    return grid.permute(0, 2, 3, 1).reshape(-1)
