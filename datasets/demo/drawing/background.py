"""What lies behind the subject: skies, ground, cloth, wood, blurred lights, and things that distract."""

from __future__ import annotations

import cv2
import numpy as np

from datasets.demo.drawing.colour import any_colour, dim, mix, vary
from datasets.demo.drawing.sketch import Colour, Field, Pixels, smooth_noise


def _gradient(height: int, width: int, first: Colour, second: Colour, along: Field) -> Field:
    part = np.clip(along, 0, 1)[..., None]
    blend = np.asarray(first, np.float32) * (1 - part) + np.asarray(second, np.float32) * part
    return np.asarray(np.broadcast_to(blend, (height, width, 3)), np.float32)


def _vertical(height: int, width: int) -> Field:
    return np.asarray(
        np.broadcast_to(np.linspace(0, 1, height, dtype=np.float32)[:, None], (height, width)), np.float32
    )


def _plain(rng: np.random.Generator, height: int, width: int) -> Field:
    first = any_colour(rng, (0.05, 0.7))
    second = mix(dim(first, rng.uniform(0.5, 1.4)), any_colour(rng), rng.uniform(0, 0.5))
    angle = rng.uniform(0, np.pi)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    along = 0.5 + (x / width - 0.5) * np.cos(angle) + (y / height - 0.5) * np.sin(angle)
    return _gradient(height, width, first, second, along.astype(np.float32))


def _mottled(rng: np.random.Generator, height: int, width: int) -> Field:
    """Blend two colours by noise: foliage, sand, gravel, cloth."""
    palette: list[Colour] = [(70, 120, 50), (200, 180, 140), (120, 110, 100), (96, 72, 48), (150, 160, 170)]
    first = vary(rng, palette[int(rng.integers(5))]) if rng.random() < 0.7 else any_colour(rng, (0.1, 0.7))
    second = vary(rng, dim(first, rng.uniform(0.5, 0.8)))
    noise = smooth_noise(rng, height, width, 6) + 0.7 * smooth_noise(rng, height, width, float(rng.uniform(12, 45)))
    return _gradient(height, width, first, second, (0.5 + 0.5 * noise).astype(np.float32))


def _landscape(rng: np.random.Generator, height: int, width: int) -> Field:
    """Put a sky over ground, with clouds and a wavy horizon."""
    skies: list[Colour] = [(120, 170, 226), (170, 190, 208), (236, 176, 130), (70, 84, 130), (200, 206, 210)]
    grounds: list[Colour] = [
        (84, 128, 56),
        (196, 176, 130),
        (110, 104, 98),
        (54, 96, 130),
        (226, 228, 232),
        (120, 92, 60),
    ]
    sky, ground = vary(rng, skies[int(rng.integers(5))]), vary(rng, grounds[int(rng.integers(6))])
    image = _gradient(height, width, sky, mix(sky, (250, 245, 235), 0.5), _vertical(height, width))
    clouds = np.clip(smooth_noise(rng, height, width, 5) - rng.uniform(0.0, 0.8), 0, 1)[..., None]
    image = image * (1 - 0.7 * clouds) + np.float32(245) * 0.7 * clouds
    wave = smooth_noise(rng, 2, width, rng.uniform(2, 9))[0] * rng.uniform(0, 0.1)
    horizon = (rng.uniform(0.35, 0.85) + wave) * height
    rows = np.arange(height, dtype=np.float32)[:, None]
    below = np.clip(rows - horizon[None, :], 0, 1)[..., None]
    earth = np.asarray(ground, np.float32) * (1 + 0.2 * smooth_noise(rng, height, width, 40))[..., None]
    return np.asarray(image * (1 - below) + earth * below, np.float32)


def _boards(rng: np.random.Generator, height: int, width: int) -> Field:
    """Lay wood grain in planks, or cloth in stripes."""
    base = vary(rng, (156, 112, 70)) if rng.random() < 0.6 else any_colour(rng, (0.1, 0.6))
    count = int(rng.integers(3, 9))
    noise = smooth_noise(rng, height, width, 4)
    grain = cv2.resize(smooth_noise(rng, height, max(4, width // 12), 30), (width, height))
    image = np.asarray(base, np.float32) * (1 + 0.14 * grain + 0.1 * noise)[..., None]
    for number in range(count):
        top, bottom = height * number // count, height * (number + 1) // count
        image[top:bottom] *= rng.uniform(0.8, 1.15)
        image[top : top + 2] *= 0.55
    return np.asarray(image if rng.random() < 0.6 else cv2.resize(np.rot90(image).copy(), (width, height)), np.float32)


def _lights(rng: np.random.Generator, height: int, width: int) -> Field:
    """Scatter discs out of focus on a dark or a leafy ground."""
    image = np.asarray(_plain(rng, height, width) * rng.uniform(0.35, 0.9), np.float32)
    for _ in range(int(rng.integers(8, 26))):
        centre = (int(rng.integers(width)), int(rng.integers(height)))
        layer = image.copy()
        cv2.circle(
            layer, centre, int(rng.integers(6, max(8, width // 7))), any_colour(rng, (0.1, 0.8)), -1, cv2.LINE_AA
        )
        image = cv2.addWeighted(image, 0.6, layer, 0.4, 0).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(image, (0, 0), float(rng.uniform(1.5, 5))), np.float32)


def _tiles(rng: np.random.Generator, height: int, width: int) -> Field:
    """Repeat squares of two colours: a floor, a table cloth."""
    first, second = any_colour(rng, (0.0, 0.5)), any_colour(rng, (0.0, 0.5))
    size = float(rng.uniform(14, 60))
    angle = rng.uniform(0, np.pi / 2)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    u, v = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    even = ((np.floor(u / size) + np.floor(v / size)) % 2).astype(np.float32)
    image = _gradient(height, width, first, mix(first, second, rng.uniform(0.2, 0.8)), cv2.blur(even, (2, 2)))
    return np.asarray(image * (1 + 0.12 * smooth_noise(rng, height, width, 5))[..., None], np.float32)


def _clutter(rng: np.random.Generator, image: Field, count: int) -> Field:
    """Strew things of no class: discs, bars, triangles, blurred a little."""
    height, width = image.shape[:2]
    layer = image.copy()
    for _ in range(count):
        x, y = rng.uniform(0, width), rng.uniform(0, height)
        size, colour, kind = rng.uniform(0.04, 0.2) * width, any_colour(rng), rng.random()
        if kind < 0.35:
            axes = (max(2, int(size)), max(2, int(size * rng.uniform(0.3, 1))))
            cv2.ellipse(layer, (int(x), int(y)), axes, rng.uniform(0, 180), 0, 360, colour, -1, cv2.LINE_AA)
            cv2.ellipse(layer, (int(x), int(y)), axes, rng.uniform(0, 180), 20, 120, dim(colour, 0.6), 2, cv2.LINE_AA)
        else:
            turn = rng.uniform(0, 2 * np.pi)
            corners = 3 if kind < 0.55 else 4
            angles = turn + np.arange(corners) * 2 * np.pi / corners
            stretch = np.array([1.0, rng.uniform(0.2, 1)])
            points = np.array([x, y]) + size * np.stack([np.cos(angles), np.sin(angles)], 1) * stretch
            cv2.fillPoly(layer, [points.astype(np.int32)], colour, cv2.LINE_AA)
    return np.asarray(cv2.GaussianBlur(layer, (0, 0), float(rng.uniform(0.6, 3))), np.float32)


_KINDS = (_plain, _mottled, _landscape, _boards, _lights, _tiles)
_ODDS = (0.16, 0.24, 0.24, 0.14, 0.12, 0.10)


def background(rng: np.random.Generator, height: int, width: int) -> Field:
    """Paint a background: float32 RGB [height, width, 3], 0..255."""
    image = _KINDS[int(rng.choice(len(_KINDS), p=_ODDS))](rng, height, width)
    if rng.random() < 0.55:
        image = _clutter(rng, np.ascontiguousarray(image), int(rng.integers(2, 9)))
    if rng.random() < 0.4:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), float(rng.uniform(0.8, 4))), np.float32)
    return np.clip(image, 0, 255)


def to_pixels(image: Field) -> Pixels:
    """Round float RGB in 0..255 to uint8."""
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)
