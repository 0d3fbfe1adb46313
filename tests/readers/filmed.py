"""What the tests of films film, and how they look at what was read of it."""

from __future__ import annotations

import numpy as np
from PIL import Image

from sensorium.testing.media import Form, Scene, patchwork

SILENT = Form(sound="")


def cut_from(lengths, first=0, **more):
    """Scenes of unlike pictures, so many seconds long."""
    return [Scene(patchwork(first + n), seconds, **more) for n, seconds in enumerate(lengths)]


def of(parts, modality):
    return [part for part in parts if part.modality == modality]


def spans(parts, modality="image"):
    return [part.place.seconds for part in of(parts, modality)]


def likeness(pixels, seed):
    """Mean difference, 0 to 255, from what was filmed."""
    height, width = pixels.shape[:2]
    return np.abs(pixels.astype(int) - np.asarray(Image.fromarray(patchwork(seed)).resize((width, height)))).mean()
