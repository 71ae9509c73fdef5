from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.judging.certification import Certification, Certifier, Decision

Bools = NDArray[np.bool_]


def correctness(broken: int, fixed: int, same: int) -> tuple[Bools, Bools]:
    """Return (reference, candidate): `broken` correct in the reference only, `fixed` in the candidate only."""
    repeats = [broken, fixed, same]
    return np.repeat([True, False, True], repeats), np.repeat([False, True, True], repeats)


def shuffled(broken: int, fixed: int, same: int, seed: int) -> tuple[Bools, Bools]:
    reference, candidate = correctness(broken, fixed, same)
    order = np.random.default_rng(seed).permutation(len(reference))
    return reference[order], candidate[order]


def run(certifier: Certifier, reference: Bools, candidate: Bools, batch: int = 256) -> Decision:
    decision = certifier.decision
    for start in range(0, len(reference), batch):
        decision = certifier.add(reference[start : start + batch], candidate[start : start + batch])
        if decision.is_final:
            break
    return decision


def test_a_faithful_ir_is_certified_within_about_4000_of_50000() -> None:
    certifier = Certifier(0.1, 0.95, 50_000)
    decision = run(certifier, *correctness(0, 0, 50_000))
    assert decision.proof == "certified"
    assert decision.decided_after is not None
    assert decision.decided_after <= 4_000
    assert decision.images == 3_840  # fifteen shards of 256
    result = certifier.result()
    assert result.at_most_pp is not None
    assert result.at_least_pp is not None
    assert result.at_least_pp < 0 < result.at_most_pp <= 0.1
    assert "3,840 of 50,000 images" in result.sentence
    assert result.sentence.startswith("proven within the limit")


@pytest.mark.parametrize("seed", range(20))
def test_swapped_channels_are_rejected_within_256(seed: int) -> None:
    # Measured on real images: Top-1 78.23 % fell to 64.31 %, 13.92 pp. 16.5 % broken, 2.6 % fixed make such a fall.
    reference, candidate = shuffled(8_250, 1_290, 40_460, seed)
    certifier = Certifier(0.1, 0.95, 50_000)
    decision = certifier.add(reference[:256], candidate[:256])
    assert decision.proof == "rejected"
    assert certifier.result().gate("ir").verdict == "fail"
    assert "proven above the limit" in certifier.result().sentence


@pytest.mark.parametrize("batch", [1, 7, 256, 5_000])
def test_the_decision_does_not_depend_on_the_batches(batch: int) -> None:
    reference, candidate = shuffled(30, 10, 4_960, 1)
    whole = Certifier(2.0, 0.95, 5_000)
    whole.add(reference, candidate)
    expected = whole._beyond.refuted_after
    certifier = Certifier(2.0, 0.95, 5_000)
    assert run(certifier, reference, candidate, batch).decided_after == expected


@pytest.mark.parametrize(
    ("broken", "proof"), [(50, "certified"), (51, "rejected"), (0, "certified"), (40_000, "rejected")]
)
def test_on_the_whole_population_the_exact_count_decides(broken: int, proof: str) -> None:
    """0.1 pp of 50,000 are 50 images, and the boundary passes; whatever a shuffled order may have suggested."""
    for seed in range(3):
        certifier = Certifier(0.1, 0.95, 50_000)
        certifier.add(*shuffled(broken, 0, 50_000 - broken, seed))
        assert certifier.decision.proof == proof
        result = certifier.result()
        assert result.at_least_pp == result.at_most_pp == pytest.approx(100 * broken / 50_000)
        assert "on all 50,000 images" in result.sentence


def test_a_misled_decision_is_corrected_by_the_whole_population() -> None:
    reference, candidate = correctness(51, 0, 49_949)  # the broken ones last: the order of a bad dream
    certifier = Certifier(0.1, 0.95, 50_000)
    assert certifier.add(reference[:50:-1], candidate[:50:-1]).proof == "certified"
    last = certifier.add(reference[:51], candidate[:51])
    assert (last.proof, last.images, last.decided_after) == ("rejected", 50_000, 50_000)


def test_bounds_never_cross() -> None:
    certifier = Certifier(0.1, 0.95, 50_000)
    certifier.add(*correctness(40, 0, 216))  # all broken ones first, as no random order has them
    found = certifier.result()
    assert found.proof == "rejected"
    assert found.at_least_pp is not None
    assert found.at_most_pp is not None
    assert 0.1 < found.at_least_pp <= found.at_most_pp


def test_undecided_is_inconclusive_and_says_how_many_images_would_do() -> None:
    certifier = Certifier(0.1, 0.95, 50_000)
    assert certifier.add(*correctness(0, 0, 650)).proof == "undecided"
    gate = certifier.result().gate("ir")
    assert gate.verdict == "inconclusive"
    assert "about 3,709 images would decide" in gate.reason
    assert "(`harness plan --drop 0.1 --confidence 0.95 --whole 50000`)" in gate.reason
    assert gate.measured is not None
    assert gate.measured["images"] == 650


def test_a_huge_set_is_no_burden() -> None:
    certifier = Certifier(0.1, 0.95, 10**9)
    certifier.add(*correctness(1, 0, 99))
    assert certifier.result().sentence.endswith("more images are needed")


def test_nothing_compared_is_no_pass() -> None:
    certifier = Certifier(100, 0.95, 10)
    assert certifier.add(np.empty(0, bool), np.empty(0, bool)).proof == "undecided"
    result = certifier.result()
    assert result.gate("ir").verdict == "not_applicable"
    assert result.at_most_pp is None


def test_no_loss_at_all_may_be_demanded() -> None:
    certifier = Certifier(0, 0.95, 40)
    # One broken image hides among the last 3 of 40 in 7.5 % of orders, so no test at 0.95 may certify yet.
    assert certifier.add(*correctness(0, 0, 37)).proof == "undecided"
    assert run(Certifier(0, 0.95, 40), *correctness(0, 0, 40), batch=40).proof == "certified"
    assert run(Certifier(0, 0.95, 40), *correctness(1, 0, 39), batch=40).proof == "rejected"
    assert run(Certifier(0, 0.95, 40), *correctness(1, 1, 38), batch=40).proof == "certified"


def test_the_record_can_hold_it() -> None:
    import json

    certifier = Certifier(0.1, 0.95, 1_000)
    certifier.add(*correctness(3, 1, 252))
    found = certifier.result()
    assert isinstance(found, Certification)
    plain = json.loads(json.dumps(found.as_dict(), allow_nan=False))
    assert (plain["broken"], plain["fixed"], plain["images"], plain["population"]) == (3, 1, 256, 1_000)


def test_what_does_not_belong_together_is_refused() -> None:
    certifier = Certifier(0.1, 0.95, 10)
    with pytest.raises(ValueError, match="3 reference rows, 2 candidate rows"):
        certifier.add(np.ones(3, bool), np.ones(2, bool))
    with pytest.raises(ValueError, match="bool"):
        certifier.add(np.ones(2, np.int8), np.ones(2, np.int8))
    with pytest.raises(ValueError, match="population of 10"):
        certifier.add(np.ones(11, bool), np.ones(11, bool))
    with pytest.raises(ValueError, match="pp"):
        Certifier(-1, 0.95, 10)
    with pytest.raises(ValueError, match="error rate"):
        Certifier(0.1, 1.0, 10)


@pytest.mark.parametrize("beyond", [True, False])
def test_false_proofs_at_the_limit_stay_below_five_percent(beyond: bool) -> None:
    """1 pp of 2,000 are 20 images: 21 net broken lie just beyond the limit, 20 just within; 2,000 runs."""
    wrong = 0
    for seed in range(2_000):
        reference, candidate = shuffled(61 if beyond else 60, 40, 1_900, seed)
        certifier = Certifier(1.0, 0.95, 2_001 if beyond else 2_000)
        decision = certifier.add(reference[:1999], candidate[:1999])
        wrong += decision.proof == ("certified" if beyond else "rejected")
    assert wrong <= 100


def test_images_that_no_model_saw_prove_nothing() -> None:
    certifier = Certifier(5.0, 0.95, 600)
    certifier.add(*correctness(0, 0, 256), bad=256)
    result = certifier.result()
    assert result.gate("ir").verdict == "not_applicable"
    assert (result.drop_pp, result.at_least_pp, result.at_most_pp) == (None, None, None)
    assert result.sentence == "no image was compared"


def test_images_that_are_left_out_do_not_soften_the_limit() -> None:
    """Of 600 images 500 are bad and left out: 5 pp are 5 of the 100 others, and not 30 of 600."""
    reference, candidate = correctness(6, 0, 594)
    order = np.random.default_rng(3).permutation(600)
    certifier = Certifier(5.0, 0.95, 600, left_out=500)
    early = certifier.add(reference[order][:256], candidate[order][:256], bad=210)
    assert early.proof != "certified"
    result = certifier.result()
    assert result.at_most_pp is not None
    assert result.at_most_pp > 6
    assert certifier.add(reference[order][256:], candidate[order][256:], bad=290).proof == "rejected"
    assert certifier.result().drop_pp == certifier.result().at_least_pp == certifier.result().at_most_pp == 6
    within = Certifier(6.0, 0.95, 600, left_out=500)
    assert within.add(reference, candidate, bad=500).proof == "undecided"  # 6 of 100 now, but 500 are unknown
    assert "500 left out" in within.result().sentence


def test_images_that_are_left_out_are_not_evaluated_and_46_of_48_of_them_certify_nothing() -> None:
    certifier = Certifier(0.1, 0.95, 48, left_out=46)
    reference, candidate = correctness(0, 0, 48)
    certifier.add(reference, candidate, bad=46)
    found = certifier.result()
    assert (found.images, found.bad, found.left_out) == (2, 0, 46)
    gate = found.gate("ir")
    assert gate.verdict == "inconclusive"
    assert gate.measured is not None
    assert gate.measured["images"] == 2
    assert "all 48" not in gate.reason
    assert "after 2 of 48 images" in gate.reason
    assert "46 left out" in gate.reason


@pytest.mark.parametrize("left_out", [0, 1, 3])
@pytest.mark.parametrize("limit", [0.0, 5.0, 10.0, 25.0])
@pytest.mark.parametrize("broken", range(7))
def test_what_is_left_out_is_taken_at_its_worst(left_out: int, limit: float, broken: int) -> None:
    """Every loss that the images left out could hide, one by one: certified only if none of them is beyond."""
    population = 20
    most = Fraction(limit) * population / 100
    every = [broken + hidden <= most for hidden in range(-left_out, left_out + 1)]
    readable = Fraction(100 * broken, population - left_out)
    expected = "certified" if all(every) else "rejected" if readable > Fraction(limit) else "undecided"
    certifier = Certifier(limit, 0.95, population, left_out=left_out)
    reference, candidate = correctness(broken, 0, population - broken)  # the last ones are both False: left out
    reference[population - left_out :] = candidate[population - left_out :] = False
    certifier.add(reference, candidate, bad=left_out)
    assert certifier.decision.proof == expected


def test_no_order_certifies_early_what_the_images_left_out_could_break() -> None:
    """20 of 2,000 are the limit: 16 losses and 5 images that nobody can read may be 21. At most 5 % of 400 orders."""
    reference, candidate = correctness(16, 0, 1_984)
    is_bad = np.arange(2_000) >= 1_995
    wrong = 0
    for seed in range(400):
        order = np.random.default_rng(seed).permutation(2_000)
        certifier = Certifier(1.0, 0.95, 2_000, left_out=5)
        for batch in np.split(order, range(256, 2_000, 256)):
            if certifier.add(reference[batch], candidate[batch], bad=int(is_bad[batch].sum())).is_final:
                break
        wrong += certifier.decision.proof == "certified"
    assert wrong <= 20


def test_bounds_speak_of_the_set_that_makes_them_weaker() -> None:
    certifier = Certifier(5.0, 0.95, 600, left_out=500)
    certifier.add(*correctness(40, 0, 60), bad=0)
    plain = Certifier(5.0, 0.95, 600)
    plain.add(*correctness(40, 0, 60))
    found, usual = certifier.result(), plain.result()
    assert found.at_least_pp is not None
    assert usual.at_most_pp is not None
    assert found.at_least_pp == usual.at_least_pp  # perhaps no image is left out
    assert found.at_most_pp == min(100, 6 * usual.at_most_pp)  # perhaps 500 are
