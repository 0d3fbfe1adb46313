"""PDF files written by hand: a good one, and ones that loop, claim, hide or ask."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Sequence

from badfiles.bombs import deflated_zeros
from badfiles.markup import Ground

_PADDING = bytes.fromhex("28bf4e5e4e758a4164004e56fffa01082e2e00b6d0683e802f0ca9fe6453697a")
_TEXT = b"BT /F1 18 Tf 20 150 Td (The harbour was quiet at dawn.) Tj ET 0.8 0.2 0.2 rg 20 20 100 80 re f"


def pdf(objects: Sequence[bytes], trailer: bytes = b"", root: int = 1) -> bytes:
    """A PDF of these objects, numbered from 1."""
    out, places = bytearray(b"%PDF-1.6\n%\xe2\xe3\xcf\xd3\n"), []
    for number, content in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1) + b"".join(
        b"%010d 00000 n \n" % at for at in places
    )
    return bytes(out) + b"trailer\n<</Size %d/Root %d 0 R%s>>\nstartxref\n%d\n%%%%EOF\n" % (
        len(objects) + 1,
        root,
        trailer,
        start,
    )


def stream(content: bytes, entries: bytes = b"") -> bytes:
    """A stream object."""
    return b"<</Length %d%s>>\nstream\n%s\nendstream" % (len(content), entries, content)


def simple(
    content: bytes = _TEXT, box: bytes = b"0 0 200 200", page: bytes = b"", catalog: bytes = b"",
    more: Sequence[bytes] = (), resources: bytes = b"", trailer: bytes = b"", entries: bytes = b"",
) -> bytes:  # fmt: skip
    """A PDF of one page; `more` objects are numbered from 6."""
    inside = b"/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>%s>>%s" % (resources, page)
    return pdf([
        b"<</Type/Catalog/Pages 2 0 R%s>>" % catalog,
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[%s]%s>>" % (box, inside),
        stream(content, entries),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        *more,
    ], trailer)  # fmt: skip


def good_pdfs() -> dict[str, bytes]:
    """Name -> file; every one can be read."""
    packed = zlib.compress(_TEXT)
    pages = [b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[3 0 R 4 0 R]/Count 2>>"]
    pages += [
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]/Contents %d 0 R/Resources<</Font<</F1 7 0 R>>>>>>" % n
        for n in (5, 6)
    ]
    pages += [stream(packed, b"/Filter/FlateDecode"), stream(_TEXT.replace(b"dawn", b"dusk"))]
    pages += [
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        b"<</Title(The harbour)/Author(Someone)/CreationDate(D:20240102030405Z)>>",
    ]
    return {"harbour.pdf": pdf(pages, b"/Info 8 0 R"), "drawing.pdf": simple(b"0.2 0.4 0.8 rg 20 20 150 150 re f")}


def bad_pdfs(ground: Ground) -> dict[str, bytes]:
    """Name -> PDF that loops, claims, hides or asks."""
    url, wide = ground.url.encode(), deflated_zeros(1 << 30)
    image = b"<</Type/XObject/Subtype/Image/BitsPerComponent 8/ColorSpace/DeviceGray"
    picture = image + b"/Width 50000/Height 50000/Filter/FlateDecode"
    drawn = b"q 200 0 0 200 0 0 cm /X Do Q " + _TEXT
    form = b"/Type/XObject/Subtype/Form/BBox[0 0 200 200]/Resources<</XObject<</X 6 0 R>>>>"
    action = b'/OpenAction<</S/JavaScript/JS(app.launchURL\\("%s"\\))>>/AA<</WC<</S/URI/URI(%s)>>>>' % (url, url)
    link = b"/Annots[<</Type/Annot/Subtype/Link/Rect[0 0 200 200]/A<</S/Launch/F(%s)>>>>" % url
    link += b"<</Type/Annot/Subtype/Link/Rect[0 0 9 9]/A<</S/GoToR/F(/etc/passwd)/D[0/Fit]>>>>]"
    outside = image + b"/Width 9/Height 9/F<</FS/URL/F(%s)>>/Length 0>>\nstream\n\nendstream" % url
    tree = lambda *nodes: pdf([b"<</Type/Catalog/Pages 2 0 R>>", *nodes])  # noqa: E731
    good = simple()
    return {
        "locked.pdf": locked(b"secret"),
        "open-lock.pdf": locked(b""),
        "million-points.pdf": simple(box=b"0 0 1000000 1000000"),
        "thin.pdf": simple(box=b"0 0 1000000 1"),
        "no-size.pdf": simple(box=b"0 0 0 0"),
        "odd-box.pdf": simple(box=b"-1e30 1e30 nan 7"),
        "units.pdf": simple(page=b"/UserUnit 1e9"),
        "own-parent.pdf": tree(b"<</Type/Pages/Kids[2 0 R]/Count 1>>"),
        "circle.pdf": tree(
            b"<</Type/Pages/Kids[3 0 R]/Count 9>>", b"<</Type/Pages/Parent 2 0 R/Kids[2 0 R 3 0 R]/Count 9>>"
        ),
        "counts.pdf": tree(b"<</Type/Pages/Kids[]/Count 2147483647>>"),
        "minus.pdf": tree(b"<</Type/Pages/Kids[3 0 R]/Count -5>>"),
        "repeated.pdf": tree(
            b"<</Type/Pages/Kids[%s]/Count 20000>>" % (b"3 0 R " * 20_000),
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 20 20]>>",
        ),
        "deep-tree.pdf": tree(
            *(b"<</Type/Pages/Parent %d 0 R/Kids[%d 0 R]/Count 1>>" % (n - 1, n + 1) for n in range(2, 5000)),
            b"<</Type/Page/MediaBox[0 0 20 20]>>",
        ),
        "bomb.pdf": simple(wide, entries=b"/Filter/FlateDecode"),
        "twice-packed.pdf": simple(
            zlib.compress(zlib.compress(b"0 0 9 9 re f " * 9_000_000, 9)), entries=b"/Filter[/FlateDecode/FlateDecode]"
        ),
        "many-filters.pdf": simple(zlib.compress(b"x"), entries=b"/Filter[%s]" % (b"/FlateDecode" * 10_000)),
        "picture-bomb.pdf": simple(
            drawn,
            resources=b"/XObject<</X 6 0 R>>",
            more=[picture + b"/Length %d>>\nstream\n%s\nendstream" % (len(wide), wide)],
        ),
        "own-form.pdf": simple(drawn, resources=b"/XObject<</X 6 0 R>>", more=[stream(drawn, form)]),
        "forms.pdf": simple(drawn, resources=b"/XObject<</X 6 0 R>>", more=_doubling_forms()),
        "arrays.pdf": simple(b"[" * 200_000),
        "dictionaries.pdf": simple(page=b"/X " + b"<</X" * 50_000 + b"1" + b">>" * 50_000),
        "saves.pdf": simple(b"q " * 500_000 + _TEXT),
        "paths.pdf": simple(b"0 0 m " + b"199 199 l 0 50 l " * 60_000 + b"S"),
        "texts.pdf": simple(b"BT /F1 1 Tf " + b"(words and more words ) Tj " * 200_000 + b"ET"),
        "actions.pdf": simple(page=link, catalog=action),
        "outside.pdf": simple(drawn, resources=b"/XObject<</X 6 0 R>>", more=[outside]),
        "xfa.pdf": simple(
            catalog=b"/AcroForm<</XFA 6 0 R/Fields[]>>",
            more=[
                stream(
                    b'<!DOCTYPE x [<!ENTITY e SYSTEM "%s">]><xdp:xdp xmlns:xdp="http://ns.adobe.com/xdp/">&e;</xdp:xdp>'
                    % url
                )
            ],
        ),
        "own-xref.pdf": good.replace(b"/Root 1 0 R", b"/Root 1 0 R/Prev %d" % good.rfind(b"xref\n0")),
        "no-xref.pdf": good[: good.rfind(b"xref\n0")],
        "far-xref.pdf": good.replace(b"startxref\n", b"startxref\n9999999999"),
        "own-length.pdf": good.replace(b"/Length %d" % len(_TEXT), b"/Length 4 0 R"),
        "no-end.pdf": good[:-40],
        "header.pdf": b"%PDF-1.7\n",
        "own-outline.pdf": simple(
            catalog=b"/Outlines 6 0 R",
            more=[b"<</First 7 0 R/Last 7 0 R/Count 1>>", b"<</Title(a)/Next 7 0 R/First 7 0 R/Parent 6 0 R>>"],
        ),
        "many-objects.pdf": simple(more=[b"<<>>"] * 100_000),
        "long-name.pdf": simple(page=b"/" + b"n" * 3_000_000 + b" 1"),
    }


def _doubling_forms() -> list[bytes]:
    """Forms that each draw the next one ten times."""
    forms = [
        stream(
            b"/X Do " * 10, b"/Type/XObject/Subtype/Form/BBox[0 0 200 200]/Resources<</XObject<</X %d 0 R>>>>" % (n + 1)
        )
        for n in range(6, 16)
    ]
    return [*forms, stream(b"0 0 9 9 re f", b"/Type/XObject/Subtype/Form/BBox[0 0 200 200]")]


def locked(password: bytes) -> bytes:
    """A page under 40-bit RC4, algorithms 2 to 4 of ISO 32000-1, 7.6."""
    pad, identity, allowed = (password + _PADDING)[:32], b"0123456789abcdef", (-4 & 0xFFFFFFFF).to_bytes(4, "little")
    owner = rc4(hashlib.md5(pad).digest()[:5], pad)
    key = hashlib.md5(pad + owner + allowed + identity).digest()[:5]
    user = rc4(key, _PADDING)
    own_key = hashlib.md5(key + (4).to_bytes(3, "little") + bytes(2)).digest()[:10]
    marks = b"/ID[<%s><%s>]/Encrypt<</Filter/Standard/V 1/R 2/O<%s>/U<%s>/P -4>>" % (
        *[identity.hex().encode()] * 2, owner.hex().encode(), user.hex().encode())  # fmt: skip
    return simple(rc4(own_key, _TEXT), trailer=marks)


def rc4(key: bytes, data: bytes) -> bytes:
    """The cipher: broken for secrets, still the one of old PDFs."""
    state, at = list(range(256)), 0
    for n in range(256):
        at = (at + state[n] + key[n % len(key)]) % 256
        state[n], state[at] = state[at], state[n]
    out, one, two = bytearray(), 0, 0
    for byte in data:
        one = (one + 1) % 256
        two = (two + state[one]) % 256
        state[one], state[two] = state[two], state[one]
        out.append(byte ^ state[(state[one] + state[two]) % 256])
    return bytes(out)
