"""Balls: spheres told apart by colour, seams and patches."""

from __future__ import annotations

import numpy as np

from datasets.demo.drawing.colour import BLACK, WHITE, dim, vary
from datasets.demo.drawing.sketch import Colour, Sketch, points_on_ellipse

_RADIUS = 0.9


def _plain(rng: np.random.Generator, colour: Colour) -> Sketch:
    return Sketch().circle((0, 0), _RADIUS, vary(rng, colour))


def _seam(width: float, colour: Colour) -> Sketch:
    """Trace the two curves of a tennis ball or baseball."""
    seams = Sketch()
    for sign in (-1, 1):
        curve = points_on_ellipse((sign * 1.0, 0), (0.62, 0.85), 40, 0, 360)
        seams.line(curve, colour, width, closed=True)
    return seams


def tennis_ball(rng: np.random.Generator) -> Sketch:
    """Yellow-green felt with a white seam."""
    ball = _plain(rng, (206, 224, 50)).speckle(rng, 90, 0.14)
    return ball.inside(_seam(0.06, WHITE)).ball_light((0, 0), _RADIUS, 0.05)


def baseball(rng: np.random.Generator) -> Sketch:
    """White leather with red stitches."""
    ball = _plain(rng, (240, 236, 224)).inside(_seam(0.02, (150, 40, 40)))
    stitches = Sketch()
    for sign in (-1, 1):
        for x, y in points_on_ellipse((sign * 1.0, 0), (0.62, 0.85), 46):
            stitches.line([(x - sign * 0.06, y - 0.05), (x, y), (x + sign * 0.06, y - 0.05)], (196, 34, 36), 0.022)
    return ball.inside(stitches).ball_light((0, 0), _RADIUS, 0.1)


def basketball(rng: np.random.Generator) -> Sketch:
    """Orange-brown with black ribs."""
    ball = _plain(rng, (214, 108, 40)).speckle(rng, 110, 0.12)
    ribs = Sketch().line([(0, -1), (0, 1)], BLACK, 0.045).line([(-1, 0), (1, 0)], BLACK, 0.045)
    for sign in (-1, 1):
        ribs.ring((sign * 1.0, 0), (0.55, 0.8), BLACK, 0.045)
    return ball.inside(ribs).ball_light((0, 0), _RADIUS, 0.15)


def ping_pong_ball(rng: np.random.Generator) -> Sketch:
    """Smooth and plain: orange, or white."""
    return _plain(rng, (250, 146, 34) if rng.random() < 0.6 else (244, 244, 242)).ball_light((0, 0), _RADIUS, 0.55)


def croquet_ball(rng: np.random.Generator) -> Sketch:
    """Smooth and plain, with faint bands: blue, or red."""
    ball = _plain(rng, (34, 84, 200) if rng.random() < 0.6 else (200, 34, 34))
    bands = Sketch()
    for y in (-0.35, 0.0, 0.35):
        bands.line([(-1, y), (1, y)], (235, 235, 235), 0.02)
    if rng.random() < 0.5:
        ball.inside(bands)
    return ball.ball_light((0, 0), _RADIUS, 0.55)


def golf_ball(rng: np.random.Generator) -> Sketch:
    """White with dimples."""
    ball = _plain(rng, (240, 240, 240))
    dimples = Sketch()
    for row in range(-7, 8):
        for column in range(-7, 8):
            x, y = (column + 0.5 * (row % 2)) * 0.145, row * 0.127
            depth = 1 - (x * x + y * y) / _RADIUS**2
            if depth > 0.02:
                shrink = 1 - 0.22 * (1 - depth)
                dimples.circle((x * shrink, y * shrink), 0.052, (176, 176, 182))
                dimples.circle((x * shrink + 0.012, y * shrink + 0.016), 0.036, (216, 216, 220))
    return ball.inside(dimples).ball_light((0, 0), _RADIUS, 0.15)


def soccer_ball(rng: np.random.Generator) -> Sketch:
    """White with black pentagons and seams."""
    ball = _plain(rng, (240, 240, 238))
    pattern = Sketch()
    turn = rng.uniform(0, 72)
    inner = points_on_ellipse((0, 0), (0.32, 0.32), 6, turn, turn + 360)[:5]
    pattern.polygon(inner, BLACK)
    for number, (x, y) in enumerate(inner):
        angle = np.radians(turn + 72 * number)
        hub = (0.62 * np.cos(angle), 0.62 * np.sin(angle))
        pattern.line([(x, y), hub], (60, 60, 62), 0.03)
        for side in (-36, 36):
            other = np.radians(turn + 72 * number + side)
            pattern.line([hub, (0.75 * np.cos(other), 0.75 * np.sin(other))], (60, 60, 62), 0.03)
        outer = np.radians(turn + 72 * number + 36)
        centre = (0.86 * np.cos(outer), 0.86 * np.sin(outer))
        patch = points_on_ellipse(centre, (0.16, 0.3), 6, 36, 396, float(np.degrees(outer)))
        pattern.polygon(patch[:5], BLACK)
    return ball.inside(pattern).ball_light((0, 0), _RADIUS, 0.2)


def jack_o_lantern(rng: np.random.Generator) -> Sketch:
    """Draw an orange pumpkin with a glowing face."""
    sketch = Sketch()
    skin = vary(rng, (232, 118, 20))
    for x in (-0.5, 0.5, -0.26, 0.26, 0.0):
        rib = Sketch().ellipse((x, 0.1), (0.42, 0.74), dim(skin, 1 - 0.35 * abs(x))).ball_light((x, 0.1), 0.85, 0.0)
        sketch.over(rib)
    sketch.line([(0, -0.6), (0.06, -0.92)], (92, 110, 40), 0.15)
    glow: Colour = (255, 226, 110)
    height = rng.uniform(0.2, 0.32)
    for sign in (-1, 1):
        sketch.polygon([(sign * 0.5, 0.0), (sign * 0.16, 0.0), (sign * 0.34, -height)], glow)
    sketch.polygon([(-0.09, 0.24), (0.09, 0.24), (0, 0.08)], glow)
    mouth = [(-0.6, 0.3), (-0.36, 0.46), (-0.2, 0.4), (0.0, 0.52), (0.2, 0.4), (0.36, 0.46), (0.6, 0.3)]
    return sketch.polygon([*mouth, (0.4, 0.66), (0.15, 0.62), (0.0, 0.74), (-0.15, 0.62), (-0.4, 0.66)], glow)
