"""Made things: signs, clocks, lights, tools and clothes."""

from __future__ import annotations

import numpy as np

from datasets.demo.drawing.colour import BLACK, WHITE, any_colour, dim, vary
from datasets.demo.drawing.sketch import Colour, Point, Sketch, points_on_ellipse, rounded


def analog_clock(rng: np.random.Generator) -> Sketch:
    """Draw a dial with ticks or figures and two hands."""
    sketch = Sketch()
    frame = any_colour(rng)
    sketch.circle((0, 0), 0.95, frame).circle((0, 0), 0.82, vary(rng, (240, 238, 226), 0.6))
    figures = rng.random() < 0.6
    for hour in range(12):
        outer = points_on_ellipse((0, 0), (0.76, 0.76), 1, hour * 30 - 90, 0)[0]
        if figures:
            place = points_on_ellipse((0, 0), (0.64, 0.64), 1, hour * 30 - 90, 0)[0]
            sketch.text(str(hour or 12), place, 0.15, BLACK, 0.028)
        else:
            inner = (outer[0] * 0.84, outer[1] * 0.84)
            sketch.line([inner, outer], BLACK, 0.05 if hour % 3 == 0 else 0.03)
    minute = rng.uniform(0, 360)
    hand = rng.uniform(0, 360)
    for turn, length, width in ((minute, 0.62, 0.045), (hand, 0.4, 0.07)):
        sketch.line([(0, 0), points_on_ellipse((0, 0), (length, length), 1, turn, 0)[0]], BLACK, width)
    return sketch.circle((0, 0), 0.06, (180, 40, 30)).ball_light((0, 0), 1.5, 0.1)


_SEGMENTS = {
    0: "abcdef",
    1: "bc",
    2: "abged",
    3: "abgcd",
    4: "fgbc",
    5: "afgcd",
    6: "afgedc",
    7: "abc",
    8: "abcdefg",
    9: "abcfgd",
}


def digital_clock(rng: np.random.Generator) -> Sketch:
    """Seven-segment figures, lit, in a dark case."""
    sketch = Sketch()
    palette: list[Colour] = [(255, 46, 30), (60, 240, 90), (60, 180, 255), (255, 176, 40)]
    lit = palette[int(rng.integers(4))]
    case = dim(any_colour(rng, (0.0, 0.4)), 0.6)
    sketch.box(-0.98, -0.52, 0.98, 0.52, case).box(-0.9, -0.42, 0.9, 0.42, (16, 14, 16))
    hour, minute = int(rng.integers(10, 24)), int(rng.integers(60))
    for x, digit in zip((-0.66, -0.25, 0.25, 0.66), (hour // 10, hour % 10, minute // 10, minute % 10), strict=True):
        left, right, top, bottom = x - 0.12, x + 0.12, -0.28, 0.28
        ends: dict[str, list[Point]] = {
            "a": [(left, top), (right, top)],
            "b": [(right, top), (right, 0)],
            "c": [(right, 0), (right, bottom)],
            "d": [(left, bottom), (right, bottom)],
            "e": [(left, 0), (left, bottom)],
            "f": [(left, top), (left, 0)],
            "g": [(left, 0), (right, 0)],
        }
        for name in _SEGMENTS[digit]:
            sketch.line(ends[name], lit, 0.065)
    for y in (-0.12, 0.12):
        sketch.circle((0, y), 0.04, lit)
    return sketch.box(-0.7, 0.52, -0.5, 0.6, dim(case, 0.6)).box(0.5, 0.52, 0.7, 0.6, dim(case, 0.6))


def traffic_light(rng: np.random.Generator) -> Sketch:
    """Draw a dark box with three lamps, one of them lit."""
    sketch = Sketch()
    case = vary(rng, (44, 48, 46) if rng.random() < 0.6 else (196, 160, 40))
    sketch.box(-0.07, 0.7, 0.07, 1.0, (90, 90, 92)).box(-0.36, -0.95, 0.36, 0.8, case)
    on = int(rng.integers(3))
    lamps: list[Colour] = [(255, 44, 34), (255, 196, 40), (60, 232, 110)]
    for number, colour in enumerate(lamps):
        centre = (0.0, -0.66 + 0.58 * number)
        sketch.circle(centre, 0.26, (24, 24, 26)).circle(centre, 0.22, colour if number == on else dim(colour, 0.3))
        if number == on:
            sketch.circle((-0.05, centre[1] - 0.06), 0.08, dim(colour, 1.6))
        sketch.line(points_on_ellipse(centre, (0.26, 0.26), 20, 200, 340), (20, 20, 22), 0.06)
    return sketch


def street_sign(rng: np.random.Generator) -> Sketch:
    """Draw a stop sign, a name plate or an arrow on a post."""
    sketch = Sketch()
    sketch.box(-0.06, -0.2, 0.06, 1.0, vary(rng, (150, 150, 152)))
    kind = rng.random()
    if kind < 0.4:
        for radius, colour in ((0.74, WHITE), (0.68, vary(rng, (196, 26, 30)))):
            sketch.polygon(points_on_ellipse((0, -0.25), (radius, radius), 9, 22.5, 382.5)[:8], colour)
        return sketch.text("STOP", (0, -0.25), 0.3, WHITE, 0.065)
    plate: Colour = (20, 108, 66) if kind < 0.75 else (30, 70, 160)
    names = ("MAIN ST", "ELM AVE", "OAK RD", "HIGH ST", "LAKE DR", "5TH AVE")
    for y in (-0.55, -0.05) if rng.random() < 0.5 else (-0.4,):
        sketch.box(-0.98, y - 0.25, 0.98, y + 0.21, WHITE).box(-0.94, y - 0.21, 0.94, y + 0.17, vary(rng, plate))
        sketch.text(names[int(rng.integers(6))], (0, y - 0.02), 0.22, WHITE, 0.045)
    return sketch


def envelope(rng: np.random.Generator) -> Sketch:
    """Paper, flap, and sometimes a stamp and an address."""
    sketch = Sketch()
    palette: list[Colour] = [(240, 236, 222), (216, 182, 130), (206, 218, 234), (236, 206, 206)]
    paper = vary(rng, palette[int(rng.integers(4))], 0.6)
    edge = dim(paper, 0.66)
    sketch.box(-0.96, -0.62, 0.96, 0.62, paper).line([(-0.96, 0.62), (-0.1, -0.06)], edge, 0.022)
    sketch.line([(0.96, 0.62), (0.1, -0.06)], edge, 0.022)
    sketch.polygon([(-0.96, -0.62), (0, 0.2), (0.96, -0.62)], dim(paper, 0.92))
    sketch.line([(-0.96, -0.62), (0, 0.2), (0.96, -0.62)], edge, 0.03)
    sketch.line([(-0.96, -0.62), (0.96, -0.62), (0.96, 0.62), (-0.96, 0.62)], edge, 0.02, closed=True)
    if rng.random() < 0.4:
        sketch.circle((0, 0.12), 0.12, (176, 28, 34)).circle((0, 0.12), 0.075, (150, 20, 28))
    return sketch


def umbrella(rng: np.random.Generator) -> Sketch:
    """Open, in segments, with its crook."""
    sketch = Sketch()
    first = any_colour(rng, (0.5, 1.0))
    second = dim(first, 0.75) if rng.random() < 0.5 else any_colour(rng, (0.0, 0.8))
    sketch.line([(0, -0.8), (0, 0.72)], (70, 56, 46), 0.045)
    sketch.line(points_on_ellipse((0.13, 0.72), (0.13, 0.2), 14, 180, 0), (96, 60, 34), 0.07)
    canopy = Sketch().polygon(points_on_ellipse((0, 0.02), (0.95, 0.82), 40, 180, 360), first)
    parts = Sketch()
    for left, right in ((-0.62, -0.22), (0.22, 0.62)):
        arc = points_on_ellipse(
            (0, 0.02), (0.95 * abs(left), 0.82), 16, 180 if left < 0 else 270, 270 if left < 0 else 360
        )
        other = points_on_ellipse(
            (0, 0.02), (0.95 * abs(right), 0.82), 16, 270 if left < 0 else 360, 180 if left < 0 else 270
        )
        parts.polygon(arc + other, second)
    canopy.inside(parts).ball_light((0, 0.1), 1.15, 0.1)
    holes = Sketch()
    for x in (-0.77, -0.4, 0.0, 0.4, 0.77):
        holes.ellipse((x, 0.04), (0.19, 0.1), (255, 255, 255))
    canopy.pixels = (canopy.pixels * (1 - holes.coverage()[..., None])).astype(np.uint8)
    return sketch.over(canopy)


def candle(rng: np.random.Generator) -> Sketch:
    """Wax, wick and flame, with a glow."""
    sketch = Sketch()
    glow = np.exp(-((sketch.grid()[0]) ** 2 + (sketch.grid()[1] + 0.55) ** 2) / 0.1) * 130
    sketch.pixels = np.dstack([glow, glow * 0.72, glow * 0.3, glow]).astype(np.uint8)
    wax = vary(rng, (238, 228, 204)) if rng.random() < 0.6 else any_colour(rng, (0.3, 0.8))
    wide = rng.uniform(0.16, 0.28)
    body = Sketch().box(-wide, -0.25, wide, 0.95, wax).ellipse((0, -0.25), (wide, 0.07), dim(wax, 1.15))
    for _ in range(3):
        x = rng.uniform(-wide, wide)
        body.line([(x, -0.22), (x, rng.uniform(-0.05, 0.35))], dim(wax, 1.1), 0.05)
    body.shade((1.1 - 1.1 * np.abs(body.grid()[0])).astype(np.float32))
    sketch.over(body).ellipse((0, 0.95), (wide * 2.2, 0.06), (150, 130, 90)).line([(0, -0.25), (0, -0.4)], BLACK, 0.035)
    outer = [
        *points_on_ellipse((0, -0.5), (0.13, 0.17), 20, 0, 180),
        (-0.07, -0.72),
        (rng.normal(0, 0.03), -0.96),
        (0.07, -0.72),
    ]
    sketch.polygon(outer, (255, 166, 40)).ellipse((0, -0.52), (0.07, 0.17), (255, 244, 180))
    return sketch.ellipse((0, -0.41), (0.04, 0.06), (110, 130, 220))


def pinwheel(rng: np.random.Generator) -> Sketch:
    """Folded vanes on a stick."""
    sketch = Sketch()
    sketch.line([(0, -0.2), (0.03, 1.0)], (190, 160, 110), 0.06)
    count = int(rng.integers(4, 7))
    colours = [any_colour(rng, (0.5, 1.0)) for _ in range(count)]
    for number, colour in enumerate(colours):
        turn = number * 360 / count
        tip, side, corner = (
            points_on_ellipse((0, -0.22), (r, r), 1, turn + a, 0)[0] for r, a in ((0.74, 0), (0.6, 48), (0.3, 70))
        )
        sketch.polygon([(0, -0.22), tip, side], colour).polygon([(0, -0.22), side, corner], dim(colour, 0.6))
    return sketch.circle((0, -0.22), 0.07, (240, 220, 120))


def sunglasses(rng: np.random.Generator) -> Sketch:
    """Two dark lenses in a frame."""
    sketch = Sketch()
    frame = dim(any_colour(rng, (0.0, 0.8)), 0.7)
    lens: Colour = (34, 32, 36)
    round_ones = rng.random() < 0.4
    for sign in (-1, 1):
        if round_ones:
            shape = points_on_ellipse((sign * 0.5, 0.05), (0.38, 0.36), 40)
        else:
            shape = [
                (sign * x, y)
                for x, y in ((0.1, -0.2), (0.92, -0.26), (0.88, 0.14), (0.66, 0.36), (0.32, 0.34), (0.12, 0.1))
            ]
        shape = rounded(shape, 2)
        sketch.polygon(shape, lens).line(shape, frame, 0.07, closed=True)
        sketch.line([(sign * 0.3, 0.16), (sign * 0.52, -0.12)], (120, 120, 130), 0.04)
        sketch.line([(sign * 0.9, -0.16), (sign * 0.99, -0.3)], frame, 0.07)
    return sketch.line(points_on_ellipse((0, -0.04), (0.14, 0.12), 12, 190, 350), frame, 0.07)


def bow_tie(rng: np.random.Generator) -> Sketch:
    """Two wings and a knot; plain, dotted or striped."""
    sketch = Sketch()
    cloth, other = any_colour(rng), any_colour(rng)
    for sign in (-1, 1):
        wing = [
            (sign * x, y)
            for x, y in (
                (0.06, -0.12),
                (0.55, -0.42),
                (0.95, -0.46),
                (0.9, 0.0),
                (0.95, 0.46),
                (0.55, 0.42),
                (0.06, 0.12),
            )
        ]
        part = Sketch().polygon(rounded(wing, 2), cloth)
        pattern, kind = Sketch(), rng.random()
        if kind < 0.4:
            for x in np.arange(-1, 1, 0.17):
                for y in np.arange(-0.5, 0.5, 0.17):
                    pattern.circle((float(x), float(y)), 0.035, other)
        elif kind < 0.7:
            for x in np.arange(-1.3, 1.3, 0.2):
                pattern.line([(x, -0.5), (x + 0.4, 0.5)], other, 0.06)
        part.inside(pattern)
        for y in (-0.12, 0.04, 0.16):
            part.inside(Sketch().line([(sign * 0.1, y * 0.5), (sign * 0.5, y * 1.6)], dim(cloth, 0.55), 0.025))
        sketch.over(part)
    sketch.ball_light((0, 0), 1.3, 0.0)
    return sketch.polygon([(-0.14, -0.19), (0.14, -0.19), (0.11, 0.19), (-0.11, 0.19)], dim(cloth, 0.8))


def daisy(rng: np.random.Generator) -> Sketch:
    """White petals around a yellow disc."""
    sketch = Sketch()
    petal = vary(rng, (244, 242, 238), 0.5)
    count = int(rng.integers(14, 22))
    for number in range(count):
        turn = number * 360 / count + rng.normal(0, 2)
        centre = points_on_ellipse((0, 0), (0.6, 0.6), 1, turn, 0)[0]
        sketch.ellipse(centre, (0.36, 0.1), dim(petal, rng.uniform(0.82, 1.0)), turn)
    disc = Sketch().circle((0, 0), 0.29, vary(rng, (244, 194, 30))).speckle(rng, 80, 0.3).ball_light((0, 0), 0.33, 0.0)
    return sketch.over(disc)
