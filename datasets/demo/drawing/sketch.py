"""An RGBA canvas in unit coordinates: the subject of an image is drawn here, large, before it is placed in a scene.

Coordinates run from (-1, -1) at the top left to (1, 1) at the bottom right. Pixels are RGBA uint8 with premultiplied
alpha: drawing the colour (r, g, b, 255) with antialiasing onto transparent black yields exactly that.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

Colour = tuple[float, float, float]
Point = tuple[float, float]
Pixels = NDArray[np.uint8]
Field = NDArray[np.float32]

_SHIFT = 4


def points_on_ellipse(
    centre: Point, radii: Point, count: int, start: float = 0.0, stop: float = 360.0, turn: float = 0.0
) -> list[Point]:
    """`count` points from `start` to `stop` degrees (0 is right, 90 is down) on an ellipse turned by `turn` degrees."""
    angles = np.radians(np.linspace(start, stop, count))
    x, y = radii[0] * np.cos(angles), radii[1] * np.sin(angles)
    c, s = np.cos(np.radians(turn)), np.sin(np.radians(turn))
    return [(float(centre[0] + c * a - s * b), float(centre[1] + s * a + c * b)) for a, b in zip(x, y, strict=True)]


def rounded(points: Sequence[Point], rounds: int = 3) -> list[Point]:
    """Cut the corners of a closed polygon repeatedly (Chaikin's scheme), which leaves a smooth outline."""
    array = np.asarray(points, np.float64)
    for _ in range(rounds):
        following = np.roll(array, -1, axis=0)
        array = np.stack([0.75 * array + 0.25 * following, 0.25 * array + 0.75 * following], 1).reshape(-1, 2)
    return [(float(x), float(y)) for x, y in array]


def smooth_noise(rng: np.random.Generator, height: int, width: int, cells: float) -> Field:
    """Noise of mean about 0 and range about -1..1, float32 [height, width]; `cells` bumps along the longer side."""
    scale = cells / max(height, width)
    rows, columns = max(2, round(height * scale)), max(2, round(width * scale))
    coarse = rng.uniform(-1.0, 1.0, (rows, columns)).astype(np.float32)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), np.float32)


class Sketch:
    """A square drawing of `side` pixels."""

    def __init__(self, side: int = 384) -> None:
        self.side = side
        self.pixels: Pixels = np.zeros((side, side, 4), np.uint8)

    # -- geometry ---------------------------------------------------------------------------------------------------
    def _fixed(self, points: Iterable[Point]) -> NDArray[np.int32]:
        array = (np.asarray(list(points), np.float64) + 1.0) * (self.side / 2)
        return np.round(array * (1 << _SHIFT)).astype(np.int32)

    def grid(self) -> tuple[Field, Field]:
        """Return unit coordinates x and y of every pixel, float32 [side, side]."""
        axis = ((np.arange(self.side, dtype=np.float32) + 0.5) * 2 / self.side - 1).astype(np.float32)
        x, y = np.meshgrid(axis, axis)
        return np.asarray(x, np.float32), np.asarray(y, np.float32)

    # -- drawing ----------------------------------------------------------------------------------------------------
    def polygon(self, points: Sequence[Point], colour: Colour) -> Sketch:
        """Draw a filled polygon."""
        cv2.fillPoly(self.pixels, [self._fixed(points)], (*colour, 255), cv2.LINE_AA, _SHIFT)
        return self

    def ellipse(self, centre: Point, radii: Point, colour: Colour, turn: float = 0.0) -> Sketch:
        """Draw a filled ellipse turned by `turn` degrees."""
        return self.polygon(points_on_ellipse(centre, radii, 72, turn=turn), colour)

    def circle(self, centre: Point, radius: float, colour: Colour) -> Sketch:
        """Draw a filled circle."""
        return self.ellipse(centre, (radius, radius), colour)

    def box(self, left: float, top: float, right: float, bottom: float, colour: Colour) -> Sketch:
        """Draw a filled upright rectangle."""
        return self.polygon([(left, top), (right, top), (right, bottom), (left, bottom)], colour)

    def line(self, points: Sequence[Point], colour: Colour, width: float, closed: bool = False) -> Sketch:
        """Draw a polyline, `width` in unit coordinates."""
        thickness = max(1, round(width * self.side / 2))
        cv2.polylines(self.pixels, [self._fixed(points)], closed, (*colour, 255), thickness, cv2.LINE_AA, _SHIFT)
        return self

    def ring(self, centre: Point, radii: Point, colour: Colour, width: float, turn: float = 0.0) -> Sketch:
        """Draw an elliptical outline."""
        return self.line(points_on_ellipse(centre, radii, 73, turn=turn), colour, width, closed=True)

    def text(self, words: str, centre: Point, height: float, colour: Colour, width: float = 0.03) -> Sketch:
        """Draw a line of capital letters, centred, `height` and stroke `width` in unit coordinates."""
        font, thickness = cv2.FONT_HERSHEY_SIMPLEX, max(1, round(width * self.side / 2))
        scale = cv2.getFontScaleFromHeight(font, max(4, round(height * self.side / 2)), thickness)
        (text_width, text_height), _ = cv2.getTextSize(words, font, scale, thickness)
        x = round((centre[0] + 1) * self.side / 2 - text_width / 2)
        y = round((centre[1] + 1) * self.side / 2 + text_height / 2)
        cv2.putText(self.pixels, words, (x, y), font, scale, (*colour, 255), thickness, cv2.LINE_AA)
        return self

    # -- composition ------------------------------------------------------------------------------------------------
    def over(self, other: Sketch) -> Sketch:
        """`other` laid over this one."""
        under = self.pixels.astype(np.float32) * (1 - other.pixels[..., 3:].astype(np.float32) / 255)
        self.pixels = np.clip(under + other.pixels, 0, 255).astype(np.uint8)
        return self

    def inside(self, other: Sketch) -> Sketch:
        """`other` laid over this one, only where this one is painted already."""
        mask = self.pixels[..., 3:].astype(np.float32) / 255
        clipped = Sketch(self.side)
        clipped.pixels = (other.pixels * mask).astype(np.uint8)
        return self.over(clipped)

    def coverage(self) -> Field:
        """Alpha as a fraction, float32 [side, side]."""
        return np.asarray(self.pixels[..., 3], np.float32) / np.float32(255)

    # -- shading ----------------------------------------------------------------------------------------------------
    def shade(self, factor: Field) -> Sketch:
        """Colours multiplied by `factor` (1 leaves them), alpha untouched."""
        rgb = self.pixels[..., :3] * factor[..., None]
        self.pixels[..., :3] = np.clip(np.minimum(rgb, self.pixels[..., 3:]), 0, 255).astype(np.uint8)
        return self

    def tint(self, colour: Colour, amount: Field) -> Sketch:
        """Colours moved towards `colour` by `amount` (0..1), alpha untouched."""
        part = np.clip(amount, 0, 1)[..., None].astype(np.float32)
        goal = np.asarray(colour, np.float32) * (self.pixels[..., 3:].astype(np.float32) / 255)
        self.pixels[..., :3] = (self.pixels[..., :3] * (1 - part) + goal * part).astype(np.uint8)
        return self

    def ball_light(self, centre: Point, radius: float, gloss: float = 0.5) -> Sketch:
        """Shading of a sphere lit from the upper left, with a highlight of strength `gloss`."""
        x, y = self.grid()
        u, v = (x - centre[0]) / radius, (y - centre[1]) / radius
        depth = np.sqrt(np.clip(1 - u * u - v * v, 0, 1))
        light = np.clip(-0.45 * u - 0.55 * v + 0.7 * depth, 0, 1)
        self.shade((0.42 + 0.72 * light).astype(np.float32))
        spot = np.exp(-((u + 0.38) ** 2 + (v + 0.45) ** 2) / 0.035)
        return self.tint((255, 255, 255), (gloss * spot).astype(np.float32))

    def speckle(self, rng: np.random.Generator, cells: float, strength: float) -> Sketch:
        """Brightness varied by smooth noise."""
        return self.shade(1 + np.float32(strength) * smooth_noise(rng, self.side, self.side, cells))
