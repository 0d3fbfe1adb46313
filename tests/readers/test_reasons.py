"""Why a file is not read: in words that a person understands, with what to do."""

from __future__ import annotations

import zipfile

import pytest

from sensorium.core.errors import Unreadable
from sensorium.readers.reasons import called, why_not
from sensorium.readers.registry import Source, read

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504)


@pytest.mark.parametrize(
    ("data", "name", "expected"),
    [
        (b"7z\xbc\xaf\x27\x1c" + bytes(20), "a.7z", "an archive (7z): unpack it and add what is inside"),
        (OLE, "letter.doc", "an old Word document (.doc): save it as .docx"),
        (OLE, "talk.ppt", "an old PowerPoint presentation (.ppt): save it as .pptx"),
        (OLE, "mail.msg", "an Outlook message (.msg): save it as text or HTML"),
        (OLE, "thing", "an old Office file or another of Windows' compound files: save it in a newer format"),
        (b"\0\1\0\0\0\x0c\0\x80\0\3\0\x40DSIG", "a.ttf", "a font"), (b"\x7fELF\2\1\1" + bytes(60), "ls", "a program"),
        (b"SQLite format 3\0", "a.db", "a database (SQLite): export its tables as CSV"),
        (b"\x80\4\x95" + bytes(9), "a.pkl", "a Python pickle, which may run a program when it is opened"),
        (b"\xff\x0a\xfa\x1f\x01\x90", "a.jxl", "a JPEG XL picture: save it as JPEG or PNG"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "a.eps", "PostScript: save it as PDF"),
        (b"", "a.png", "the file is empty"),
        (bytes(range(1, 256)) * 4, "a.xyz", "not a kind of file that is read: no known format"),
        (b"\xfd\x37zXZ\0" + bytes(9), "a.tar.xz", "a compressed file (xz): unpack it and add what is inside"),
    ],
)  # fmt: skip
def test_a_reason_is_given_with_what_to_do(data, name, expected):
    with pytest.raises(Unreadable) as caught:
        read(Source.from_bytes(data, name))
    assert caught.value.why == expected


def test_a_zip_is_called_by_what_its_name_says(tmp_path):
    for name, expected in (
        ("a.zip", "an archive (zip)"),
        ("a.jar", "a program (Java)"),
        ("b.pages", "a Pages document"),
    ):
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.writestr("a.txt", "words")
        with pytest.raises(Unreadable) as caught:
            read(Source.from_path(tmp_path / name))
        assert caught.value.why.startswith(expected)


def test_a_type_without_words_is_named():
    assert why_not("application/x-strange", "a.bin") == "not a kind of file that is read: application/x-strange"
    assert why_not("font/anything", "a") == "a font"


def test_formats_are_called_by_their_usual_names():
    named = ["image/jpeg", "image/jp2", "image/x-tga", "image/vnd.adobe.photoshop", "audio/x-wav"]
    assert [called(media_type) for media_type in named] == ["JPEG", "JPEG 2000", "TGA", "PSD", "WAV"]


def test_every_reason_is_one_short_line():
    from sensorium.readers import reasons

    for why in [*reasons._BY_TYPE.values(), *reasons._BY_SUFFIX.values(), *reasons._BY_FAMILY.values()]:
        assert 5 < len(why) < 110
        assert "\n" not in why
        assert not why.endswith(".")
