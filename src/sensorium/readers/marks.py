"""The marks that binary files begin with: those of every format that is read, and of what is mistaken for them.

puremagic knows a thousand formats more and names the rest. It is not asked first: it takes 0.2 to 0.3 ms a file where
this table takes microseconds, ranks AVIF level with MP4, and trusts JPEG less than formats of longer marks.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from sensorium.readers.foreign import foreign_by_mark
from sensorium.readers.picture_marks import picture_by_mark

OLE = "application/x-ole-storage"
_MARKS: tuple[tuple[bytes, str], ...] = (
    (b"\xff\xd8\xff\xf7", "image/jls"), (b"\xff\xd8\xff", "image/jpeg"), (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"), (b"GIF89a", "image/gif"),
    (b"II*\0\x10\0\0\0CR", "image/x-canon-cr2"),
    (b"II*\0", "image/tiff"), (b"MM\0*", "image/tiff"), (b"II+\0", "image/tiff"), (b"MM\0+", "image/tiff"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "image/jp2"), (b"\xff\x4f\xff\x51", "image/jp2"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "image/jxl"), (b"8BPS\0", "image/vnd.adobe.photoshop"),
    (b"ID3", "audio/mpeg"), (b"fLaC", "audio/flac"), (b"MAC ", "audio/x-ape"), (b"wvpk", "audio/x-wavpack"),
    (b"TTA1", "audio/x-tta"), (b"MPCK", "audio/x-musepack"), (b"MP+\x07", "audio/x-musepack"),
    (b"DSD ", "audio/x-dsf"), (b"FRM8\0", "audio/x-dff"), (b"#!AMR", "audio/amr"), (b"caff\0", "audio/x-caf"),
    (b".snd\0", "audio/basic"), (b"Creative Voice File\x1a", "audio/x-voc"), (b"ADIF", "audio/aac"),
    (b"riff\x2e\x91\xcf\x11", "audio/x-w64"),
    (b"\x1aE\xdf\xa3", "video/x-matroska"), (b"0&\xb2u\x8ef\xcf\x11", "video/x-ms-asf"), (b"FLV\x01", "video/x-flv"),
    (b"\0\0\x01\xba", "video/mpeg"), (b"\0\0\x01\xb3", "video/mpeg"), (b".RMF\0", "video/vnd.rn-realvideo"),
    (b"\x06\x0e\x2b\x34\x02\x05\x01\x01", "video/mxf"),
    (b"%PDF-", "application/pdf"), (b"%!PS-AdobeFont", "font/type1"), (b"%!PS", "application/postscript"),
    (b"{\\rtf", "application/rtf"),
    (b"PK\x03\x04", "application/zip"), (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", OLE), (b"\x1f\x8b\x08",
    "application/gzip"),
)  # fmt: skip

_RIFF = {b"WEBP": "image/webp", b"WAVE": "audio/x-wav", b"AVI ": "video/x-msvideo"}
_BRANDS = {
    **dict.fromkeys((b"avif", b"avis"), "image/avif"),
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"), "image/heic"),
    **dict.fromkeys((b"mif1", b"msf1", b"miaf"), "image/heif"),
    b"crx ": "image/x-canon-cr3", b"jxl ": "image/jxl", b"qt  ": "video/quicktime",
}  # fmt: skip
_AUDIO_BRANDS = (b"M4A", b"M4B", b"M4P", b"F4A", b"F4B")
_NETPBM = re.compile(rb"P[1-6]\s++(?:#[^\n]*+\n\s*+)*+\d+\s")


def by_mark(head: bytes) -> str:
    """The media type that `head`, a file's first bytes, shows; "" when none does. Film containers are "video/..."."""
    for mark, media_type in _MARKS:
        if head.startswith(mark):
            return media_type
    return next((found for test in _TESTS if (found := test(head))), "")


def _chunked(head: bytes) -> str:
    form = head[8:12]
    if head[:4] in (b"RIFF", b"RIFX", b"RF64", b"BW64"):
        return _RIFF.get(form, "")
    return "audio/x-aiff" if head[:4] == b"FORM" and form in (b"AIFF", b"AIFC") else ""


def _ogg(head: bytes) -> str:
    if not head.startswith(b"OggS"):
        return ""
    film = any(mark in head for mark in (b"\x80theora", b"\x01video", b"BBCD\0", b"\x80daala", b"OVP80"))
    return "video/ogg" if film else "audio/ogg"


def _boxed(head: bytes) -> str:
    """ISO media files (MP4, QuickTime, HEIF, AVIF) by the brands in their first box."""
    box = head[4:8]
    if box in (b"moov", b"mdat", b"wide", b"skip", b"free", b"pnot"):
        return "video/quicktime"
    if box != b"ftyp":
        return ""
    major, length = head[8:12], int.from_bytes(head[:4], "big")
    if major[:3] in _AUDIO_BRANDS:
        return "audio/mp4"
    found = _BRANDS.get(major, "video/mp4")
    if found != "image/heif":
        return found
    others = {_BRANDS.get(head[at : at + 4]) for at in range(16, min(length, len(head)), 4)}
    return next((kind for kind in ("image/avif", "image/heic") if kind in others), found)


def _bitmap(head: bytes) -> str:
    # Two letters are a weak mark; the four reserved zeros after the size are not found in a text.
    return "image/bmp" if head[:2] == b"BM" and (head[6:10] == bytes(4) or head[15:18] == bytes(3)) else ""


def _netpbm(head: bytes) -> str:
    return "image/x-portable-anymap" if _NETPBM.match(head) else ""


_BITRATES = {  # kbit/s by (MPEG 1, layer), index 1-14: ISO 11172-3 and 13818-3
    (True, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}


def _frame_length(h: bytes) -> int:
    """Bytes of the MPEG audio or ADTS frame whose header starts `h`; 0 when it is none."""
    if len(h) < 6 or h[0] != 0xFF or h[1] & 0xE0 != 0xE0:
        return 0
    version, layer = h[1] >> 3 & 3, 4 - (h[1] >> 1 & 3)
    if layer == 4:
        adts = h[1] & 0xF6 == 0xF0 and h[2] >> 2 & 15 < 13
        return ((h[3] & 3) << 11 | h[4] << 3 | h[5] >> 5) if adts else 0
    index, rate_index = h[2] >> 4, h[2] >> 2 & 3
    if version == 1 or index in (0, 15) or rate_index == 3:
        return 0
    rate = (44100, 48000, 32000)[rate_index] // {3: 1, 2: 2, 0: 4}[version]
    bits, padding = _BITRATES[version == 3, layer][index - 1] * 1000, h[2] >> 1 & 1
    if layer == 1:
        return (12 * bits // rate + padding) * 4
    return (72 if layer == 3 and version != 3 else 144) * bits // rate + padding


def _mpeg_audio(head: bytes) -> str:
    frames = head.lstrip(b"\0")
    if frames[:2] in (b"\xff\xfe", b"\xfe\xff"):  # the mark of UTF-16; as a sound, MPEG layer I with a checksum
        return ""
    length = _frame_length(frames)
    if length < 7:
        return ""
    following = frames[length : length + 6]
    return "audio/mpeg" if len(following) < 6 or _frame_length(following) else ""


def _dolby(head: bytes) -> str:
    return "audio/ac3" if head[:2] == b"\x0bw" and len(head) > 5 and head[5] >> 3 <= 16 else ""


def _transport_stream(head: bytes) -> str:
    return "video/mp2t" if len(head) > 188 * 3 and head[0 : 188 * 4 : 188] == b"GGGG" else ""


_TESTS: tuple[Callable[[bytes], str], ...] = (
    _chunked, _ogg, _boxed, _bitmap, _netpbm, picture_by_mark, foreign_by_mark, _mpeg_audio, _dolby, _transport_stream,
)  # fmt: skip
