"""The marks of files that are not read: archives, programs, fonts, databases. Knowing one, a reason can be given."""

from __future__ import annotations

import re
from collections.abc import Callable

_MARKS: tuple[tuple[bytes, str], ...] = (
    (b"PK\x05\x06", "application/zip"), (b"PK\x07\x08", "application/zip"), (b"7z\xbc\xaf'\x1c", "application/x-7z"),
    (b"Rar!\x1a\x07", "application/x-rar"), (b"\xfd7zXZ\0", "application/x-xz"), (b"(\xb5/\xfd", "application/zstd"),
    (b"\x04\"M\x18", "application/x-lz4"), (b"\x1f\x9d", "application/x-compress"), (b"LZIP\x01", "application/x-lzip"),
    (b"!<arch>\n", "application/x-ar"), (b"MSCF\0\0\0\0", "application/x-cab"),
    (b"\xed\xab\xee\xdb", "application/x-rpm"), (b"hsqs", "application/x-disk-image"),
    (b"QFI\xfb", "application/x-disk-image"), (b"KDMV", "application/x-disk-image"),
    (b"conectix", "application/x-disk-image"), (b"vhdxfile", "application/x-disk-image"),
    (b"MSWIM\0\0\0", "application/x-disk-image"), (b"encrdsa", "application/x-disk-image"),
    (b"OTTO\0", "font/otf"), (b"ttcf\0", "font/collection"), (b"wOFF", "font/woff"), (b"wOF2", "font/woff2"),
    (b"%!PS-AdobeFont", "font/type1"), (b"%!FontType", "font/type1"), (b"\x80\x01\0\x10\0\0%!PS", "font/type1"),
    (b"\x01fcp", "font/pcf"), (b"STARTFONT ", "font/bdf"),
    (b"\x7fELF", "application/x-executable"), (b"\xfe\xed\xfa\xce", "application/x-executable"),
    (b"\xfe\xed\xfa\xcf", "application/x-executable"), (b"\xce\xfa\xed\xfe", "application/x-executable"),
    (b"\xcf\xfa\xed\xfe", "application/x-executable"), (b"\xca\xfe\xba\xbe", "application/x-executable"),
    (b"\0asm", "application/x-executable"), (b"dex\n0", "application/x-executable"),
    (b"BC\xc0\xde", "application/x-executable"), (b"FWS", "application/x-shockwave-flash"),
    (b"CWS", "application/x-shockwave-flash"), (b"ZWS", "application/x-shockwave-flash"),
    (b"SQLite format 3\0", "application/vnd.sqlite3"), (b"\0\x01\0\0Standard ", "application/x-msaccess"),
    (b"\x89HDF\r\n\x1a\n", "application/x-hdf5"), (b"CDF\x01", "application/x-netcdf"),
    (b"CDF\x02", "application/x-netcdf"), (b"PAR1", "application/vnd.apache.parquet"),
    (b"ARROW1\0\0", "application/vnd.apache.arrow.file"), (b"Obj\x01", "application/x-avro"),
    (b"\x93NUMPY", "application/x-numpy"), (b"GGUF", "application/x-gguf"),
    (b"MATLAB 5.0", "application/x-matlab"), (b"GRIB", "application/x-grib"), (b"$FL2", "application/x-spss"),
    (b"\x80\x03", "application/x-pickle"), (b"\x80\x04\x95", "application/x-pickle"),
    (b"\x80\x05\x95", "application/x-pickle"), (b"!BDN", "application/vnd.ms-outlook-pst"),
    (b"x\x9f>\"", "application/vnd.ms-tnef"), (b"\xe4R\\{\x8c\xd8\xa7M", "application/onenote"),
    (b"ITSF", "application/x-chm"), (b"ITOLITLS", "application/x-lit"), (b"\xffWPC", "application/vnd.wordperfect"),
    (b"\xdb\xa5-\0", "application/msword"), (b"\x09\x08\x10\0\0\x06\x05\0", "application/vnd.ms-excel"),
    (b"MThd", "application/x-midi"), (b"Extended Module: ", "application/x-tracker"), (b"IMPM",
    "application/x-tracker"),
    (b"glTF", "model/gltf-binary"), (b"BLENDER", "application/x-blender"), (b"Kaydara FBX Binary", "model/fbx"),
    (b"AC10", "application/acad"), (b"L\0\0\0\x01\x14\x02\0", "application/x-shortcut"),
    (b"\0\0\0\x01Bud1", "application/x-folder-settings"), (b"bplist0", "application/x-plist"),
    (b"d8:announce", "application/x-bittorrent"), (b"\xde\x12\x04\x95", "application/x-gettext"),
    (b"\x95\x04\x12\xde", "application/x-gettext"), (b"ISc(", "application/x-cab"),
    (b"\x9c\xcb\xcb\x8d", "application/x-pgp"), (b"LUKS\xba\xbe", "application/x-disk-image"),
)  # fmt: skip
_SURE = frozenset({b"!<arch>\n", b"%!PS-AdobeFont", b"%!FontType", b"STARTFONT ", b"Extended Module: "})
_BZIP2 = re.compile(rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)")
_LHA = re.compile(rb"-l[hz][0-9ds]-")
_TAR_SUM, _TAR_HEADER = slice(148, 156), 512


def foreign_by_mark(head: bytes) -> str:
    """The media type of a file that is not read and begins with `head`; "" when it shows none of these."""
    for mark, media_type in _MARKS:
        # A text may begin with letters that are a mark; zeros in it would be odd.
        if head.startswith(mark) and (mark in _SURE or not mark.isascii() or 0 in head[:512]):
            return media_type
    return next((found for test in _TESTS if (found := test(head))), "")


def _bzip2(head: bytes) -> str:
    return "application/x-bzip2" if _BZIP2.match(head) else ""


def _tar(head: bytes) -> str:
    """By its mark, or as those without one: by the sum of the first header's bytes."""
    if head[257:262] == b"ustar":
        return "application/x-tar"
    told = head[_TAR_SUM].strip(b" \0")
    if len(head) < _TAR_HEADER or not told or not all(48 <= digit < 56 for digit in told):
        return ""
    header = head[: _TAR_SUM.start] + b" " * 8 + head[_TAR_SUM.stop : _TAR_HEADER]
    return "application/x-tar" if sum(header) == int(told, 8) else ""


def _lha(head: bytes) -> str:
    return "application/x-lha" if _LHA.match(head, 2) else ""


def _windows_program(head: bytes) -> str:
    return "application/x-executable" if head[:2] == b"MZ" and 0 in head[2:64] else ""


def _truetype(head: bytes) -> str:
    tables, tag = int.from_bytes(head[4:6], "big"), head[12:16]
    fits = head[:4] in (b"\0\x01\0\0", b"true") and 0 < tables < 64
    return "font/ttf" if fits and tag.isascii() and tag.rstrip().isalnum() | (b"/" in tag) else ""


def _colour_profile(head: bytes) -> str:
    return "application/vnd.iccprofile" if head[36:40] == b"acsp" else ""


def _mobipocket(head: bytes) -> str:
    return "application/x-mobipocket-ebook" if head[60:68] in (b"BOOKMOBI", b"TEXtREAd") else ""


def _nifti(head: bytes) -> str:
    """Headers of medical volumes, NIfTI-1 and Analyze 7.5: their own length, 348."""
    order = {b"\x5c\x01\0\0": "little", b"\0\0\x01\x5c": "big"}.get(head[:4])
    known = head[344:347] in (b"n+1", b"ni1") or head[38:39] == b"r"
    return "application/x-nifti" if order and known else ""


_TESTS: tuple[Callable[[bytes], str], ...] = (
    _bzip2, _tar, _lha, _windows_program, _truetype, _colour_profile, _mobipocket, _nifti,
)  # fmt: skip
