"""XML that is wrong, rare or hostile: read as far as it goes, and without effect on anything else."""

from __future__ import annotations

import select
import socket

import pytest

from sensorium.core.errors import Unreadable
from sensorium.readers import xml
from sensorium.readers.registry import Limits, Source, read


def texts(data, name="a.xml"):
    """The texts of a document, given as text or as bytes."""
    source = Source.from_bytes(data.encode() if isinstance(data, str) else data, str(name))
    return [part.content for part in xml.reader.read(source, Limits()) if part.modality == "text"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1", "cp1252"])
def test_the_encoding_makes_no_difference(parts_of, encoding):
    said = "utf-8" if encoding == "utf-8-sig" else encoding
    (part,) = parts_of(f'<?xml version="1.0" encoding="{said}"?><a>Über den Fluß, garçon</a>'.encode(encoding))
    assert part.content == "Über den Fluß, garçon"


@pytest.mark.parametrize(
    ("declared", "real", "text"),
    [
        ("koi8-r", "koi8-r", "Чайка над морем"),
        ("euc-kr", "euc-kr", "바다 위의 갈매기"),
        ("shift_jis", "shift_jis", "海の上のカモメ"),
        ("iso-2022-jp", "iso-2022-jp", "海の上のカモメ"),
        ("gb2312", "gb2312", "海鸥在海上飞"),
        ("iso-8859-1", "utf-8", "Möwe über dem Meer – schön"),
        ("us-ascii", "utf-8", "Möwe über dem Meer"),
        ("x-nobody-knows", "utf-8", "Möwe über dem Meer"),
        ("utf-8", "cp1252", "Die Möwe fliegt über das Meer, schön und groß"),
        ("rot13", "utf-8", "Möwe"),
    ],
)
def test_a_wrong_or_rare_encoding_is_seen_through(parts_of, declared, real, text):
    (part,) = parts_of(f'<?xml version="1.0" encoding="{declared}"?><a>{text}</a>'.encode(real))
    assert part.content == text


@pytest.mark.parametrize(
    ("damaged", "text"),
    [
        ("<a>Salt & pepper &c</a>", "Salt & pepper &c"),
        ("<a>caf&eacute;&nbsp;cr&egrave;me</a>", "café crème"),
        ("<!x junk <!DOCT <a>after a broken start</a>", "after a broken start"),
        ("<a>before<b>inside", "before inside"),
        ("<a><b>one</c><d>two</d></a>", "one two"),
        ("<a>text<![CDATA[ and 1 < 2, you see", "text and 1 < 2, you see"),
        ("<a><x:b>no such prefix</x:b></a>", "no such prefix"),
        ("<a>one\x01two</a>", "one two"),
        ("<a>one&#0;&#xD800;&#xFFFE;&#1114112; two &#x41;&#66;</a>", "one two AB"),
        ('<!DOCTYPE a [<!ENTITY e "&#xDFFF;">]><a>one&e; two<![CDATA[ &#0; three]]></a>', "one two &#0; three"),
    ],
)
def test_slips_are_mended(damaged, text):
    found = " ".join(texts(damaged))
    words = found.replace("b: ", "").replace("d: ", "").split()
    assert words == text.split() or "".join(words) == "".join(text.split())


def test_a_large_document_with_characters_that_do_not_exist_says_so():
    many = "<i><a>words</a><b>&#xD800;</b></i>" * 150_000
    with pytest.raises(Unreadable) as caught:
        texts(f"<?xml version='1.0'?><r>{many}</r>")
    why = "some of its characters do not exist, or are in another encoding than it says"
    assert caught.value.why == f"XML that cannot be read: {why}"


def test_entities_of_the_document_are_put_in(parts_of):
    data = b'<!DOCTYPE a [<!ENTITY firm "Oar &amp; Sons">]><a>By &firm;, 1890</a>'
    (part,) = parts_of(data, "a.xml")
    assert part.content == "By Oar & Sons, 1890"


def laughs(levels, start=b"lol"):
    entities = b"".join(b'<!ENTITY l%d "%s">' % (n, (b"&l%d;" % (n - 1)) * 10) for n in range(1, levels))
    return b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY l0 "' + start + b'">' + entities + b"]>"


@pytest.mark.parametrize(
    "bomb",
    [
        laughs(10) + b"<a><b>Some words</b><c>&l9;</c></a>",
        laughs(10) + b'<a><b>Some words</b><c d="&l9;"/></a>',
        laughs(1, b"a" * 100_000) + b"<a><b>Some words</b><c>" + b"&l0;" * 10_000 + b"</c></a>",
        b'<!DOCTYPE a [<!ENTITY x "&y;"><!ENTITY y "&x;">]><a><b>Some words</b>&x;</a>',
        b"<!DOCTYPE a [<!ENTITY % x \"<!ENTITY y '&#37;x;%x;'>\"> %x; %x;]><a><b>Some words</b>&y;</a>",
    ],
    ids=["laughs", "laughs in an attribute", "quadratic", "circle", "parameters"],
)
def test_entities_that_grow_without_end_do_not(bomb):
    try:
        found = texts(bomb)
    except Unreadable as error:
        assert "\n" not in error.why
    else:
        assert found[0].startswith("Some words") or "Some words" in found[0]
        assert sum(map(len, found)) < 3_000_000


@pytest.mark.parametrize("declared", ['SYSTEM "{}"', 'PUBLIC "-//x//y" "{}"'])
def test_no_other_file_is_opened(tmp_path, declared):
    secret = tmp_path / "secret.txt"
    secret.write_text("the password is swordfish")
    dtd = tmp_path / "secret.dtd"
    dtd.write_text('<!ENTITY inside "swordfish">')
    for url in (str(secret), secret.as_uri()):
        system = declared.format(url)
        for data in (
            f"<!DOCTYPE a [<!ENTITY x {system}>]><a>words &x; more</a>",
            f"<!DOCTYPE a [<!ENTITY % x {system}> %x;]><a>words &inside; more</a>",
            f"<!DOCTYPE a {declared.format(dtd.as_uri())}><a>words &inside; more</a>",
            f'<?xml version="1.0"?><a xmlns:xi="http://www.w3.org/2001/XInclude">words<xi:include href="{url}" '
            f'parse="text"/></a>',
        ):
            found = texts(data, tmp_path / "a.xml")
            assert "words" in found[0]
            assert "swordfish" not in "".join(found)


def test_nothing_is_fetched():
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/x"
        for data in (
            f'<!DOCTYPE a SYSTEM "{url}.dtd"><a>words</a>',
            f'<!DOCTYPE a [<!ENTITY x SYSTEM "{url}">]><a>words &x;</a>',
            f'<?xml version="1.0"?><?xml-stylesheet href="{url}"?><a xmlns:xlink="http://www.w3.org/1999/xlink" '
            f'xlink:href="{url}">words</a>',
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><title>words</title><image width="9" '
            f'height="9" href="{url}.png"/><style>@import url({url});</style><rect width="3" fill="url({url})"/>'
            "</svg>",
        ):
            assert "words" in texts(data, "a.svg")[0]
        assert select.select([server], [], [], 0.05)[0] == []


@pytest.mark.parametrize("name", ["a", "div", "section", "outline", "tr"])
def test_deep_nesting_is_no_matter(name):
    deep = f"<{name}>words " * 100_000
    for root in ("TEI", "book xmlns='http://docbook.org/ns/docbook'", "opml", "rss", "x"):
        data = f"<?xml version='1.0'?><{root}><title>words</title><item><text>{deep}".encode()
        assert any("words" in text for text in texts(data))


def test_more_than_is_allowed_is_refused():
    source = Source.from_bytes(b"<?xml version='1.0'?><a>" + b"word " * 1000 + b"</a>", "a.xml")
    with pytest.raises(Unreadable, match="5028 bytes: no more than 5000 are read"):
        list(xml.reader.read(source, Limits(max_text_bytes=5000)))


@pytest.mark.parametrize("data", [b"<?xml version='1.0'?>", b"<?xml version='1.0'?><a/>", b"<!doctype a>words"])
def test_a_document_without_a_word_is_refused_in_one_line(data):
    with pytest.raises(Unreadable) as error:
        list(read(Source.from_bytes(data, "a.xml"))[1])
    assert "\n" not in error.value.why
