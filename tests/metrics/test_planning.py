from __future__ import annotations

import math

import pytest
from scipy.stats import binomtest, hypergeom, norm

from harness.metrics.planning import (
    images_for_interval,
    images_to_certify,
    images_to_see,
    power,
    share_seen,
    z_of,
)


@pytest.mark.parametrize(("share", "expected"), [(0.10, 29), (0.05, 59), (0.01, 299), (1.0, 1), (0.5, 5)])
def test_images_to_see_is_the_least_number(share: float, expected: int) -> None:
    # By hand: 0.9^28 = 0.0523 > 0.05 >= 0.9^29 = 0.0471, and so on: the rule of three.
    assert images_to_see(share, 0.95) == expected
    assert (1 - share) ** expected <= 0.05
    assert expected == 1 or (1 - share) ** (expected - 1) > 0.05


def test_share_seen_is_its_inverse() -> None:
    assert share_seen(64, 0.95) == pytest.approx(0.0457, abs=5e-5)
    assert images_to_see(share_seen(64, 0.95), 0.95) in (64, 65)


def test_without_flips_certification_comes_close_to_the_best_possible() -> None:
    needed = images_to_certify(0.1, 0.95, 50_000)
    assert needed.typical == needed.nine_of_ten
    # Any test whatever needs as many as the exact hypergeometric one, made for this case and one look only.
    best = next(n for n in range(1, 50_000) if hypergeom.pmf(0, 50_000, 51, n) <= 0.05)
    assert best == 2_851
    assert best < needed.typical <= 4_000


def test_flips_cost_images_and_a_large_drop_is_seen_soon() -> None:
    rates = [
        images_to_certify(0.1, 0.95, 50_000, broken=rate, fixed=rate, runs=5).typical for rate in (0, 0.0005, 0.0025)
    ]
    assert rates == sorted(rates)
    assert images_to_certify(0.1, 0.95, 50_000, broken=0.165, fixed=0.026, runs=21).nine_of_ten <= 256
    assert images_to_certify(0.1, 0.95, 50_000, broken=0.01, fixed=0.009, runs=3).typical > 10_000


def test_a_small_set_is_decided_by_its_end() -> None:
    assert images_to_certify(0.1, 0.95, 10).typical == 10  # 0.1 pp of 10 images is none: every one must be seen


def test_images_for_interval_is_the_least_number() -> None:
    # Tango's interval without flips ends at z^2 / (n + z^2).
    z = float(norm.ppf(0.975))
    expected = math.ceil(z * z * (1 / 0.001 - 1))
    assert images_for_interval(0.1, 0.95, 50_000) == expected == 3838
    assert images_for_interval(0.1, 0.95, 3000) is None
    some = images_for_interval(0.1, 0.95, 50_000, 0.005)
    assert some is not None
    assert expected < some < 50_000
    assert images_for_interval(0.1, 0.95, 50_000, 0.5) is None


def test_power_of_a_subset() -> None:
    found = power(650, 0.1, 0.95, 50_000, 0.01)
    z2 = float(norm.ppf(0.975)) ** 2
    assert found.interval_pp == pytest.approx(100 * z2 / (650 + z2), rel=1e-6)
    assert found.share_seen_percent == pytest.approx(100 * (1 - 0.05 ** (1 / 650)))
    assert found.with_flips_pp is not None
    assert found.with_flips_pp > found.interval_pp
    assert found.fails_from_pp is not None
    assert 0.1 < found.fails_from_pp < 3
    own = binomtest(468, 650).proportion_ci(0.95, method="wilson")  # 72 % of 650
    assert found.accuracy_pp == pytest.approx(50 * (own.high - own.low))


def test_power_of_the_whole_set_and_of_one_image() -> None:
    assert power(200, 0.1, 0.95, 200).sequential_pp == 0
    one = power(1, 0.1, 0.95, 50_000)
    assert one.fails_from_pp is None or one.fails_from_pp == 100
    with pytest.raises(ValueError, match="301 images out of 300"):
        power(301, 0.1, 0.95, 300)


def test_what_is_out_of_range_is_refused() -> None:
    with pytest.raises(ValueError, match="confidence"):
        z_of(1.0)
    with pytest.raises(ValueError, match="share"):
        images_to_see(0, 0.95)
    assert z_of(0.95) == pytest.approx(float(norm.ppf(0.975)), abs=1e-12)
