"""What cannot be converted is refused in one line, and nothing stays of it."""

from __future__ import annotations

import errno
import json
import shutil
import sys

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import small_models as small
import torch

from sensorium.core.errors import BadModel, LibraryFull
from sensorium.core.types import Part
from sensorium.encoders.convert import source as source_module
from sensorium.encoders.convert.convert import convert

SAMPLE = [Part("text", text) for text in small.NASTY[:6]]


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    return small.text_encoder(tmp_path_factory.mktemp("original") / "bert", "bert")


@pytest.fixture
def model(original, tmp_path):
    return shutil.copytree(original, tmp_path / "model")


def refused(source, tmp_path):
    """The one line that is said; nothing else than the source is left."""
    out = tmp_path / "made" / "bundle"
    with pytest.raises(BadModel) as said:
        convert(source, out, int8=False, sample=SAMPLE)
    assert "\n" not in str(said.value)
    assert not out.exists()
    assert not out.parent.exists() or not list(out.parent.iterdir())
    return str(said.value)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "weights.pkl", "epoch_32.ckpt"])
def test_pickled_weights(model, tmp_path, name):
    (model / "model.safetensors").unlink()
    torch.save({"a": torch.zeros(2)}, model / name)

    said = refused(model, tmp_path)

    assert f"{name} is pickled" in said
    assert "can run any code" in said
    assert "get the model.safetensors of the same model" in said


def test_pickled_weights_beside_safetensors_are_not_touched(model, tmp_path):
    (model / "pytorch_model.bin").write_bytes(b"not even a pickle")

    assert convert(model, tmp_path / "b", int8=False, sample=SAMPLE).dimension == 32


def test_no_weights(model, tmp_path):
    (model / "model.safetensors").unlink()

    assert "it has no weights (*.safetensors)" in refused(model, tmp_path)


def test_no_configuration(model, tmp_path):
    (model / "config.json").unlink()

    assert "it has no config.json" in refused(model, tmp_path)


@pytest.mark.parametrize(
    ("content", "why"), [("{", "is not JSON"), ("[1]", "is not a JSON object"), ("{}", "names no model_type")]
)
def test_a_configuration_that_is_none(model, tmp_path, content, why):
    (model / "config.json").write_text(content)

    assert why in refused(model, tmp_path)


def test_an_architecture_without_a_converter(model, tmp_path):
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps({**config, "model_type": "llama"}))

    said = refused(model, tmp_path)

    assert "there is no converter for 'llama' models" in said
    assert "bert" in said and "clip" in said


def test_weights_cut_short(model, tmp_path):
    path = model / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1000])

    assert "cannot load it" in refused(model, tmp_path)


def test_a_missing_weight(model, tmp_path):
    """transformers would fill it with random numbers."""
    from safetensors.torch import load_file, save_file

    weights = load_file(model / "model.safetensors")
    gone = next(name for name in weights if "layer.1" in name and name.endswith("dense.weight"))
    del weights[gone]
    save_file(weights, model / "model.safetensors", metadata={"format": "pt"})

    assert f"{gone} is missing or has another shape" in refused(model, tmp_path)


def test_a_weight_of_another_shape(model, tmp_path):
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps({**config, "intermediate_size": 48}))

    said = refused(model, tmp_path)
    assert "encoder.layer.0.intermediate.dense" in said and "is missing or has another shape" in said


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("sentence_bert_config.json", {"max_seq_length": "many"}),
        ("tokenizer_config.json", {"model_max_length": "many"}),
        ("config_sentence_transformers.json", {"prompts": ["query: "]}),
        ("1_Pooling/config.json", {"pooling_mode": 5}),
    ],
)
def test_files_that_say_nonsense(model, tmp_path, file, said):
    modules = [("Transformer", "", "transformers"), ("Pooling", "1_Pooling", "models")]
    listed = [{"idx": at, "name": str(at), "path": p, "type": f"{m}.{k}"} for at, (k, p, m) in enumerate(modules)]
    (model / "modules.json").write_text(json.dumps(listed))
    (model / "1_Pooling").mkdir()
    (model / "1_Pooling/config.json").write_text(json.dumps({"pooling_mode_mean_tokens": True}))
    path = model / file
    before = json.loads(path.read_text()) if path.is_file() else {}
    path.write_text(json.dumps({**before, **said}))

    assert "its files cannot be understood (" in refused(model, tmp_path)


@pytest.mark.parametrize("value", [0.0, float("nan")])
def test_weights_that_give_no_vectors(model, tmp_path, value):
    """What a training leaves that ran away."""
    from safetensors.torch import load_file, save_file

    weights = load_file(model / "model.safetensors")
    save_file(
        {name: torch.full_like(one, value) for name, one in weights.items()}, model / "model.safetensors",
        metadata={"format": "pt"},
    )  # fmt: skip

    assert "its text tower gives vectors that are zero or not finite; get its weights anew" in refused(model, tmp_path)


def test_one_word_without_a_vector(model, tmp_path):
    """It is found wherever in the sample it stands, and the folder in which the bundle is made is not named."""
    from safetensors.torch import load_file, save_file

    weights = load_file(model / "model.safetensors")
    weights["embeddings.word_embeddings.weight"][5:] = float("nan")
    save_file(weights, model / "model.safetensors", metadata={"format": "pt"})

    said = refused(model, tmp_path)
    assert "vectors that are zero or not finite" in said and ".partial" not in said


def test_a_home_that_nobody_has(tmp_path):
    with pytest.raises(BadModel, match="there is no such folder"):
        convert("~nobody-has-this-name/model", tmp_path / "made")


def test_no_tokenizer(model, tmp_path):
    for path in model.glob("*token*"):
        path.unlink()
    for path in model.glob("vocab*"):
        path.unlink()

    assert "tokenizer" in refused(model, tmp_path)


def test_code_that_comes_with_a_model_is_never_run(model, tmp_path):
    """`auto_map` names classes in the folder, which transformers runs when it is told to trust them."""
    config = json.loads((model / "config.json").read_text())
    config["auto_map"] = {"AutoModel": "evil.Evil", "AutoConfig": "evil.EvilConfig"}
    (model / "config.json").write_text(json.dumps(config))
    (model / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")

    convert(model, tmp_path / "b", int8=False, sample=SAMPLE)

    assert not (tmp_path / "ran").exists()


def test_a_folder_that_is_not_there(tmp_path):
    assert "there is no such folder" in refused(tmp_path / "none", tmp_path)


def test_a_place_that_is_taken(model, tmp_path):
    (tmp_path / "taken").mkdir()

    with pytest.raises(BadModel, match="already exists"):
        convert(model, tmp_path / "taken")

    assert list((tmp_path / "taken").iterdir()) == []


def test_what_is_not_installed(model, tmp_path, monkeypatch):
    monkeypatch.setattr(source_module, "find_spec", lambda name: None if name == "torch" else object())

    said = refused(model, tmp_path)

    assert "needs torch" in said
    assert 'pip install "sensorium[convert]"' in said


def test_a_full_disk(model, tmp_path, monkeypatch):
    """The real one, on a small file system, is where models are pulled; here the description finds no room."""
    import sensorium.encoders.convert.convert as module

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device", "CARD.md")

    monkeypatch.setattr(module, "write_bundle", full)

    with pytest.raises(LibraryFull, match="is full: the model was not converted; free some space") as said:
        convert(model, tmp_path / "made" / "b", int8=False)

    assert "\n" not in str(said.value)
    assert list((tmp_path / "made").iterdir()) == []


def test_a_tower_that_came_out_different_is_not_kept(model, tmp_path, monkeypatch):
    import sensorium.encoders.convert.export as export

    monkeypatch.setattr(export, "difference", lambda *_: 0.01)

    assert "came out different: vectors are off by 1.0e-02" in refused(model, tmp_path)


def test_what_a_killed_conversion_left_is_no_hindrance(model, tmp_path):
    (tmp_path / "b.partial").mkdir()
    (tmp_path / "b.partial" / "text.onnx").write_bytes(b"half")

    convert(model, tmp_path / "b", int8=False, sample=SAMPLE)

    assert not (tmp_path / "b.partial").exists()


def test_converting_loads_torch_only_when_it_is_asked_for():
    import subprocess

    code = """
import sys
import sensorium.encoders.convert.convert, sensorium.encoders.convert.source
print(*({'torch', 'transformers', 'onnx'} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.split() == []
