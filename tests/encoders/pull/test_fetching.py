"""A model's files come whole and unaltered or not at all, whatever the network does meanwhile."""

from __future__ import annotations

import hashlib
import os
import signal
import socket
import subprocess
import sys
import time

import pytest
from huggingface_hub import constants
from pulling import CLIP, FILES, TAKEN, WEIGHTS, nothing_installed, refused

from sensorium.encoders import catalog, home, hub
from sensorium.encoders.pull import downloads, pull

pytestmark = pytest.mark.usefixtures("made")


def test_a_cut_connection_is_taken_up_where_it_ended(loopback):
    loopback.faults.cut = [300_000, 200_000, 100_000]
    pull("clip-vit-b-32")
    assert [asked.start for asked in loopback.fetched("model.safetensors")] == [0, 300_000, 500_000, 600_000]


def test_what_a_hub_that_went_away_left_is_gone_on_with_by_the_next_command(loopback, models):
    loopback.faults.cut = [400_000, *[0] * 20]
    line = refused("clip-vit-b-32")
    assert "what has come is kept, and the same command goes on from there" in line
    nothing_installed(models)

    loopback.faults.cut, begun = [], len(loopback.fetched("model.safetensors"))
    pull("clip-vit-b-32")
    assert [asked.start for asked in loopback.fetched("model.safetensors")[begun:]] == [400_000]
    assert not loopback.fetched("config.json")[1:]


def test_a_hub_without_ranges_is_asked_for_the_whole_file_again(loopback):
    loopback.faults.no_ranges, loopback.faults.cut = True, [300_000]
    pull("clip-vit-b-32")
    assert home.read_lock("clip-vit-b-32").files["model.safetensors"] == hashlib.sha256(WEIGHTS).hexdigest()


def test_what_was_begun_of_another_version_is_not_gone_on_with(loopback):
    loopback.faults.cut = [400_000, *[0] * 20]
    refused("clip-vit-b-32")
    newer = WEIGHTS[::-1]
    loopback.faults.cut, loopback.repositories[CLIP]["main"] = [], {**FILES, "model.safetensors": newer}

    pull("clip-vit-b-32")
    assert home.read_lock("clip-vit-b-32").files["model.safetensors"] == hashlib.sha256(newer).hexdigest()


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json"])
def test_altered_bytes_are_refused_and_not_kept(loopback, models, name):
    loopback.faults.altered = {name}
    line = refused("clip-vit-b-32")
    assert f"{name} of {CLIP} came altered" in line and "nothing is installed" in line
    nothing_installed(models)
    assert not (downloads(catalog.named("clip-vit-b-32")) / name).exists()

    loopback.faults.altered = set()
    assert pull("clip-vit-b-32").new


def test_what_changed_on_the_hub_is_not_taken_unless_asked_for(loopback):
    pull("clip-vit-b-32")
    newer = {**FILES, "model.safetensors": WEIGHTS[::-1]}
    loopback.repositories[CLIP] = {"main": newer, "old": FILES}
    first = home.read_lock("clip-vit-b-32").files

    pull("clip-vit-b-32", again=True)  # the commit of the first time
    assert home.read_lock("clip-vit-b-32").files == first
    del loopback.repositories[CLIP]["old"]
    assert "no such revision" in refused("clip-vit-b-32", again=True)
    pull("clip-vit-b-32", update=True)
    assert home.read_lock("clip-vit-b-32").files["model.safetensors"] == hashlib.sha256(WEIGHTS[::-1]).hexdigest()


def test_a_model_that_is_not_there_is_an_error_that_says_where_was_looked(loopback, models):
    line = refused("nobody/nothing")
    assert f"there is no {loopback.address}/nobody/nothing" in line and "hf auth login" in line
    loopback.faults.gone = {"tokenizer.json"}
    assert "no such revision or file" in refused("clip-vit-b-32")
    nothing_installed(models)


def test_a_hub_that_knows_no_hashes_is_not_trusted(loopback, models):
    loopback.faults.no_hashes = True
    assert "does not say which hashes its files have" in refused("clip-vit-b-32")
    nothing_installed(models)


def test_pickled_weights_are_refused(loopback, models):
    loopback.repositories[CLIP]["main"] = {k: v for k, v in FILES.items() if not k.endswith("safetensors")}
    line = refused("clip-vit-b-32")
    assert "not safetensors" in line and "save_pretrained" in line
    assert not loopback.fetched("pytorch_model.bin")
    nothing_installed(models)


def test_safetensors_that_wait_as_a_pull_request_of_the_hubs_converter_are_taken(loopback):
    pickled = {k: v for k, v in FILES.items() if not k.endswith("safetensors")}
    loopback.repositories[CLIP] = {"main": pickled, "refs/pr/3": pickled, "refs/pr/32": FILES}
    said = []
    pull("clip-vit-b-32", say=said.append)
    assert any("refs/pr/32" in line for line in said)
    assert home.read_lock("clip-vit-b-32").commit == loopback.commit(CLIP, "refs/pr/32")


def test_safetensors_of_anybodys_pull_request_are_not_taken(loopback):
    pickled = {k: v for k, v in FILES.items() if not k.endswith("safetensors")}
    loopback.repositories[CLIP], loopback.author = {"main": pickled, "refs/pr/32": FILES}, "mallory"
    assert "not safetensors" in refused("clip-vit-b-32")


def test_a_slow_hub_is_waited_for_and_a_silent_one_is_not(loopback, models, monkeypatch):
    loopback.faults.seconds_a_piece = 0.005
    assert pull("clip-vit-b-32").new
    loopback.faults.silent = True
    for longest in ("HF_HUB_DOWNLOAD_TIMEOUT", "HF_HUB_ETAG_TIMEOUT"):
        monkeypatch.setattr(constants, longest, 0.4)
    began = time.monotonic()
    line = refused("clip-vit-l-14")
    assert "cannot be reached" in line and time.monotonic() - began < 20


def by_hand_said(line):
    """Whether an error says which files are wanted, where they go, and what works meanwhile."""
    folder = downloads(catalog.named("clip-vit-b-32"))
    names = ("config.json", "preprocessor_config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors")
    assert f"put its files, {', '.join(names)}, into {folder}" in line
    assert line.endswith("without a network, the built-in model starter works")
    return True


def test_without_a_network_the_error_names_the_files_and_their_place(models, monkeypatch):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{taken.getsockname()[1]}")
        line = refused("clip-vit-b-32")
    assert "cannot be reached" in line and by_hand_said(line)
    nothing_installed(models)


@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_hub_that_is_out_of_order_is_like_none(loopback, status):
    loopback.faults.status = status
    line = refused("clip-vit-b-32")
    assert f"answers with {status}" in line and by_hand_said(line)


def test_offline_asks_nobody(loopback, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    line = refused("clip-vit-b-32")
    assert "HF_HUB_OFFLINE forbids" in line and by_hand_said(line) and not loopback.asked


def test_files_put_by_hand_are_taken_without_a_network_and_stay(loopback, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    folder = downloads(catalog.named("clip-vit-b-32"))
    folder.mkdir(parents=True)
    (folder / "config.json").write_bytes(FILES["config.json"])
    assert by_hand_said(refused("clip-vit-b-32"))
    (folder / "model.safetensors").write_bytes(WEIGHTS)

    assert pull("clip-vit-b-32").new and not loopback.asked
    assert {p.name for p in folder.iterdir()} == {"config.json", "model.safetensors"}


def test_what_transformers_downloaded_before_is_taken_without_a_network(loopback, monkeypatch, tmp_path):
    said = []
    snapshot = tmp_path / "cache/models--openai--clip-vit-base-patch32/snapshots" / ("a" * 40)
    snapshot.mkdir(parents=True)
    (snapshot.parents[1] / "refs").mkdir()
    (snapshot.parents[1] / "refs/main").write_text("a" * 40)
    for name in TAKEN:
        (snapshot / name).write_bytes(FILES[name])
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")

    assert pull("clip-vit-b-32", say=said.append).new
    assert str(snapshot) in said[0] and home.read_lock("clip-vit-b-32").commit == "a" * 40
    assert {p.name for p in snapshot.iterdir()} == TAKEN


@pytest.mark.parametrize(
    ("names", "taken"),
    [
        (("config.json", "model.safetensors", "pytorch_model.bin"), ("config.json", "model.safetensors")),
        (("config.json", "pytorch_model.bin"), ()),
        (("model.safetensors",), ()),
        (("open_clip_config.json", "open_clip_model.safetensors", "vocab.json"),
         ("vocab.json", "open_clip_config.json", "open_clip_model.safetensors")),
        (("config.json", "model.safetensors", "open_clip_config.json", "open_clip_model.safetensors"),
         ("config.json", "model.safetensors")),
        (("config.json", "model.safetensors.index.json", "model-00001-of-00002.safetensors",
          "model-00002-of-00002.safetensors"),
         ("config.json", "model.safetensors.index.json", "model-00001-of-00002.safetensors",
          "model-00002-of-00002.safetensors")),
        (("config.json", "model.safetensors", "modules.json", "1_Pooling/config.json", "2_Dense/model.safetensors",
          "../evil.json", "1_Pooling/evil.py"),
         ("1_Pooling/config.json", "2_Dense/model.safetensors", "modules.json", "config.json", "model.safetensors")),
    ],
)  # fmt: skip
def test_of_a_repository_is_taken_what_a_conversion_needs(names, taken):
    assert hub.wanted(names) == taken


def test_a_model_in_shards_is_whole_with_all_of_them(tmp_path):
    for name in ("config.json", "model.safetensors.index.json", "model-00001-of-00002.safetensors"):
        (tmp_path / name).write_bytes(b"{}")
    assert not hub.complete(tmp_path)
    (tmp_path / "model-00002-of-00002.safetensors").write_bytes(b"{}")
    assert len(hub.complete(tmp_path)) == 4


def test_a_killed_pull_goes_on_where_it_stopped(loopback, models):
    loopback.faults.seconds_a_piece = 0.02
    code = "from sensorium.encoders.pull import pull\npull('clip-vit-b-32')"
    child = subprocess.Popen([sys.executable, "-c", code], env={**os.environ, "HF_HUB_DISABLE_XET": "1"})
    folder = downloads(catalog.named("clip-vit-b-32"))
    deadline = time.monotonic() + 30
    while not any(p.stat().st_size > 0 for p in folder.glob("model.safetensors.*")) and time.monotonic() < deadline:
        assert child.poll() is None
        time.sleep(0.01)
    child.send_signal(signal.SIGKILL)
    child.wait()
    (part,) = folder.glob("model.safetensors.*")
    had = part.stat().st_size

    loopback.faults.seconds_a_piece = 0
    begun = len(loopback.fetched("model.safetensors"))
    pull("clip-vit-b-32")
    assert 0 < had < len(WEIGHTS)
    assert [asked.start for asked in loopback.fetched("model.safetensors")[begun:]] == [had]
