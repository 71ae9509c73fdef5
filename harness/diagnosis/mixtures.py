"""Known means and known scales, each with each: the mean of one family of models with the scale of another.

Numbers that are known from nowhere are never tried: a free search would always find some, and not say what they are.
"""

from __future__ import annotations

from collections.abc import Iterator

from harness.config.color import Triple
from harness.diagnosis.affine import Affine
from harness.diagnosis.changes import Change
from harness.feeding.families import NORMALISATIONS

_IMAGENET, _DEVIATION = NORMALISATIONS["ImageNet's mean and deviation"]
_CAFFE, _ = NORMALISATIONS["Caffe's mean"]
_WHOLE_CAFFE = (123.0, 117.0, 104.0)  # as the files of the first Caffe models have it
_CAFFE_SCALE = 1 / 0.017  # of the MobileNets that were trained with Caffe


def mixtures(mean: Triple, scale: Triple) -> Iterator[Change]:
    """Yield each known mean with each known scale as what the network sees, none twice and never the reference's own.

    ``mean`` and ``scale``: the reference's, in the order red, green, blue. The cause says which of the two differs.
    """
    own = Affine(mean, scale).rounded()
    known = {own}
    for other_mean in _means(mean):
        for other_scale in _scales(scale):
            seen = Affine(other_mean, other_scale).rounded()
            if seen not in known:
                known.add(seen)
                yield change_of(own, seen)


def cause_of(own: Affine, seen: Affine) -> str:
    """Return the cause if a network sees one mean and scale instead of another."""
    if seen.scale == own.scale:
        return "other-mean"
    return "other-scale" if seen.mean == own.mean else "other-mean-and-scale"


def change_of(own: Affine, seen: Affine) -> Change:
    """Return the change by which a network sees one mean and scale, RGB, instead of its own."""
    order = "" if all(len(set(values)) == 1 for values in (seen.mean, seen.scale)) else ", RGB"
    words = f"pixels as {seen.formula}{order} instead of {own.formula}"
    return Change(cause_of(own, seen), words, lambda _mean, _scale: (seen.mean, seen.scale))


def _means(own: Triple) -> Iterator[Triple]:
    yield own
    yield _each(own, -1)  # added instead of subtracted
    yield _each(own, 1 / 255)
    yield _each(own, 2)
    for value in (0.0, 0.5, 127.0, 127.5, 128.0):
        yield (value,) * 3
    for values in (own, _IMAGENET, _CAFFE, _WHOLE_CAFFE):
        yield values
        yield values[::-1]


def _scales(own: Triple) -> Iterator[Triple]:
    yield own
    yield 1 / own[0], 1 / own[1], 1 / own[2]  # multiplied instead of divided
    yield _each(own, 1 / 255)
    yield _each(own, 255)
    yield own[0] ** 2, own[1] ** 2, own[2] ** 2
    for value in (1.0, 127.0, 127.5, 128.0, 255.0, 256.0, _CAFFE_SCALE):
        yield (value,) * 3
    for values in (own, _DEVIATION):
        yield values
        yield values[::-1]


def _each(values: Triple, by: float) -> Triple:
    return values[0] * by, values[1] * by, values[2] * by
