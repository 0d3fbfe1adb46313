"""The kinds of XML that hold prose: JATS, DocBook, TEI and FictionBook; what their elements are for, who wrote what."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lxml import etree

from sensorium.readers.dates import iso_date, ymd
from sensorium.readers.flow import Flow, Vocabulary, names, one_line, plain
from sensorium.readers.safe_xml import Places, language, local, namespace
from sensorium.readers.sections import Section, known


@dataclass(frozen=True)
class Prose:
    """A kind of document: its vocabulary, the paths below the root at which text starts, and what it says of itself."""

    vocabulary: Vocabulary
    starts: tuple[str, ...]
    about: Callable[[etree._Element], dict[str, Any]]

    def sections(self, root: etree._Element, about: Mapping[str, Any]) -> Iterator[Section]:
        """Title and authors first where they stand apart from the text, then the sections."""
        places = Places()
        if self.starts and (opening := _opening(about)):
            yield Section(opening, places.of(root))
        for start in self.starts or (".",):
            for element in root.iterfind(start):
                yield from Flow(self.vocabulary, places).sections(element)


def prose(root: etree._Element) -> Prose | None:
    """The kind of prose that a document is; None for all others."""
    name, space = local(root), namespace(root)
    if name in ("TEI", "TEI.2", "teiCorpus"):
        return TEI
    if name == "FictionBook":
        return FICTION_BOOK
    if name in ("article", "book") and not space and _first(root, "front", "book-meta", "front-stub") is not None:
        return JATS
    if "docbook" in space or (not space and name in _DOCBOOK_ROOTS and _is_docbook(root)):
        return DOCBOOK
    return None


def _opening(about: Mapping[str, Any]) -> str:
    return "\n\n".join(about[name] for name in ("title", "author", "description") if name in about)


def _first(element: etree._Element, *paths: str) -> etree._Element | None:
    found = (
        element.find("/".join(f"{{*}}{step}" if step[0].isalpha() else step for step in p.split("/"))) for p in paths
    )
    return next((one for one in found if one is not None), None)


def _all(element: etree._Element, path: str) -> list[etree._Element]:
    found: list[etree._Element] = element.findall(
        "/".join(f"{{*}}{step}" if step[:1].isalpha() else step for step in path.split("/"))
    )
    return found


def _listed(elements: list[etree._Element]) -> list[str]:
    return list(dict.fromkeys(said for element in elements if (said := one_line(element).strip(" ;,"))))


def _authors(elements: list[etree._Element]) -> str:
    return ", ".join(dict.fromkeys(name for element in elements if (name := _person(element))))


def _person(element: etree._Element) -> str:
    """A person's name in its spoken order, whichever the elements' order is."""
    inner = next((e for e in element.iter("{*}name", "{*}persName", "{*}personname") if len(e)), element)
    given = [
        one_line(e)
        for e in inner
        if local(e) in ("given-names", "firstname", "forename", "first-name", "othername", "middle-name", "honorific")
    ]
    family = [one_line(e) for e in inner if local(e) in ("surname", "last-name", "lineage")]
    if family or given:
        return " ".join(name for name in (*given, *family) if name)
    whole = _first(inner, "collab", "string-name", "personname", "orgname", "nickname", "persName", "name")
    return one_line(inner if whole is None else whole)


# --- JATS and its forerunner NLM: journal articles ---

_JATS = Vocabulary(
    sections=names(
        "sec abstract trans-abstract body fig table-wrap boxed-text ack ref-list app glossary fn-group notes"
    ),
    titles=names("title label subtitle"),
    wrappers=names("caption back app-group floats-group title-group fig-group"),
    blocks=names(
        "p disp-formula disp-quote verse-group speech statement table ref def-list list fn title attrib preformat"
    ),
    items=names("list-item def-item"),
    breaks=names("break verse-line"),
    verbatim=names("code preformat"),
    spaced=names(
        "label surname given-names year month day article-title source volume issue fpage lpage name collab "
        "publisher-name publisher-loc string-name person-group etal comment term def suffix chapter-title "
        "edition pub-id"
    ),
    skipped=names(
        "tex-math object-id contrib-group permissions sec-meta history kwd-group processing-meta private-char"
    ),
)


def _about_article(root: etree._Element) -> dict[str, Any]:
    meta = _first(root, "front/article-meta", "front-stub", "book-meta")
    if meta is None:
        return {}
    people = _all(meta, "contrib-group/contrib")
    numbers = _all(meta, "article-id")
    authors = [person for person in people if person.get("contrib-type", "author").startswith("author")]
    return known(
        title=one_line(_first(meta, "title-group/article-title", "book-title-group/book-title"), _JATS),
        author=_authors(authors or people),
        date=_earliest(_all(meta, "pub-date")),
        keywords=_listed(_all(meta, "kwd-group/kwd")) or _listed(_all(meta, "article-categories/subj-group/subject")),
        language=language(root),
        journal=one_line(_first(root, "front/journal-meta/journal-title-group/journal-title",
                                "front/journal-meta/journal-title")),
        url=next((f"https://doi.org/{one_line(i)}" for i in numbers if i.get("pub-id-type") == "doi"), ""),
    )  # fmt: skip


def _earliest(elements: list[etree._Element]) -> str:
    dates = [ymd(*(one_line(_first(element, part)) for part in ("year", "month", "day"))) for element in elements]
    # "2007" is no earlier than "2007-02-14": the more is said of the year, the better.
    return min((d for d in dates if d), key=lambda d: (d[:4], -len(d), d), default="")


# --- DocBook 4 and 5: manuals and books ---

_DOCBOOK_ROOTS = names(
    "book article chapter part set appendix preface section refentry reference glossary sect1 bibliography topic"
)
_DOCBOOK = Vocabulary(
    sections=_DOCBOOK_ROOTS
    | names(
        "sect2 sect3 sect4 sect5 simplesect refsection refsect1 refsect2 refsect3 figure table example "
        "equation sidebar colophon dedication abstract qandadiv glossdiv bibliodiv partintro acknowledgements "
        "annotation procedure"
    ),
    titles=names("title subtitle refentrytitle label"),
    wrappers=names(
        "info articleinfo bookinfo chapterinfo sectioninfo sect1info sect2info refentryinfo setinfo partinfo "
        "refmeta glossaryinfo appendixinfo prefaceinfo"
    ),
    blocks=names(
        "para simpara formalpara blockquote epigraph note tip warning caution important itemizedlist "
        "orderedlist variablelist simplelist informaltable informalfigure informalexample mediaobject "
        "glossentry bibliomixed biblioentry qandaentry question answer title refnamediv refsynopsisdiv "
        "cmdsynopsis funcsynopsis attribution msgset step classsynopsis caption"
    ),
    items=names("listitem member callout varlistentry"),
    breaks=names("line seg funcprototype"),
    verbatim=names("programlisting screen literallayout synopsis address programlistingco screenco"),
    spaced=names(
        "firstname surname othername personname refname refpurpose term paramdef command arg group "
        "refmiscinfo question answer author editor publishername pubdate glossterm abbrev"
    ),
    skipped=names(
        "indexterm index toc copyright legalnotice revhistory remark author authorgroup editor othercredit "
        "pubdate date releaseinfo titleabbrev manvolnum imagedata videodata audiodata productname "
        "productnumber keywordset subjectset colspec spanspec refclass publisher isbn issn biblioid "
        "printhistory mathml svg"
    ),
    references=("linkend",),
)


def _is_docbook(root: etree._Element) -> bool:
    declared = root.getroottree().docinfo.doctype.lower()
    return "docbook" in declared or any(local(e) in _DOCBOOK.blocks - {"title", "note"} for e in root.iter())


def _about_docbook(root: etree._Element) -> dict[str, Any]:
    info = next((child for child in root if local(child).endswith("info")), root)
    title = _first(info, "title") if info is not root else None
    return known(
        title=one_line(title if title is not None else _first(root, "title", "refmeta/refentrytitle")),
        author=_authors(_all(info, "author") + _all(info, "authorgroup/author")),
        date=iso_date(one_line(_first(info, "pubdate", "date"))),
        keywords=_listed(_all(info, "keywordset/keyword")),
        description=one_line(_first(root, "refnamediv/refpurpose")),
        language=language(root),
    )


# --- TEI: editions, plays, letters ---

_TEI = Vocabulary(
    sections=names(
        "text front body back div div1 div2 div3 div4 div5 sp castList lg1 floatingText group"
    ),
    titles=names("head docTitle"),
    wrappers=names("titlePage"),
    blocks=names(
        "p ab lg quote q stage list table note opener closer trailer epigraph head argument byline salute "
        "dateline signed castGroup figure titlePart docAuthor docImprint docDate entry floatingText"
    ),
    items=names("item castItem"),
    breaks=names("l lb"),
    verbatim=names("eg"),
    spaced=names("forename surname date roleDesc bibl docEdition label"),
    skipped=names("teiHeader fw facsimile standOff sourceDoc index gap"),
    speakers=names("speaker"),
    choices=names("choice"),
    rows=names("row tr"),
    cells=names("cell td th"),
)  # fmt: skip


def _about_edition(root: etree._Element) -> dict[str, Any]:
    said = _first(root, "teiHeader/fileDesc")
    if said is None:
        return {}
    profile = _first(root, "teiHeader/profileDesc")
    titles = sorted(_all(said, "titleStmt/title"), key=lambda title: title.get("type", "main") != "main")
    dates = [*_all(said, "sourceDesc//date"), *_all(said, "publicationStmt/date")]
    dated = (iso_date(date.get("when") or date.get("notBefore") or one_line(date)) for date in dates)
    languages = [] if profile is None else _all(profile, "langUsage/language")
    return known(
        title=one_line(titles[0]) if titles else "",
        author=_authors(_all(said, "titleStmt/author")),
        date=next((date for date in dated if date), ""),
        language=language(root) or next((e.get("ident", "") for e in languages), ""),
        keywords=[] if profile is None else _listed(_all(profile, "textClass/keywords//term")),
        description="" if profile is None else plain(_first(profile, "abstract"), _TEI),
    )


# --- FictionBook: novels ---

_FICTION = Vocabulary(
    sections=names("body section annotation"),
    titles=names("title"),
    blocks=names("p subtitle epigraph cite poem stanza title text-author table"),
    breaks=names("v"),
    skipped=names("binary"),
)


def _about_novel(root: etree._Element) -> dict[str, Any]:
    said = _first(root, "description/title-info")
    if said is None:
        return {}
    when = _first(said, "date")
    return known(
        title=one_line(_first(said, "book-title")),
        author=_authors(_all(said, "author")),
        language=one_line(_first(said, "lang")),
        date="" if when is None else iso_date(when.get("value") or one_line(when)),
        keywords=[k for said in _listed(_all(said, "keywords")) for k in map(str.strip, said.split(",")) if k],
    )


JATS = Prose(
    _JATS,
    ("{*}front//{*}abstract", "{*}front//{*}trans-abstract", "{*}body", "{*}floats-group", "{*}back",
     "{*}book-body", "{*}sub-article", "{*}response"),
    _about_article,
)  # fmt: skip
DOCBOOK = Prose(_DOCBOOK, (), _about_docbook)
TEI = Prose(_TEI, ("{*}text", "{*}TEI/{*}text"), _about_edition)
FICTION_BOOK = Prose(_FICTION, ("{*}description/{*}title-info/{*}annotation", "{*}body"), _about_novel)
