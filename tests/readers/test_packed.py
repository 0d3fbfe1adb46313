"""What is unpacked stays within its limit, whatever the archive says of itself."""

from __future__ import annotations

import io
import struct
import zipfile

import pytest

from sensorium.core.errors import Unreadable
from sensorium.readers.ole import LOCKED, ole_type
from sensorium.readers.packed import opened, unpacked
from sensorium.readers.registry import Limits, Source
from sensorium.readers.sniff import sniff


def archive_of(method=zipfile.ZIP_DEFLATED, **files):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return stream.getvalue()


def unpack(data, name="a", **limits):
    with opened(Source.from_bytes(data), "thing") as archive:
        return unpacked(archive, name, Limits(**limits))


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_every_compression_is_unpacked(method):
    assert unpack(archive_of(method, a=b"words " * 100)) == b"words " * 100


def test_more_than_the_limit_is_refused_by_its_declared_size():
    with pytest.raises(Unreadable, match="a packed file of 100000 bytes: no more than 5000 are unpacked"):
        unpack(archive_of(a=bytes(100_000)), max_unpacked_bytes=5000)


def test_a_limit_of_ones_own_counts_if_it_is_lower():
    with opened(Source.from_bytes(archive_of(a=bytes(1000))), "thing") as archive:
        assert len(unpacked(archive, "a", Limits(), 1000)) == 1000
        with pytest.raises(Unreadable, match="no more than 999"):
            unpacked(archive, "a", Limits(), 999)


def test_a_size_that_is_understated_does_not_help():
    data = bytearray(archive_of(a=bytes(100_000)))
    central = data.index(b"PK\x01\x02")
    for at in (central + 24, 22):
        data[at : at + 4] = struct.pack("<I", 100)
    with pytest.raises(Unreadable, match="a damaged archive"):
        unpack(bytes(data), max_unpacked_bytes=5000)


def test_damage_and_passwords_are_told():
    data = bytearray(archive_of(zipfile.ZIP_STORED, a=b"words words"))
    data[data.index(b"words")] ^= 1
    with pytest.raises(Unreadable, match="what is in it cannot be unpacked"):
        unpack(bytes(data))
    data = bytearray(archive_of(a=b"words"))
    data[data.index(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(Unreadable, match="locked with a password: remove the password"):
        unpack(bytes(data))
    with pytest.raises(Unreadable, match="a damaged thing: its list of contents cannot be read"):
        unpack(archive_of(a=b"words")[:-10])


def test_a_name_that_is_not_there_is_a_key_error():
    with pytest.raises(KeyError):
        unpack(archive_of(a=b"words"), "b")


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["[Content_Types].xml", "word/document.xml"], "wordprocessingml.document"),
        (["docMetadata/LabelInfo.xml", "word/document.xml"], "wordprocessingml.document"),
        (["_rels/.rels", "ppt/presentation.xml"], "presentationml.presentation"),
        (["docProps/app.xml", "xl/workbook.xml"], "spreadsheetml.sheet"),
        (["docProps/app.xml"], "zip"),
        (["holiday.jpg", "word/document.xml"], "zip"),
    ],
)
def test_an_office_document_is_known_by_what_is_in_it(names, found):
    data = archive_of(**dict.fromkeys(names, b"x"))
    assert sniff(Source.from_bytes(data, "a.zip")).endswith(found)


def container(*streams):
    """An OLE file's header and its directory, all that tells its kind."""
    head = bytearray(512)
    head[:8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
    head[30:32] = struct.pack("<H", 9)
    head[48:52] = struct.pack("<I", 0)
    entries = (name.encode("utf-16-le").ljust(128, b"\0") for name in ("Root Entry", *streams))
    return bytes(head) + b"".join(entries)


@pytest.mark.parametrize(
    ("streams", "found"),
    [
        (["EncryptionInfo", "EncryptedPackage"], LOCKED),
        (["WordDocument", "1Table"], "application/msword"),
        (["Current User", "PowerPoint Document"], "application/vnd.ms-powerpoint"),
        (["Workbook"], "application/vnd.ms-excel"),
        (["__nameid_version1.0", "__substg1.0_0037001F"], "application/vnd.ms-outlook"),
        (["Something"], "application/x-ole-storage"),
        ([], "application/x-ole-storage"),
    ],
)
def test_an_ole_file_is_known_by_its_streams(streams, found):
    assert ole_type(Source.from_bytes(container(*streams))) == found
    assert ole_type(Source.from_bytes(container(*streams)[:512])) == "application/x-ole-storage"


@pytest.mark.data
def test_real_ole_files_are_known(media):
    office = media.parent / "documents/office"
    assert ole_type(Source.from_path(office / "markitdown__test.xls")) == "application/vnd.ms-excel"
    assert ole_type(Source.from_path(office / "markitdown__test_outlook_msg.msg")) == "application/vnd.ms-outlook"
