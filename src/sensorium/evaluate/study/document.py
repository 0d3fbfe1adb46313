"""The study as a document: Markdown whose every number is one of its JSON, written anew with it."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sensorium.evaluate.study.accuracy import STUDY_K, STUDY_N
from sensorium.evaluate.study.charts import NAMED, WAYS
from sensorium.evaluate.study.pairs import REST

Study = Mapping[str, Any]
STUDY_SHARE = f"{100 * STUDY_K / STUDY_N:g} %"


def document(study: Study, folder: str) -> str:
    """The whole document; `folder` is where the figures lie, seen from it."""
    parts = (
        _head, _differences, _own_data, _precision, _random, _captions_count, _indexes, _gpu, _speed, _batch, _examples,
        _map, _left,
    )  # fmt: skip
    return "\n\n".join(_wrapped(block) for part in parts for block in part(study, folder)) + "\n"


def _wrapped(block: str) -> str:
    """Lines of prose of at most 140 characters; anything else as it is."""
    if block.startswith(("#", "|", "!", "<", "- ")) or "\n" in block:
        return block
    return textwrap.fill(block, 140, break_long_words=False, break_on_hyphens=False)


def _head(study: Study, folder: str) -> Iterator[str]:
    machine, data, model = study["machine"], study["data"], study["model"]
    yield "# The study, again"
    yield (
        '*CLIP with kNN and Faiss on MS-COCO* (Zhou, Wu, Chang, Chen, UCLA 2022; here "the study") is where this '
        "project began. Below each of its figures is drawn anew by one command. This document, its figures and "
        f"[{folder}/study.json]({folder}/study.json), which has every number, are what the command wrote."
    )
    ours = (data["name"] == "flickr8k", " DATA=FOLDER"), (model["built_in"], f" MODEL={model['name']}")
    asked = "".join(words for usual, words in ours if not usual)
    yield f"<!-- not run: takes minutes, and needs the data -->\n```console\n$ make study{asked}\n```"
    known = study["embedded_before"]
    before = (
        f"{_many(known, 'vector was', 'vectors were')} in the cache already"
        if known
        else "everything was embedded anew"
    )
    yield (
        f"Measured on {study['measured']}: {_plain(data['name'])} with the model `{model['name']}` {model['version']} "
        f"({model['dimension']} numbers, {model['precision']}), in {study['seconds']:,.0f} seconds on "
        f"{_many(machine['cores'], 'core', 'cores')}; {before}. Commit "
        f"{study['commit'] or 'not known'}, data {data['hash']}, seed {study['seed']}. "
        "Intervals are 95 % (bootstrap; captions of a picture are resampled together)."
    )


def _differences(study: Study, folder: str) -> Iterator[str]:
    sets, model, indexes = study["data"]["sets"], study["model"], study["indexes"]
    yield "## What is the same, and what is not"
    pairs = "; ".join(
        f"{'searched only' if name == REST else name}: {one['pairs']:,} of {one['pairs_there']:,} pairs, "
        f"{one['pictures']:,} pictures"
        for name, one in sets.items()
    )
    coco = "MS-COCO 2014, 82,783 training and 40,504 validation photographs, 5 captions or more each"
    gpu = "on the processor and on a GPU" if indexes["gpu"] else "on the processor; no GPU was there"
    yield _table(
        ("", "the study", "here"),
        [
            ("data", coco, _cell(study["data"]["name"])),
            ("pairs", "80,000 (image, caption) sampled from each set", pairs),
            ("model", "CLIP ViT-B/32 (512 numbers), pretrained, then fine-tuned",
             f"`{model['name']}` ({model['dimension']} numbers), as it is"),
            ("scores", "cosine, dot product, L2", "the same"),
            ("ANN", "Faiss IVF, 100 lists, 5 probes",
             f"Faiss IVF, {indexes['lists']} lists, {indexes['probes']} probes"),
            ("kNN", "on the processor and on a GPU", gpu),
        ],
    )  # fmt: skip


def _own_data(study: Study, folder: str) -> Iterator[str]:
    sets = study["data"]["sets"]
    test = list(study["precision"])[-1]
    pairs, pictures = sets[test]["pairs"], sets[test]["pictures"]
    rate = study["precision"][test]["t2i"]["cosine"]["own"]
    if pairs < STUDY_N:
        yield (
            f"**A smaller gallery is easier.** The study looks for one of 80,000. Here, in the {test} set, a "
            "caption looks "
            f"for one of {pictures:,} pictures, and a picture for one of {pairs:,} captions: a rate at the same k "
            "is not to be "
            "compared with the study's. What can be compared is how many times as good as chance it is at the same "
            "*share* "
            f"of the gallery: the study's k = {STUDY_K:,} are {STUDY_SHARE} of 80,000, and here that is k = "
            f"{rate['share_k']:,} of {rate['gallery']:,}."
        )
    if notes := study["data"]["notes"]:
        yield "What the reader of the data said:\n\n" + "\n".join(f"- {_plain(note)}" for note in notes)
    if study["model"]["built_in"] and study["data"]["name"] == "flickr8k":
        yield (
            "The built-in `starter` is a small model for a first minute, not CLIP: its figures do not say what "
            "CLIP reaches. "
            "It was trained on the training set here, as the study's fine-tuned model was on its own; only the "
            "test set is "
            "new to it."
        )
    yield (
        "With MS-COCO on disk (a folder with `annotations/captions_train2014.json` and `captions_val2014.json`, "
        "`train2014/` and `val2014/`) the same command has the study's set-up, with its model or one of yours:"
    )
    yield (
        "<!-- not run: needs MS-COCO and CLIP -->\n```console\n$ sensorium models pull clip-vit-b-32\n"
        "$ make study DATA=~/coco MODEL=clip-vit-b-32\n```"
    )


def _precision(study: Study, folder: str) -> Iterator[str]:
    yield "## Precision over k"
    yield (
        "The study's figures 8 and 10. The precision rate is the share of queries whose right answer, the other "
        "half of "
        "the pair that asks, is among the first k. A caption looks for its picture among all pictures of the set, a "
        "picture for its caption among all captions, each of which is there once."
    )
    rows, best = [], []
    for one, ways in study["precision"].items():
        for way, metrics in ways.items():
            yield _picture(folder, f"precision-{one}-{way}", f"Precision over k, {WAYS[way]}, {one} set")
            best.append(_best(one, way, metrics))
            for metric, name in NAMED.items():
                rate = metrics[metric]["own"]
                rates = _at(rate, ("1", "10", "100", "1000"))
                rows.append((one, WAYS[way], name, *rates, f"{rate['median_rank']:g}"))
    yield _table(("set", "direction", "metric", "k = 1", "k = 10", "k = 100", "k = 1,000", "median rank"), rows)
    yield "Which is best at k = 10:\n\n" + "\n".join(f"- {line}" for line in best)


def _best(one: str, way: str, metrics: Mapping[str, Any]) -> str:
    k = max((k for k in metrics["cosine"]["own"]["at"] if int(k) <= 10), key=int)  # 10, of a set that has as many
    at = {metric: metrics[metric]["own"]["at"][k] for metric in NAMED}
    first, *others = sorted(NAMED, key=lambda metric: -at[metric]["value"])
    near = [NAMED[other] for other in others if at[other]["high"] >= at[first]["low"]]
    said = f", its interval meeting that of {' and '.join(near)}" if near else ""
    here = "" if k == "10" else f" at k = {k}"
    return f"{WAYS[way]}, {one} set{here}: {NAMED[first]}{said}."


def _random(study: Study, folder: str) -> Iterator[str]:
    yield "## Against a random classifier"
    yield (
        "The study's figure 9. A random classifier is right in k / N of all cases (the dotted lines above); pretrained "
        f"CLIP was 12 times as good at k = {STUDY_K:,} of {STUDY_N:,}. At the same share of the gallery, by cosine:"
    )
    rows = []
    for one, ways in study["precision"].items():
        for way, metrics in ways.items():
            rate = metrics["cosine"]["own"]
            k = f"{rate['share_k']:,} of {rate['gallery']:,}"
            chance = f"{100 * rate['share_chance']:.2f} %"
            rows.append((one, WAYS[way], k, _percent(rate["share_value"]), chance, f"{rate['times']:g}"))
    yield _table(("set", "direction", "k", "precision rate", "random", "times as good"), rows)


def _captions_count(study: Study, folder: str) -> Iterator[str]:
    yield "## All captions of a picture count"
    yield (
        "The study counted one caption of a picture as right and its others as wrong, and wished that all counted. "
        "Here "
        'are both, by cosine: "its own" asks once for each pair, "any of its" once for each picture.'
    )
    rows = []
    for one, ways in study["precision"].items():
        says = f"Picture to text, {one} set: its own caption, and any caption of the picture"
        yield _picture(folder, f"captions-{one}", says)
        for right, name in (("own", "its own"), ("any", "any of its")):
            rows.append((one, name, *_at(ways["i2t"]["cosine"][right], ("1", "5", "10", "100"))))
    yield _table(("set", "right is", "k = 1", "k = 5", "k = 10", "k = 100"), rows)


def _indexes(study: Study, folder: str) -> Iterator[str]:
    found = study["indexes"]
    yield "## kNN against ANN"
    yield (
        f"The study's figures 4 to 6, in four directions (t: text, i: image): exact search (kNN) and Faiss IVF with "
        f"{found['lists']} lists and {found['probes']} probes (ANN), by cosine, the first {found['k']}. The test "
        "set asks, "
        "all sets are searched unless the test set is as large as the study's, and what asks is no answer to "
        "itself. The "
        "study found ANN about 3 % less accurate. Two things are told apart here: how many of kNN's first ten "
        "answers ANN "
        "finds too, and for how many queries a right answer (the picture, or one of its captions) is among the "
        "first ten. "
        "From picture to picture nothing is known to be right."
    )
    yield _picture(folder, "index-time", "Time a query against the share of kNN's answers that is found")
    yield _picture(folder, "index-accuracy", "Right answers among the first ten, kNN and ANN")
    times, right = [], []
    for way, one in found["directions"].items():
        exact, ivf = one["exact"], one["ivf"]
        measured = (f"{kind[time]:.3f}" for time in ("single_ms", "batch_ms") for kind in (exact, ivf))
        times.append((WAYS[way], f"{one['n']:,}", *measured, f"{one['cost']['exact'] / one['cost']['ivf']:.1f}"))
        rates = (_figure(kind["R@10"]) if "R@10" in kind else "-" for kind in (exact, ivf))
        right.append((WAYS[way], f"{one['queries']:,}", _figure(one["found_by_both"]), *rates))
    head = ("direction", "n", "kNN, ms a query", "ANN", "kNN, ms in a batch", "ANN", "fewer steps by the formula")
    yield _table(head, times)
    yield _table(("direction", "queries", "of kNN's ten ANN finds", "right in ten: kNN", "right in ten: ANN"), right)
    yield (
        "A query alone: the median of up to 200. In a batch: all of a direction's at once, the time divided by their "
        f"number, the fastest of three, on {_many(found['threads'], 'thread', 'threads')}. The "
        "formula is the study's: nd + k log n steps for kNN, (t/m) nd + md + t log m + k log(tn/m) for ANN with m "
        "lists and "
        "t probes. Both of our indexes score their best candidates again in float64, which the formula does not count."
    )
    if notes := dict.fromkeys(note for one in found["directions"].values() if (note := one["ivf"]["note"])):
        yield f"Of small sets: {'; '.join(notes)}."


def _gpu(study: Study, folder: str) -> Iterator[str]:
    yield "## CPU against GPU"
    found = study["indexes"]["gpu"]
    if not found:
        yield (
            "Not measured: no GPU was there. The study found kNN about 3 times as fast on one. Where Faiss sees a "
            "GPU (the "
            "package faiss-gpu) the same command measures it, and a table stands here."
        )
        return
    rows = []
    for way, one in found.items():
        cpu, gpu = one["cpu"]["batch_ms"], one["gpu"]["batch_ms"]
        rows.append((WAYS[way], f"{cpu:.3f}", f"{gpu:.3f}", f"{cpu / gpu:.1f}"))
    yield _table(("direction", "processor, ms in a batch", "GPU", "times as fast"), rows)


def _speed(study: Study, folder: str) -> Iterator[str]:
    said = study["speed"]
    yield "## Speed over n"
    noise = ""
    if said["rows"][-1]["n"] > said["real"]:
        noise = (
            f" There are {said['real']:,} real captions; beyond them the vectors are copies with normally "
            "distributed noise "
            f"of {said['noise']:g} times their length."
        )
    yield f"Figure 6 over n: captions ask captions, one at a time, for the first {said['k']}.{noise}"
    yield _picture(folder, "speed", "Time a query over the number of vectors, kNN and ANN, measured and by formula")
    rows = []
    for row in said["rows"]:
        exact, ivf = row["exact"]["single_ms"], row["ivf"]["single_ms"]
        n = f"{row['n']:,}" + ("" if row["real"] else " (noise)")
        by_formula = row["cost"]["exact"] / row["cost"]["ivf"]
        rows.append((n, f"{exact:.3f}", f"{ivf:.3f}", f"{exact / ivf:.1f}", f"{by_formula:.1f}"))
    yield _table(("n", "kNN, ms a query", "ANN", "times as fast", "by formula"), rows)


def _batch(study: Study, folder: str) -> Iterator[str]:
    said = study["batch"]
    yield "## A batch of pairs"
    yield (
        f"The N x N similarities of a batch, whose diagonal training makes strong: {said['pairs']} pairs of the "
        f"{said['set']} "
        f"set, each of another picture. The mean cosine is {said['diagonal']:.2f} on the diagonal and "
        f"{said['off_diagonal']:.2f} beside it. The right one is the most similar for {_percent(said['rows'])} of "
        "the captions "
        f"and {_percent(said['columns'])} of the pictures; over {_batches(said['batches'])} that the set has, for "
        f"{_figure(said['rows_of_all'])} and {_figure(said['columns_of_all'])} (random: {_percent(said['chance'])})."
    )
    yield _picture(folder, "batch", "Similarities of all captions and pictures of a batch")


def _examples(study: Study, folder: str) -> Iterator[str]:
    rows = study["captions"]
    yield "## Captions: standard and ours"
    yield (
        f"The study's Table 1: pictures of the test set, drawn by chance (seed {study['seed']}); the caption that "
        "comes first in "
        f"the data set, and the one of all {rows[0]['captions']:,} captions that is nearest to the picture. The "
        "photographs are not "
        "ours to publish: `--page` writes a page with them for yourself."
    )
    table = []
    for row in rows:
        ranks = (f"{row[which]:,}" for which in ("rank_of_standard", "rank_of_first_own"))
        right = "yes" if row["right"] else "no"
        table.append((_cell(row["picture"]), _cell(row["standard"]), _cell(row["ours"]), right, *ranks))
    yield _table(("picture", "standard", "ours", "one of its own", "rank of the standard", "of its first own"), table)


def _map(study: Study, folder: str) -> Iterator[str]:
    yield "## A map of the space"
    said = study["map"]
    gap = (
        "The modality gap (how far the centres lie apart, from 0 to 2; Liang et al. 2022) between the captions and the "
        f"pictures of the test set is {study['gap']:.2f}"
    )
    if said is None:
        yield f"Not drawn: no data with classes lay beside (`--map` names some). {gap}."
        return
    yield (
        f"UMAP of {said['about']} ({' and '.join(said['data'])}), training and test files alike, the texts naming "
        "classes. Where meaning rules, "
        "classes lie together, whatever they are made of; where modalities rule, each is an island."
    )
    for by in said["by"]:
        yield _picture(folder, f"map-{by}", f"Map of the space by {by}")
    gaps = ", ".join(f"{pair.replace('-', ' to ')} {value:.2f}" for pair, value in said["gaps"].items())
    yield f"{gap}; of the points above {gaps}."


def _left(study: Study, folder: str) -> Iterator[str]:
    yield "## What is missing"
    missing = [
        "Pretrained against fine-tuned (the study's figures 10 and 11, where the error was halved): comes with "
        "training on data of one's own."
    ]
    if not study["indexes"]["gpu"]:
        missing.append("Times on a GPU: none was there.")
    if study["failures"]:
        failed = _many(len(study["failures"]), "file or text was", "files or texts were")
        missing.append(f"{failed} not embedded: `failures` in the JSON says why.")
    yield "\n".join(f"- {line}" for line in missing)


def _picture(folder: str, name: str, says: str) -> str:
    return f"![{says}]({folder}/{name}.svg)"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _at(rate: Mapping[str, Any], ks: Sequence[str]) -> list[str]:
    return [_figure(rate["at"][k]) if k in rate["at"] else "-" for k in ks]


def _figure(said: Mapping[str, float]) -> str:
    return f"{100 * said['value']:.1f} % ({100 * said['low']:.1f}-{100 * said['high']:.1f})"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _many(count: int, one: str, several: str) -> str:
    return f"{count:,} {one if count == 1 else several}"


def _batches(count: int) -> str:
    return "the one batch" if count == 1 else f"all {count} batches"


def _cell(text: str) -> str:
    return " ".join(_plain(text).replace("|", "\\|").split())


def _plain(text: str) -> str:
    """Words of the data as words, not as HTML, which Markdown lets through."""
    return text.replace("&", "&amp;").replace("<", "&lt;")
