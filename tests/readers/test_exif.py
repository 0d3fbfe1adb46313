"""What a picture says about itself: when, where, with what, and what people wrote into it."""

from __future__ import annotations

import struct
import zlib

import pytest
from PIL import ExifTags, Image, PngImagePlugin

from sensorium.testing.media import encoded, picture

XMP = """<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/">
<dc:title><rdf:Alt><rdf:li xml:lang="de">Der Hafen</rdf:li>
<rdf:li xml:lang="x-default">The  harbour</rdf:li></rdf:Alt></dc:title>
<dc:description><rdf:Alt><rdf:li xml:lang="x-default">Boats &amp; nets</rdf:li></rdf:Alt></dc:description>
<dc:creator><rdf:Seq><rdf:li>Ann Lee</rdf:li><rdf:li>Bo Öst</rdf:li></rdf:Seq></dc:creator>
<dc:subject><rdf:Bag><rdf:li>sea</rdf:li><rdf:li>boat</rdf:li><rdf:li>sea</rdf:li></rdf:Bag></dc:subject>
</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>"""


def exif(base=(), detail=(), place=()):
    """EXIF with tags by number in its three directories."""
    found = Image.Exif()
    found.update(dict(base))
    found.get_ifd(ExifTags.IFD.Exif).update(dict(detail))
    found.get_ifd(ExifTags.IFD.GPSInfo).update(dict(place))
    return found


def said(parts_of, file):
    """The attributes without the size."""
    (part,) = parts_of(file)
    return {name: value for name, value in part.attributes.items() if name not in ("width", "height")}


def test_it_says_when_and_with_what_it_was_taken(parts_of):
    data = exif({271: "Canon", 272: "Canon EOS 5D", 306: "2020:01:01 00:00:00"},
                {36867: "2019:07:04 18:30:05", 36881: "+02:00", 42036: "EF 24-70mm f/2.8L"})  # fmt: skip
    assert said(parts_of, encoded(picture(), "JPEG", exif=data)) == {
        "taken": "2019-07-04T18:30:05+02:00", "camera": "Canon EOS 5D", "lens": "EF 24-70mm f/2.8L",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("latitude", "north", "longitude", "east", "expected"),
    [
        # 48 degrees 51 minutes 29.6 seconds: 48 + 51 / 60 + 29.6 / 3600 = 48.858222
        ((48, 51, 29.6), "N", (2, 17, 40.2), "E", (48.858222, 2.2945)),  # Paris
        ((33, 51, 24.84), "S", (151, 12, 54.72), "E", (-33.8569, 151.2152)),  # Sydney
        ((40, 41, 21.12), "N", (74, 2, 40.2), "W", (40.6892, -74.0445)),  # New York
        ((22, 57, 6.84), "S", (43, 12, 37.8), "W", (-22.951900, -43.2105)),  # Rio de Janeiro
        ((10.5, 0, 0), "N", (0, 30.75, 0), "W", (10.5, -0.5125)),
    ],
)
def test_it_says_where_it_was_taken_in_both_hemispheres(parts_of, latitude, north, longitude, east, expected):
    data = exif(place={1: north, 2: latitude, 3: east, 4: longitude, 5: b"\0", 6: 35.25})
    found = said(parts_of, encoded(picture(), "JPEG", exif=data))
    assert (found["latitude"], found["longitude"]) == pytest.approx(expected, abs=1e-6)
    assert found["altitude"] == 35.25


def test_below_the_sea_the_altitude_is_negative(parts_of):
    assert said(parts_of, encoded(picture(), "JPEG", exif=exif(place={5: b"\1", 6: 430.5}))) == {"altitude": -430.5}


@pytest.mark.parametrize(
    "place",
    [
        {1: "N", 2: (91, 0, 0), 3: "E", 4: (181, 0, 0)}, {2: (48, 0, 0), 4: (2, 0, 0)}, {1: "N", 3: "E"},
        {1: "", 2: (48, 0, 0), 3: "?", 4: (2, 0, 0)}, {1: "N", 2: (48, 0), 3: "E", 4: (2, 0)}, {6: 1e9},
    ],
)  # fmt: skip
def test_places_that_cannot_be_are_left_out(parts_of, place):
    assert said(parts_of, encoded(picture(), "JPEG", exif=exif(place=place))) == {}


def test_a_place_of_noughts_by_nought_is_unknown(parts_of):
    file = bytearray(encoded(picture(), "JPEG", exif=exif(place={1: "N", 2: (1, 2, 3), 3: "E", 4: (4, 5, 6), 6: 7.0})))
    for numbers in ((1, 2, 3), (4, 5, 6), (7,)):
        for number in numbers:
            known = next(k for k in (struct.pack(f"{o}II", number, 1) for o in "<>") if k in file)
            at = file.index(known)
            file[at : at + 8] = bytes(8)
    assert said(parts_of, bytes(file)) == {}


@pytest.mark.parametrize(
    ("tags", "expected"),
    [({306: "0000:00:00 00:00:00"}, {}), ({306: "yesterday"}, {}),
     ({271: "NIKON\0junk", 272: "E995 "}, {"camera": "NIKON E995"}), ({271: "Apple"}, {"camera": "Apple"}),
     ({270: " A  hill\n", 315: "Ann"}, {"description": "A hill", "author": "Ann"}),
     ({40091: "A title\0".encode("utf-16-le"), 40094: "sea;boat;sea\0".encode("utf-16-le")},
      {"title": "A title", "keywords": ["sea", "boat"]})],
)  # fmt: skip
def test_odd_and_foreign_exif_is_read_or_left_out(parts_of, tags, expected):
    assert said(parts_of, encoded(picture(), "JPEG", exif=exif(tags))) == expected


def test_exif_in_utf_8_is_read_as_such(parts_of):
    file = encoded(picture(), "JPEG", exif=exif({270: "Gr1234e"}))
    assert said(parts_of, file.replace(b"Gr1234e", "Grüße".encode())) == {"description": "Grüße"}
    assert said(parts_of, file.replace(b"Gr1234e", b"Gr\xfc\xdfe\0\0")) == {"description": "Grüße"}


HARBOUR = {
    "title": "The harbour",
    "description": "Boats & nets",
    "author": "Ann Lee; Bo Öst",
    "keywords": ["sea", "boat"],
}


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_what_people_wrote_with_xmp(parts_of, form):
    options = {"PNG": {"pnginfo": PngImagePlugin.PngInfo()}, "TIFF": {"tiffinfo": {700: XMP.encode()}}}
    if form == "PNG":
        options["PNG"]["pnginfo"].add_itxt("XML:com.adobe.xmp", XMP)
    file = encoded(picture(), form, **options.get(form, {"xmp": XMP.encode()}))
    assert said(parts_of, file) == HARBOUR


def test_xmp_goes_before_iptc_and_that_before_exif(parts_of):
    plain = encoded(picture(), "JPEG", exif=exif({270: "by EXIF", 315: "EXIF's author"}))
    fields = b"".join(
        struct.pack(">BBBH", 0x1C, 2, name, len(value)) + value
        for name, value in ((5, b"Quay"), (120, "Grüße vom Kai".encode()), (25, b"quay"), (25, b"caf\xe9"))
    )
    resource = (
        b"Photoshop 3.0\0" + b"8BIM" + struct.pack(">HHI", 0x0404, 0, len(fields)) + fields + b"\0" * (len(fields) % 2)
    )
    file = plain[:2] + b"\xff\xed" + struct.pack(">H", len(resource) + 2) + resource + plain[2:]
    assert said(parts_of, file) == {
        "title": "Quay", "description": "Grüße vom Kai", "author": "EXIF's author", "keywords": ["quay", "café"],
    }  # fmt: skip
    packet = b"http://ns.adobe.com/xap/1.0/\0" + XMP.encode()
    both = file[:2] + b"\xff\xe1" + struct.pack(">H", len(packet) + 2) + packet + file[2:]
    assert said(parts_of, both) == HARBOUR


def test_texts_of_a_png_are_read_also_behind_the_picture(parts_of):
    info = PngImagePlugin.PngInfo()
    for name, text in (
        ("Title", "A hill"),
        ("Author", "Ann"),
        ("Description", "Seen\nfrom afar"),
        ("Software", "GIMP"),
    ):
        info.add_text(name, text)
    expected = {"title": "A hill", "author": "Ann", "description": "Seen from afar"}
    assert said(parts_of, encoded(picture(), "PNG", pnginfo=info)) == expected
    plain = encoded(picture(), "PNG")
    text = b"tEXtTitle\0At the end"
    file = plain[:-12] + struct.pack(">I", len(text) - 4) + text + struct.pack(">I", zlib.crc32(text)) + plain[-12:]
    assert said(parts_of, file) == {"title": "At the end"}


@pytest.mark.parametrize(
    "packet",
    [
        b"<x dc:title",
        b"\xff\xfe dc:",
        b"<!DOCTYPE x [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><dc:title>&a;</dc:title>",
    ],
)
def test_damaged_or_hostile_xmp_says_nothing(parts_of, packet):
    assert said(parts_of, encoded(picture(), "JPEG", xmp=packet)) == {}


def test_real_cameras_are_recognised(parts_of, media):
    folder = media / "images/exif-samples"
    found = said(parts_of, folder / "Canon_DIGITAL_IXUS_400.jpg")
    assert (found["camera"], found["taken"]) == ("Canon DIGITAL IXUS 400", "2004-08-27T13:52:55")
    found = said(parts_of, folder / "DSCN0027.jpg")
    assert (found["latitude"], found["longitude"]) == pytest.approx((43.468442, 11.881515), abs=1e-5)  # Arezzo
