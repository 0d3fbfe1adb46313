"""`encode_often.py BUNDLE TIMES`: how much memory so many encodes of each modality leave behind, as JSON."""

from __future__ import annotations

import gc
import json
import sys

import numpy as np
import psutil

from sensorium.core.types import Audio, Part
from sensorium.encoders.bundle import Bundle
from sensorium.encoders.onnx import OnnxEncoder

WARMING = 500  # after these all that is needed is there


def main(folder: str, times: int) -> None:
    """Encode, and say what the memory was before and by how many bytes it has grown."""
    encoder = OnnxEncoder(Bundle.open(folder), threads=1)
    random, rate = np.random.default_rng(0), encoder.limits()["audio_rate"]
    parts = {
        "text": [Part("text", "word " * n) for n in range(1, 9)],
        "image": [Part("image", random.integers(0, 255, (20 + n, 30, 3), dtype=np.uint8)) for n in range(8)],
        "audio": [Part("audio", Audio(random.normal(size=800 * n).astype(np.float32), rate)) for n in range(1, 9)],
    }
    process = psutil.Process()

    def encode(count: int) -> int:
        for number in range(count):
            for modality in encoder.modalities:
                encoder.encode([parts[modality][number % 8]])
        gc.collect()
        return process.memory_info().rss

    before = encode(WARMING)
    print(json.dumps({"before": before, "grown": encode(times) - before, "modalities": encoder.modalities}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
