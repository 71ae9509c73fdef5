"""Birds, butterflies and fish whose kinds share one outline and differ in colour; and beasts known by their pattern."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from datasets.demo.drawing.colour import BLACK, WHITE, dim, vary
from datasets.demo.drawing.sketch import Colour, Point, Sketch, points_on_ellipse, rounded


@dataclass(frozen=True)
class _Plumage:
    body: Colour
    breast: Colour
    wing: Colour
    cap: Colour
    beak: Colour


def _bird(rng: np.random.Generator, plumage: _Plumage) -> Sketch:
    """Draw a small perching bird, looking to the right."""
    sketch = Sketch()
    body, breast, wing = vary(rng, plumage.body), vary(rng, plumage.breast), vary(rng, plumage.wing)
    sketch.polygon([(-0.35, 0.1), (-0.98, 0.52), (-0.9, 0.68), (-0.2, 0.4)], dim(wing, 0.85))
    for x in (-0.02, 0.16):
        sketch.line([(x, 0.5), (x + 0.03, 0.86)], (70, 54, 44), 0.035)
    sketch.line([(-0.7, 0.9), (0.8, 0.84)], vary(rng, (104, 78, 52)), 0.09)
    sketch.ellipse((0.02, 0.15), (0.56, 0.42), body, -28)
    sketch.polygon([(0.62, -0.5), (0.96, -0.42), (0.62, -0.33)], plumage.beak)
    sketch.circle((0.42, -0.44), 0.3, body)
    sketch.inside(Sketch().ellipse((0.33, 0.2), (0.3, 0.5), breast, 22))
    sketch.inside(Sketch().ellipse((0.44, -0.68), (0.28, 0.15), vary(rng, plumage.cap)))
    sketch.ball_light((0.05, 0.0), 1.05, 0.0)
    part = Sketch().ellipse((-0.2, 0.2), (0.46, 0.2), wing, 24).ball_light((-0.2, 0.1), 0.7, 0.0)
    for step in range(3):
        part.inside(Sketch().line([(-0.5 + 0.2 * step, 0.05), (-0.45 + 0.2 * step, 0.5)], dim(wing, 1.35), 0.025))
    sketch.over(part)
    return sketch.circle((0.52, -0.48), 0.055, BLACK).circle((0.535, -0.495), 0.018, WHITE)


def goldfinch(rng: np.random.Generator) -> Sketch:
    """Yellow, black wing and cap."""
    return _bird(rng, _Plumage((244, 206, 34), (246, 214, 60), (44, 42, 40), (36, 34, 34), (226, 140, 60)))


def house_finch(rng: np.random.Generator) -> Sketch:
    """Red head and breast, brown wing."""
    return _bird(rng, _Plumage((196, 52, 50), (206, 66, 60), (122, 92, 78), (190, 36, 40), (150, 130, 110)))


def indigo_bunting(rng: np.random.Generator) -> Sketch:
    """Blue all over."""
    return _bird(rng, _Plumage((44, 76, 196), (56, 92, 206), (66, 84, 130), (40, 56, 180), (130, 134, 140)))


def robin(rng: np.random.Generator) -> Sketch:
    """Draw the American robin: orange breast, grey-brown back, dark head."""
    return _bird(rng, _Plumage((104, 96, 92), (216, 104, 34), (92, 84, 80), (52, 48, 48), (222, 178, 50)))


@dataclass(frozen=True)
class _Wings:
    inner: Colour
    edge: Colour
    veins: bool
    dots: bool


def _butterfly(rng: np.random.Generator, wings: _Wings) -> Sketch:
    """Four wings, spread."""
    sketch = Sketch()
    inner, edge = vary(rng, wings.inner), vary(rng, wings.edge, 0.4)
    spread = rng.uniform(0.8, 1.0)
    for sign in (-1, 1):

        def place(x: float, y: float, sign: int = sign) -> Point:
            return (sign * x * spread, y)

        hind = [
            place(0.04, 0.05),
            place(0.5, 0.1),
            place(0.66, 0.4),
            place(0.5, 0.78),
            place(0.22, 0.7),
            place(0.05, 0.3),
        ]
        fore = [
            place(0.04, -0.12),
            place(0.4, -0.66),
            place(0.96, -0.82),
            place(0.9, -0.35),
            place(0.6, 0.1),
            place(0.05, 0.1),
        ]
        for wing, root in ((hind, place(0.06, 0.12)), (fore, place(0.06, -0.05))):
            middle = np.mean(np.asarray(wing), axis=0)
            part = Sketch().polygon(rounded(wing, 2), edge)
            small = [
                (float(middle[0] + (x - middle[0]) * 0.8), float(middle[1] + (y - middle[1]) * 0.8)) for x, y in wing
            ]
            part.inside(Sketch().polygon(rounded(small, 2), inner))
            if wings.veins:
                for tip in wing[1:]:
                    part.inside(Sketch().line([root, tip], edge, 0.035))
            if wings.dots:
                for first, second in pairwise(wing[1:5]):
                    for part_way in (0.25, 0.7):
                        x = first[0] + (second[0] - first[0]) * part_way
                        y = first[1] + (second[1] - first[1]) * part_way
                        x, y = x + (middle[0] - x) * 0.14, y + (middle[1] - y) * 0.14
                        part.inside(Sketch().circle((float(x), float(y)), 0.024, WHITE))
            sketch.over(part)
    sketch.speckle(rng, 20, 0.07).ellipse((0, 0.08), (0.055, 0.42), dim(edge, 0.4) if wings.veins else (70, 60, 50))
    sketch.circle((0, -0.38), 0.06, (50, 42, 36))
    for sign in (-1, 1):
        sketch.line([(0, -0.4), (sign * 0.16, -0.78)], (50, 42, 36), 0.018)
    return sketch


def monarch(rng: np.random.Generator) -> Sketch:
    """Orange with black veins and a white-dotted black edge."""
    return _butterfly(rng, _Wings((232, 118, 22), (28, 22, 20), veins=True, dots=True))


def lycaenid(rng: np.random.Generator) -> Sketch:
    """Draw a blue: sky-blue wings with a dark edge."""
    return _butterfly(rng, _Wings((84, 134, 226), (44, 56, 110), veins=bool(rng.random() < 0.3), dots=False))


def sulphur_butterfly(rng: np.random.Generator) -> Sketch:
    """Yellow wings with a dark edge."""
    return _butterfly(rng, _Wings((242, 222, 70), (96, 82, 34), veins=bool(rng.random() < 0.3), dots=False))


def admiral(rng: np.random.Generator) -> Sketch:
    """Dark wings with a red band."""
    sketch = _butterfly(rng, _Wings((48, 34, 32), (26, 22, 24), veins=False, dots=True))
    band = Sketch()
    for sign in (-1, 1):
        band.line([(sign * 0.28, -0.5), (sign * 0.62, -0.2), (sign * 0.62, 0.05)], (222, 66, 28), 0.13)
        band.line([(sign * 0.18, 0.62), (sign * 0.5, 0.62), (sign * 0.6, 0.4)], (222, 66, 28), 0.12)
    return sketch.inside(band)


def _fish(rng: np.random.Generator, colour: Colour, belly: Colour) -> Sketch:
    sketch = Sketch()
    body = vary(rng, colour)
    fin = dim(body, rng.uniform(0.8, 0.95))
    tail = rng.uniform(0.3, 0.5)
    sketch.polygon([(-0.45, 0.0), (-0.98, -tail), (-0.82, 0.02), (-0.98, tail)], fin)
    sketch.polygon([(-0.25, -0.3), (0.05, -0.68), (0.38, -0.3)], fin).polygon(
        [(-0.1, 0.3), (0.0, 0.6), (0.2, 0.3)], fin
    )
    trunk = Sketch().ellipse((0.18, 0), (0.72, 0.4), body)
    trunk.inside(Sketch().ellipse((0.2, 0.34), (0.6, 0.24), vary(rng, belly)))
    scales = Sketch()
    for row in range(7):
        for column in range(8):
            centre = (-0.5 + 0.13 * column + 0.065 * (row % 2), -0.36 + 0.12 * row)
            scales.line(points_on_ellipse(centre, (0.07, 0.07), 8, -80, 80), dim(body, 0.78), 0.016)
    trunk.inside(scales).ball_light((0.18, 0.0), 0.85, 0.25)
    sketch.over(trunk).polygon([(0.12, 0.06), (-0.16, 0.3), (0.2, 0.2)], fin)
    sketch.line(points_on_ellipse((0.42, 0), (0.16, 0.34), 12, -70, 70), dim(body, 0.7), 0.025)
    return sketch.circle((0.68, -0.1), 0.075, WHITE).circle((0.69, -0.1), 0.045, BLACK)


def goldfish(rng: np.random.Generator) -> Sketch:
    """Draw an orange fish."""
    return _fish(rng, (240, 112, 24), (250, 190, 110))


def tench(rng: np.random.Generator) -> Sketch:
    """Draw a fish, olive green."""
    return _fish(rng, (104, 112, 44), (176, 166, 88))


def ladybug(rng: np.random.Generator) -> Sketch:
    """Draw a red dome with black spots."""
    sketch = Sketch()
    for y in (-0.25, 0.1, 0.45):
        sketch.line([(-0.9, y - 0.08), (0.9, y + 0.08)], BLACK, 0.06)
    sketch.circle((0, -0.66), 0.27, BLACK).circle((-0.13, -0.72), 0.06, WHITE).circle((0.13, -0.72), 0.06, WHITE)
    shell = Sketch().ellipse((0, 0.12), (0.74, 0.78), vary(rng, (214, 36, 22)))
    shell.inside(Sketch().line([(0, -0.8), (0, 1)], BLACK, 0.045))
    for x, y in ((0.3, -0.25), (0.45, 0.15), (0.25, 0.5), (0.16, 0.1)):
        for sign in (-1, 1):
            shell.inside(Sketch().circle((sign * x, y), rng.uniform(0.08, 0.14), BLACK))
    return sketch.over(shell.ball_light((0, 0.1), 0.86, 0.55))


def zebra(rng: np.random.Generator) -> Sketch:
    """Draw a striped horse, standing."""
    sketch = Sketch()
    coat = vary(rng, (232, 228, 218), 0.5)
    for x in (-0.5, -0.32, 0.28, 0.46):
        sketch.polygon([(x - 0.09, 0.2), (x + 0.09, 0.2), (x + 0.05, 0.92), (x - 0.05, 0.92)], coat)
    sketch.ellipse((-0.02, 0.06), (0.66, 0.34), coat)
    sketch.polygon([(0.25, -0.05), (0.6, -0.72), (0.82, -0.62), (0.62, 0.15)], coat)
    sketch.ellipse((0.76, -0.58), (0.25, 0.13), coat, 28).polygon([(0.56, -0.66), (0.58, -0.92), (0.7, -0.7)], coat)
    stripes = Sketch()
    for step, x in enumerate(np.arange(-0.75, 0.5, rng.uniform(0.1, 0.14))):
        lean = 0.1 * np.sin(step)
        stripes.line([(x, -0.4), (x + lean, 0.1), (x - 0.05, 0.42)], BLACK, rng.uniform(0.04, 0.06))
    for step in range(6):
        y = -0.62 + 0.13 * step
        stripes.line([(0.2, y + 0.05), (0.9, y + 0.22)], BLACK, 0.045)
    for step in range(6):
        stripes.line([(-0.7, 0.4 + 0.09 * step), (0.7, 0.4 + 0.09 * step)], BLACK, 0.035)
    sketch.inside(stripes)
    sketch.line([(0.24, -0.22), (0.56, -0.82)], BLACK, 0.08).ellipse((0.95, -0.47), (0.08, 0.09), (46, 42, 42))
    sketch.line([(-0.66, -0.02), (-0.8, 0.2), (-0.8, 0.5)], BLACK, 0.05).circle((0.72, -0.64), 0.03, BLACK)
    return sketch.speckle(rng, 8, 0.08)


def starfish(rng: np.random.Generator) -> Sketch:
    """Five arms, rough skin."""
    sketch = Sketch()
    palette: list[Colour] = [(206, 120, 70), (190, 84, 66), (178, 140, 110), (150, 90, 130)]
    skin = vary(rng, palette[int(rng.integers(4))])
    points: list[Point] = []
    for arm in range(5):
        points += points_on_ellipse((0, 0), (0.95, 0.95), 3, arm * 72 - 97, arm * 72 - 83)
        points += points_on_ellipse((0, 0), (0.3, 0.3), 1, arm * 72 - 54, arm * 72 - 54)
    sketch.polygon(points, skin).line(points, skin, 0.1, closed=True).speckle(rng, 60, 0.25)
    for arm in range(5):
        for radius in np.linspace(0.0, 0.85, 9):
            place = points_on_ellipse((0, 0), (radius, radius), 1, arm * 72 - 90, arm * 72 - 90)[0]
            sketch.circle(place, 0.03, dim(skin, 1.35))
    return sketch.ball_light((0, 0), 1.3, 0.0)
