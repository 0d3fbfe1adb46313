"""Web pages become sections with their anchors; what surrounds the content is left out; nothing is fetched."""

from __future__ import annotations

import base64
import os
import time
from typing import ClassVar
from urllib.parse import quote

import pytest

from sensorium.core.errors import Unreadable
from sensorium.readers import html, page_markup
from sensorium.testing.media import encoded, picture
from sensorium.testing.readers import ReaderContract

PNG = encoded(picture(80, 60), "PNG")
DATA_URI = "data:image/png;base64," + base64.b64encode(PNG).decode()
LONG = "Many words follow one another here, and a few more of them come after those. "

PAGE = f"""<!doctype html><html lang="en-GB"><head><title>Boats | The site</title>
<meta property="og:title" content="Boats &amp;amp; ships"><meta name="description" content=" All about  boats. ">
<meta name="author" content="A. Sailor"><meta property="article:published_time" content="2024-05-06T07:08:09Z">
<meta property="og:site_name" content="The site"><link rel="canonical" href="https://example.org/boats">
<meta name="keywords" content="boats, ships; sails,boats"><script>var words = "<p>script</p>"</script></head><body>
<header class="site-header"><a href="/">Home</a> The motto</header>
<nav><ul><li><a href="/a">Section A</a><li><a href="/b">Section B</a></ul></nav>
<div class="cookie-banner">We use cookies. {LONG}</div>
<main><article><h1>Boats</h1><p>{LONG}</p>
<h2 id="hulls">Hulls</h2><p>Hulls are made of <b>wo</b>od,<br>or of steel.</p>
<ul><li>round<li>flat</ul>
<h2><a name="rigs"></a>Rigs</h2><p>{LONG * 8}</p><pre>
sail   mast
  boom
</pre>
<section id="old"><h3>Old boats</h3><p>A galley has oars.</p></section>
<figure><img src="{DATA_URI}" alt="a red dinghy"><figcaption>A dinghy at sea.</figcaption></figure>
<h3>Lost</h3><img src="https://example.org/cog.jpg" alt="a cog under sail"><p hidden>Not to be seen</p>
<p style="display: none">Nor this</p><div aria-hidden="true">Nor that</div>
<div class="share-buttons"><a href="#">Tweet</a></div>
<h2>Related articles</h2><ul><li><a href="/1">First other page</a><li><a href="/2">Second other page</a>
<li><a href="/3">Third other page</a></ul></article></main>
<aside>Advertisement {LONG}</aside><footer>Copyright {LONG}</footer></body></html>""".encode()


class TestHtmlReader(ReaderContract):
    reader = html.reader
    samples: ClassVar = {
        "page.html": PAGE,
        "wide.html": PAGE.decode().encode("utf-16"),
        "old.htm": "<html><body bgcolor=white><center><font>Ein Gr\xfc\xdfwort".encode("latin-1"),
        "table.html": b"<html><table><tr><th>Name<th>Size<tr><td>dinghy<td>3 m<tr><td>cog<td>20 m</table>",
    }


def texts(parts, anchor=None):
    return [p.content for p in parts if p.modality == "text" and anchor in (None, p.place.section)]


def test_the_first_part_says_what_the_page_says_of_itself(parts_of):
    assert dict(parts_of(PAGE)[0].attributes) == {
        "title": "Boats & ships", "description": "All about boats.", "language": "en-GB", "author": "A. Sailor",
        "date": "2024-05-06T07:08:09Z", "site": "The site", "url": "https://example.org/boats",
        "keywords": ["boats", "ships", "sails"], "heading": "Boats",
    }  # fmt: skip


def test_sections_have_the_anchors_that_links_would_use(parts_of):
    parts = parts_of(PAGE)
    assert list(dict.fromkeys(part.place.section for part in parts)) == [
        "section-1",
        "hulls",
        "rigs",
        "old",
        "section-5",
    ]
    assert str(parts[1].place) == "#hulls"
    assert texts(parts, "hulls") == ["Hulls\nHulls are made of wood,\nor of steel.\n- round\n- flat"]
    assert texts(parts, "old") == ["Old boats\nA galley has oars.\n\nA dinghy at sea."]


def test_long_sections_are_cut_and_code_keeps_its_lines(parts_of):
    rigs = texts(parts_of(PAGE), "rigs")
    assert len(rigs) >= 2
    assert rigs[0].startswith("Rigs\nMany words")
    assert all(len(text) <= 400 for text in rigs)
    assert rigs[-1].endswith("sail   mast\n  boom")


def test_what_surrounds_the_content_is_left_out(parts_of):
    everything = "\n".join(texts(parts_of(PAGE)))
    for word in ("script", "Home", "motto", "Section A", "cookies", "seen", "Nor", "Tweet", "Related", "other page",
                 "Advertisement", "Copyright"):  # fmt: skip
        assert word not in everything, word


def test_pictures_of_data_addresses_are_parts_and_others_leave_their_words(parts_of):
    parts = parts_of(PAGE)
    (shown,) = (part for part in parts if part.modality == "image")
    assert shown.content.shape == (60, 80, 3)
    assert dict(shown.attributes) == {"alt": "a red dinghy", "caption": "A dinghy at sea.", "heading": "Old boats"}
    assert shown.place.section == "old"
    assert texts(parts, "section-5") == ["Lost\na cog under sail"]


@pytest.mark.parametrize("address", [
    DATA_URI, DATA_URI.replace("+", "%2B").replace("=", "%3D"), DATA_URI.replace(",", ",\n"),
    "data:image/png," + quote(PNG), "data:;base64," + base64.b64encode(PNG).decode(),
])  # fmt: skip
def test_data_addresses_of_every_form(parts_of, address):
    (part,) = parts_of(f'<html><img src="{address}"></html>'.encode())
    assert part.modality == "image"


@pytest.mark.parametrize("image", [
    f'<img data-src="{DATA_URI}" src="data:image/gif;base64,R0lGODlhAQABAAAAACw=">',
    '<img src="gone.png" srcset="gone.png 1x, beside.png 2x">',
    '<picture><source srcset="gone.avif"><source srcset="gone.webp 1x,beside.png 2x"><img src="gone.jpg"></picture>',
    '<img data-original="beside.png" src="grey.gif">', "<noscript><img src=beside.png></noscript>",
    '<img src="./beside.png?v=2#top">', '<img src="sub/../beside.png" srcset="beside.png">',
    '<img src=" b%65side.png ">',
    '<svg><image xlink:href="beside.png"/></svg>', '<img src="sub\\deep.png">',
])  # fmt: skip
def test_pictures_are_found_where_pages_put_them(parts_of, tmp_path, image):
    (tmp_path / "sub").mkdir()
    for name in ("beside.png", "sub/deep.png"):
        (tmp_path / name).write_bytes(PNG)
    (tmp_path / "page.html").write_text(f"<html>{image}</html>")
    (part,) = parts_of(tmp_path / "page.html")
    assert part.modality == "image"


@pytest.mark.parametrize("address", [
    "../out.png", "sub/../../out.png", "%2e%2e/out.png", "..\\out.png", "{root}/out.png", "file://{root}/out.png",
    "//{root}/out.png", "link.png", "linked/out.png", "pipe.png", "loop.png", "sub", "/dev/zero", "http://127.0.0.1/out.png",
    "x" * 5000, "?", "#top", ".",
])  # fmt: skip
def test_no_address_leads_out_of_the_folder_of_the_page(parts_of, tmp_path, address):
    (tmp_path / "out.png").write_bytes(PNG)
    folder = tmp_path / "pages"
    (folder / "sub").mkdir(parents=True)
    (folder / "link.png").symlink_to(tmp_path / "out.png")
    (folder / "linked").symlink_to(tmp_path, target_is_directory=True)
    (folder / "loop.png").symlink_to(folder / "loop.png")
    os.mkfifo(folder / "pipe.png")
    said = address.replace("{root}", str(tmp_path))
    (folder / "page.html").write_text(f'<html><img src="{said}" alt="what it shows"></html>')
    (part,) = parts_of(folder / "page.html")
    assert (part.modality, part.content) == ("text", "what it shows")


def test_pages_that_are_no_files_have_nothing_beside_them(parts_of, tmp_path, monkeypatch):
    (tmp_path / "beside.png").write_bytes(PNG)
    monkeypatch.chdir(tmp_path)
    (part,) = parts_of(b'<html><img src="beside.png" alt="a picture of it">', "page.html")
    assert part.modality == "text"


def test_a_picture_shown_twice_is_one_part(parts_of):
    page = f'<html><img src="{DATA_URI}"><h2>x</h2><img src="{DATA_URI}" alt="again"><noscript><img src="{DATA_URI}">'
    assert [part.modality for part in parts_of(page.encode())] == ["image", "text"]


def test_captions_beside_pictures_without_a_figure(parts_of):
    page = f'<html><div><img src="{DATA_URI}"><p class="wp-caption-text">The harbour</p></div><p>{LONG}</p>'
    parts = parts_of(page.encode())
    assert [p.attributes.get("caption") for p in parts if p.modality == "image"] == ["The harbour"]


TABLE = """<html><h2 id=sizes>Sizes</h2><table><caption>Of boats</caption>
<thead><tr><th rowspan=2>Name<th colspan=2>Size</tr><tr><th>length<th>width</tr></thead>
<tr><td>dinghy<td>3 m<td>1 m</tr><tr><td rowspan=2>cog<td>20 m<td>7 m</tr><tr><td>15 m<td>5 m</tr></table>"""


def test_tables_are_rows_that_can_be_read_alone(parts_of):
    (part,) = parts_of(TABLE.encode())
    assert part.content.splitlines() == [
        "Of boats", "", "Name: dinghy; Size length: 3 m; Size width: 1 m",
        "Name: cog; Size length: 20 m; Size width: 7 m", "Name: cog; Size length: 15 m; Size width: 5 m",
    ]  # fmt: skip
    assert dict(part.attributes) == {"heading": "Sizes", "caption": "Of boats"}
    assert part.place.section == "sizes"


def test_long_tables_are_several_parts_each_with_the_heading(parts_of):
    rows = "".join(f"<tr><td>boat {n}<td>{n} metres" for n in range(100))
    page = f"<html><h2>Sizes</h2><table id=t><tr><th>Name<th>Size{rows}</table><p>{LONG}</p>"
    parts = [part for part in parts_of(page.encode()) if part.place.section == "t"]
    assert len(parts) > 5
    assert all(part.content.startswith("Sizes\n\nName: boat") for part in parts)
    assert sum(part.content.count("Size: ") for part in parts) == 100


def test_tables_that_lay_out_a_page_are_read_as_text(parts_of):
    page = f"<html><table><tr><td><h1>Title</h1><p>{LONG}</p><td><p>{LONG}</p></table>"
    (part,) = parts_of(page.encode())
    assert part.content == f"Title\n{LONG.strip()}\n\n{LONG.strip()}"


def test_headings_with_nothing_under_them_go_with_the_next(parts_of):
    page = f"<html><h1>Manual</h1><h2>Setup</h2><h3>Linux</h3><p>{LONG}</p><h2>Index</h2>"
    assert texts(parts_of(page.encode())) == [f"Manual\nSetup\nLinux\n{LONG.strip()}", "Index"]


def test_a_page_without_headings_is_headed_by_its_title(parts_of):
    (part,) = parts_of(b"<html><title>The title</title><p>Few words.</p>")
    assert (part.content, part.place.section) == ("The title\nFew words.", "top")


def test_labelled_sections_without_a_heading(parts_of):
    page = (
        f'<html><h1>T</h1><p>{LONG}</p><section id="s" aria-label="Opening hours"><p>From nine to five.</p></section>'
    )
    assert texts(parts_of(page.encode()), "s") == ["Opening hours\nFrom nine to five."]


def test_a_page_of_links_keeps_them(parts_of):
    links = "".join(f"<li><a href=/{n}>Document {n}</a>" for n in range(30))
    assert "Document 29" in "\n".join(texts(parts_of(f"<html><h1>Index</h1><ul>{links}</ul>".encode())))


def test_a_page_inside_one_form_is_read(parts_of):
    assert len(texts(parts_of(f"<html><form><div class=nav><h1>T</h1><p>{LONG * 9}</p></div></form>".encode()))) > 1


def test_a_head_alone_says_what_a_page_is_about(parts_of):
    page = b"<html><head><title>An app</title><meta name=description content='Draws boats.'></head><body><div id=root>"
    assert texts(parts_of(page)) == ["An app"]
    page = b"<html><head><meta name=description content='Draws boats.'></head><body><div id=root>"
    assert texts(parts_of(page)) == ["Draws boats."]


@pytest.mark.parametrize("page", [b"<html>", b"<html><body> \n<script>x</script><img src=a.png>", b"<!doctype html>"])
def test_pages_without_anything_are_unreadable(parts_of, page):
    with pytest.raises(Unreadable, match="nothing in it that can be read"):
        parts_of(page, "a.html")


def test_huge_pages_are_refused(parts_of):
    with pytest.raises(Unreadable, match="a page of 3006 bytes: no more than 2000 are read"):
        parts_of(b"<html>" + b"words " * 500, max_text_bytes=2000)


WORDS = "Über die Straße führt ein Weg — nach Süden."
RUSSIAN = "Лодка плывёт по реке, и никто её не видит. Берег далеко."
JAPANESE = "これは日本語の文章です。船が海を渡ります。"


@pytest.mark.parametrize(("text", "encoding", "said"), [
    (WORDS, "utf-8", ""), (WORDS, "utf-8-sig", "iso-8859-1"), (WORDS, "utf-8", "iso-8859-1"), (WORDS, "utf-16", ""),
    (WORDS, "cp1252", "iso-8859-1"), (WORDS, "cp1252", "windows-1252"), (WORDS, "cp1252", ""),
    (WORDS, "cp1252", "utf-8"), (RUSSIAN, "koi8_r", "koi8-r"), (RUSSIAN, "cp1251", "windows-1251"),
    (RUSSIAN, "cp1251", "rot13"),
    (JAPANESE, "cp932", "Shift_JIS"), (JAPANESE, "cp932", "x-sjis"), (JAPANESE, "euc_jp", "EUC-JP"),
    (JAPANESE, "iso2022_jp", "iso-2022-jp"), ("这是一条船，在河上。", "gb18030", "gb2312"),
    ("배가 강을 건넌다", "cp949", "euc-kr"),
])  # fmt: skip
def test_the_encoding_makes_no_difference(parts_of, text, encoding, said):
    meta = f'<meta http-equiv="Content-Type" content="text/html; charset={said}">' if said else ""
    (part,) = parts_of(f"<html><head>{meta}</head><p>{text}</p>".encode(encoding), "a.html")
    assert part.content == text


def test_a_few_damaged_characters_do_not_change_the_encoding(parts_of):
    page = f"<html><meta charset=utf-8><p>{(WORDS + ' ') * 99}</p>".encode() + b"<p>K\xfcche\0nblog</p>"
    assert WORDS in "\n".join(texts(parts_of(page)))


def test_xhtml_with_empty_elements_is_read_to_its_end(parts_of):
    page = b"<?xml version='1.0'?><html><head><title/><script src='a'/></head><body><a id='x'/><h1>T</h1><p>Words"
    assert texts(parts_of(page)) == ["T\nWords"]
    assert parts_of(page)[0].place.section == "x"


@pytest.mark.parametrize("tag", ["<div>", "<ul><li>", "<b><div></b>", "<table><tr><td>", "<a name=x>", "<h1><span>"])
def test_deep_nesting_takes_no_time(parts_of, tag):
    start = time.perf_counter()
    (part,) = parts_of(b"<html>" + tag.encode() * 100_000 + b"deep inside", "a.html")
    assert part.content.endswith("deep inside")
    assert time.perf_counter() - start < 10


def test_only_what_is_too_deep_is_flattened():
    page = b"<ul>" + b"<li><b>x</b><div>y</div>" * 9000 + b"</ul>" + b"<p><font>" * 400
    assert page_markup.flattened(page) == page
    deep = b"<div>" * 600 + b"<p>x" + b"</div>" * 600 + b"<div>y</div>"
    assert page_markup.flattened(deep) == b"<div>" * 512 + b"<p>x" + b"</div>" * 512 + b"<div>y</div>"


def test_huge_pages_are_read_in_pieces_without_loss(parts_of, monkeypatch):
    monkeypatch.setattr(page_markup, "PIECE_TAGS", 5000)
    page = "<html><title>Log</title><body>" + "".join(
        f"<p>Paragraph {n} é.</p><!-- <p> --><script>'</p><p>' {n}</script>" for n in range(4000)
    )
    found = list(page_markup.pieces(page.encode()))
    assert len(found) > 2
    assert sum(piece.count(b"Paragraph") for piece in found) == 4000
    assert not any(b"'" in piece for piece in found)
    parts = parts_of(page.encode())
    assert "".join(texts(parts)).count("Paragraph") == 4000
    assert [part.attributes.get("title") for part in parts] == ["Log"] + [None] * (len(parts) - 1)


def test_a_paragraph_of_megabytes_is_read_whole(parts_of):
    page = b"<html><body>" + b"word " * 600_000
    assert sum(text.count("word") for text in texts(parts_of(page, max_parts=10**9))) == 600_000


def test_every_real_page_is_read(media, parts_of):
    pages = sorted((media.parent / "documents/html").glob("*.html"))
    assert len(pages) >= 30
    for page in pages:
        parts = parts_of(page)
        assert parts[0].attributes["title"]
        assert sum(len(text) for text in texts(parts)) > 500
        assert all(part.place.section for part in parts)


REAL = {  # a sentence of the article, and what else is on the page
    "readability__la-nacion.html": ("Abdullah Ocalan, el líder independentista kurdo", "Ediciones anteriores"),
    "readability__medicalnewstoday.html": ("Neuroscience tells us that most of the work", "Privacy Terms"),
    "trafilatura__dbjr.de.bundespraesident.html": ("Der Bundespräsident würdigte", "Impressum"),
    "trafilatura__der-erfolg-gibt-recht.de.rinderleber.html": ("So schön winterlich ist es", "Feedreader"),
    "trafilatura__mercurynews.com.2023.01.16.letters-1119.html": ("Letters to the Editor", "Sign up for"),
}  # fmt: skip


@pytest.mark.parametrize("name", REAL)
def test_real_pages_give_their_articles(media, parts_of, name):
    said, around = REAL[name]
    everything = "\n".join(texts(parts_of(media.parent / "documents/html" / name)))
    assert said in everything
    assert around not in everything
