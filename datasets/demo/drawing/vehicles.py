"""Boxy vehicles from the side, one body in four liveries; and what flies or stands against the sky."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from datasets.demo.drawing.colour import BLACK, WHITE, any_colour, dim, vary
from datasets.demo.drawing.sketch import Colour, Sketch, points_on_ellipse

_GLASS: Colour = (150, 184, 200)


@dataclass(frozen=True)
class _Livery:
    body: Colour
    stripe: Colour
    windows: int
    words: str = ""


def _van(rng: np.random.Generator, livery: _Livery) -> Sketch:
    """Draw a box on two wheels, cab to the right."""
    sketch = Sketch()
    body = vary(rng, livery.body, 0.8)
    top, nose = rng.uniform(-0.55, -0.4), rng.uniform(0.62, 0.78)
    sketch.polygon([(-0.95, top), (nose - 0.1, top), (nose, -0.08), (0.95, 0.02), (0.95, 0.42), (-0.95, 0.42)], body)
    sketch.inside(Sketch().box(-1, 0.1, 1, 0.18, livery.stripe))
    left, right, count = -0.85, nose - 0.32, livery.windows
    step = (right - left) / max(count, 1)
    for number in range(count):
        x = left + number * step
        sketch.box(x, top + 0.1, x + step * 0.78, -0.08, _GLASS)
    sketch.polygon(
        [(nose - 0.26, top + 0.1), (nose - 0.14, top + 0.1), (nose - 0.05, -0.08), (nose - 0.26, -0.08)], _GLASS
    )
    if livery.words:
        centre, ink = (0.02, 0.29), BLACK if sum(body) > 300 else WHITE
        sketch.text(livery.words, centre, 0.13, ink, 0.022)
    sketch.box(-0.98, 0.38, 0.98, 0.46, (60, 60, 62)).box(0.9, 0.14, 0.96, 0.24, (250, 240, 190))
    for x in (-0.55, 0.58):
        sketch.circle((x, 0.46), 0.2, (34, 34, 36)).circle((x, 0.46), 0.1, (168, 168, 170))
    _, y = sketch.grid()
    return sketch.shade((1.05 - 0.25 * y.clip(-0.6, 0.6)).astype(np.float32))


def school_bus(rng: np.random.Generator) -> Sketch:
    """Yellow, a row of windows, black stripe."""
    return _van(rng, _Livery((246, 184, 22), BLACK, 6, "SCHOOL BUS" if rng.random() < 0.6 else ""))


def fire_engine(rng: np.random.Generator) -> Sketch:
    """Red, with a ladder and a blue light."""
    sketch = _van(rng, _Livery((206, 26, 26), (240, 236, 226), int(rng.integers(0, 3))))
    for y in (-0.72, -0.6):
        sketch.line([(-0.9, y), (0.5, y - 0.06)], (196, 196, 200), 0.03)
    for x in np.arange(-0.88, 0.5, 0.12):
        sketch.line([(x, -0.6), (x, -0.74)], (196, 196, 200), 0.025)
    return sketch.box(0.42, -0.66, 0.56, -0.5, (70, 120, 220))


def police_van(rng: np.random.Generator) -> Sketch:
    """Dark blue, with a white band and a light on the roof."""
    sketch = _van(rng, _Livery((30, 56, 158), (240, 240, 240), int(rng.integers(0, 3)), "POLICE"))
    return sketch.box(0.3, -0.66, 0.42, -0.5, (230, 60, 50)).box(0.42, -0.66, 0.54, -0.5, (90, 140, 240))


def garbage_truck(rng: np.random.Generator) -> Sketch:
    """Green, a bare rounded box with ribs."""
    sketch = _van(rng, _Livery((50, 132, 62), (210, 206, 190), 0))
    ribs = Sketch()
    for x in np.arange(-0.85, 0.3, 0.17):
        ribs.line([(x, -0.6), (x, 0.36)], (34, 92, 44), 0.035)
    return sketch.inside(ribs)


def balloon(rng: np.random.Generator) -> Sketch:
    """Draw a hot-air balloon with gores in turning colours, and its basket."""
    sketch = Sketch()
    shape = [*points_on_ellipse((0, -0.3), (0.68, 0.66), 40, 160, 380), (0.14, 0.58), (-0.14, 0.58)]
    colours = [any_colour(rng, (0.5, 1.0)) for _ in range(int(rng.integers(2, 4)))]
    sketch.polygon(shape, colours[0])
    gores = Sketch()
    edges = np.sin(np.linspace(-np.pi / 2, np.pi / 2, 9))
    for number, (left, right) in enumerate(pairwise(edges)):
        upper = [(x * 0.7 * float(np.cos(t)), -0.3 + 0.68 * float(np.sin(t))) for x, t in _arc(left, right)]
        lower = [(right * 0.16, 0.6), (left * 0.16, 0.6)]
        gores.polygon(upper + lower, colours[number % len(colours)])
    sketch.inside(gores).ball_light((0, -0.25), 0.95, 0.2)
    for x in (-0.13, 0.13):
        sketch.line([(x, 0.58), (x * 0.8, 0.78)], (70, 56, 44), 0.016)
    return sketch.box(-0.12, 0.76, 0.12, 0.95, vary(rng, (140, 92, 46)))


def _arc(left: float, right: float) -> list[tuple[float, float]]:
    up = [(left, float(t)) for t in np.linspace(0.0, -np.pi / 2, 10)]
    return up + [(right, float(t)) for t in np.linspace(-np.pi / 2, 0.0, 10)]


def parachute(rng: np.random.Generator) -> Sketch:
    """Draw a canopy with scalloped rim, lines, and somebody hanging below."""
    sketch = Sketch()
    first, second = any_colour(rng, (0.4, 1.0)), any_colour(rng, (0.0, 0.6))
    sketch.polygon(points_on_ellipse((0, -0.3), (0.92, 0.64), 40, 180, 360), first)
    parts = Sketch()
    edges = np.sin(np.linspace(-np.pi / 2, np.pi / 2, 8))
    for number, (left, right) in enumerate(pairwise(edges)):
        if number % 2:
            arc = [(0.92 * x * float(np.cos(t)), -0.3 + 0.64 * float(np.sin(t))) for x, t in _arc(left, right)]
            parts.polygon(arc, second)
    sketch.inside(parts).ball_light((0, -0.2), 1.1, 0.1)
    rim = Sketch()
    for left, right in pairwise(edges):
        middle, width = 0.46 * (left + right), 0.46 * (right - left)
        rim.ellipse((middle, -0.3), (width, 0.09), (255, 255, 255))
    sketch.pixels = (sketch.pixels * (1 - rim.coverage()[..., None])).astype(np.uint8)
    for x in edges:
        sketch.line([(0.92 * x, -0.3), (0, 0.62)], (80, 80, 84), 0.014)
    person = dim(any_colour(rng), 0.6)
    sketch.circle((0, 0.62), 0.07, (206, 160, 130)).ellipse((0, 0.78), (0.08, 0.13), person)
    return sketch.line([(-0.04, 0.86), (-0.07, 1.0)], person, 0.05).line([(0.04, 0.86), (0.07, 1.0)], person, 0.05)


def beacon(rng: np.random.Generator) -> Sketch:
    """Draw a lighthouse with bands, gallery, lantern and a rock."""
    sketch = Sketch()
    palette: list[Colour] = [(196, 40, 36), (196, 40, 36), (40, 60, 120), (40, 40, 44)]
    band = vary(rng, palette[int(rng.integers(4))])
    sketch.polygon([(-0.7, 1.0), (-0.45, 0.72), (0.4, 0.7), (0.75, 1.0)], vary(rng, (110, 104, 96)))
    tower = Sketch().polygon([(-0.19, -0.5), (0.19, -0.5), (0.32, 0.8), (-0.32, 0.8)], WHITE)
    bands, number = Sketch(), int(rng.integers(2, 4))
    height = 1.3 / (2 * number)
    for step in range(number):
        y = -0.5 + (2 * step + 0.5) * height
        bands.box(-1, y, 1, y + height, band)
    tower.inside(bands).box(-0.05, 0.5, 0.05, 0.66, (60, 50, 44)).box(-0.03, -0.05, 0.04, 0.06, (60, 60, 64))
    x, _ = tower.grid()
    sketch.over(tower.shade((1.05 - 0.9 * x.clip(-0.1, 0.5)).astype(np.float32)))
    sketch.box(-0.27, -0.56, 0.27, -0.48, (50, 50, 54)).box(-0.13, -0.8, 0.13, -0.56, (255, 240, 150))
    sketch.box(-0.02, -0.8, 0.02, -0.56, (50, 50, 54))
    return sketch.polygon([(-0.18, -0.79), (0.18, -0.79), (0.0, -1.0)], band)


def volcano(rng: np.random.Generator) -> Sketch:
    """Draw a cone, lava from its crater, a cloud of ash."""
    sketch = Sketch()
    rock = vary(rng, (92, 76, 72))
    for _ in range(26):
        height = rng.uniform(0, 0.7)
        place = (rng.normal(0.0, 0.1 + 0.3 * height), -0.3 - height)
        sketch.circle(place, 0.08 + 0.15 * height, dim((150, 144, 142), rng.uniform(0.6, 1.25)))
    for _ in range(14):
        turn, reach = rng.uniform(-1.0, 1.0), rng.uniform(0.2, 0.45)
        sketch.line([(0, -0.2), (reach * np.sin(turn), -0.2 - reach * np.cos(turn))], (255, 130, 30), 0.035)
    cone = Sketch().polygon([(-1.0, 0.85), (-0.2, -0.25), (-0.08, -0.2), (0.1, -0.24), (0.2, -0.27), (1.0, 0.85)], rock)
    lava = Sketch()
    for start in (-0.1, 0.03, 0.14):
        x, path = start, [(start, -0.3)]
        for y in np.linspace(-0.1, rng.uniform(0.3, 0.8), 6):
            x += rng.normal(start * 0.5, 0.05)
            path.append((float(x), float(y)))
        lava.line(path, (214, 52, 16), 0.11).line(path, (255, 158, 42), 0.045)
    cone.speckle(rng, 26, 0.3)
    x_grid, _ = cone.grid()
    cone.shade((1.0 - 0.5 * x_grid.clip(-0.4, 0.6)).astype(np.float32))
    return sketch.over(cone.inside(lava))
