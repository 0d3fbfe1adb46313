"""Rounds of random crops with what the teacher sees in them, on disk, to be learnt from many times.

A round holds one random crop of every training picture: the student's pixels (uint8, SIDE x SIDE), and the teacher's
class token and 7 x 7 pooled patch tokens for the same crop. Rounds are seeded by their number, so one that a stop cut
short is simply made again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image, ImageOps

SIDE, TEACHER_SIDE, BATCH = 128, 224, 64

# uint8 (TEACHER_SIDE, TEACHER_SIDE, 3) and (SIDE, SIDE, 3), or batches of these
Views = tuple[NDArray[np.uint8], NDArray[np.uint8]]
# Pixels bfloat16 (n, 3, 224, 224) in [-1, 1] -> class token (n, 192), patch tokens (n, 14, 14, 192): `VitTeacher`
Teacher = Callable[[torch.Tensor], tuple[torch.Tensor, torch.Tensor]]


def random_box(rng: np.random.Generator, width: int, height: int) -> tuple[float, float, float, float]:
    """A crop of 35-100 % of the area with a ratio of 3:4 to 4:3, as (left, top, right, bottom)."""
    area, ratio = rng.uniform(0.35, 1.0), np.exp(rng.uniform(-0.2877, 0.2877))
    w, h = min(1.0, np.sqrt(area * ratio)) * width, min(1.0, np.sqrt(area / ratio)) * height
    left, top = rng.uniform(0, width - w), rng.uniform(0, height - h)
    return left, top, left + w, top + h


def _crop(path: Path, seed: tuple[int, int], whole: bool) -> Views:
    """The same crop for teacher and student."""
    rng = np.random.default_rng(seed)
    with Image.open(path) as opened:
        picture = ImageOps.exif_transpose(opened).convert("RGB")
    box = (0.0, 0.0, float(picture.width), float(picture.height)) if whole else random_box(rng, *picture.size)
    flip = rng.random() < 0.5 and not whole
    views = []
    for side in (TEACHER_SIDE, SIDE):
        view = np.asarray(picture.resize((side, side), Image.Resampling.BICUBIC, box=box))
        views.append(view[:, ::-1] if flip else view)
    return views[0], views[1]


def _batches(paths: list[Path], number: int, pool: ThreadPoolExecutor) -> Iterator[Views]:
    """Batches in the order of `paths`, decoded one batch ahead."""
    whole = number == 0  # the first round is the plain pictures: what search will see
    ahead: deque[list[Future[Views]]] = deque()
    for start in range(0, len(paths), BATCH):
        some = enumerate(paths[start : start + BATCH], start)
        ahead.append([pool.submit(_crop, path, (number, i), whole) for i, path in some])
        if len(ahead) > 1:
            yield _stacked(ahead.popleft())
    yield from map(_stacked, ahead)


def _stacked(views: list[Future[Views]]) -> Views:
    big, small = zip(*(view.result() for view in views), strict=True)
    return np.stack(big), np.stack(small)


def make_round(paths: list[Path], number: int, teacher: Teacher, out: Path) -> Path:
    """Write round `number` into `out/NNN/` (pixels.npy, cls.npy, grid.npy); an existing one is left alone."""
    folder = out / f"{number:03d}"
    if folder.exists():
        return folder
    pixels, cls, grid = [], [], []
    with ThreadPoolExecutor(2) as pool, torch.inference_mode():
        for big, small in _batches(paths, number, pool):
            x = torch.from_numpy(big).permute(0, 3, 1, 2).to(torch.bfloat16) / 127.5 - 1
            c, tokens = teacher(x)
            pooled = F.avg_pool2d(tokens.permute(0, 3, 1, 2), 2)  # (n, 192, 7, 7)
            pixels.append(small)
            cls.append(c.numpy().astype(np.float16))
            grid.append(pooled.numpy().astype(np.float16))
    partial = out / f"{number:03d}.partial"
    partial.mkdir(parents=True, exist_ok=True)
    for name, arrays in (("pixels", pixels), ("cls", cls), ("grid", grid)):
        np.save(partial / f"{name}.npy", np.concatenate(arrays))
    partial.rename(folder)
    return folder
