"""From a class and a seed to a picture: subject, pose, background, light and the faults of a camera."""

from __future__ import annotations

from dataclasses import astuple, dataclass

import cv2
import numpy as np

from datasets.demo.drawing.background import background, to_pixels
from datasets.demo.drawing.classes import SUBJECTS, Subject
from datasets.demo.drawing.colour import any_colour, dim, vary
from datasets.demo.drawing.sketch import Field, Pixels, Sketch, smooth_noise

# the level of difficulty of ordinary pictures, and of hard ones: the odds of each fault are in proportion
_EASY, _HARD = 0.16, 0.7


@dataclass(frozen=True)
class Faults:
    """What makes a picture hard; each is independent of the others, but hard pictures tend to have several."""

    small: bool
    dark: bool
    flat: bool
    unfocused: bool
    moved: bool
    noisy: bool
    hidden: bool

    @property
    def none(self) -> bool:
        """True for a clear picture."""
        return not any(astuple(self))


def _faults(rng: np.random.Generator, hard_share: float) -> Faults:
    level = _EASY if rng.random() < 1 - hard_share else _HARD
    roll = rng.random(6) / level
    return Faults(
        small=bool(roll[0] < 0.6),
        dark=bool(roll[1] < 0.5),
        flat=bool(roll[2] < 0.4),
        unfocused=bool(roll[3] < 0.6),
        moved=bool(0.6 <= roll[3] < 1.0),
        noisy=bool(roll[4] < 0.5),
        hidden=bool(roll[5] < 0.5),
    )


@dataclass(frozen=True)
class Picture:
    """A rendered image: RGB uint8 [height, width, 3] and the quality at which to save it as JPEG.

    `clarity` is the fraction of the frame that the subject covers, or 0 for a picture that was made hard to see.
    """

    pixels: Pixels
    quality: int
    clarity: float


def _sizes(rng: np.random.Generator) -> tuple[int, int]:
    """Choose height and width: 160..320, mostly 224..260, portrait and landscape."""
    if rng.random() < 0.7:
        return int(rng.integers(216, 262)), int(rng.integers(216, 262))
    return int(rng.integers(160, 321)), int(rng.integers(160, 321))


def _place(rng: np.random.Generator, sketch: Sketch, subject: Subject, height: int, width: int, small: bool) -> Field:
    """Scale, turn and shear the subject into the frame: premultiplied float32 RGBA [height, width, 4], 0..255."""
    low, high = subject.fill
    side = min(height, width) * rng.uniform(low, high) * (0.62 if small else 1.0)
    factor = side / sketch.side
    shrunk = cv2.resize(sketch.pixels, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    turn = rng.uniform(-subject.turn, subject.turn)
    matrix = cv2.getRotationMatrix2D((shrunk.shape[1] / 2, shrunk.shape[0] / 2), turn, 1.0)
    squeeze = np.array([[rng.uniform(0.86, 1.08), rng.normal(0, 0.06)], [rng.normal(0, 0.03), rng.uniform(0.9, 1.06)]])
    if subject.flip and rng.random() < 0.5:
        squeeze = squeeze @ np.diag([-1.0, 1.0])
    linear = squeeze @ matrix[:, :2]
    slack = 0.5 * max(0.0, 1.0 - side / min(height, width)) + 0.05
    target = np.array(
        [width * (0.5 + rng.uniform(-slack, slack) * 0.8), height * (0.5 + rng.uniform(-slack, slack) * 0.8)]
    )
    offset = target - linear @ np.array([shrunk.shape[1] / 2, shrunk.shape[0] / 2])
    placed = cv2.warpAffine(shrunk, np.column_stack([linear, offset]), (width, height), flags=cv2.INTER_LINEAR)
    return np.asarray(placed, np.float32)


def _compose(rng: np.random.Generator, ground: Field, layer: Field) -> Field:
    alpha = layer[..., 3] / 255
    if rng.random() < 0.6:
        size = ground.shape[1]
        shift = np.array([[1, 0, rng.uniform(-0.04, 0.06) * size], [0, 1, rng.uniform(0.01, 0.06) * size]], np.float32)
        shadow = cv2.GaussianBlur(cv2.warpAffine(alpha, shift, alpha.shape[::-1]), (0, 0), 0.02 * size)
        ground = ground * (1 - rng.uniform(0.2, 0.6) * shadow)[..., None]
    return np.asarray(ground * (1 - alpha[..., None]) + layer[..., :3], np.float32)


def _occlude(rng: np.random.Generator, image: Field) -> Field:
    """Put something in front: leaves, a bar, or a corner."""
    height, width = image.shape[:2]
    layer = image.copy()
    if rng.random() < 0.5:
        green = vary(rng, (58, 110, 44)) if rng.random() < 0.6 else any_colour(rng)
        for _ in range(int(rng.integers(2, 7))):
            centre = (int(rng.uniform(0.1, 0.9) * width), int(rng.uniform(0.1, 0.9) * height))
            axes = (int(rng.uniform(0.06, 0.17) * width), int(rng.uniform(0.02, 0.06) * width) + 1)
            tone = dim(green, rng.uniform(0.6, 1.3))
            cv2.ellipse(layer, centre, axes, rng.uniform(0, 180), 0, 360, tone, -1, cv2.LINE_AA)
    else:
        first = (int(rng.uniform(0, width)), int(rng.choice([0, height])))
        second = (int(rng.uniform(0, width)), int(height - first[1]))
        cv2.line(layer, first, second, any_colour(rng, (0.0, 0.6)), int(rng.uniform(0.05, 0.16) * width), cv2.LINE_AA)
    return np.asarray(cv2.GaussianBlur(layer, (0, 0), 0.7), np.float32)


def _light(rng: np.random.Generator, image: Field, faults: Faults) -> Field:
    """Apply exposure, uneven light, a slight cast and contrast."""
    height, width = image.shape[:2]
    gain = rng.uniform(0.3, 0.55) if faults.dark else rng.uniform(0.78, 1.15)
    cast = 1 + rng.normal(0, 0.035, 3).astype(np.float32)
    uneven = 1 + rng.uniform(0.05, 0.25) * smooth_noise(rng, height, width, 2)
    contrast = rng.uniform(0.5, 0.7) if faults.flat else rng.uniform(0.88, 1.1)
    image = (image - 118) * contrast + 118
    return np.asarray(image * (gain * uneven)[..., None] * cast, np.float32)


def _camera(rng: np.random.Generator, image: Field, faults: Faults) -> Field:
    """Blur by focus or movement, then add noise."""
    if faults.unfocused:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), float(rng.uniform(2.2, 4.5))), np.float32)
    elif faults.moved:
        length = int(rng.integers(7, 17))
        kernel = np.zeros((length, length), np.float32)
        angle = rng.uniform(0, np.pi)
        reach = np.array([np.cos(angle), np.sin(angle)]) * (length - 1) / 2
        ends = [tuple(round(v) for v in (length // 2 + sign * reach).tolist()) for sign in (-1, 1)]
        cv2.line(kernel, ends[0], ends[1], 1.0, 1)
        image = np.asarray(cv2.filter2D(image, -1, kernel / kernel.sum()), np.float32)
    else:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), float(rng.uniform(0.4, 1.0))), np.float32)
    sigma = rng.uniform(14, 30) if faults.noisy else rng.uniform(0.5, 4)
    noise = rng.standard_normal((*image.shape[:2], 3), dtype=np.float32) * np.float32(sigma)
    return np.asarray(image + noise, np.float32)


def render(rng: np.random.Generator, class_index: int, hard_share: float) -> Picture:
    """Draw one image of an ImageNet class (0..999, of those in `SUBJECTS`), all of it decided by `rng`.

    `hard_share` is the fraction of pictures that are made hard to see in several ways.
    """
    subject = SUBJECTS[class_index]
    faults = _faults(rng, hard_share)
    height, width = _sizes(rng)
    layer = _place(rng, subject.draw(rng), subject, height, width, faults.small)
    image = _compose(rng, background(rng, height, width), layer)
    if faults.hidden:
        image = _occlude(rng, image)
    image = _camera(rng, _light(rng, image, faults), faults)
    clarity = float(layer[..., 3].mean() / 255) if faults.none else 0.0
    return Picture(to_pixels(image), int(rng.integers(50, 88)), clarity)
