"""The input contracts that are tried: colour order, and the families of mean and scale that people train with."""

from __future__ import annotations

from dataclasses import dataclass

from harness.backends.description import ModelDescription, Tensor
from harness.config.color import Color, Triple, in_order
from harness.feeding.families import NORMALISATIONS


@dataclass(frozen=True)
class Family:
    """A mean and a scale, in RGB order. ``twins``: values so close that a few hundred images cannot tell them apart."""

    name: str
    mean: Triple
    scale: Triple
    twins: str = ""


@dataclass(frozen=True)
class Contract:
    """What a model is to be fed; ``mean`` and ``scale`` in the order of ``color``. ``name``: for comments."""

    color: Color
    mean: Triple
    scale: Triple
    name: str
    twins: str = ""

    @property
    def is_plain(self) -> bool:
        """Whether the values 0 to 255 are fed as they are."""
        return set(self.mean) == {0.0} and set(self.scale) == {1.0}

    @property
    def values(self) -> tuple[Color, Triple, Triple]:
        """What decides on what is fed."""
        return self.color, self.mean, self.scale


_IMAGENET = "ImageNet's mean and deviation"
# The most usual first; where the images cannot decide, the first of those that they leave is written.
FAMILIES = (
    Family("values from -1 to 1", *NORMALISATIONS["[-1, 1]"], "128 and 128"),
    Family("plain values from 0 to 255", *NORMALISATIONS["plain pixels"]),
    Family(_IMAGENET, *NORMALISATIONS[_IMAGENET], "a scale of 58.8"),
    Family("values from 0 to 1", *NORMALISATIONS["[0, 1]"]),
    Family("ImageNet's mean alone", *NORMALISATIONS["Caffe's mean"], "123, 117 and 104"),
    Family("values from 0 to 1 less ImageNet's mean", NORMALISATIONS[_IMAGENET][0], NORMALISATIONS["[0, 1]"][1]),
)


def stated_contract(description: ModelDescription, color: Color) -> Contract | None:
    """Return what the file states of mean and scale, for a colour order; None if it does not state both."""
    if description.mean is None or description.scale is None:
        return None
    own = description.color.value if description.color else color
    mean, scale = (in_order(each.value, own, color) for each in (description.mean, description.scale))
    return Contract(color, mean, scale, "as the file states")


def contracts_to_try(description: ModelDescription, tensor: Tensor) -> list[Contract]:
    """Return the contracts to try, the most plausible first: what the file states, then the families.

    An input of whole numbers without scale and zero point can hold plain values only.
    """
    plain_only = tensor.dtype.startswith(("int", "uint")) and tensor.quantization is None
    found = [stated for color in orders(description) if (stated := stated_contract(description, color))]
    for family in FAMILIES:
        for color in orders(description):
            mean, scale = in_order(family.mean, "RGB", color), in_order(family.scale, "RGB", color)
            found.append(Contract(color, mean, scale, family.name, family.twins))
    if plain_only:
        return [contract for contract in found if contract.is_plain]
    return [
        contract for at, contract in enumerate(found) if not any(_is_twin(contract, earlier) for earlier in found[:at])
    ]


def orders(description: ModelDescription) -> tuple[Color, Color]:
    """Return both colour orders, the one that the file states first; RGB where it states none."""
    stated = description.color.value if description.color else "RGB"
    return ("RGB", "BGR") if stated == "RGB" else ("BGR", "RGB")


def _is_twin(one: Contract, other: Contract) -> bool:
    """Return whether two contracts are so close that trying both says nothing: 1 grey value of mean, 2 % of scale."""
    means = all(abs(a - b) <= 1 for a, b in zip(one.mean, other.mean, strict=True))
    scales = all(abs(a - b) <= 0.02 * abs(b) for a, b in zip(one.scale, other.scale, strict=True))
    return one.color == other.color and means and scales
