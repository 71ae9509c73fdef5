"""The preprocessings that are tried: which part of an image a network sees, and which filter made it small.

The crops are those of the named presets (``config/presets.yml``), at the size of the network: a resize that goes before
a pixel crop is 256 / 224 of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.config import Preprocess

_BEFORE_A_CROP = 256 / 224
_LIBRARIES = {"opencv": "OpenCV", "pillow": "Pillow"}
# The most usual first; the first one is that of the published numbers of mobilenet-v2-1.0-224.
_CROPS = {
    "central": "central 0.875 of each side",
    "short_side": "short side 8/7 of the input, then its centre",
    "whole": "the whole image",
    "square": "squeezed to 8/7 of the input, then its centre",
}
_FILTERS = (
    ("opencv", "bilinear"),
    ("pillow", "bilinear"),
    ("pillow", "bicubic"),
    ("opencv", "bicubic"),
    ("opencv", "area"),
    ("pillow", "nearest"),
    ("opencv", "nearest"),
)
_SHORT_FILTERS = {"bilinear": "bilinear", "nearest": "nearest", "area": "area", "bicubic": "cubic"}


@dataclass(frozen=True)
class Protocol:
    """A crop with a filter, for an input of ``height`` x ``width`` pixels."""

    crop: str
    library: str
    filter: str
    height: int
    width: int

    @property
    def crop_name(self) -> str:
        """A description of the crop."""
        return _CROPS[self.crop]

    @property
    def filter_name(self) -> str:
        """A description of the filter."""
        return f"{self.filter} of {_LIBRARIES[self.library]}"

    @property
    def settings(self) -> Mapping[str, Any]:
        """The value of `preprocess`."""
        size: int | list[int] = self.height if self.height == self.width else [self.height, self.width]
        resize = {"interpolation": self.filter, "library": self.library}
        if self.crop in ("central", "whole") and self.library == "opencv":
            fraction = 0.875 if self.crop == "central" else 1.0
            return {"crop_fraction": fraction, "size": size, "interpolation": _SHORT_FILTERS[self.filter]}
        steps: list[dict[str, Any]]
        if self.crop in ("central", "whole"):
            steps = [{"crop": {"fraction": 0.875}}] if self.crop == "central" else []
            steps.append({"resize": {"size": size, **resize}})
        else:
            larger = [round(side * _BEFORE_A_CROP) for side in (self.height, self.width)]
            to: dict[str, Any] = {"short_side": max(larger)}
            if self.crop == "square":
                to = {"size": larger[0] if larger[0] == larger[1] else larger}
            steps = [{"resize": {**to, **resize}}, {"crop": {"size": size}}]
        return {"decoder": self.library, "steps": steps}

    @property
    def preprocess(self) -> Preprocess:
        """The same as the harness runs it."""
        return Preprocess.model_validate(self.settings)


def first_protocol(height: int, width: int) -> Protocol:
    """Return the protocol that is taken where nothing is known."""
    library, chosen = _FILTERS[0]
    return Protocol(next(iter(_CROPS)), library, chosen, height, width)


def crops_of(protocol: Protocol) -> list[Protocol]:
    """Return the protocol with every crop, the most usual first."""
    return [Protocol(crop, protocol.library, protocol.filter, protocol.height, protocol.width) for crop in _CROPS]


def filters_of(protocol: Protocol) -> list[Protocol]:
    """Return the protocol with every filter, the most usual first."""
    return [Protocol(protocol.crop, *each, protocol.height, protocol.width) for each in _FILTERS]
