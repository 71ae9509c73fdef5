"""Which mean and scale to feed so that an IR, with whatever is inside it, computes with a wrong mean and scale."""

from __future__ import annotations

from harness.config import Input

Triple = tuple[float, float, float]


def fed_instead(contract: Input, true: Input, wrong_mean: Triple, wrong_scale: Triple) -> Input:
    """Return the contract that makes the candidate see ``(x - wrong_mean) / wrong_scale``.

    ``contract``: the candidate's own; ``true``: the reference's, that is what the candidate and its inside amount to
    together. ``wrong_mean`` and ``wrong_scale`` are in the reference's colour order, as is ``true``.
    """
    reverse = contract.color != true.color

    def ordered(values: Triple) -> Triple:
        return (values[2], values[1], values[0]) if reverse else values

    mean, scale = ordered(true.mean_per_channel), ordered(true.scale_per_channel)
    own_mean, own_scale = contract.mean_per_channel, contract.scale_per_channel
    bad_mean, bad_scale = ordered(wrong_mean), ordered(wrong_scale)
    means, scales = [], []
    for m, s, om, os, wm, ws in zip(mean, scale, own_mean, own_scale, bad_mean, bad_scale, strict=True):
        # The IR turns its input y = (x - om) / os into (y * os + om - m) / s. That has to be (x' - wm) / ws for the
        # pixel x', so the pixel has to enter as y' = (((x' - wm) / ws) * s + m - om) / os.
        factor = ws * os / s
        scales.append(factor)
        means.append(wm - (m - om) * ws / s)
    return contract.model_copy(update={"mean": tuple(means), "scale": tuple(scales)})
