"""Fruit, vegetables, mushrooms and drinks: where the shape is shared, the colour decides."""

from __future__ import annotations

import numpy as np

from datasets.demo.drawing.colour import dim, mix, vary
from datasets.demo.drawing.sketch import Colour, Point, Sketch, points_on_ellipse, rounded

_STALK: Colour = (96, 66, 34)
_LEAF: Colour = (62, 128, 44)


def _leaf(sketch: Sketch, rng: np.random.Generator, root: Point, turn: float, length: float = 0.4) -> None:
    centre = (root[0] + length * np.cos(np.radians(turn)), root[1] + length * np.sin(np.radians(turn)))
    colour = vary(rng, _LEAF)
    sketch.ellipse(centre, (length, length * 0.36), colour, turn)
    tip = (2 * centre[0] - root[0], 2 * centre[1] - root[1])
    sketch.line([root, tip], dim(colour, 0.75), 0.02)


def _round_fruit(rng: np.random.Generator, colour: Colour, gloss: float) -> Sketch:
    """Body, stalk and now and then a leaf: the same for every round fruit."""
    sketch = Sketch()
    sketch.ellipse((0, 0.05), (0.84 * rng.uniform(0.95, 1.05), 0.84), vary(rng, colour))
    sketch.speckle(rng, 50, 0.05).ball_light((0, 0.05), 0.88, gloss)
    sketch.line([(0.0, -0.74), (0.06, -0.93)], _STALK, 0.07)
    if rng.random() < 0.5:
        _leaf(sketch, rng, (0.04, -0.85), rng.uniform(-30, 20))
    return sketch


def orange(rng: np.random.Generator) -> Sketch:
    """Draw a round fruit, orange."""
    return _round_fruit(rng, (240, 138, 22), 0.3)


def granny_smith(rng: np.random.Generator) -> Sketch:
    """Draw a round fruit, yellow-green."""
    return _round_fruit(rng, (136, 192, 50), 0.6)


def pomegranate(rng: np.random.Generator) -> Sketch:
    """Draw a round fruit, dark red, crowned."""
    colour: Colour = (186, 34, 50)
    sketch = _round_fruit(rng, colour, 0.5)
    crown = [(-0.2, -0.66), (-0.26, -0.96), (-0.1, -0.82), (0, -1.0), (0.1, -0.82), (0.26, -0.96), (0.2, -0.66)]
    return sketch.polygon(crown, dim(vary(rng, colour), 0.8))


def _oval_fruit(rng: np.random.Generator, colour: Colour) -> Sketch:
    sketch = Sketch()
    skin = vary(rng, colour)
    sketch.ellipse((0, 0), (0.8, 0.6), skin).ellipse((0.76, 0), (0.18, 0.15), skin)
    sketch.ellipse((-0.74, 0), (0.13, 0.17), skin)
    return sketch.speckle(rng, 70, 0.08).ball_light((0, 0), 0.95, 0.4)


def lemon(rng: np.random.Generator) -> Sketch:
    """Draw an oval fruit with a nipple, yellow."""
    return _oval_fruit(rng, (246, 218, 44))


def strawberry(rng: np.random.Generator) -> Sketch:
    """Draw a red cone with yellow seeds and a green star on top."""
    sketch = Sketch()
    outline = [(-0.62, -0.5), (-0.3, -0.68), (0.3, -0.68), (0.62, -0.5), (0.62, -0.15), (0.4, 0.4), (0.1, 0.86)]
    outline += [(-0.1, 0.86), (-0.4, 0.4), (-0.62, -0.15)]
    sketch.polygon(rounded(outline), vary(rng, (214, 30, 40))).ball_light((0, -0.05), 1.0, 0.35)
    seeds = Sketch()
    for row in range(7):
        for column in range(7):
            x = (column - 3 + 0.5 * (row % 2)) * 0.2
            seeds.ellipse((x + rng.normal(0, 0.012), -0.5 + row * 0.19), (0.025, 0.042), (246, 206, 110))
    sketch.inside(seeds)
    for turn in np.linspace(0, 180, 6):
        _leaf(sketch, rng, (0, -0.64), float(turn), 0.2)
    return sketch.line([(0, -0.64), (0.05, -0.95)], vary(rng, _LEAF), 0.06)


def banana(rng: np.random.Generator) -> Sketch:
    """Draw a yellow crescent or a bunch of them."""
    sketch = Sketch()
    for shift in [0.0] if rng.random() < 0.5 else [-0.22, 0.0, 0.2]:
        skin = vary(rng, (244, 210, 56))
        outer = points_on_ellipse((shift, -0.55), (0.88, 1.15), 30, 12, 150)
        inner = points_on_ellipse((shift, -0.75), (0.8, 0.95), 30, 150, 14)
        part = Sketch().polygon(outer + inner, skin)
        part.line(points_on_ellipse((shift, -0.63), (0.84, 1.03), 20, 24, 140), dim(skin, 0.84), 0.03)
        part.line([inner[0], outer[-1]], (84, 60, 24), 0.08).line([inner[-1], outer[0]], (120, 104, 40), 0.1)
        sketch.over(part)
    _, y = sketch.grid()
    return sketch.shade((1.08 - 0.3 * y.clip(0, 1)).astype(np.float32))


def bell_pepper(rng: np.random.Generator) -> Sketch:
    """Three lobes and a green stalk, in red, yellow or green."""
    palette: list[Colour] = [(206, 28, 28), (58, 138, 40), (240, 190, 30)]
    colour = vary(rng, palette[int(rng.integers(3))])
    sketch = Sketch()
    for x, width, tone in ((-0.36, 0.36, 0.85), (0.36, 0.36, 0.78), (0.0, 0.42, 1.0)):
        lobe = (
            Sketch()
            .ellipse((x, 0.12), (width, 0.7), dim(colour, tone))
            .ellipse((x, -0.2), (width, 0.42), dim(colour, tone))
        )
        lobe.ball_light((x, 0.05), 0.85, 0.5)
        sketch.over(lobe)
    sketch.ellipse((0, -0.52), (0.22, 0.09), dim(vary(rng, _LEAF), 0.9))
    return sketch.line([(0, -0.52), (0.03, -0.75), (0.14, -0.92)], vary(rng, _LEAF), 0.13)


def broccoli(rng: np.random.Generator) -> Sketch:
    """Draw a pale stalk with branches under a dark green, knobbly head."""
    sketch = Sketch()
    stalk, head = vary(rng, (150, 184, 96)), vary(rng, (48, 110, 44))
    sketch.polygon([(-0.2, 0.95), (0.2, 0.95), (0.18, 0.1), (-0.18, 0.1)], stalk)
    for x in (-0.5, -0.25, 0.25, 0.5):
        sketch.line([(0, 0.6), (x, 0.0)], dim(stalk, 0.9), 0.16)
    for _ in range(150):
        angle, radius = rng.uniform(np.pi, 2 * np.pi), np.sqrt(rng.random())
        centre = (0.76 * radius * np.cos(angle), 0.05 + 0.72 * radius * np.sin(angle) + rng.uniform(-0.05, 0.1))
        sketch.circle(centre, rng.uniform(0.07, 0.14), dim(head, rng.uniform(0.65, 1.35)))
    return sketch.ball_light((0, 0), 1.15, 0.0)


def _mushroom(rng: np.random.Generator, cap: Colour, stem: Colour, dots: bool) -> Sketch:
    sketch = Sketch()
    wide = rng.uniform(0.13, 0.26)
    sketch.polygon([(-wide, 0), (wide, 0), (wide * 1.3, 0.9), (-wide * 1.3, 0.9)], vary(rng, stem))
    sketch.ellipse((0, 0.9), (wide * 1.3, 0.08), dim(stem, 0.85))
    x, _ = sketch.grid()
    sketch.shade((1 - 0.6 * x.clip(0, 1)).astype(np.float32))
    if dots:
        sketch.polygon([(-wide, 0.15), (wide, 0.15), (wide * 1.8, 0.38), (-wide * 1.8, 0.38)], (236, 230, 208))
    height = rng.uniform(0.65, 0.95)
    hat = Sketch().polygon(points_on_ellipse((0, 0.1), (0.86, height), 40, 180, 360), vary(rng, cap))
    hat.ellipse((0, 0.1), (0.86, 0.14), dim(stem, 0.8))
    if dots:
        spots = Sketch()
        for _ in range(16):
            angle, radius = rng.uniform(185, 355), rng.uniform(0.15, 0.9)
            place = points_on_ellipse((0, 0.02), (0.8 * radius, height * 0.92 * radius), 1, angle, angle)[0]
            spots.ellipse(place, (rng.uniform(0.05, 0.11), rng.uniform(0.04, 0.08)), (246, 240, 224))
        hat.inside(spots)
    return sketch.over(hat.ball_light((0, 0.1), 1.0, 0.35))


def agaric(rng: np.random.Generator) -> Sketch:
    """Draw the fly agaric: red cap, white dots."""
    return _mushroom(rng, (206, 34, 24), (236, 230, 214), dots=True)


def bolete(rng: np.random.Generator) -> Sketch:
    """Draw a mushroom with a plain brown cap."""
    return _mushroom(rng, (132, 82, 42), (222, 196, 150), dots=False)


def _glass(rng: np.random.Generator, liquid: Colour, foam: bool) -> Sketch:
    """Draw a stemmed glass, filled."""
    sketch = Sketch()
    clear: Colour = (206, 216, 222)
    level = rng.uniform(-0.62, -0.3)
    bowl = [*points_on_ellipse((0, -0.3), (0.5, 0.68), 30, 0, 180), (-0.42, -0.95), (0.42, -0.95)]
    sketch.line([(0, 0.35), (0, 0.88)], clear, 0.07).ellipse((0, 0.9), (0.42, 0.07), clear)
    body = Sketch().polygon(bowl, dim(clear, 0.9))
    body.inside(Sketch().box(-1, level, 1, 1, vary(rng, liquid)))
    if foam:
        body.inside(Sketch().box(-1, level - 0.16, 1, level + 0.06, (250, 246, 232)))
    else:
        body.inside(Sketch().ellipse((0, level), (0.5, 0.06), mix(liquid, (255, 255, 255), 0.25)))
    body.shade((1.15 - 0.5 * np.abs(body.grid()[0])).astype(np.float32))
    sketch.over(body).line(bowl, dim(clear, 1.12), 0.025, closed=True)
    return sketch.line(points_on_ellipse((-0.02, -0.3), (0.38, 0.5), 12, 120, 200), (255, 255, 255), 0.035)


def red_wine(rng: np.random.Generator) -> Sketch:
    """Draw a glass of red wine."""
    return _glass(rng, (112, 12, 32), foam=False)


def beer_glass(rng: np.random.Generator) -> Sketch:
    """Draw a glass of pale beer, with foam most times."""
    return _glass(rng, (232, 166, 34), foam=bool(rng.random() < 0.75))


def pizza(rng: np.random.Generator) -> Sketch:
    """Crust, cheese, slices of sausage, leaves; now and then with a slice missing."""
    sketch = Sketch()
    sketch.circle((0, 0), 0.94, vary(rng, (196, 140, 72))).speckle(rng, 16, 0.15)
    sketch.circle((0, 0), 0.82, vary(rng, (238, 196, 96))).speckle(rng, 22, 0.12)
    for _ in range(12):
        x, y = rng.uniform(-0.6, 0.6, 2)
        sketch.circle((x, y), rng.uniform(0.1, 0.15), vary(rng, (186, 52, 36)))
    for _ in range(14):
        x, y = rng.uniform(-0.62, 0.62, 2)
        sketch.ellipse((x, y), (0.07, 0.03), vary(rng, (56, 104, 44)), rng.uniform(0, 180))
    for turn in (0, 45, 90, 135):
        c, s = 0.93 * np.cos(np.radians(turn)), 0.93 * np.sin(np.radians(turn))
        sketch.line([(-c, -s), (c, s)], (150, 100, 50), 0.018)
    if rng.random() < 0.4:
        wedge = Sketch().polygon([(0, 0), *points_on_ellipse((0, 0), (1.1, 1.1), 8, -45, 0)], (255, 255, 255))
        sketch.pixels = (sketch.pixels * (1 - wedge.coverage()[..., None])).astype(np.uint8)
    return sketch
