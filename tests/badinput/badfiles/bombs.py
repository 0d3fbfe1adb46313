"""Small files that claim, or unpack to, very much; made without ever holding it."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from copy import copy
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from badfiles.pictures import fields, saved

PNG = b"\x89PNG\r\n\x1a\n"
_MEGA = 1 << 20


def chunk(name: bytes, data: bytes) -> bytes:
    """A PNG chunk."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def deflated_zeros(length: int) -> bytes:
    """A zlib stream of `length` zeros; one compressed megabyte is repeated, so that it takes no time."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    megabyte = packer.compress(bytes(_MEGA)) + packer.flush(zlib.Z_FULL_FLUSH)
    last = zlib.compressobj(9, zlib.DEFLATED, -15)
    tail = last.compress(bytes(length % _MEGA)) + last.flush()
    # The checksum of n zeros: a stays 1, b counts them.
    return b"\x78\xda" + megabyte * (length // _MEGA) + tail + struct.pack(">I", (length % 65521) << 16 | 1)


def zero_png(width: int, height: int, colour: int = 0, depth: int = 8) -> bytes:
    """A whole, valid, black PNG; `colour` 0 is grey, 2 is RGB."""
    row = 1 + (width * depth * (3 if colour == 2 else 1) + 7) // 8
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    packed = deflated_zeros(row * height)
    return PNG + chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def _after_header(png: bytes, *chunks: bytes) -> bytes:
    return png[:33] + b"".join(chunks) + png[33:]


def picture_bombs() -> dict[str, bytes]:
    """Name -> picture: huge canvases, packed texts, tables in circles."""
    png, zeros = saved(fields(), "PNG"), deflated_zeros(1 << 30)
    gif = bytearray(saved(fields(), "GIF"))
    gif[6:10] = b"\xff\xff\xff\xff"
    bmp = bytearray(saved(fields(), "BMP"))
    struct.pack_into("<ii", bmp, 18, 0x7FFFFFFF, -0x7FFFFFFF)
    jpeg = bytearray(saved(fields(), "JPEG"))
    at = jpeg.find(b"\xff\xc0")
    struct.pack_into(">HH", jpeg, at + 5, 65500, 65500)
    apng = b"acTL" + struct.pack(">II", 0x7FFFFFFF, 0)
    return {
        "50000x50000.png": zero_png(50_000, 50_000),
        "50000x50000-bits.png": zero_png(50_000, 50_000, depth=1),
        "text-bomb.png": _after_header(png, chunk(b"zTXt", b"Comment\0\0" + zeros)),
        "itext-bomb.png": _after_header(png, chunk(b"iTXt", b"Title\0\1\0\0\0" + zeros)),
        "profile-bomb.png": _after_header(png, chunk(b"iCCP", b"icc\0\0" + zeros)),
        "many-texts.png": _after_header(png, chunk(b"tEXt", b"Comment\0words") * 50_000),
        "many-frames.png": _after_header(png, chunk(apng[:4], apng[4:])),
        "claims.png": PNG + chunk(b"IHDR", struct.pack(">IIBBBBB", 0x7FFFFFFF, 0x7FFFFFFF, 16, 6, 0, 0, 1)) + png[33:],
        "no-width.png": PNG + chunk(b"IHDR", struct.pack(">IIBBBBB", 0, 9, 8, 0, 0, 0, 0)) + png[33:],
        "canvas.gif": bytes(gif),
        "claims.bmp": bytes(bmp),
        "claims.jpg": bytes(jpeg),
        "frames.gif": many_frames(30_000),
        "circle.tiff": _tiff_circle(),
        "claims.tiff": _tiff(((256, 4, 1, 0x7FFFFFFF), (257, 4, 1, 0x7FFFFFFF))),
        "counts.tiff": _tiff(((256, 4, 1, 9), (257, 4, 1, 9), (273, 4, 0x3FFFFFFF, 8), (279, 4, 0x3FFFFFFF, 8))),
        "scans.jpg": _many_scans(),
        "claims.ppm": b"P6 999999 999999 255\n" + bytes(99),
        "long-header.ppm": b"P6 " + b"9" * 100_000 + b" 9 255\n",
        "comments.ppm": b"P6\n" + b"#x\n" * 200_000 + b"9 9 255\n" + bytes(243),
        "claims.webp": b"RIFF\x1e\0\0\0WEBPVP8X\x0a\0\0\0\x02\0\0\0" + b"\xff" * 6 + bytes(8),
        "claims.jp2": saved(fields(), "JPEG2000").replace(
            struct.pack(">II", 48, 48), struct.pack(">II", 1 << 30, 1 << 30)
        ),
        "far-box.avif": b"\0\0\0\x14ftypavis\0\0\0\0avis\0\0\0\1free" + b"\xff" * 8 + bytes(64),
        "claims.avif": saved(fields(), "AVIF", speed=10).replace(
            struct.pack(">II", 48, 48), struct.pack(">II", 65000, 65000)
        ),
    }


def many_frames(count: int) -> bytes:
    """A GIF of `count` tiny frames, 23 bytes each."""
    still = saved(Image.new("P", (8, 8)), "GIF")
    head = b"GIF89a" + struct.pack("<HHBBB", 8, 8, 0x80, 0, 0) + bytes(3) + b"\xff\xff\xff"
    image = still[still.rfind(b",") :].rstrip(b";")[:10]
    frame = b"!\xf9\4\0\5\0\0\0" + image[:1] + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\2\2\x44\1\0"
    return head + frame * count + b";"


def _tiff(tags: tuple[tuple[int, int, int, int], ...], following: int = 0) -> bytes:
    entries = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + struct.pack("<I", following) + bytes(64)


def _tiff_circle() -> bytes:
    """Its next picture is itself, and so are its EXIF and its sub-pictures."""
    tags = ((256, 4, 1, 8), (257, 4, 1, 8), (258, 3, 1, 8), (262, 3, 1, 1), (273, 4, 1, 100), (279, 4, 1, 64),
            (330, 4, 1, 8), (34665, 4, 1, 8), (34853, 4, 1, 8))  # fmt: skip
    return _tiff(tags, following=8) + bytes(64)


def _many_scans() -> bytes:
    """A progressive JPEG whose last scan is repeated: each one runs over the whole picture."""
    jpeg = saved(fields(side=2000), "JPEG", progressive=True, quality=5)
    last = jpeg.rfind(b"\xff\xda")
    return jpeg[:last] + jpeg[last:-2] * 1500 + jpeg[-2:]


def zipped(members: dict[str, bytes]) -> bytes:
    """A zip; a first member called `mimetype` is stored, as OpenDocument and EPUB want it."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_STORED if name == "mimetype" else zipfile.ZIP_DEFLATED
            archive.writestr(info, data)
    return out.getvalue()


def unzipped(data: bytes) -> dict[str, bytes]:
    """The members of a zip, in order."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@dataclass(frozen=True)
class Packed:
    """What a zip holds of a member: a deflate stream, the size that it claims, and its checksum."""

    data: bytes
    size: int
    crc: int
    method: int = zipfile.ZIP_DEFLATED


def packed(block: bytes, times: int, before: bytes = b"", after: bytes = b"") -> Packed:
    """`block`, again and again, between `before` and `after`; it is compressed once."""
    first, middle, last = (zlib.compressobj(9, zlib.DEFLATED, -15) for _ in range(3))
    pieces = [first.compress(before) + first.flush(zlib.Z_FULL_FLUSH)]
    pieces += [middle.compress(block) + middle.flush(zlib.Z_FULL_FLUSH)] * times
    crc = zlib.crc32(before)
    for _ in range(times):
        crc = zlib.crc32(block, crc)
    data = b"".join(pieces) + last.compress(after) + last.flush()
    return Packed(data, len(before) + len(block) * times + len(after), zlib.crc32(after, crc))


def stored(data: bytes) -> Packed:
    """Not packed at all."""
    return Packed(data, len(data), zlib.crc32(data), zipfile.ZIP_STORED)


def gzipped(block: bytes, times: int, before: bytes = b"", after: bytes = b"") -> bytes:
    """The same as a gzip file."""
    made = packed(block, times, before, after)
    return b"\x1f\x8b\x08" + bytes(7) + made.data + struct.pack("<II", made.crc, made.size & 0xFFFFFFFF)


def raw_zip(members: dict[str, Packed], copies: int = 1) -> bytes:
    """A zip of streams that are packed already, the whole list written `copies` times: entries that overlap."""
    body, listing, start = [], [], 0
    for name, member in members.items():
        label = name.encode()
        fields = struct.pack(
            "<HHHHHIII", 20, 0, member.method, 0, 33, member.crc, len(member.data), member.size & 0xFFFFFFFF
        )
        body.append(b"PK\3\4" + fields + struct.pack("<HH", len(label), 0) + label + member.data)
        for number in range(copies):
            listed = f"{name}{number}".encode() if number else label
            listing.append(
                b"PK\1\2\x14\0" + fields + struct.pack("<HHHHHII", len(listed), 0, 0, 0, 0, 0, start) + listed
            )
        start += len(body[-1])
    count, listed = min(len(listing), 0xFFFF), b"".join(listing)
    return b"".join(body) + listed + struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, count, count, len(listed), start, 0)


def raw_zeros(length: int, claimed: int) -> Packed:
    """`length` zeros that say they are `claimed`."""
    return Packed(deflated_zeros(length)[2:-4], claimed, 0)


def crowded_zip(first: str, count: int) -> bytes:
    """A zip of `count` entries, the first one named."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(zipfile.ZipInfo(first), b"<x/>")
    empty = zipfile.ZipInfo("word/")
    with zipfile.ZipFile(out, "a") as archive:
        archive.writestr(empty, b"")
        archive.filelist += [_named(empty, f"word/{number}.xml") for number in range(count)]
    return out.getvalue()


def _named(info: zipfile.ZipInfo, name: str) -> zipfile.ZipInfo:
    other = copy(info)
    other.filename = other.orig_filename = name
    return other


def sparse(path: Path, size: int, begin: bytes = b"", end: bytes = b"") -> None:
    """A file of `size` bytes that takes no room: zeros between `begin` and `end`."""
    with path.open("wb") as file:
        file.write(begin)
        file.truncate(size)
        file.seek(-len(end), 2) if end else None
        file.write(end)


def packed_archives() -> dict[str, bytes]:
    """Name -> archive: none of them is read, and none may be unpacked."""
    inner = zipped({"a.txt": bytes(1 << 20)})
    return {
        "plain.zip": zipped({"a.txt": b"words"}),
        "bomb.zip": raw_zip({"a.txt": raw_zeros(1 << 30, 1 << 30)}),
        "nested.zip": zipped({f"{n}.zip": inner for n in range(50)}),
        "up.zip": zipped({"../../up.txt": b"words", "/etc/evil": b"words"}),
        "crowd.zip": crowded_zip("a.txt", 2000),
        "bomb.gz": gzipped(bytes(1 << 20), 1000),
        "bomb.txt.gz": gzipped(b"words " * 150_000, 600),
    }
