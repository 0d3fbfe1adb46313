"""Parts as the towers of a bundle see them: all that comes before a network, without loading one."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, NoReturn

from sensorium.core.errors import BadQuery, BundleDamaged
from sensorium.encoders.pixels import ImageSettings, prepare_pixels
from sensorium.encoders.sound import AudioSettings, prepare_sound
from sensorium.encoders.tokens import Extent, TextSettings, TextTokens

if TYPE_CHECKING:
    from sensorium.core.types import Modality, Part
    from sensorium.encoders.bundle import Bundle, Tower
    from sensorium.encoders.encoder import Prepared, Wanted


class Preparer:
    """The preprocessing of a bundle. Safe to use from several threads at once; nothing is loaded before it is used."""

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        self._tokens: TextTokens | None = None
        self._lock = Lock()

    def limits(self) -> Wanted:
        """What a reader should deliver: `Limits(**preparer.limits())`."""
        wanted: Wanted = {}
        for tower in self.bundle.towers.values():
            if isinstance(tower.settings, ImageSettings):
                wanted["image_side"] = tower.settings.shorter or tower.settings.side
            elif isinstance(tower.settings, AudioSettings):
                wanted["audio_rate"] = tower.settings.rate
                wanted["window_seconds"] = tower.settings.seconds
        return wanted

    def tower(self, modality: Modality) -> Tower:
        """The tower of a modality. Raises BadQuery when there is none."""
        tower = self.bundle.towers.get(modality)
        if tower is None:
            there = ", ".join(self.bundle.modalities)
            raise BadQuery(f"model {self.bundle.name!r} has no {modality} tower, only {there}; choose another --model")
        return tower

    def prepare(self, part: Part, beyond: str | None = None) -> Prepared:
        """The part as its tower sees it: token ids, pixels or log-mel.

        What a text has `beyond` the tokens that its tower reads is `cut`, or makes further windows (`window`), as the
        bundle says unless said.

        Raises BadQuery for a modality without a tower, ValueError for content that is not what `Part` promises.
        """
        tower = self.tower(part.modality)
        match tower.settings:
            case TextSettings():
                return self.tokenizer(tower)(part.content, beyond)
            case ImageSettings() as settings:
                return prepare_pixels(part.content, settings)
            case AudioSettings() as settings:
                return prepare_sound(part.content, settings)

    def extent(self, text: str, beyond: str | None = None) -> Extent:
        """How much of a text `prepare` takes. Raises BadQuery when there is no text tower, and BundleDamaged."""
        return self.tokenizer(self.tower("text")).extent(text, beyond)

    def tokenizer(self, tower: Tower) -> TextTokens:
        """The tokenizer of the text tower, loaded once. Raises BundleDamaged."""
        if self._tokens is None:
            with self._lock:
                if self._tokens is None and isinstance(tower.settings, TextSettings):
                    path = self.bundle.checked(tower.settings.tokenizer)
                    try:
                        self._tokens = TextTokens(path, tower.settings)
                    except ValueError as error:
                        blame(self.bundle, tower.file, "has no tokenizer", error)
        assert self._tokens is not None
        return self._tokens


def blame(bundle: Bundle, file: str, what: str, error: Exception | None = None) -> NoReturn:
    """Raise BundleDamaged: which file of which bundle, what of it, and the way out."""
    why = f" ({' '.join(str(error).split())[:200]})" if error else ""
    fix = "upgrade onnxruntime, or get the bundle anew"
    raise BundleDamaged(f"{file} of bundle {bundle.folder} {what}{why}; {fix}") from error
