"""The tables and drawings of docs/robustness.md, made of benchmarks/robustness.json and of nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from process import ROOT
from sensorium.evaluate.figures.charts import Bar, Curve, bars, robustness, standalone

PAGE = ROOT / "docs/robustness.md"
DRAWINGS = ROOT / "docs/robustness"
BLOCK = re.compile(r"(?<=<!-- figures: )(?P<name>\w+)(?P<end> -->\n)(?P<table>.*?)(?=<!-- end -->)", re.S)
TITLES = {
    "blur": "A blurred picture", "noise": "A noisy picture", "jpeg": "A picture compressed as a JPEG",
    "low_light": "A picture taken in too little light", "crop": "A piece of a picture",
    "white_noise": "A sound under white noise", "clipping": "An overdriven sound", "telephone": "A sound by telephone",
}  # fmt: skip
NAMES = {
    ("pictures", "i2i", "original"): "it finds its original",
    ("pictures", "i2t", "group"): "it finds one of its captions",
    ("library", "t2i", "group"): "all pictures like this: a caption finds its own",
    ("sounds", "a2a", "original"): "it finds its original", ("sounds", "a2t", "group"): "it finds its name",
    ("sounds", "a2a", "group"): "it finds another sound of its class",
}  # fmt: skip
SHOWN = ("blur 0.04", "noise 64", "jpeg 2", "low_light 4", "crop 0.1")


def percent(figure: dict[str, float], among: bool = True) -> str:
    """A share with its interval."""
    ends = f" ({100 * figure['low']:.1f}-{100 * figure['high']:.1f})" if among else ""
    return f"{100 * figure['value']:.1f} %{ends}"


def curves(figures: dict[str, Any], *parts: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """What is shown of the curves, with what each is called."""
    for part in parts:
        for curve in figures[part]["curves"]:
            if name := NAMES.get((part, curve["direction"], curve["right"])):
                yield name, curve


def table(figures: dict[str, Any], parts: tuple[str, ...], measure: str) -> str:
    """A row for each degradation and strength, a column for each question."""
    shown = list(curves(figures, *parts))
    names = list(dict.fromkeys(name for name, _ in shown))
    of = {(curve["degradation"], name): curve for name, curve in shown}
    lines = [f"| made worse | strength | {' | '.join(names)} |", "|---|---|" + "---|" * len(names)]
    first = next(iter(of))[0]
    undegraded = [of[first, name]["undegraded"][measure] for name in names]
    lines.append(f"| as it is | | {' | '.join(map(percent, undegraded))} |")
    for degradation in dict.fromkeys(degradation for degradation, _ in of):
        own = [of[degradation, name] for name in names]
        for at, point in enumerate(own[0]["points"]):
            cells = [curve["points"][at] for curve in own]
            marks = ["" if cell["lost"][measure]["p"] < 0.05 else " =" for cell in cells]
            said = [percent(cell["figures"][measure]) + mark for cell, mark in zip(cells, marks, strict=True)]
            what = f"{own[0]['says']} ({own[0]['unit']})" if at == 0 else ""
            lines.append(f"| {what} | {point['strength']:g} | {' | '.join(said)} |")
    lines.append(f"| by chance | | {' | '.join(percent({'value': one['chance']}, False) for one in undegraded)} |")
    return "\n".join(lines) + "\n"


def hints(figures: dict[str, Any], measure: str = "R@10") -> str:
    """A row for each condition: either alone, both at the best weight, both at the one weight for all."""
    said = figures["hints"]
    common = f"{said['common_weight']:g}"
    lines = [
        f"| the picture | alone | with a hint of the best weight | that weight | with a hint of weight {common} |",
        "|---|---|---|---|---|",
    ]
    for one in said["hinted"]:
        name = "as it is" if one["strength"] is None else f"{one['degradation'].replace('_', ' ')} {one['strength']:g}"
        cells = []
        for which, over in (("best", "over"), ("common", "common_over")):
            better = [one[f"{over}_{alone}"][measure] for alone in ("file", "text")]
            sure = all(change["difference"] > 0 and change["p"] < 0.05 for change in better)
            cells.append(percent(one[which][measure]) + (" *" if sure else ""))
        lines.append(f"| {name} | {percent(one['file'][measure])} | {cells[0]} | {one['weight']:g} | {cells[1]} |")
    alone = said["hinted"][0]["text"][measure]
    lines.append(f"| the hint alone | {percent(alone)} | | | |")
    lines.append(f"| by chance | {percent({'value': alone['chance']}, False)} | | | |")
    return "\n".join(lines) + "\n"


def about(figures: dict[str, Any]) -> str:
    """What was measured, when and on what."""
    said, heard, dev = figures["pictures"]["data"], figures["sounds"]["data"], figures["hints"]["dev"]
    pictures = f"{said['samples']['image']:,} pictures and {said['samples']['text']:,} captions"
    sounds = f"{heard['samples']['audio']:,} sounds and {heard['samples']['text']:,} names"
    model = f"{figures['pictures']['model']} at {figures['pictures']['precision']}"
    return (
        f"Measured {figures['measured']} at commit `{figures['commit']}` in {figures['seconds']:.0f} seconds on "
        f"{figures['cores']} cores, model {model}: {said['name']} test, {pictures} (data `{said['hash']}`); "
        f"{heard['name']} test, {sounds} (data `{heard['hash']}`); weights of hints chosen on {dev['name']} dev, "
        f"{dev['samples']['image']:,} pictures (data `{dev['hash']}`).\n"
    )


def blocks(figures: dict[str, Any]) -> dict[str, str]:
    """Everything in docs/robustness.md that is a figure, by the name of its place."""
    return {
        "about": about(figures), "pictures": table(figures, ("pictures", "library"), "R@10"),
        "sounds": table(figures, ("sounds",), "R@1"), "hints": hints(figures),
    }  # fmt: skip


def rewrite(figures: dict[str, Any]) -> None:
    """Put the tables into the page."""
    made = blocks(figures)
    text = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(BLOCK.sub(lambda f: f["name"] + f["end"] + made[f["name"]], text), encoding="utf-8")


def drawings(figures: dict[str, Any]) -> dict[str, str]:
    """The SVG files by name."""
    found = {}
    for parts, measure, of_what in ((("pictures", "library"), "R@10", "pictures"), (("sounds",), "R@1", "sounds")):
        within = "first answer right (%)" if measure == "R@1" else f"right among the first {measure[2:]} (%)"
        shown = list(curves(figures, *parts))
        for name in dict.fromkeys(curve["degradation"] for _, curve in shown):
            own = [(said, curve) for said, curve in shown if curve["degradation"] == name]
            of = {said: [c["undegraded"], *(p["figures"] for p in c["points"])] for said, c in own}
            lines = [
                Curve(said, list(range(len(at))), *([p[measure][end] for p in at] for end in ("value", "low", "high")))
                for said, at in of.items()
            ]
            _, first = own[0]
            luck = max(p[measure]["chance"] for at in of.values() for p in at)
            found[name] = robustness(
                lines, title=TITLES[name], chance=luck,
                about=f"{first['queries']:,} {of_what}; bands: 95 % intervals; chance: the highest of the three",
                x_label=first["unit"], ticks=["as it is", *(f"{p['strength']:g}" for p in first["points"])],
                y_label=within,
            )  # fmt: skip
    found["hints"] = _hinted(figures["hints"])
    return found


def _hinted(said: dict[str, Any]) -> str:
    entries = []
    for one in said["hinted"]:
        if (name := f"{one['degradation']} {one['strength']}") in SHOWN:
            for which, series in (("file", "picture alone"), ("text", "hint alone"), ("best", "both")):
                at = one[which]["R@10"]
                bar = Bar(name.replace("_", " "), at["value"], at["low"], at["high"], at["chance"], series)
                entries.append(bar)
    return bars(
        entries, title="A bad picture, a hint, and both", x_label="original among the first 10 (%)",
        about=f"{said['queries']:,} pictures, weights chosen on {said['dev_queries']:,} others; lines: 95 % intervals; "
        "dotted: chance",
    )  # fmt: skip


def draw(figures: dict[str, Any]) -> None:
    """Write the drawings beside the page."""
    DRAWINGS.mkdir(exist_ok=True)
    for name, svg in drawings(figures).items():
        (DRAWINGS / f"{name}.svg").write_text(standalone(svg), encoding="utf-8")
