"""Near-ties: images whose two best classes the reference holds to be about as likely, so that rounding decides.

For every flip the margin between the two classes is at most twice the difference of a probability on that image, so an
image's own difference tells nothing: a margin is compared with what the candidate moves on all images.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

LARGEST_MARGIN = 0.1  # beyond this, the reference's prediction is clear
_SHARE = 95  # percent of the images that move by no more than what counts as usual


def margins(top5_probabilities: NDArray[Any]) -> NDArray[np.float64]:
    """Return float64 (n,): the best probability minus the second best; infinite if there is no second class.

    ``top5_probabilities``: (n, k), the best first; NaN of a bad image stays NaN.
    """
    if top5_probabilities.shape[1] < 2:
        return np.full(len(top5_probabilities), np.inf)
    best = top5_probabilities[:, :2].astype(np.float64)
    found: NDArray[np.float64] = best[:, 0] - best[:, 1]
    return found


def usual_movement(max_abs_diff: NDArray[Any]) -> float:
    """Return what 95 % of the images stay within: the smallest such difference; 0.0 where there is no finite one.

    ``max_abs_diff``: (n,), each image's largest difference of a probability.
    """
    finite = np.sort(max_abs_diff[np.isfinite(max_abs_diff)].astype(np.float64))
    if not len(finite):
        return 0.0
    return float(finite[(len(finite) * _SHARE + 99) // 100 - 1])


def tie_margin(max_abs_diff: NDArray[Any]) -> float:
    """Return the largest margin of a near-tie: twice the usual movement, as two classes move; at most 0.1."""
    return min(2 * usual_movement(max_abs_diff), LARGEST_MARGIN)


def near_ties(top5_probabilities: NDArray[Any], max_abs_diff: NDArray[Any]) -> NDArray[np.bool_]:
    """Return bool (n,): whether each image is a near-tie of the reference; a bad image is none.

    ``top5_probabilities``: (n, k) of the reference; ``max_abs_diff``: (n,) of the candidate.
    """
    found: NDArray[np.bool_] = margins(top5_probabilities) <= tie_margin(max_abs_diff)
    return found
