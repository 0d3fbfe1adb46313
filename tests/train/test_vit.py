"""The picture teacher in PyTorch says what its ONNX file says."""

from __future__ import annotations

import json
import struct

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch", reason="training needs torch: pip install 'sensorium[train]'")

from sensorium.train.vit import VitTeacher, read_safetensors


def test_tensors_are_read_with_their_names_shapes_and_values(tmp_path):
    arrays = {"a.weight": np.arange(6, dtype=np.float16).reshape(2, 3), "b": np.array([1.5, -2.0], np.float32),
              "c": np.array([[7]], np.int64)}  # fmt: skip
    header, body = {"__metadata__": {"format": "pt"}}, b""
    kinds = {"float16": "F16", "float32": "F32", "int64": "I64"}
    for name, array in arrays.items():
        header[name] = {"dtype": kinds[array.dtype.name], "shape": list(array.shape),
                        "data_offsets": [len(body), len(body) + array.nbytes]}  # fmt: skip
        body += array.tobytes()
    text = json.dumps(header).encode()
    (tmp_path / "x.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + body)

    found = read_safetensors(tmp_path / "x.safetensors")
    assert list(found) == list(arrays) and all(tensor.dtype == torch.float32 for tensor in found.values())
    assert all((found[name].numpy() == array).all() for name, array in arrays.items())


@pytest.mark.data
@torch.no_grad()
def test_the_teacher_says_what_its_onnx_file_says(real_data):
    import onnxruntime

    picture = Image.open(next((real_data / "weather/sunrise").glob("*.webp"))).convert("RGB").resize((224, 224))
    pixels = np.asarray(picture, np.float32).transpose(2, 0, 1)[None] / 127.5 - 1
    session = onnxruntime.InferenceSession(str(real_data / "models/vit_tiny_patch16_224.onnx"))
    cls, mean = session.run(["cls", "mean"], {session.get_inputs()[0].name: pixels})
    said, patches = VitTeacher(real_data / "models/vit_tiny_patch16_224.safetensors").eval()(torch.from_numpy(pixels))

    assert patches.shape == (1, 14, 14, 192)
    cosine = torch.nn.functional.cosine_similarity
    assert cosine(said, torch.from_numpy(cls)).item() > 0.999
    assert cosine(patches.mean((1, 2)), torch.from_numpy(mean)).item() > 0.999
