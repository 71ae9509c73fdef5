"""No gate passes on a reference that is no better than guessing: exact tests against sums of binomial coefficients."""

from __future__ import annotations

import math
import sys
from fractions import Fraction
from typing import Literal

import pytest

from harness.judging.chance import chance_fault, chance_faults, without_passes
from harness.metrics.statistics import above_share, below_share, is_above, is_below
from harness.record.recorded_config import RecordedConfig
from harness.record.schema import ChancePart, GatePart, ModelPart
from tests.report.records import accuracy, model


def tail(correct: int, total: int, share: Fraction) -> float:
    terms = (math.comb(total, k) * share**k * (1 - share) ** (total - k) for k in range(correct, total + 1))
    return float(sum(terms))


@pytest.mark.parametrize(("correct", "total"), [(0, 5), (1, 1), (3, 64), (10, 650), (509, 650), (64, 64)])
@pytest.mark.parametrize("share", [Fraction(1, 1000), Fraction(1, 10), Fraction(1, 2)])
def test_the_tests_are_exact_sums(correct: int, total: int, share: Fraction) -> None:
    assert above_share(correct, total, float(share)) == pytest.approx(tail(correct, total, share), rel=1e-9)
    below = 1 - tail(correct + 1, total, share) if correct < total else 1.0
    assert below_share(correct, total, float(share)) == pytest.approx(below, rel=1e-9, abs=1e-15)


@pytest.mark.parametrize(
    ("correct", "total", "classes", "reason"),
    [
        (0, 64, 1000, "not clearly better than guessing among 1,000 classes: 0 of 64"),
        (1, 65, 1000, "not clearly better than guessing"),  # 1.54 %, as by a graph without mean and scale
        (10, 650, 1000, "not clearly better than guessing"),  # 1.54 %, too, and above 1/1000 by any test
        (26, 32, 1000, None),
        (509, 650, 1000, None),
        (100, 200, 2, "not clearly better than guessing among 2 classes"),
        (150, 200, 2, None),
        (1, 1, 1000, "too few images to tell it from guessing"),
        (2, 2, 1000, None),
        (3, 3, 4, "too few images to tell it from guessing"),
        (4, 4, 4, None),
    ],
)
def test_who_is_a_yardstick(correct: int, total: int, classes: int, reason: str | None) -> None:
    found = chance_fault("tf", "reference", correct, total, classes, None)
    assert (found is None) == (reason is None)
    assert reason is None or reason in str(found)


@pytest.mark.parametrize(
    ("correct", "total", "far"),
    [(509, 650, False), (36, 100, False), (20, 100, True), (3, 8, False), (0, 1000, True), (400, 1000, False)],
)
def test_far_below_the_published_accuracy(correct: int, total: int, far: bool) -> None:
    found = chance_fault("tf", "reference", correct, total, 1000, 71.85)
    assert (found is not None) == far


@pytest.mark.parametrize(("correct", "fault"), [(12, False), (6, False), (1, True), (0, True)])
def test_a_set_on_which_little_was_published_asks_for_little(correct: int, fault: bool) -> None:
    """1.2 % published of 1,000 images are 12 of them, below the 2.1 % that are asked for as a rule; 1 is guessing."""
    assert chance_fault("tf", "reference", 12, 1000, 1000, None) is not None
    found = chance_fault("tf", "reference", correct, 1000, 1000, 1.2)
    assert (found is not None) == (fault or tail(correct, 1000, Fraction(6, 1000)) > 0.01)


def by_chance(expected: float, deviation: float, others: int, images: int = 100, *, same: bool = False) -> ChancePart:
    return ChancePart(
        images=images,
        expected_correct=expected,
        standard_deviation=deviation,
        other_labels=others,
        same_probabilities=same,
    )


@pytest.mark.parametrize(
    ("correct", "found", "reason"),
    [
        # 90 of 100 images have one label. Always this answer: 90 in any order, and far above one half.
        (90, by_chance(90, 0, 10), "predicts the same class for every image: 90 of 100 images correct (90.00 %)"),
        # 90 answers of that class and 10 of the other: 81 + 1 = 82 on average, and 91 hypergeometric pairs
        # deviate by 2 * (90 * 0.9 * 0.1 * 10 / 99) ** 0.5 = 1.809.
        (82, by_chance(82, 1.809, 10), "own predictions in random order, of which 82.0 would be correct on average"),
        (84, by_chance(82, 1.809, 10), "own predictions in random order"),
        (90, by_chance(82, 1.809, 10), None),
        (100, by_chance(82, 1.809, 10), None),
        # Where fewer than 7 images have another label, nothing follows from all of them being wrong.
        (94, by_chance(94, 0, 6), None),
        (93, by_chance(93, 0, 7), "predicts the same class"),
        # All images have one label, and the network is dead.
        (100, by_chance(100, 0, 0, same=True), "gives the same probabilities for every image"),
        (7, by_chance(7, 0, 0, 7, same=True), None),
    ],
)
def test_answers_that_do_not_depend_on_the_images(correct: int, found: ChancePart, reason: str | None) -> None:
    """However good they look on images of which most have one label, a class in two or three."""
    assert chance_fault("tf", "reference", correct, found.images, 2, None, None) is None
    said = chance_fault("tf", "reference", correct, found.images, 2, None, found)
    assert (said is None) == (reason is None)
    assert reason is None or reason in str(said)


def test_the_margin_above_random_order_is_the_one_above_guessing() -> None:
    """50 of 1,000 are expected, as of 20 even classes: 2 % of the way from there to 1 is 69, and it has to be clear."""
    found = by_chance(50, 6.9, 950, 1000)
    assert chance_fault("tf", "reference", 69, 1000, 1000, None, found) is not None
    assert chance_fault("tf", "reference", 100, 1000, 1000, None, found) is None
    # Of 1,000 classes with 2 % published, half of it is enough, 10 images; as a rule 21 have to be exceeded clearly.
    hard = by_chance(1, 1, 999, 1000)
    assert chance_fault("tf", "reference", 20, 1000, 1000, 2.0, hard) is None
    assert chance_fault("tf", "reference", 20, 1000, 1000, None, hard) is not None


def test_nothing_is_said_of_no_image_or_one_class() -> None:
    assert chance_fault("tf", "reference", 0, 0, 1000, None) is None
    assert chance_fault("tf", "reference", 0, 64, 1, None) is None


GATES = [
    GatePart(gate="parity", model="ir", verdict="pass", reason="r"),
    GatePart(gate="drop", model="ir", verdict="fail", reason="r"),
    GatePart(gate="target", model="int8", verdict="pass", reason="r"),
    GatePart(gate="baseline", model="int8", verdict="not_applicable", reason="r"),
]


def part(name: str, role: Literal["reference", "candidate"], correct: int, total: int) -> ModelPart:
    return model(name, role=role, top1=accuracy(correct, total, None))


def test_no_pass_is_left_and_failures_stay() -> None:
    found = without_passes(GATES, [(part("tf", "reference", 0, 64), "why")])
    assert [(gate.gate, gate.model, gate.verdict) for gate in found] == [
        ("chance", "tf", "inconclusive"),
        ("parity", "ir", "inconclusive"),
        ("drop", "ir", "fail"),
        ("target", "int8", "inconclusive"),
        ("baseline", "int8", "not_applicable"),
    ]
    assert found[0].reason == "why"


def test_without_a_reference_only_the_gates_of_a_guessing_candidate_do_not_pass() -> None:
    found = without_passes(GATES, [(part("ir", "candidate", 0, 64), "why")])
    assert [(gate.gate, gate.model, gate.verdict) for gate in found] == [
        ("chance", "ir", "inconclusive"),
        ("parity", "ir", "inconclusive"),
        ("drop", "ir", "fail"),
        ("target", "int8", "pass"),
        ("baseline", "int8", "not_applicable"),
    ]


CONFIG = RecordedConfig.of({"dataset": {"classes": 1000}, "published": {"top1_percent": 71.85}})


@pytest.mark.parametrize(
    ("role", "counts", "faulty"),
    [
        ("reference", {"tf": 0, "ir": 0}, ["tf"]),  # whoever is compared with it needs no test of its own
        ("reference", {"tf": 50, "ir": 0}, []),  # its drop says so
        ("candidate", {"ir": 0, "int8": 50}, ["ir"]),
        ("candidate", {"ir": 10, "int8": 0}, ["ir", "int8"]),  # 10 of 64: far below what was published
    ],
)
def test_without_a_reference_every_candidate_is_its_own_yardstick(
    role: Literal["reference", "candidate"], counts: dict[str, int], faulty: list[str]
) -> None:
    first, second = (part(name, "candidate", correct, 64) for name, correct in counts.items())
    models = (first.model_copy(update={"role": role}), second)
    found = chance_faults(models, CONFIG, good=64)
    assert [model.id for model, _ in found] == faulty
    assert all(sentence.startswith(f"the {role} {model.id} ") for model, sentence in found)
    assert chance_faults(models, CONFIG, good=0) == []


@pytest.mark.parametrize(
    "share", [Fraction(1, 1000), Fraction(21, 1000), Fraction(1, 10), Fraction(36, 100), Fraction(1, 2)]
)
@pytest.mark.parametrize("total", [1, 5, 64, 199])
def test_both_tests_decide_as_the_exact_sums_do(share: Fraction, total: int) -> None:
    for correct in range(total + 1):
        above = tail(correct, total, share) <= 0.01
        below = 1 - tail(correct + 1, total, share) <= 0.01
        assert is_above(correct, total, float(share), 0.01) == above, correct
        assert is_below(correct, total, float(share), 0.01) == below, correct


def test_a_clear_case_is_decided_without_scipy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy.special", None)
    assert chance_fault("tf", "reference", 509, 650, 1000, 71.85) is None
    assert chance_fault("tf", "reference", 50, 64, 1000, None) is None
    with pytest.raises(ImportError):
        chance_fault("tf", "reference", 1, 64, 1000, None)
