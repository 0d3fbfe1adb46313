"""What is fuzzed: a reader, the names that its files have, what they begin from, and the words of its formats."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path

from badfiles.corpus import ATTACKS, MAY_DIE, good
from badfiles.markup import Ground

from fuzzing import SEEDS

LARGEST = 96 << 10  # of an input
LIMITS = {"max_pixels": 1 << 22, "max_text_bytes": 4 << 20, "max_unpacked_bytes": 16 << 20, "max_parts": 200}


@dataclass(frozen=True)
class Target:
    """One reader."""

    reader: str
    suffixes: tuple[str, ...]
    attacks: tuple[str, ...] = ()
    words: tuple[bytes, ...] = ()

    def name_of(self, data: bytes) -> str:
        """The name under which these bytes are read; the same bytes always have the same one."""
        return f"x.{self.suffixes[zlib.crc32(data) % len(self.suffixes)]}"

    def beginnings(self) -> list[bytes]:
        """Good samples, small attacks, and the seeds that are kept."""
        ground = Ground(Path("/nowhere"), 9, Path("/nowhere/secret.txt"), Path("/nowhere/secret.png"))
        groups = {group: ATTACKS[group](ground) for group in self.attacks}
        attacks = [
            data for group, files in groups.items() for n, data in files.items() if f"{group}/{n}" not in MAY_DIE
        ]
        kept = [path.read_bytes() for path in sorted((SEEDS / self.reader).glob("*"))]
        return [data for data in (*good(self.reader).values(), *attacks, *kept) if 0 < len(data) <= LARGEST]


_PICTURES = (
    b"IHDR", b"IDAT", b"IEND", b"tRNS", b"PLTE", b"iCCP", b"eXIf", b"acTL", b"fcTL", b"fdAT", b"\xff\xd8", b"\xff\xc0",
    b"\xff\xc2", b"\xff\xc4", b"\xff\xda", b"\xff\xdb", b"\xff\xdd", b"\xff\xe1", b"Exif\0\0", b"VP8 ", b"VP8L",
    b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"ICCP", b"!\xf9\4", b"!\xff\x0bNETSCAPE2.0", b"II*\0", b"MM\0*", b"ftypavif",
    b"meta", b"iloc", b"iprp", b"ispe", b"mdat",
)  # fmt: skip
_SOUNDS = (
    b"fmt ", b"data", b"LIST", b"INFO", b"fact", b"OggS", b"OpusHead", b"OpusTags", b"fLaC", b"ID3", b"TIT2", b"APIC",
    b"\xff\xfb", b"\xff\xf1", b"moov", b"esds", b"mp4a", b"stsd", b"stts", b"FORM", b"COMM", b"SSND",
)  # fmt: skip
_FILMS = (
    b"ftyp", b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", b"stts", b"stsc", b"stsz", b"stco", b"co64",
    b"elst", b"edts", b"ctts", b"avc1", b"avcC", b"moof", b"traf", b"trun", b"mdat", b"udta", b"\xa9xyz",
    b"\x1aE\xdf\xa3", b"\x18S\x80g", b"\x1fC\xb6u", b"\xa3", b"\xa0", b"\x16T\xaek", b"\x15I\xa9f", b"RIFF", b"AVI ",
    b"hdrl", b"movi", b"idx1", b"00dc", b"01wb", b"\0\0\1\x67", b"\0\0\1\x65",
)  # fmt: skip
_MARKUP = (
    b"<", b"</", b"/>", b"<!--", b"-->", b"<![CDATA[", b"]]>", b"<?", b"?>", b"&lt;", b"&#0;", b"&#x110000;",
    b"&#xD800;", b"&nbsp;", b'xml:lang="x"', b'id="a"', b"\xef\xbb\xbf", b"\xff\xfe", b'encoding="UTF-16"',
    b'encoding="x"', b"xmlns=",
)  # fmt: skip
_PAGES = (
    *_MARKUP, b"<title>", b"<h1>", b"<h6>", b"<table>", b"<td colspan=99999>", b"<img src=", b"data:image/png;base64,",
    b"<figure>", b"<figcaption>", b"<svg>", b"<math>", b"<template>", b"<script>", b"<style>", b"<noscript>",
    b"<base href=", b"<meta charset=", b"<li>", b"<p>", b"<a name=", b"<dl><dt>", b"<pre>", b"<iframe srcdoc=",
    b"<select><option>", b"<ruby><rt>", b"<main>", b"<article>", b"<nav>", b"hidden",
)  # fmt: skip
_DOCUMENTS = (
    *_MARKUP, b"<item>", b"<entry>", b"<channel>", b"<feed>", b"<pubDate>", b"<updated>", b"<section>", b"<title>",
    b"<para>", b"<TEI>", b"<text>", b"<body>", b"<div>", b"<head>", b"<article>", b"<sec>", b"<!DOCTYPE x [",
    b"<!ENTITY a 'b'>", b"&a;", b"]>", b"<svg>", b"<desc>",
)  # fmt: skip
_PDF = (
    b"obj", b"endobj", b"stream\n", b"endstream", b"xref", b"trailer", b"startxref", b"/Type", b"/Pages", b"/Kids",
    b"/Count", b"/Parent", b"/MediaBox", b"/Contents", b"/Resources", b"/Font", b"/XObject", b"/Filter",
    b"/FlateDecode", b"/LZWDecode", b"/DCTDecode", b"/ASCII85Decode", b"/JBIG2Decode", b"/JPXDecode",
    b"/CCITTFaxDecode", b"/DecodeParms", b"/Predictor 15", b"/Encrypt", b"/ObjStm", b"/Length", b"/Rotate 90",
    b"/UserUnit", b" 0 R", b"<<", b">>", b"BT", b"ET", b"Tj", b" re f", b" cm", b" Do", b"/ToUnicode", b"/Outlines",
)  # fmt: skip
_TABLES = (
    b'"', b'""', b",", b";", b"\t", b"\r", b"\n", b"{", b"}", b"[", b"]", b":", b"null", b"NaN", b"1e999", b"\\ud800",
    b"\\u0000", b"-Infinity", b"\0", b"\xef\xbb\xbf", b"sep=;\n", b"<c r=", b"<v>", b't="s"', b"<row ", b"XFD1048576",
    b"number-rows-repeated=", b"<si>", b"<t>",
)  # fmt: skip
_OFFICE = (
    *_MARKUP, b"<w:p>", b"<w:r>", b"<w:t>", b"<w:tbl>", b"<w:tc>", b"<w:drawing>", b"<a:blip r:embed=",
    b'w:val="Heading1"', b"<a:t>", b"<p:sp>", b"<p:pic>", b"<text:h ", b"<text:p>", b"<draw:image ", b"{\\rtf1",
    b"\\par", b"\\u-1?", b"\\'e9", b"\\bin9 ", b"\\pict", b"{\\*", b"\\ansicpg",
)  # fmt: skip
_TEXTS = (
    b"# ", b"## ", b"```", b"---\n", b"===\n", b"title: ", b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\0", b"\x1b$B",
    b"\xe9", b"\r\n", b"\x85", b"\xe2\x80\xa8", b"/*", b"*/", b"// ", b'"""', b"\xf0\x9f\xa6\x80", b"\xed\xa0\x80",
)  # fmt: skip

TARGETS = {
    target.reader: target
    for target in (
        Target("text", ("txt", "mkd", "rst", "c"), ("texts",), _TEXTS),
        Target("image", ("img",), ("pictures", "drawings"), _PICTURES),
        Target("audio", ("snd",), ("sounds",), _SOUNDS),
        Target("video", ("film",), ("films", "playlists"), _FILMS),
        Target("html", ("html",), ("pages",), _PAGES),
        Target("xml", ("xml",), ("xml", "drawings"), _DOCUMENTS),
        Target("pdf", ("pdf",), ("pdfs",), _PDF),
        Target("table", ("csv", "tsv", "jsonl"), ("tables",), _TABLES),
        Target("office", ("docx",), ("documents",), _OFFICE),
        Target("epub", ("epub",), (), _PAGES),
    )
}
