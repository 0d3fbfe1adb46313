"""Small good pages and XML documents, and pages and documents that attack whoever reads them."""

from __future__ import annotations

import base64
import gzip
from dataclasses import dataclass
from pathlib import Path

from badfiles.bombs import gzipped, zero_png
from badfiles.pictures import fields, saved

DEEP = 200_000


@dataclass(frozen=True)
class Ground:
    """Where attacks are laid: a folder, a port that must stay silent, a text and a picture elsewhere."""

    folder: Path
    port: int
    secret: Path
    picture: Path

    @property
    def url(self) -> str:
        """An address that must never be asked for."""
        return f"http://127.0.0.1:{self.port}/asked"


def page(body: str, head: str = "") -> bytes:
    """An HTML page."""
    return f"<!doctype html><html lang=en><head><meta charset=utf-8>{head}</head><body>{body}</body></html>".encode()


def good_markup() -> dict[str, bytes]:
    """Name -> file; every one can be read."""
    picture = base64.b64encode(saved(fields(5), "PNG")).decode()
    whole = page(
        "<nav><a href=/>home</a></nav><main><h1 id=top>Gardens</h1><p>Roses need sun and water every day.</p>"
        f'<figure><img src="data:image/png;base64,{picture}" alt="sixteen fields"><figcaption>Beds</figcaption></'
        f"figure>"
        "<h2 id=tools>Tools</h2><p>A spade, a rake and a hose.</p><ul><li>One<li>Two</ul>"
        "<table><tr><th>plant<th>height<tr><td>rose<td>1 m</table></main><script>alert(1)</script>",
        "<title>A garden</title><meta name=description content='How it grows'><meta property=og:title content=G>",
    )
    rss = """<?xml version="1.0"?><rss version="2.0"><channel><title>News</title><link>https://example.org</link>
<item><title>First</title><link>https://example.org/1</link><pubDate>Mon, 01 Jan 2024 10:00:00 GMT</pubDate>
<description>&lt;p&gt;Something happened.&lt;/p&gt;</description></item>
<item><title>Second</title><description>Nothing did.</description></item></channel></rss>"""
    atom = """<feed xmlns="http://www.w3.org/2005/Atom"><title>Log</title><entry><title>One</title>
<updated>2024-02-03T04:05:06Z</updated><link href="https://example.org/a"/><summary>Short.</summary></entry></feed>"""
    docbook = """<?xml version="1.0" encoding="UTF-8"?><article xmlns="http://docbook.org/ns/docbook" version="5.0">
<title>On bread</title><section xml:id="flour"><title>Flour</title><para>Wheat and rye.</para></section>
<section><title>Water</title><para>Warm, not hot.</para></section></article>"""
    plain = """<?xml version="1.0" encoding="ISO-8859-1"?><cellar><bottle year="1999"><name>Caf\u00e9 noir</name>
<note>Dark and long.</note></bottle><bottle year="2004"><name>Sun</name><note>Light.</note></bottle></cellar>"""
    return {
        "garden.html": whole,
        "wide.html": whole.decode().encode("utf-16"),
        "plain.xhtml": b'<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><body><p>Some words.</p>'
        b"</body></html>",
        "news.rss": rss.encode(),
        "log.atom": atom.encode(),
        "bread.xml": docbook.encode(),
        "cellar.xml": plain.encode("latin-1"),
    }


def xml_bombs(ground: Ground) -> dict[str, bytes]:
    """Name -> document that grows, digs, or asks for other files."""
    laughs = "".join(_laugh(n) for n in range(1, 12))
    head, long = '<?xml version="1.0"?>', "a" * 100_000
    outside = (f"file://{ground.secret}", "file:///etc/passwd", ground.url, "../../../../../../etc/passwd")
    found = {
        "laughs.xml": f'{head}<!DOCTYPE d [<!ENTITY l0 "ha">{laughs}]><d><title>&l11;</title></d>',
        "quadratic.xml": f'{head}<!DOCTYPE d [<!ENTITY a "{long}">]><d><p>{"&a;" * 20_000}</p></d>',
        "attribute-laughs.xml": f'{head}<!DOCTYPE d [<!ENTITY l0 "ha">{laughs}]><d t="&l11;">x</d>',
        "parameters.xml": f'{head}<!DOCTYPE d [<!ENTITY % a SYSTEM "{ground.url}"> %a; <!ENTITY b "x">]><d>&b;</d>',
        "own-entity.xml": f'{head}<!DOCTYPE d [<!ENTITY a "&b;"><!ENTITY b "&a;">]><d>&a;</d>',
        "doctype.xml": f'{head}<!DOCTYPE d SYSTEM "{ground.url}.dtd"><d><p>Words.</p></d>',
        "public.xml": f'{head}<!DOCTYPE d PUBLIC "-//X//Y" "{ground.url}.dtd"><d><p>Words.</p></d>',
        "sheet.xml": f'{head}<?xml-stylesheet type="text/xsl" href="{ground.url}.xsl"?><d><p>Words.</p></d>',
        "schema.xml": f'{head}<d xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="a '
        f'{ground.url}"'
        f' xsi:noNamespaceSchemaLocation="{ground.url}"><p>Words.</p></d>',
        "base.xml": f'{head}<d xml:base="{ground.url}"><p>Words.</p></d>',
        "deep.xml": head + "<a>" * DEEP + "words" + "</a>" * DEEP,
        "deep-open.xml": head + "<a>" * DEEP,
        "deep-names.xml": head + _numbered("<n#>", 50_000),
        "many-attributes.xml": head + "<d " + _numbered(" a#='#'", 100_000) + "><p>Words.</p></d>",
        "many-spaces.xml": head + "<d " + _numbered(" xmlns:n#='urn:#'", 20_000) + "><p>Words.</p></d>",
        "long-name.xml": f"{head}<{'n' * 5_000_000}>words</{'n' * 5_000_000}>",
        "long-text.xml": f"{head}<d>{'word ' * 3_000_000}</d>",
        "long-comment.xml": f"{head}<d><!--{'-' * 1}{'x' * 11_000_000}--><p>Words.</p></d>",
        "many-items.rss": f"{head}<rss><channel>{'<item><title>t</title></item>' * 50_000}</channel></rss>",
        "many-roots.xml": f"{head}<d>a</d><d>b</d>",
        "controls.xml": f"{head}<d><p>\x01\x02&#0;&#x1F;&#xFFFE;&#xD800;words</p></d>",
        "utf7.xml": '<?xml version="1.0" encoding="UTF-7"?><d><p>+ADw-words</p></d>',
        "unknown-encoding.xml": '<?xml version="1.0" encoding="klingon-8"?><d><p>Words.</p></d>',
        "lies.xml": '<?xml version="1.0" encoding="UTF-16"?><d><p>Words.</p></d>',
    }
    for number, where in enumerate(outside):
        found[f"entity-{number}.xml"] = f'{head}<!DOCTYPE d [<!ENTITY x SYSTEM "{where}">]><d><p>&x;</p></d>'
        found[f"include-{number}.xml"] = (
            f'{head}<d xmlns:xi="http://www.w3.org/2001/XInclude"><p>Words.</p><xi:include href="{where}" '
            f'parse="text"/></d>'
        )
    return {name: text.encode("utf-8", "surrogatepass") for name, text in found.items()} | {
        "lone.xml": b'<?xml version="1.0"?><d><p>\xed\xa0\x80\xff\xfe words</p></d>',
        "utf32.xml": '<?xml version="1.0" encoding="UTF-32"?><d><p>Words.</p></d>'.encode("utf-32"),
    }


def html_traps(ground: Ground) -> dict[str, bytes]:
    """Name -> page that names other files and addresses, or never ends."""
    outside = (
        "../" * 8 + str(ground.picture).lstrip("/"), str(ground.picture), f"file://{ground.picture}",
        f"{ground.url}.png", f"//127.0.0.1:{ground.port}/x.png", "..\\secret.png", "%2e%2e/secret.png", "link-out.png",
        "folder-out/secret.png", "%00/etc/passwd", "fifo.png", "zero.png", "/dev/zero", "/dev/stdin", "a" * 100_000,
        "http://[::1", "data:image/png,", "data:image/png;base64,!!!!", "data:text/html,<b>x", "javascript:alert(1)",
        "\\\\127.0.0.1\\share\\x.png", "./", ".", "", "?", "#", "nul\n.png",
    )  # fmt: skip
    pictures = "".join(f'<p>Words {n}.</p><img alt="outside {n}" src="{where}">' for n, where in enumerate(outside))
    url = ground.url
    active = (
        f'<link rel=stylesheet href="{url}.css"><meta http-equiv=refresh content="0;url={url}"><base href="{url}/">'
        f'<link rel=preload href="{url}" as=image><style>@import "{url}"; body {{background: url({url})}}</style>'
    )
    inside = (
        f'<h1>Words</h1><iframe src="{url}"></iframe><script src="{url}"></script><object data="{url}"></object>'
        f'<embed src="{url}"><video src="{url}" poster="{url}.png"></video><audio src="{url}"></audio>'
        f'<img srcset="{url} 1x, {url}2 2x"><picture><source srcset="{url}"><img src="{url}"></picture>'
        f'<svg><image href="{url}"/><use xlink:href="{url}#a"/></svg><body background="{url}"><input type=image '
        f'src="{url}">'
        f'<table background="{url}"><tr><td>cell</table><frame src="{url}"><p>More words here.</p>'
    )
    bomb = base64.b64encode(zero_png(30_000, 30_000)).decode()
    found = {
        "outside.html": page(pictures),
        "active.html": page(inside, active),
        "deep.html": page("<div>" * DEEP + "words"),
        "deep-b.html": page("<b>" * DEEP + "words"),
        "deep-list.html": page("<ul><li>" * (DEEP // 2) + "words"),
        "deep-table.html": page("<table><tr><td>" * 50_000 + "words"),
        "deep-font.html": page("<p><a><font>" * 60_000 + "words"),
        "deep-svg.html": page("<svg><g>" * 50_000 + "words"),
        "deep-quote.html": page("<blockquote>" * DEEP + "<h1>words</h1>"),
        "many-headings.html": page("<h2>Heading</h2><p>Words.</p>" * 50_000),
        "many-pictures.html": page(f'<img alt=x src="data:image/gif;base64,{_gif()}">' * 20_000),
        "picture-bomb.html": page(f'<p>Words.</p><img src="data:image/png;base64,{bomb}">' * 20),
        "long-attribute.html": page(f"<p title={'x' * 10_000_000}>Words.</p>"),
        "wide-table.html": page("<table><tr>" + "<td>c" * 100_000 + "</table>"),
        "spans.html": page(
            "<table><tr><td rowspan=65534 colspan=1000>a<td rowspan=-1 colspan=999999999>b</table><p>Words."
        ),
        "open-comment.html": page("<p>Words.</p><!--" + "x" * 3_000_000),
        "open-script.html": page("<p>Words.<script>" + "x" * 3_000_000),
        "open-tag.html": page("<p>Words.</p><a href='" + "x" * 3_000_000),
        "many-entities.html": page("&amp;&#x110000;&#0;&bogus;" * 100_000),
        "brackets.html": page("<" * 1_000_000),
        "endless-doctype.html": b"<!doctype html" + b" x" * 1_000_000,
        "lone.html": page("<h1>Words</h1>") + b"<p>\xff\xfe\xed\xa0\x80\xc0\x80 more words</p>",
        "zeros.html": page("<p>a\0b\0c words</p>"),
        "utf7.html": b"<html><meta charset=utf-7><p>+ADw-script+AD4- words</p>",
        "mixed.html": page("<p>Stra\u00dfe</p>")
        + "<p>Stra\u00dfe</p>".encode("latin-1")
        + "<p>Stra\u00dfe</p>".encode("utf-16-le"),
        "frames.html": f'<html><frameset><frame src="{url}"><noframes>Words.</noframes></frameset></html>'.encode(),
        "template.html": page("<template>" * 5_000 + "<p>words" + "</template>" * 5_000 + "<p>Words."),
    }
    return found


def svg_traps(ground: Ground) -> dict[str, bytes]:
    """Name -> drawing that names other files and addresses, runs scripts, or never ends."""
    url, xlink = ground.url, 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    uses = "".join(f'<g id="g{n}">' + f'<use xlink:href="#g{n - 1}"/>' * 10 + "</g>" for n in range(1, 12))
    outside = "".join(
        f'<image href="{where}" xlink:href="{where}" x="0" y="0" width="50" height="50"/>'
        for where in (
            f"file://{ground.picture}",
            str(ground.picture),
            url + ".png",
            "../secret.png",
            "link-out.png",
            "/dev/zero",
        )
    )
    found = {
        "outside.svg": f'<svg {xlink} width="60" height="60"><title>Outside</title>{outside}</svg>',
        "script.svg": f'<svg {xlink} width="60" height="60" onload="fetch({url})"><script href="{url}"/><script>'
        f'fetch("{url}")'
        f'</script><style>@import url({url}); @font-face {{font-family: a; src: url({url})}}</style><text y="9">'
        f"words</text></svg>",
        "uses.svg": f'<svg {xlink} width="60" height="60"><rect id="g0" width="5" height="5"/>{uses}<use '
        f'xlink:href="#g11"/></svg>',
        "own-use.svg": f'<svg {xlink} width="60" height="60"><g id="a"><use xlink:href="#a"/></g></svg>',
        "huge.svg": f'<svg {xlink} width="1000000000" height="1000000000"><rect width="9" height="9"/></svg>',
        "wide.svg": f'<svg {xlink} width="1000000" height="1"><rect width="9" height="9"/></svg>',
        "empty-box.svg": f'<svg {xlink} viewBox="0 0 0 0" width="-5" height="nan"><rect width="9" height="9"/></svg>',
        "blur.svg": f'<svg {xlink} width="900" height="900"><filter id="f" x="-1e6" y="-1e6" width="1e7" '
        f'height="1e7"><feGaussianBlur '
        'stdDeviation="1e6"/><feTurbulence numOctaves="100000" baseFrequency="1e-9"/></filter><rect width="900" '
        'height="900" filter="url(#f)"/></svg>',
        "pattern.svg": f'<svg {xlink} width="900" height="900"><pattern id="p" width="1e-6" height="1e-6" '
        f'patternUnits="userSpaceOnUse">'
        '<rect width="1" height="1"/></pattern><rect width="900" height="900" fill="url(#p)"/></svg>',
        "dashes.svg": f'<svg {xlink} width="900" height="900"><path d="M0 0 H1e9" stroke="red" '
        f'stroke-dasharray="1e-5"/></svg>',
        "deep.svg": f"<svg {xlink} width='60' height='60'>" + "<g>" * 50_000 + "</g>" * 50_000 + "</svg>",
        "long-path.svg": f'<svg {xlink} width="60" height="60"><path d="M0 0'
        + " L9 9 0 5" * 300_000
        + '" stroke="red"/></svg>',
        "big-font.svg": f'<svg {xlink} width="60" height="60"><text font-size="1e9" y="9">words</text></svg>',
        "entity.svg": f'<!DOCTYPE svg [<!ENTITY x SYSTEM "file://{ground.secret}">]><svg {xlink}><title>&x;</'
        f"title><text>&x;</text></svg>",
        "laughs.svg": '<!DOCTYPE svg [<!ENTITY l0 "ha">'
        + "".join(_laugh(n) for n in range(1, 12))
        + f"]><svg {xlink}><title>&l11;</title></svg>",
    }
    packed = {name: text.encode() for name, text in found.items()}
    begin = f"<svg {xlink}><title>big</title><desc>".encode()
    return packed | {
        "bomb.svgz": gzipped(b"word " * 200_000, 600, begin, b"</desc></svg>"),
        "cut.svgz": gzip.compress(packed["uses.svg"], mtime=0)[:-20],
    }


def _laugh(level: int) -> str:
    return f'<!ENTITY l{level} "' + f"&l{level - 1};" * 10 + '">'


def _numbered(pattern: str, count: int) -> str:
    return "".join(pattern.replace("#", str(n)) for n in range(count))


def _gif() -> str:
    return base64.b64encode(saved(fields(6, 40).quantize(4), "GIF")).decode()
