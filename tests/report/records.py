"""Records and per-image tables written by hand, with the clock and the paths fixed.

The figures of `faithful` and `bf16` are the real ones of 650 images with 509 and 610 correct: 509/650 = 78.3077 %,
610/650 = 93.8462 %; one image is 100/650 = 0.153846 pp.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from harness.record.schema import (
    Accuracy,
    Agreement,
    BadImage,
    ComparisonPart,
    DatasetPart,
    Drop,
    Flips,
    GatePart,
    ModelPart,
    PrecisionPart,
    RunRecord,
)

HOSTILE = 'a|b`c`<script>alert(1)</script>\n# heading\r\x1b[31m\u202egnp.\u2066 @someone #1 "q" \x00 ]]> &amp; *x*'


def accuracy(correct: int, total: int, interval: tuple[float, float] | None) -> Accuracy:
    return Accuracy(
        correct=correct, total=total, percent=100 * correct / total if total else None, ci95_percent=interval
    )


def model(model_id: str, **changes: Any) -> ModelPart:
    reference = model_id == "tf"
    fields: dict[str, Any] = {
        "id": model_id,
        "role": "reference" if reference else "candidate",
        "backend": "tensorflow" if reference else "openvino",
        "device": "CPU",
        "device_name": "Example CPU @ 2.10GHz",
        "precision": PrecisionPart(requested="f32", effective="f32"),
        "model": "build/graph.pb" if reference else "build/model.xml",
        "model_sha256": ("4a95a7d6" if reference else "b1946ac9") + "0" * 56,
        "details": {"batch": 32} if reference else {"batch": 1, "streams": 2},
        # Wilson 95 %: 509/650 and 610/650
        "top1": accuracy(509, 650, (74.978, 81.3049)),
        "top5": accuracy(610, 650, (91.729, 95.448)),
        "images_per_second": 287.4 if reference else 412.9,
    }
    return ModelPart(**(fields | changes))


def comparison(candidate: str = "ir", **changes: Any) -> ComparisonPart:
    fields: dict[str, Any] = {
        "reference": "tf",
        "candidate": candidate,
        "top1_agreement": Agreement(count=650, total=650, percent=100.0),
        "flips": Flips(fixed=0, broken=0, changed_wrong=0),
        "drop": Drop(
            top1_pp=0.0, top5_pp=0.0, top1_ci95_pp=(-0.588, 0.588), top5_ci95_pp=(-0.588, 0.588), top1_p_value=1.0
        ),
        "max_abs_diff": 3.5e-6,
        "mean_abs_diff": 1.234e-9,
        "worst_image": "val/ILSVRC2012_val_00000017.JPEG",
    }
    return ComparisonPart(**(fields | changes))


def gate(name: str, model_id: str, verdict: str, **changes: Any) -> GatePart:
    return GatePart(**({"gate": name, "model": model_id, "verdict": verdict, "reason": "A reason."} | changes))


PARITY_PASS = gate(
    "parity",
    "ir",
    "pass",
    measured={"images": 64, "max_abs_diff": 3.5e-6},
    limit={"images": 64, "max_abs_diff": 1e-3},
    reason="the largest difference of a probability on the first 64 images at f32 is 3.5e-06, limit 0.001",
)
DROP_PASS = gate(
    "drop",
    "ir",
    "pass",
    measured={"top1_pp": 0.0, "top5_pp": 0.0},
    limit={"top1_max_pp": 0.1, "top5_max_pp": 0.1},
    reason="Top-1 unchanged on all 650 images (0 broken, 0 fixed), limit 0.1 pp; "
    "Top-5 unchanged on all 650 images (0 broken, 0 fixed), limit 0.1 pp",
)
TARGET_OFF = gate(
    "target",
    "ir",
    "not_applicable",
    reason="the configuration names no published accuracy",
)


def record(**changes: Any) -> RunRecord:
    """Return the record of a faithful IR on 650 images declared as the whole set: exit 0."""
    fields: dict[str, Any] = {
        "harness_version": "0.1.0",
        "name": "mobilenet-v2-1.0-224",
        "status": "complete",
        "exit_code": 0,
        "started_utc": "2025-01-02T03:04:05Z",
        "command": ("harness", "validate", "configs/mobilenet-v2-1.0-224.yml"),
        "config_file": "configs/mobilenet-v2-1.0-224.yml",
        "config": {
            "version": 1,
            "dataset": {"preprocess": {"crop_fraction": 0.875, "size": 224, "interpolation": "bilinear"}},
        },
        "environment": {
            "python": "3.11.7",
            "versions": {"openvino": "2025.3.0", "tensorflow": "2.21.0"},
            "threads": 2,
            "git_commit": None,
        },
        "dataset": dataset(),
        "models": (model("tf"), model("ir")),
        "comparisons": (comparison(),),
        "gates": (PARITY_PASS, TARGET_OFF, DROP_PASS),
        "timing": {"wall_seconds": 12.345, "stream_seconds": 4.5},
    }
    return RunRecord(**(fields | changes))


def dataset(**changes: Any) -> DatasetPart:
    fields: dict[str, Any] = {
        "name": "val",
        "form": "list",
        "images": 650,
        "listed": 650,
        "evaluated": 650,
        "fingerprint": "f" * 64,
    }
    return DatasetPart(**(fields | changes))


def bf16() -> RunRecord:
    """Return a run where the device used bf16: parity fails; 16 images have another Top-1, 634/650 = 97.54 %."""
    subset: dict[str, Any] = {
        "limit": {"top1_percent_at_least": 71.75, "top5_percent_at_least": 90.59},
        "reason": "published on 50,000 images, 650 of 50,000 were evaluated",
    }
    return record(
        exit_code=1,
        dataset=dataset(images=50_000),
        models=(
            model("tf", images_per_second=None, cached=True),
            model(
                "ir",
                precision=PrecisionPart(requested="device_default", effective="bf16"),
                top1=accuracy(508, 650, (74.817, 81.160)),
                top5=accuracy(611, 650, (91.900, 95.584)),
            ),
        ),
        comparisons=(
            comparison(
                top1_agreement=Agreement(count=634, total=650, percent=100 * 634 / 650),
                flips=Flips(fixed=3, broken=4, changed_wrong=9),
                drop=Drop(
                    top1_pp=100 / 650,
                    top5_pp=-100 / 650,
                    top1_ci95_pp=(-0.806, 1.166),
                    top5_ci95_pp=(-0.866, 0.435),
                    top1_p_value=1.0,
                ),
                max_abs_diff=0.2612,
                mean_abs_diff=8.31e-5,
            ),
        ),
        gates=(
            gate(
                "parity",
                "ir",
                "fail",
                measured={"images": 64, "max_abs_diff": 0.2612},
                limit={"images": 64, "max_abs_diff": 1e-3},
                reason="the largest difference of a probability on the first 64 images at bf16 is 0.26, limit 0.001;"
                " 61 of 64 images exceed it",
            ),
            gate("target", "tf", "not_applicable", **subset),
            gate("target", "ir", "not_applicable", **subset),
            gate(
                "drop",
                "ir",
                "inconclusive",
                measured={"top1_pp": 100 / 650, "top5_pp": -100 / 650},
                limit={"top1_max_pp": 0.1, "top5_max_pp": 0.1},
                reason="Top-1 drop on 650 of 50,000 images: paired 95 % interval [-0.806, +1.166] pp, limit 0.1 pp;"
                " only the whole set of 50,000 images would decide",
            ),
        ),
        warnings=("ir: precision device_default was requested, but the device runs bf16; pin `precision: f32`",),
    )


def table(*candidates: str, rows: list[dict[str, Any]] | None = None) -> pa.Table:
    """Return a per-image table of `tf` and the candidates. Without rows: four images, see FOUR_IMAGES."""
    models = ("tf", *(candidates or ("ir",)))
    rows = FOUR_IMAGES if rows is None else rows
    arrays: dict[str, pa.Array] = {
        "image_id": pa.array([row["image_id"] for row in rows], pa.string()),
        "label": pa.array([row["label"] for row in rows], pa.int32()),
    }
    for position, name in enumerate(models):
        values = [row["tf" if position == 0 else "ir"] for row in rows]
        arrays[f"{name}.top1"] = pa.array([value[0] for value in values], pa.int32())
        top5 = [[value[0], 900, 901, -1, -1] if value[0] >= 0 else [-1] * 5 for value in values]
        arrays[f"{name}.top5"] = pa.array(top5, pa.list_(pa.int32(), 5))
        arrays[f"{name}.top5_probabilities"] = pa.array(
            [[value[1], 0.02, 0.01, 0.0, 0.0] for value in values], pa.list_(pa.float32(), 5)
        )
        arrays[f"{name}.top1_probability"] = pa.array([value[1] for value in values], pa.float32())
        arrays[f"{name}.probability_of_label"] = pa.array([value[2] for value in values], pa.float32())
        arrays[f"{name}.rank_of_label"] = pa.array([value[3] for value in values], pa.int32())
        arrays[f"{name}.max_abs_diff"] = pa.array([value[4] for value in values], pa.float32())
        arrays[f"{name}.mean_abs_diff"] = pa.array([value[4] / 8 for value in values], pa.float64())
    return pa.table(arrays)


NAN = float("nan")
# A model's tuple: top1, its probability, probability of the label, rank of the label, largest difference.
FOUR_IMAGES: list[dict[str, Any]] = [
    {"image_id": "same.jpg", "label": 5, "tf": (5, 0.75, 0.75, 1, 0.0), "ir": (5, 0.75, 0.75, 1, 0.0)},
    {"image_id": "broken.jpg", "label": 7, "tf": (7, 0.625, 0.625, 1, 0.0), "ir": (8, 0.5, 0.25, 2, 0.375)},
    {"image_id": "fixed.jpg", "label": 9, "tf": (3, 0.5, 0.25, 2, 0.0), "ir": (9, 0.5, 0.5, 1, 0.25)},
    {"image_id": "bad.jpg", "label": 2, "tf": (-1, NAN, NAN, 0, 0.0), "ir": (-1, NAN, NAN, 0, NAN)},
]


def bf16_images() -> list[dict[str, Any]]:
    """Return the rows of the images that `bf16` changed: 4 broken, 3 fixed, 9 wrong in both."""
    broken = [
        (0.5, 0.375),
        (0.6875, 0.4375),
        (0.4375, 0.375),
        (0.40625, 0.40625),
    ]  # probability of the label: before, after
    fixed = [(0.25, 0.5), (0.375, 0.4375), (0.3125, 0.3125)]
    rows = [
        {"image_id": f"broken-{number}.jpg", "label": 1, "tf": (1, p, p, 1, 0.0), "ir": (2, 0.5, q, 2, abs(p - q))}
        for number, (p, q) in enumerate(broken)
    ]
    rows += [
        {"image_id": f"fixed-{number}.jpg", "label": 1, "tf": (2, 0.5, p, 2, 0.0), "ir": (1, q, q, 1, abs(p - q))}
        for number, (p, q) in enumerate(fixed)
    ]
    wrong = {"label": 1, "tf": (2, 0.5, 0.25, 2, 0.0), "ir": (3, 0.5, 0.25, 2, 0.25)}
    return rows + [{"image_id": f"wrong-{number}.jpg", **wrong} for number in range(9)]


def many_candidates(count: int = 12) -> RunRecord:
    """Return a run of many candidates; every third fails parity."""
    ids = [f"cpu-{number:02d}" for number in range(count)]
    gates = [
        gate(
            "parity",
            name,
            "fail" if number % 3 == 0 else "pass",
            measured={"images": 64, "max_abs_diff": 0.5 if number % 3 == 0 else 2e-6},
            limit={"images": 64, "max_abs_diff": 1e-3},
            reason="compared on the first 64 images",
        )
        for number, name in enumerate(ids)
    ]
    return record(
        exit_code=1,
        models=(model("tf"), *(model(name) for name in ids)),
        comparisons=tuple(comparison(name) for name in ids),
        gates=tuple(gates),
    )


def hostile() -> RunRecord:
    """Return a failing run in which every string from outside attacks the reports."""
    return record(
        exit_code=1,
        name=HOSTILE,
        dataset=dataset(name=HOSTILE, bad_images=(BadImage(id=HOSTILE, reason=HOSTILE),), bad_images_policy="wrong"),
        models=(model("tf", device_name=HOSTILE), model(HOSTILE, model=HOSTILE, details={HOSTILE: HOSTILE})),
        comparisons=(comparison(HOSTILE, worst_image=HOSTILE),),
        gates=(
            gate(
                HOSTILE,
                HOSTILE,
                "fail",
                reason=HOSTILE,
                warning=HOSTILE,
                measured={HOSTILE: HOSTILE},
                limit={HOSTILE: 1},
            ),
        ),
        warnings=(HOSTILE,),
        command=("harness", HOSTILE),
        config_file=HOSTILE,
        config={HOSTILE: {HOSTILE: "```" + HOSTILE}},
        environment={HOSTILE: {HOSTILE: HOSTILE}},
    )


def interrupted() -> RunRecord:
    """Return a run stopped by Ctrl-C after 128 of 650 images."""
    # Wilson 95 %: 100/128 = 78.125 % and 120/128 = 93.75 %
    reached = {"top1": accuracy(100, 128, (70.202, 84.409)), "top5": accuracy(120, 128, (88.151, 96.799))}
    return record(
        status="incomplete",
        exit_code=130,
        dataset=dataset(evaluated=128),
        models=(model("tf", **reached), model("ir", **reached)),
        comparisons=(),
        gates=(),
    )


def failed_to_run() -> RunRecord:
    """Return a run that ended with an error before any model could be loaded."""
    return record(
        status="error",
        exit_code=3,
        error="build/model.xml: its weights belong to another model\nConvert it again: harness convert CONFIG",
        dataset=dataset(evaluated=0),
        models=(),
        comparisons=(),
        gates=(),
        timing={"wall_seconds": None},
    )
