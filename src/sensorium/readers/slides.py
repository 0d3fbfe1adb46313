"""PowerPoint's presentations (pptx): a section per slide, with its tables, charts, notes and pictures."""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from sensorium.core.types import Place
from sensorium.readers.chapters import Illustration
from sensorium.readers.charts import chart, diagram, paragraphs
from sensorium.readers.openxml import Package, attribute, child, described_as, relation
from sensorium.readers.safe_xml import local
from sensorium.readers.sections import Section, known

_TITLES = ("title", "ctrTitle")
_FURNITURE = ("sldNum", "dt", "ftr", "hdr", "sldImg")
_LONGEST_TITLE = 200


class Presentation:
    """The slides of a package, in the order in which they are shown."""

    def __init__(self, package: Package) -> None:
        self._package = package
        main = package.main("ppt/presentation.xml")
        root, relations = package.xml(main), package.relations(main)
        listed = child(root, "sldIdLst")
        ids = [relation(slide, "id") for slide in listed] if listed is not None else []
        self._slides = [relations[key][1] for key in ids if relations.get(key, ("",))[0] == "slide"]
        self.count = len(self._slides)

    def sections(self) -> Iterator[Section | Illustration]:
        """The text of each slide, followed by its pictures."""
        for number, name in enumerate(self._slides, 1):
            root = self._package.xml(name)
            if root is not None:
                yield from _Slide(self._package, root, self._package.relations(name), number).sections()


class _Slide:
    def __init__(
        self, package: Package, root: etree._Element, relations: dict[str, tuple[str, str]], number: int
    ) -> None:
        self._package, self._root, self._relations = package, root, relations
        self._place = Place(page=number)
        self._title = ""
        self._texts: list[str] = []
        self._pictures: list[tuple[str, str]] = []

    def sections(self) -> Iterator[Section | Illustration]:
        tree = next(self._root.iter("{*}spTree"), None)
        for shape in tree if tree is not None else ():
            self._shape(shape)
        texts = [self._title, *self._texts, *self._beside()]
        about = known(heading=" ".join(self._title.split())[:_LONGEST_TITLE])
        yield Section("\n\n".join(filter(None, texts)), self._place, about)
        for name, alt in self._pictures:
            yield Illustration(name, self._place, known(alt=alt, **about))

    def _shape(self, shape: etree._Element) -> None:
        name = local(shape)
        if name == "AlternateContent":
            choice = child(shape, "Choice")
            shape, name = (choice if choice is not None else shape), "grpSp"
        if name == "grpSp":
            for inner in shape:
                self._shape(inner)
        elif name == "graphicFrame":
            self._graphic(shape)
        elif name in ("sp", "pic"):
            kind = attribute(next(shape.iter("{*}ph"), None), "type")
            if kind in _FURNITURE:
                return
            said = paragraphs(child(shape, "txBody"))
            if kind in _TITLES and not self._title:
                self._title = said
            else:
                self._texts.append(said)
            self._blips(shape)

    def _blips(self, shape: etree._Element) -> None:
        about = next(shape.iter("{*}cNvPr"), None)
        alt = described_as(about, "descr", "title")
        for blip in shape.iter("{*}blip"):
            kind, target = self._relations.get(attribute(blip, "embed"), ("", ""))
            if kind == "image":
                self._pictures.append((target, alt))

    def _graphic(self, frame: etree._Element) -> None:
        for table in frame.iter("{*}tbl"):
            rows = [
                [" ".join(paragraphs(cell).split()) for cell in row.iterfind("{*}tc")]
                for row in table.iterfind("{*}tr")
            ]
            self._texts.append("\n".join(" | ".join(row) for row in rows if any(row)))
        for drawn in frame.iter("{*}chart"):
            root = self._package.xml(self._relations.get(relation(drawn, "id"), ("", ""))[1])
            self._texts.append(chart(root) if root is not None else "")
        for drawn in frame.iter("{*}relIds"):
            root = self._package.xml(self._relations.get(relation(drawn, "dm"), ("", ""))[1])
            self._texts.append(diagram(root) if root is not None else "")
        self._blips(frame)

    def _beside(self) -> Iterator[str]:
        """The speaker's notes and the comments."""
        for kind, name in self._relations.values():
            root = self._package.xml(name) if kind in ("notesSlide", "comments") else None
            if root is None:
                continue
            if kind == "comments":
                said = (" ".join((e.text or "").split()) for e in root.iter("{*}text", "{*}t"))
                yield "\n".join(f"Comment: {text}" for text in said if text)
                continue
            for shape in root.iter("{*}sp"):
                if attribute(next(shape.iter("{*}ph"), None), "type") not in _FURNITURE:
                    said_here = paragraphs(child(shape, "txBody"))
                    yield f"Notes: {said_here}" if said_here else ""
