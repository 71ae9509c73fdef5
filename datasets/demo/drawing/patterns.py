"""Textures and printed grids, which may fill the frame."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from datasets.demo.drawing.colour import BLACK, dim, vary
from datasets.demo.drawing.sketch import Colour, Sketch, points_on_ellipse, rounded


def honeycomb(rng: np.random.Generator) -> Sketch:
    """Hexagonal cells of wax, some of them filled."""
    sketch = Sketch()
    wax = vary(rng, (224, 166, 52))
    sketch.box(-1, -1, 1, 1, wax)
    radius = rng.uniform(0.1, 0.18)
    honey = dim(vary(rng, (150, 86, 14)), rng.uniform(0.7, 1.1))
    for row in range(-12, 13):
        for column in range(-14, 15):
            centre = ((column + 0.5 * (row % 2)) * radius * 1.732, row * radius * 1.5)
            cell = points_on_ellipse(centre, (radius * 0.84, radius * 0.84), 7, 30, 390)[:6]
            sketch.polygon(cell, dim(honey, rng.uniform(0.6, 1.3)))
    return sketch.speckle(rng, 6, 0.15)


def spider_web(rng: np.random.Generator) -> Sketch:
    """Spokes and a spiral of pale threads."""
    sketch = Sketch()
    thread: Colour = (228, 230, 234)
    centre = (rng.uniform(-0.15, 0.15), rng.uniform(-0.15, 0.15))
    count = int(rng.integers(11, 17))
    turns = [number * 360 / count + rng.normal(0, 4) for number in range(count)]
    for turn in turns:
        sketch.line([centre, points_on_ellipse(centre, (1.3, 1.3), 1, turn, 0)[0]], thread, 0.012)
    for radius in np.arange(0.1, 0.98, rng.uniform(0.08, 0.12)):
        ring = [points_on_ellipse(centre, (radius * (1 + rng.normal(0, 0.03)),) * 2, 1, turn, 0)[0] for turn in turns]
        for (x, y), (u, v) in pairwise([*ring, ring[0]]):
            middle = ((x + u) / 2 * 0.94 + centre[0] * 0.06, (y + v) / 2 * 0.94 + centre[1] * 0.06)
            sketch.line([(x, y), middle, (u, v)], thread, 0.009)
    return sketch


def crossword_puzzle(rng: np.random.Generator) -> Sketch:
    """Draw a grid of white and black squares, some filled with letters."""
    sketch = Sketch()
    paper = vary(rng, (240, 236, 224), 0.5)
    cells = int(rng.integers(9, 14))
    size = 1.9 / cells
    sketch.box(-1, -1, 1, 1, paper)
    black = rng.random((cells, cells)) < 0.2
    black |= black[::-1, ::-1]
    filled = rng.random() < 0.7
    for row in range(cells):
        for column in range(cells):
            x, y = -0.95 + column * size, -0.95 + row * size
            if black[row, column]:
                sketch.box(x, y, x + size, y + size, BLACK)
            elif filled and rng.random() < 0.6:
                sketch.text(
                    chr(65 + int(rng.integers(26))), (x + size / 2, y + size / 2), size * 0.5, (40, 40, 70), 0.018
                )
    for number in range(cells + 1):
        at = -0.95 + number * size
        sketch.line([(-0.95, at), (0.95, at)], BLACK, 0.014).line([(at, -0.95), (at, 0.95)], BLACK, 0.014)
    return sketch


def maze(rng: np.random.Generator) -> Sketch:
    """Draw a perfect labyrinth carved by depth-first search: hedges on gravel, or lines on paper."""
    sketch = Sketch()
    cells = int(rng.integers(7, 11))
    hedge = rng.random() < 0.5
    ground: Colour = vary(rng, (206, 190, 156)) if hedge else vary(rng, (240, 240, 234), 0.4)
    wall: Colour = vary(rng, (50, 104, 44)) if hedge else vary(rng, (40, 40, 60))
    size = 1.84 / cells
    width = size * (0.5 if hedge else 0.22)
    sketch.box(-1, -1, 1, 1, ground)
    below = np.ones((cells, cells), bool)
    right = np.ones((cells, cells), bool)
    seen = np.zeros((cells, cells), bool)
    seen[0, 0] = True
    stack = [(0, 0)]
    while stack:
        row, column = stack[-1]
        steps = [(row + a, column + b) for a, b in ((0, 1), (1, 0), (0, -1), (-1, 0))]
        free = [(r, c) for r, c in steps if 0 <= r < cells and 0 <= c < cells and not seen[r, c]]
        if not free:
            stack.pop()
            continue
        r, c = free[int(rng.integers(len(free)))]
        if r != row:
            below[min(r, row), column] = False
        else:
            right[row, min(c, column)] = False
        seen[r, c] = True
        stack.append((r, c))
    for row in range(cells):
        for column in range(cells):
            x, y = -0.92 + column * size, -0.92 + row * size
            if below[row, column] and row < cells - 1:
                sketch.line([(x, y + size), (x + size, y + size)], wall, width)
            if right[row, column] and column < cells - 1:
                sketch.line([(x + size, y), (x + size, y + size)], wall, width)
    sketch.line([(-0.92, -0.92 + size), (-0.92, 0.92), (0.92, 0.92)], wall, width)
    sketch.line([(-0.92 + size, -0.92), (0.92, -0.92), (0.92, 0.92 - size)], wall, width)
    return sketch.speckle(rng, 60, 0.18) if hedge else sketch


def stone_wall(rng: np.random.Generator) -> Sketch:
    """Rough stones of unequal size in courses."""
    sketch = Sketch()
    stone = vary(rng, (140, 132, 120))
    sketch.box(-1, -1, 1, 1, dim(stone, 0.4))
    y = -1.05
    while y < 1:
        height = rng.uniform(0.17, 0.34)
        x = -1.1 - rng.uniform(0, 0.3)
        while x < 1:
            width = rng.uniform(0.2, 0.58)
            tone = vary(rng, dim(stone, rng.uniform(0.7, 1.3)))
            gap = 0.02
            jitter = rng.normal(0, 0.02, (6, 2))
            middle = x + width * rng.uniform(0.3, 0.7)
            corners = [(x + gap, y + gap), (middle, y + gap), (x + width - gap, y + gap)]
            corners += [(x + width - gap, y + height - gap), (middle, y + height - gap), (x + gap, y + height - gap)]
            stone_outline = rounded(
                [(a + c, b + d) for (a, b), (c, d) in zip(corners, jitter.tolist(), strict=True)], 2
            )
            part = Sketch().polygon(stone_outline, tone)
            part.inside(Sketch().line(stone_outline, dim(tone, 0.7), 0.05, closed=True))
            lit = [(a - 0.012, b - 0.012) for a, b in stone_outline]
            sketch.over(part.inside(Sketch().line(lit[:12], dim(tone, 1.25), 0.025)))
            x += width
        y += height
    return sketch.speckle(rng, 70, 0.16).speckle(rng, 20, 0.14)


def computer_keyboard(rng: np.random.Generator) -> Sketch:
    """Rows of keys with letters."""
    sketch = Sketch()
    dark = rng.random() < 0.6
    case: Colour = vary(rng, (40, 42, 46) if dark else (206, 204, 198))
    key: Colour = dim(case, 1.5) if dark else dim(case, 1.12)
    ink: Colour = (230, 230, 230) if dark else (50, 50, 54)
    sketch.box(-1, -0.6, 1, 0.6, case)
    for row, letters in enumerate(("1234567890-=", "QWERTYUIOP[]", "ASDFGHJKL;'", "ZXCVBNM,./")):
        for column, letter in enumerate(letters):
            x = -0.93 + 0.155 * column + 0.045 * row
            y = -0.5 + 0.21 * row
            wide = min(0.13, 0.93 - x)
            sketch.box(x, y, x + wide, y + 0.175, dim(key, 0.7)).box(x + 0.008, y, x + wide - 0.008, y + 0.15, key)
            sketch.text(letter, (x + wide / 2, y + 0.07), 0.07, ink, 0.012)
    return sketch.box(-0.5, 0.36, 0.4, 0.52, key).box(-0.93, 0.36, -0.55, 0.52, key).box(0.45, 0.36, 0.93, 0.52, key)


def abacus(rng: np.random.Generator) -> Sketch:
    """Draw a frame, rods and beads pushed to either side."""
    sketch = Sketch()
    wood = vary(rng, (140, 88, 44))
    rods = int(rng.integers(6, 9))
    palette: list[Colour] = [(200, 44, 40), (60, 110, 190), (236, 190, 50), (60, 150, 80), (150, 90, 50)]
    single = palette[int(rng.integers(5))] if rng.random() < 0.5 else None
    for number in range(rods):
        y = -0.7 + 1.4 * number / (rods - 1)
        sketch.line([(-0.9, y), (0.9, y)], (150, 150, 150), 0.02)
        colour = vary(rng, single or palette[number % 5])
        left = int(rng.integers(0, 10))
        for bead in range(9):
            x = -0.8 + 0.13 * bead if bead < left else 0.8 - 0.13 * (8 - bead)
            sketch.ellipse((x, y), (0.058, 0.62 / rods), colour)
            sketch.ellipse((x - 0.015, y - 0.03), (0.015, 0.2 / rods), dim(colour, 1.5))
    return sketch.line([(-0.92, -0.88), (0.92, -0.88), (0.92, 0.88), (-0.92, 0.88)], wood, 0.12, closed=True)
