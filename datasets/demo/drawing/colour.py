"""Colours: RGB in 0..255."""

from __future__ import annotations

import colorsys

import numpy as np

from datasets.demo.drawing.sketch import Colour

BLACK: Colour = (18, 18, 20)
WHITE: Colour = (244, 244, 240)


def vary(rng: np.random.Generator, colour: Colour, amount: float = 1.0) -> Colour:
    """`colour` with its hue (up to 9 degrees either way), saturation and brightness varied."""
    hue, saturation, value = colorsys.rgb_to_hsv(*(part / 255 for part in colour))
    hue = (hue + amount * rng.uniform(-0.025, 0.025)) % 1.0
    saturation = float(np.clip(saturation * (1 + amount * rng.uniform(-0.18, 0.12)), 0, 1))
    value = float(np.clip(value * (1 + amount * rng.uniform(-0.15, 0.12)), 0, 1))
    red, green, blue = colorsys.hsv_to_rgb(hue, saturation, value)
    return (red * 255, green * 255, blue * 255)


def any_colour(rng: np.random.Generator, saturation: tuple[float, float] = (0.2, 0.9)) -> Colour:
    """Any hue: for what has no colour of its own, and for backgrounds."""
    red, green, blue = colorsys.hsv_to_rgb(rng.random(), rng.uniform(*saturation), rng.uniform(0.25, 0.95))
    return (red * 255, green * 255, blue * 255)


def mix(first: Colour, second: Colour, part: float) -> Colour:
    """`first` moved towards `second` by `part`."""
    red, green, blue = (a + (b - a) * part for a, b in zip(first, second, strict=True))
    return (red, green, blue)


def dim(colour: Colour, factor: float) -> Colour:
    """`colour` made darker (below 1) or lighter."""
    red, green, blue = (min(255.0, part * factor) for part in colour)
    return (red, green, blue)
