"""The figures of the study, drawn from what it measured: an SVG by the name of its file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from numpy.typing import NDArray

from sensorium.evaluate.figures.charts import (
    Bar,
    Curve,
    Point,
    bars,
    batch,
    precision_over_k,
    scatter,
    time_against_accuracy,
    time_over_n,
)
from sensorium.evaluate.figures.drawing import standalone

NAMED = {"cosine": "cosine", "dot": "dot product", "l2": "L2"}
WAYS = {
    "t2i": "text to picture", "i2t": "picture to text", "t2t": "text to text", "i2i": "picture to picture",
}  # fmt: skip
KINDS = {"exact": "kNN", "ivf": "ANN"}


def precision(study: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Figures 8 to 10: a figure a set and direction, and one of captions that all count."""
    for one, ways in study["precision"].items():
        for way, metrics in ways.items():
            curves = [_curve(NAMED[metric], metrics[metric]["own"]) for metric in NAMED]
            own = metrics["cosine"]["own"]
            title = f"{WAYS[way][0].upper()}{WAYS[way][1:]}, {one} set"
            yield f"precision-{one}-{way}", _precision(curves, own, title, own["queries"])
        any_one, own = ways["i2t"]["cosine"]["any"], ways["i2t"]["cosine"]["own"]
        curves = [
            _curve(f"{name} (n = {rate['queries']:,})", rate)
            for name, rate in (("any caption of the picture", any_one), ("the pair's own caption", own))
        ]
        title = f"Picture to text, {one} set: which captions count"
        yield f"captions-{one}", _precision(curves, own, title, None, "random, its own caption (k / N)")


def search(study: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Figures 4 to 6: kNN and ANN by time and accuracy, and speed over n."""
    found = study["indexes"]
    about = f"cosine, first {found['k']}; {found['lists']} lists, {found['probes']} probes; one query at a time"
    points = [
        Point(way, one[kind]["single_ms"], *_ends(one, kind), series=KINDS[kind])
        for kind in KINDS for way, one in found["directions"].items()
    ]  # fmt: skip
    yield (
        "index-time",
        time_against_accuracy(
            points,
            title="kNN and ANN: time and what is found",
            about=about,
            y_label="of kNN's first 10 answers found (%)",
        ),
    )
    accuracy = [
        _bar(WAYS[way], one[kind]["R@10"], KINDS[kind])
        for way, one in found["directions"].items() if "R@10" in one["exact"] for kind in KINDS
    ]  # fmt: skip
    yield "index-accuracy", bars(
        accuracy, title="kNN and ANN: right answers", about=about.rsplit(";", 1)[0],
        x_label="right answer among the first 10 (% of queries)",
    )  # fmt: skip
    yield "speed", _speed(study["speed"])


def space(
    study: Mapping[str, Any], similarities: NDArray[Any], points: NDArray[Any] | None,
    labels: Mapping[str, Sequence[str]],
) -> Iterator[tuple[str, str]]:  # fmt: skip
    """The confusion matrix of a batch, and the map of the space by each way to call its points."""
    name = study["batch"]["set"]
    yield "batch", batch(similarities, title=f"Cosine of a batch of pairs, {name} set", column_label="picture")
    if points is not None:
        for by, called in labels.items():
            yield (
                f"map-{by}",
                scatter(points, called, title=f"Map of the space (UMAP), by {by}", about=study["map"]["about"]),
            )


def drawn(study: Mapping[str, Any], *parts: Iterator[tuple[str, str]]) -> dict[str, str]:
    """All figures as files of their own, by name."""
    return {name: standalone(svg) for part in parts for name, svg in part}


def _bar(name: str, said: Mapping[str, float], series: str) -> Bar:
    return Bar(name, said["value"], said["low"], said["high"], series=series)


def _precision(
    curves: Sequence[Curve], rate: Mapping[str, Any], title: str, queries: int | None, random: str = "random (k / N)"
) -> str:
    chance = Curve(random, *_columns(rate, "chance"))
    return precision_over_k(curves, title=title, queries=queries, gallery=rate["gallery"], chance=chance)


def _curve(name: str, rate: Mapping[str, Any]) -> Curve:
    x, y = _columns(rate, "value")
    return Curve(name, x, y, _columns(rate, "low")[1], _columns(rate, "high")[1])


def _columns(rate: Mapping[str, Any], which: str) -> tuple[list[float], list[float]]:
    return [int(k) for k in rate["at"]], [at[which] for at in rate["at"].values()]


def _ends(one: Mapping[str, Any], kind: str) -> tuple[float, float | None, float | None]:
    if kind == "exact":
        return 1.0, None, None
    found = one["found_by_both"]
    return found["value"], found["low"], found["high"]


def _speed(said: Mapping[str, Any]) -> str:
    rows = said["rows"]
    n = [row["n"] for row in rows]
    scale = rows[-1]["exact"]["single_ms"] / rows[-1]["cost"]["exact"]
    curves = [
        *(Curve(f"{KINDS[kind]}, measured", n, [row[kind]["single_ms"] for row in rows]) for kind in KINDS),
        *(Curve(f"{KINDS[kind]}, by formula", n, [row["cost"][kind] * scale for row in rows]) for kind in KINDS),
    ]
    real = f"real captions up to {said['real']:,}" if said["real"] < n[-1] else "real captions"
    noise = ", beyond them copies with noise" if said["real"] < n[-1] else ""
    return time_over_n(curves, title="Time a query over n", about=f"{real}{noise}; formula scaled to kNN at the last n")
