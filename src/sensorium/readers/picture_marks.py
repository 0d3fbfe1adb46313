"""The marks of the less common picture formats, and of cameras' raw files."""

from __future__ import annotations

import re
from collections.abc import Callable

_MARKS: tuple[tuple[bytes, str], ...] = (
    (b"DDS ", "image/vnd-ms.dds"), (b"qoif", "image/qoi"), (b"farbfeld", "image/x-farbfeld"),
    (b"v/1\x01", "image/x-exr"), (b"#?RADIANCE", "image/vnd.radiance"), (b"#?RGBE", "image/vnd.radiance"),
    (b"icns\0", "image/icns"), (b"\xb1h\xde:", "image/x-dcx"), (b"Y\xa6j\x95", "image/x-sun-raster"),
    (b"BLP1", "image/x-blp"), (b"BLP2", "image/x-blp"), (b"FTEX", "image/x-ftex"), (b"SIMPLE  =", "image/fits"),
    (b"\x80\xe8\0\0", "image/x-pixar"), (b"P7 332", "image/x-xv-thumbnail"),
    (b"P7\nWIDTH", "image/x-portable-arbitrarymap"), (b"PF\n", "image/x-portable-floatmap"),
    (b"Pf\n", "image/x-portable-floatmap"), (b"SDPX", "image/x-dpx"), (b"XPDS", "image/x-dpx"),
    (b"/* XPM */", "image/x-xpixmap"), (b"Image type: ", "image/x-im"), (b"\0\0\0\0\0\0\0\x04", "image/x-mcidas"),
    (b"FUJIFILMCCD-RAW ", "image/x-fuji-raf"), (b"IIU\0", "image/x-panasonic-rw2"),
    (b"IIRO", "image/x-camera-raw"), (b"IIRS", "image/x-camera-raw"), (b"MMOR", "image/x-camera-raw"),
    (b"FOVb", "image/x-camera-raw"), (b"II\x1a\0\0\0HEAPCCDR", "image/x-camera-raw"), (b"\0MRM", "image/x-camera-raw"),
    (b"II\xbc\x01", "image/jxr"), (b"BPG\xfb", "image/bpg"), (b"FLIF", "image/flif"), (b"gimp xcf ", "image/x-xcf"),
    (b"AT&TFORM", "image/vnd.djvu"), (b"\xd7\xcd\xc6\x9a", "image/wmf"), (b"\x01\0\x09\0\0\x03", "image/wmf"),
    (b"\xabKTX ", "image/ktx"), (b"PVR\x03", "image/x-pvr"), (b"\x13\xab\xa1\x5c", "image/astc"),
    (b"\x80*_\xd7", "image/x-cineon"), (b"CSFCHUNK", "image/x-clip-studio"), (b"\xc5\xd0\xd3\xc6", "image/x-eps"),
    (b"\0\xffKA", "image/x-affinity"), (b"! XPM2", "image/x-xpixmap2"),
)  # fmt: skip
# Text as well as marks, but too particular to begin a text; the others, where they are letters, need a zero after them.
_SURE = frozenset({
    b"farbfeld", b"#?RADIANCE", b"#?RGBE", b"SIMPLE  =", b"P7 332", b"P7\nWIDTH", b"/* XPM */", b"Image type: ",
    b"FUJIFILMCCD-RAW ", b"gimp xcf ", b"! XPM2",
})  # fmt: skip
# possessive: what one comment has taken is never tried as another
_XBM = re.compile(rb"\s*+(?:/\*(?:[^*]|\*(?!/))*+\*/\s*+)*+#define\s+\S*width\s+\d+")


def picture_by_mark(head: bytes) -> str:
    """The media type of a picture that begins with `head`; "" when it shows none of these."""
    for mark, media_type in _MARKS:
        if head.startswith(mark) and (mark in _SURE or not mark.isascii() or 0 in head[:64]):
            return media_type
    return next((found for test in _TESTS if (found := test(head))), "")


def picture_by_name(head: bytes, suffix: str) -> str:
    """The media type of a format without a mark: by the name's `suffix` (without a dot), if `head` may be that."""
    media_type, fits = _NAMED.get(suffix, ("", _never))
    return media_type if fits(head) else ""


def in_runs(head: bytes) -> bool:
    """Whether a bitmap (BMP) is packed as run lengths.

    Pillow fills the rest of a line a byte at a time: minutes, for a damaged file that says it is millions wide.
    """
    return _number(head, 14, 4) >= 40 and _number(head, 30, 4) in (1, 2)


def _number(head: bytes, at: int, size: int = 2) -> int:
    return int.from_bytes(head[at : at + size], "little")


def _icon(head: bytes) -> str:
    """A directory of pictures: the first one's reserved byte is zero, and it lies behind the directory."""
    if head[:2] != b"\0\0" or head[2:4] not in (b"\1\0", b"\2\0"):
        return ""
    count, length, start = _number(head, 4), _number(head, 14, 4), _number(head, 18, 4)
    if not 0 < count <= 1024 or not length or start < 6 + 16 * count:
        return ""
    return "image/x-icon" if head[2] == 1 else "image/x-cursor"


def _pcx(head: bytes) -> str:
    fits = head[:1] == b"\n" and head[1:2] in (b"\0", b"\2", b"\3", b"\4", b"\5") and head[2:3] in (b"\0", b"\1")
    return "image/x-pcx" if fits and head[3:4] in (b"\1", b"\2", b"\4", b"\x08") else ""


def _sgi(head: bytes) -> str:
    fits = head[:2] == b"\x01\xda" and head[2:3] in (b"\0", b"\1") and head[3:4] in (b"\1", b"\2")
    return "image/x-sgi" if fits else ""


def _fli(head: bytes) -> str:
    # The number of frames and the size are not nought; the first chunk is a frame or a prefix.
    fits = head[4:6] in (b"\x11\xaf", b"\x12\xaf") and all(_number(head, at) for at in (6, 8, 10))
    return "image/x-fli" if fits and len(head) > 128 else ""


def _msp(head: bytes) -> str:
    """Microsoft Paint 1 and 2: the words of the header cancel out."""
    if head[:4] not in (b"DanM", b"LinS") or len(head) < 32:
        return ""
    total = 0
    for at in range(0, 32, 2):
        total ^= _number(head, at)
    return "image/x-msp" if not total else ""


def _window_dump(head: bytes) -> str:
    fits = head[:3] == b"\0\0\0" and head[3:4] >= b"\x64" and head[4:8] == b"\0\0\0\x07" and head[8:11] == b"\0\0\0"
    return "image/x-xwindowdump" if fits else ""


def _brush(head: bytes) -> str:
    return "image/x-gimp-gbr" if head[20:24] == b"GIMP" and head[4:8] == b"\0\0\0\x02" else ""


def _bitmap_source(head: bytes) -> str:
    return "image/x-xbitmap" if _XBM.match(head) else ""


def _iff(head: bytes) -> str:
    return "image/x-ilbm" if head[:4] == b"FORM" and head[8:12] in (b"ILBM", b"PBM ", b"ACBM") else ""


def _enhanced_metafile(head: bytes) -> str:
    return "image/emf" if head[:4] == b"\1\0\0\0" and head[40:44] == b" EMF" else ""


def _jxl(head: bytes) -> str:
    return "image/jxl" if head[:2] == b"\xff\x0a" else ""


def _photo_cd(head: bytes) -> str:
    return "image/x-photo-cd" if head[2048:2052] == b"PCD_" else ""


def _dicom(head: bytes) -> str:
    return "application/dicom" if head[128:132] == b"DICM" else ""


_TESTS: tuple[Callable[[bytes], str], ...] = (
    _icon, _pcx, _sgi, _fli, _msp, _window_dump, _brush, _bitmap_source, _iff, _enhanced_metafile, _jxl, _photo_cd,
    _dicom,
)  # fmt: skip


def _is_targa(head: bytes) -> bool:
    """Truevision TGA, file format specification 2.0: kinds of picture and palette, sizes and depth."""
    if len(head) < 18:
        return False
    palette, kind, depth = head[1], head[2], head[16]
    sizes = _number(head, 12) and _number(head, 14)
    return bool(sizes) and palette <= 1 and kind in (1, 2, 3, 9, 10, 11) and depth in (1, 8, 15, 16, 24, 32)


def _is_wal(head: bytes) -> bool:
    return 0 < _number(head, 32, 4) <= 4096 and 0 < _number(head, 36, 4) <= 4096 and _number(head, 40, 4) == 100


def _is_imt(head: bytes) -> bool:
    return b"\nwidth " in b"\n" + head[:100]


def _is_im(head: bytes) -> bool:
    return b"\n" in head[:100] and b"Image size" in head[:512]


def _is_pict(head: bytes) -> bool:
    return head[522:526] == b"\0\x11\x02\xff" or head[522:524] == b"\x11\x01"


def _is_wbmp(head: bytes) -> bool:
    return head[:2] == b"\0\0" and len(head) > 4


def _is_spider(head: bytes) -> bool:
    return len(head) >= 108


def _is_jpeg(head: bytes) -> bool:
    return head[:2] == b"\xff\xd8"


def _never(head: bytes) -> bool:
    return False


_NAMED: dict[str, tuple[str, Callable[[bytes], bool]]] = {
    **dict.fromkeys(("tga", "icb", "vda", "vst", "tpic"), ("image/x-tga", _is_targa)),
    **dict.fromkeys(("jpg", "jpeg", "jpe"), ("image/jpeg", _is_jpeg)),
    **dict.fromkeys(("pct", "pict"), ("image/x-pict", _is_pict)),
    **dict.fromkeys(("spi", "spider"), ("image/x-spider", _is_spider)),
    "wal": ("image/x-quake-wal", _is_wal), "imt": ("image/x-imt", _is_imt), "im": ("image/x-im", _is_im),
    "wbmp": ("image/vnd.wap.wbmp", _is_wbmp),
}  # fmt: skip
