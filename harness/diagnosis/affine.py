"""``(x - mean) / scale``, channel by channel, with its inverse and its composition."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from harness.config.color import Color, Triple, in_order

_DIGITS = 10  # rounding of the arithmetic on means and scales ends here


@dataclass(frozen=True)
class Affine:
    """A mean and a scale for each channel, in one colour order."""

    mean: Triple
    scale: Triple

    def inverse(self) -> Affine:
        """Return what takes this back: y * s + m = (y - (-m / s)) / (1 / s)."""
        pairs = list(zip(self.mean, self.scale, strict=True))
        return Affine(_triple([-m / s for m, s in pairs]), _triple([1 / s for _, s in pairs]))

    def then(self, other: Affine) -> Affine:
        """Return this and then the other: ((x - m) / s - n) / t = (x - (m + n s)) / (s t)."""
        rows = list(zip(self.mean, self.scale, other.mean, other.scale, strict=True))
        return Affine(_triple([m + n * s for m, s, n, _ in rows]), _triple([s * t for _, s, _, t in rows]))

    def ordered(self, of: Color, wanted: Color) -> Affine:
        """Return the same for channels in another order."""
        return Affine(in_order(self.mean, of, wanted), in_order(self.scale, of, wanted))

    @property
    def formula(self) -> str:
        """It as it is written: ``(x - 127.5) / 127.5``."""
        added = all(value <= 0 for value in self.mean)
        mean, scale = (
            written((-self.mean[0], -self.mean[1], -self.mean[2]) if added else self.mean),
            written(self.scale),
        )
        shifted = "x" if set(self.mean) == {0.0} else f"x {'+' if added else '-'} {mean}"
        if set(self.scale) == {1.0}:
            return shifted
        return f"{shifted} / {scale}" if shifted == "x" else f"({shifted}) / {scale}"

    def rounded(self) -> Self:
        """Return the same without the last digits, which are those of rounding."""
        return type(self)(
            _triple([round(value, _DIGITS) + 0.0 for value in self.mean]),
            _triple([round(value, _DIGITS) for value in self.scale]),
        )


def written(values: Triple) -> str:
    """Return a mean or scale as the configuration has it."""
    shown = [f"{value + 0.0:.6g}" for value in values]  # -0.0 + 0.0 is 0.0
    return shown[0] if len(set(values)) == 1 else f"[{', '.join(shown)}]"


def _triple(values: list[float]) -> Triple:
    return values[0], values[1], values[2]
