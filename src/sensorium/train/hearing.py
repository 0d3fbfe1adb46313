"""EfficientAT mn04 through ONNX Runtime: the teacher of the sound tower, never shipped; and rounds of sounds."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sensorium.encoders.sound import AudioSettings, log_mel
from sensorium.train.data import Labelled

RATE, SECONDS = 32_000, 5.0
SAMPLES = int(RATE * SECONDS)

# The student's front end, which goes into the bundle as data.
FRONT_END = AudioSettings(rate=RATE, seconds=SECONDS, fft=1024, window=800, hop=320, bins=64, low=40.0, high=15_000.0,
                          floor=1e-5, mean=-3.0, std=4.5)  # fmt: skip


@cache
def _teacher_bank() -> NDArray[np.float32]:
    """Kaldi's triangular mel bank as EfficientAT uses it, (128, 513)."""
    bins, fft, high = 128, 1024, 15_000.0
    step = 1127.0 * np.log1p(high / 700.0) / (bins + 1)
    left = step * np.arange(bins)[:, None]
    mel = 1127.0 * np.log1p(RATE / fft * np.arange(fft // 2) / 700.0)[None]
    bank = np.clip(np.minimum((mel - left) / step, (left + 2 * step - mel) / step), 0, None)
    return np.pad(bank, ((0, 0), (0, 1))).astype(np.float32)


def teacher_mel(wave: NDArray[np.float32]) -> NDArray[np.float32]:
    """(samples,) at 32 kHz -> (128, frames): EfficientAT's front end (pre-emphasis 0.97, Hann 800 in 1024, hop 320)."""
    x = (wave[1:] - 0.97 * wave[:-1]).astype(np.float32)
    x = np.pad(x, 512, mode="reflect")
    window = np.zeros(1024, np.float32)
    window[112:912] = np.hanning(800)
    frames = np.lib.stride_tricks.sliding_window_view(x, 1024)[::320] * window
    power = np.abs(np.fft.rfft(frames, axis=1)).astype(np.float32) ** 2
    return ((np.log(_teacher_bank() @ power.T + 1e-5) + 4.5) / 5).astype(np.float32)


class SoundTeacher:
    """Waves (n, 160000) at 32 kHz -> embedding float32 (n, 384), AudioSet logits float32 (n, 527)."""

    def __init__(self, model: Path) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 2
        self.session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])

    def __call__(self, waves: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Embeddings and logits of the waves, in one run."""
        mels = np.stack([teacher_mel(w) for w in waves])[:, None]
        embedding, logits = self.session.run(["embedding", "logits"], {"mel": mels})
        return embedding, logits


def load_wave(path: Path) -> NDArray[np.float32]:
    """The first five seconds of a sound, mono at 32 kHz, float32 (160000,), zeros after its end."""
    import av

    resampler, pieces, have = av.AudioResampler("flt", "mono", RATE), [], 0
    with av.open(str(path)) as file:
        for frame in file.decode(audio=0):
            for piece in resampler.resample(frame):
                pieces.append(piece.to_ndarray()[0])
                have += pieces[-1].size
            if have >= SAMPLES:
                break
        pieces += [p.to_ndarray()[0] for p in resampler.resample(None)]
    wave = np.concatenate(pieces)[:SAMPLES] if pieces else np.zeros(0, np.float32)
    return np.pad(wave, (0, SAMPLES - wave.size)).astype(np.float32)


def vary(waves: NDArray[np.float32], i: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Sound `i` shifted in time, louder or softer, often under another sound or behind a filter."""
    x = np.roll(waves[i], rng.integers(SAMPLES))
    if rng.random() < 0.35:
        other = np.roll(waves[rng.integers(len(waves))], rng.integers(SAMPLES))
        level = np.sqrt((x**2).mean() + 1e-9) / np.sqrt((other**2).mean() + 1e-9)
        x = x + other * level * 10 ** (-rng.uniform(3, 18) / 20)
    if rng.random() < 0.3:  # a gentle tilt of the spectrum, as rooms and microphones have
        spectrum = np.fft.rfft(x)
        octaves = np.log2(np.maximum(np.arange(spectrum.size), 1) / spectrum.size + 1e-3)
        x = np.fft.irfft(spectrum * 10 ** (rng.uniform(-3, 3) * octaves / 20), SAMPLES)
    if rng.random() < 0.25:
        x = x + rng.standard_normal(SAMPLES) * np.sqrt((x**2).mean()) * 10 ** (-rng.uniform(10, 30) / 20)
    peak = float(np.abs(x).max()) or 1.0
    gain = 10 ** (rng.uniform(-18, 0) / 20) / peak if rng.random() < 0.7 else min(1.0, 1.0 / peak)
    return (x * gain).astype(np.float32)


def make_sound_rounds(items: list[Labelled], rounds: int, teacher: SoundTeacher, out: Path, seed: int = 0) -> None:
    """Write mel.npy float16 (r, n, bins, frames), embedding.npy, logits.npy; round 0 is the plain sounds."""
    waves = np.stack([load_wave(i.path) for i in items])
    mels, embeddings, logits = [], [], []
    for number in range(rounds):
        rng = np.random.default_rng([seed, number])
        varied = waves if number == 0 else np.stack([vary(waves, i, rng) for i in range(len(waves))])
        mels.append(np.stack([log_mel(w, FRONT_END) for w in varied]).astype(np.float16))
        said = [teacher(varied[i : i + 16]) for i in range(0, len(varied), 16)]
        embeddings.append(np.concatenate([e for e, _ in said]).astype(np.float16))
        logits.append(np.concatenate([g for _, g in said]).astype(np.float16))
    out.mkdir(parents=True, exist_ok=True)
    for name, arrays in (("mel", mels), ("embedding", embeddings), ("logits", logits)):
        np.save(out / f"{name}.npy", np.stack(arrays))
