"""The record of one network at several precisions and devices, written by hand: what a comparison matrix is for."""

from __future__ import annotations

from typing import Any

from harness.record.schema import (
    Agreement,
    ComparisonPart,
    Drop,
    Flips,
    GatePart,
    Latency,
    MatrixPart,
    ModelPart,
    PairPart,
    PrecisionPart,
    RunRecord,
)
from tests.report.records import PARITY_PASS, accuracy, comparison, gate, model, record

# Wilson 95 % of the counts, and Tango 95 % of (broken, fixed), on 650 images
WILSON = {
    501: (73.692, 80.144),
    508: (74.817, 81.160),
    509: (74.978, 81.305),
    605: (90.862, 94.786),
    610: (91.729, 95.448),
    611: (91.903, 95.580),
}
TANGO = {(0, 0): (-0.588, 0.588), (1, 1): (-0.724, 0.724), (4, 3): (-0.806, 1.166), (14, 6): (-0.130, 2.772)}
MCNEMAR = {(0, 0): 1.0, (1, 1): 1.0, (4, 3): 1.0, (14, 6): 0.115318}


def precisions() -> RunRecord:
    """Return a run of six candidates: three may ship, INT8 fails, the GPU is not there, the NPU ran out of time.

    Losses: bf16 4 - 3 = 1 image, f16-weights 1 - 1 = 0, int8 14 - 6 = 8 of 650; the limit of 0.5 pp is 3.25 images.
    """
    ok: dict[str, dict[str, Any]] = {
        "f32": {"speed": 412.9, "ms": (4.71, 5.8), "bytes": 13_974_112},
        "bf16": {"speed": 611.3, "ms": (3.12, 12.6), "bytes": 13_974_112, "correct": (508, 611), "flips": (4, 3, 9)},
        "f16-weights": {"speed": 418.2, "ms": (4.66, 5.71), "bytes": 7_012_448, "flips": (1, 1, 3)},
        "int8": {"speed": 988.0, "ms": (1.9, 104.0), "bytes": 3_951_004, "correct": (501, 605), "flips": (14, 6, 22)},
    }
    absent = {"top1": None, "top5": None, "images_per_second": None, "model_bytes": 13_974_112}
    unknown = PrecisionPart(requested="f16", effective="unknown")
    no_gpu = "gpu: device GPU is not there\nThere are: CPU"
    late = "npu: gave no answer within 300 s"
    gates = [*(_drop_on_all(name, what) for name, what in ok.items()), _parity("f32", 3.5e-6)]
    gates += [
        gate("drop", "gpu", "not_applicable", reason=no_gpu.splitlines()[0]),
        gate("drop", "npu", "error", reason=late),
    ]
    return record(
        exit_code=3,
        models=(
            model("tf"),
            *(_measured(name, **what) for name, what in ok.items()),
            model("gpu", device="GPU", precision=unknown, status="unavailable", error=no_gpu, **absent),
            model("npu", device="NPU", precision=unknown, status="error", error=late, **absent),
        ),
        comparisons=tuple(_compared(name, what.get("flips", (0, 0, 0))) for name, what in ok.items()),
        pairwise=tuple(
            PairPart(first=first, second=second, top1_agreement=_same(count))
            for first, second, count in (
                *(("f32", "bf16", 634), ("f32", "f16-weights", 645), ("f32", "int8", 608)),
                *(("bf16", "f16-weights", 632), ("bf16", "int8", 603), ("f16-weights", "int8", 606)),
            )
        ),
        gates=tuple(gates),
        matrix=MatrixPart(
            order=("bf16", "f16-weights", "f32", "int8", "npu", "gpu"),
            best="bf16",
            may_ship=("bf16", "f16-weights", "f32"),
            reason="the fastest (611 images/s) of 3 candidates that may ship",
        ),
    )


def _measured(name: str, **what: Any) -> ModelPart:
    top1, top5 = what.get("correct", (509, 610))
    median, high = what["ms"]
    return model(
        name,
        precision=PrecisionPart(
            requested="bf16" if name == "bf16" else "f32", effective="bf16" if name == "bf16" else "f32"
        ),
        top1=accuracy(top1, 650, WILSON[top1]),
        top5=accuracy(top5, 650, WILSON[top5]),
        images_per_second=what["speed"],
        latency_ms=Latency(median=median, percentile95=high, requests=650),
        model_bytes=what["bytes"],
    )


def _same(count: int) -> Agreement:
    return Agreement(count=count, total=650, percent=100 * count / 650)


def _compared(name: str, flips: tuple[int, int, int]) -> ComparisonPart:
    broken, fixed, changed = flips
    differ = sum(flips)
    return comparison(
        name,
        top1_agreement=_same(650 - differ),
        flips=Flips(broken=broken, fixed=fixed, changed_wrong=changed),
        drop=Drop(
            top1_pp=100 * (broken - fixed) / 650,
            top5_pp=0.0,
            top1_ci95_pp=TANGO[broken, fixed],
            top5_ci95_pp=(-0.588, 0.588),
            top1_p_value=MCNEMAR[broken, fixed],
        ),
        max_abs_diff=differ / 100 or 3.5e-6,
        mean_abs_diff=differ / 100_000 or 1.234e-9,
    )


def _parity(name: str, largest: float) -> GatePart:
    return PARITY_PASS.model_copy(update={"model": name, "measured": {"images": 64, "max_abs_diff": largest}})


def _drop_on_all(name: str, what: dict[str, Any]) -> GatePart:
    broken, fixed, _ = what.get("flips", (0, 0, 0))
    drop = 100 * (broken - fixed) / 650
    return gate(
        "drop",
        name,
        "fail" if drop > 0.5 else "pass",
        measured={"top1_pp": drop},
        limit={"top1_max_pp": 0.5},
        reason=f"Top-1 on all 650 images ({broken} broken, {fixed} fixed), limit 0.5 pp",
    )
