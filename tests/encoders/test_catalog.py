"""The catalog says what can be had; plug-ins add to it; a model is found by its name wherever it comes from."""

from __future__ import annotations

import re
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

from sensorium.core.errors import BundleDamaged, ModelUnknown
from sensorium.core.settings import models_home
from sensorium.encoders import catalog, home
from sensorium.encoders.bundle import Bundle, find_bundle
from sensorium.encoders.catalog import MODELS, Model, named
from sensorium.testing.bundles import tiny_bundle

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def fresh():
    """Plug-ins are looked for anew."""
    catalog.catalog.cache_clear()
    yield
    catalog.catalog.cache_clear()


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """Installs a package whose entry points of the group say `points`, with this code."""

    def install(points, code="", name="extra_models"):
        folder = tmp_path / "site"
        info = folder / f"{name}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[{catalog.GROUP}]\n{points}\n")
        (folder / f"{name}.py").write_text(code)
        monkeypatch.syspath_prepend(str(folder))
        monkeypatch.delitem(sys.modules, name, raising=False)
        return folder

    return install


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_an_entry_says_all_that_a_choice_needs(model):
    assert home.is_name(model.name) and catalog.HUB_ID.fullmatch(model.source)
    assert model.modalities and set(model.modalities) <= {"text", "image", "audio"} and "text" in model.modalities
    assert model.dimension in (384, 512, 768) and 50 < model.megabytes < 3000
    assert model.licence in ("MIT", "Apache-2.0") and 20 < len(model.good_at) < 80
    assert {"config.json", "tokenizer.json", "model.safetensors"} <= set(model.files)


def test_what_the_issue_names_is_there():
    sources = {model.source: model.name for model in MODELS}
    assert len(sources) == len(MODELS) == len({model.name for model in MODELS})
    assert {
        "openai/clip-vit-base-patch32", "openai/clip-vit-base-patch16", "openai/clip-vit-large-patch14",
        "laion/CLIP-ViT-B-32-laion2B-s34B-b79K", "google/siglip2-base-patch16-224", "laion/larger_clap_general",
        "laion/clap-htsat-unfused", "google-bert/bert-base-uncased", "sentence-transformers/all-MiniLM-L6-v2",
    } <= set(sources)  # fmt: skip


def test_the_catalog_is_registered_as_a_plug_in_is():
    described = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    assert catalog.BUILT_IN in described["project"]["entry-points"][catalog.GROUP].values()
    assert metadata.EntryPoint("sensorium", catalog.BUILT_IN, catalog.GROUP).load() is MODELS


def test_a_plug_in_adds_models_and_may_replace_one(plugin):
    code = """
from sensorium.encoders.catalog import Model
ONE = Model("mine", ("text",), 32, 1, "MIT", "tests", "me/mine")
MORE = [Model("minilm-l6", ("text",), 16, 1, "MIT", "tests", "me/other")]
"""
    plugin("one = extra_models:ONE\nmore = extra_models:MORE", code)
    assert named("mine").source == "me/mine" and named("minilm-l6").source == "me/other"
    assert named("clip-vit-b-32").source == "openai/clip-vit-base-patch32"


@pytest.mark.parametrize("point", ["no_such_module:ONE", "extra_models:NONE", "extra_models:WRONG"])
def test_a_plug_in_that_is_broken_warns_and_costs_only_itself(plugin, point):
    plugin(f"broken = {point}", "WRONG = [1, 2]")
    with pytest.warns(UserWarning, match=r"the model plug-in 'broken' cannot be loaded .*: reinstall or remove it"):
        assert set(catalog.catalog()) == {model.name for model in MODELS}


def test_a_bundle_that_a_plug_in_brings_is_found_by_its_name(plugin, tmp_path):
    folder = tiny_bundle(tmp_path / "brought")
    plugin(
        "one = extra_models:ONE",
        f"""
from pathlib import Path
from sensorium.encoders.catalog import Model
ONE = Model("brought", ("text", "image", "audio"), 16, 1, "MIT", "tests", folder=Path({str(folder)!r}))
""",
    )
    assert find_bundle("brought") == folder


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("openai/CLIP-x", "clip-x"),
        ("/a/b/My Model/", "my-model"),
        ("C:\\x\\Y.Z", "y.z"),
        ("a/..b..", "b"),
        ("/", "model"),
    ],
)
def test_a_model_without_a_name_gets_a_plain_one(source, name):
    assert catalog.plain_name(source) == name and home.is_name(name)


def test_an_id_of_the_hub_needs_no_entry():
    made_up = named("somebody/some-model")
    assert (made_up.name, made_up.source, made_up.revision) == ("some-model", "somebody/some-model", "main")


@pytest.mark.parametrize("name", ["nonsense", "a/b/c", "../x", "", "https://huggingface.co/a/b"])
def test_a_name_that_is_not_in_the_catalog_is_told_with_those_that_are(name):
    with pytest.raises(ModelUnknown) as caught:
        named(name)
    assert repr(name) in str(caught.value) and "clip-vit-b-32" in str(caught.value) and "\n" not in str(caught.value)


def test_the_models_home_is_a_setting(monkeypatch, own_home, tmp_path):
    monkeypatch.delenv("SENSORIUM_MODELS", raising=False)
    assert models_home() == own_home / ".local/share/sensorium/models"
    monkeypatch.setenv("SENSORIUM_MODELS", "~/here")
    assert models_home() == own_home / "here"


def test_an_installed_model_is_found_by_name_before_a_folder_that_stands_here(monkeypatch, tmp_path):
    monkeypatch.setenv("SENSORIUM_MODELS", str(tmp_path / "models"))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    folder = tiny_bundle(tmp_path / "here/mine")
    assert find_bundle("mine") == folder
    own = tiny_bundle(tmp_path / "models/mine", seed=3)
    assert find_bundle("mine") == own and find_bundle("./mine") == folder
    assert home.names() == ("mine",)


def test_a_model_of_the_catalog_that_is_not_here_says_how_to_get_it(monkeypatch, tmp_path):
    monkeypatch.setenv("SENSORIUM_MODELS", str(tmp_path / "models"))
    with pytest.raises(ModelUnknown, match=r"sensorium models pull clip-vit-l-14 \(1,711 MB\)"):
        find_bundle("clip-vit-l-14")


def test_an_unknown_model_is_told_with_the_installed_ones(monkeypatch, tmp_path):
    monkeypatch.setenv("SENSORIUM_MODELS", str(tmp_path / "models"))
    tiny_bundle(tmp_path / "models/mine")
    with pytest.raises(ModelUnknown, match=r"installed: mine; sensorium models list shows what can be had"):
        find_bundle("yours")


def test_a_lock_is_written_whole_and_read_back(monkeypatch, tmp_path):
    monkeypatch.setenv("SENSORIUM_MODELS", str(tmp_path))
    folder = tiny_bundle(tmp_path / "mine")
    assert home.read_lock("mine") is None
    lock = home.Lock("a/b", "c" * 40, {"config.json": "0" * 64})
    home.record_bundle("mine", lock, folder)
    assert home.read_lock("mine").files == lock.files and len(home.read_lock("mine").bundle) == 64
    assert home.installed("mine") == folder
    (folder / "bundle.json").write_text((folder / "bundle.json").read_text().replace("tiny", "tidy"))
    with pytest.raises(BundleDamaged, match=r"SHA-256 differs .*; run sensorium models pull mine --again$"):
        home.installed("mine")
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def test_nothing_outside_the_home_goes_by_a_name(monkeypatch, tmp_path):
    monkeypatch.setenv("SENSORIUM_MODELS", str(tmp_path / "models"))
    tiny_bundle(tmp_path / "secret")
    for name in ("../secret", "..", ".", "", "downloads", str(tmp_path / "secret")):
        assert home.installed(name) is None


def test_the_catalog_costs_nothing_to_look_at():
    text = (ROOT / "src/sensorium/encoders/catalog.py").read_text("utf-8")
    assert not re.search(r"^(from|import) (numpy|torch|huggingface_hub|sensorium.encoders.bundle)", text, re.MULTILINE)


def test_a_model_may_be_replaced_by_a_bundle_of_its_name(tmp_path, monkeypatch):
    monkeypatch.setenv("SENSORIUM_MODELS", str(tmp_path / "models"))
    tiny_bundle(tmp_path / "models/clip-vit-b-32", name="clip-vit-b-32")
    assert Bundle.open(find_bundle("clip-vit-b-32")).name == "clip-vit-b-32"
    assert isinstance(named("clip-vit-b-32"), Model)
