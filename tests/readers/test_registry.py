"""The right reader for every file, plug-ins included, and one kind of error."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import metadata

import pytest

from sensorium.core.errors import Unreadable
from sensorium.core.types import Part
from sensorium.readers import registry
from sensorium.readers.registry import Limits, Source, find, read, registered
from sensorium.testing.media import encoded, picture, tone, wav
from sensorium.testing.plugins import look_again

FILES = {"text": b"some words", "image": encoded(picture()), "audio": wav(tone())}


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("name", ["a.txt", "a.png", "a.wav", "a.zip", "a"])
def test_the_reader_is_found_by_content(tmp_path, kind, name):
    (tmp_path / name).write_bytes(FILES[kind])
    for source in (Source.from_path(tmp_path / name), Source.from_bytes(FILES[kind], name)):
        assert find(source).kind == kind
        assert read(source)[0] == kind
        assert next(read(source)[1]).modality == kind


def test_what_nobody_reads_has_no_reader_and_a_reason():
    for data, why in (
        (b"PK\3\4" + bytes(30), "^an archive .zip.: unpack it and add what is inside$"),
        (bytes(range(256)) * 3, "^not a kind of file that is "),
        (b"", "^the file is empty$"),
    ):
        assert find(Source.from_bytes(data)) is None
        with pytest.raises(Unreadable, match=why):
            read(Source.from_bytes(data))


def test_a_source_is_a_path_or_bytes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.txt").write_bytes(b"some words")
    on_disk, in_memory = Source.from_path("a.txt"), Source.from_bytes(b"some words")
    assert on_disk.path == str(tmp_path / "a.txt")
    assert (in_memory.path, in_memory.name) == ("-", "-")
    assert on_disk.name == "a.txt"
    for source in (on_disk, in_memory):
        assert source.size == 10
        assert source.head(4) == b"some"
        assert source.head() == source.head(9000) == b"some words"
        with source.open() as one, source.open() as other:
            assert one.read(4) == other.read(4) == b"some"
            assert one.seekable()


def test_a_file_that_may_not_be_read_is_unreadable(tmp_path):
    secret = tmp_path / "secret.txt"
    secret.write_bytes(b"words")
    secret.chmod(0)
    if os.access(secret, os.R_OK):
        pytest.skip("this user may read everything")
    with pytest.raises(Unreadable, match="cannot be opened: Permission denied"):
        read(Source.from_path(secret))


@pytest.mark.parametrize("path", ["nowhere.txt", "."])
def test_missing_files_and_folders_are_unreadable(tmp_path, path):
    with pytest.raises(Unreadable):
        read(Source.from_path(tmp_path / path))


def test_a_file_with_too_many_parts_says_that_it_was_cut():
    words = Source.from_bytes(b"Some words in a row. " * 200)
    everything = list(read(words)[1])
    some = list(read(words, Limits(max_parts=3))[1])
    assert [p.content for p in some] == [p.content for p in everything[:3]]
    assert [p.attributes.get("cut") for p in some] == [None, None, "only the first 3 parts were read"]
    exactly = list(read(words, Limits(max_parts=len(everything)))[1])
    assert [(p.content, p.attributes) for p in exactly] == [(p.content, p.attributes) for p in everything]


class Letters:
    """A plug-in: a part a letter, and all the ways to go wrong."""

    kind = "letters"

    def accepts(self, media_type):
        return media_type == "text/plain"

    def read(self, source, limits):
        with source.open() as stream:
            for letter in stream.read().decode():
                if letter == "!":
                    raise KeyError("no such letter")
                yield Part("text", letter)


letters = Letters()


@pytest.fixture
def plugins(monkeypatch):
    """Registers entry points for one test."""

    def install(**targets):
        points = [metadata.EntryPoint(name, value, registry.GROUP) for name, value in targets.items()]
        monkeypatch.setattr(registry.metadata, "entry_points", lambda group: points)
        look_again()

    monkeypatch.setitem(sys.modules, "letters_plugin", sys.modules[__name__])
    yield install
    look_again()


def test_a_plug_in_is_asked_before_the_built_in_readers(plugins):
    plugins(letters="letters_plugin:letters")
    kind, parts = read(Source.from_bytes(b"ab"))
    assert kind == "letters"
    assert [p.content for p in parts] == ["a", "b"]
    assert read(Source.from_bytes(FILES["image"]))[0] == "image"


def test_a_plug_in_may_replace_a_built_in_reader(plugins):
    plugins(text="letters_plugin:letters")
    assert read(Source.from_bytes(b"ab"))[0] == "letters"
    assert find(Source.from_bytes(b"# ab", "a.md")) is None


def test_whatever_a_plug_in_raises_over_a_file_is_unreadable(plugins):
    plugins(letters="letters_plugin:letters")
    parts = read(Source.from_bytes(b"a!"))[1]
    assert next(parts).content == "a"
    with pytest.raises(Unreadable, match=r"letters that cannot be decoded: .*no such letter"):
        next(parts)


def test_a_broken_plug_in_is_named_and_the_others_go_on(plugins):
    plugins(broken="no_such_package_anywhere:reader")
    with pytest.warns(UserWarning, match="reader plug-in 'broken' cannot be loaded"):
        assert find(Source.from_bytes(b"ab")).kind == "text"


def test_the_built_in_readers_are_there_without_installed_metadata(plugins):
    plugins()
    assert set(registered()) == set(registry.NAMES)
    assert {kind: find(Source.from_bytes(data)).kind for kind, data in FILES.items()} == {k: k for k in FILES}


def test_the_package_registers_its_readers_as_plug_ins_do():
    points = {point.name: point.value for point in metadata.entry_points(group=registry.GROUP)}
    assert points.items() >= registry.BUILT_IN.items()


@pytest.mark.parametrize(("kind", "absent"), [("text", ["PIL", "av", "numpy"]), ("image", ["av"]), ("audio", ["PIL"])])
def test_only_what_a_kind_needs_is_imported(tmp_path, kind, absent):
    (tmp_path / "file").write_bytes(FILES[kind])
    code = (
        "import sys; from sensorium.readers.registry import Source, read\n"
        f"assert len(list(read(Source.from_path({str(tmp_path / 'file')!r}))[1])) == 1\n"
        f"print(sorted(set({absent!r}) & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
