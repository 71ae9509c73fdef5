"""Records of a reference `tf` and candidates on 650 images: 509 correct by Top-1, 610 by Top-5."""

from __future__ import annotations

from typing import Any

from harness.record.schema import (
    Accuracy,
    Agreement,
    ComparisonPart,
    DatasetPart,
    Drop,
    Flips,
    GatePart,
    ModelPart,
    PrecisionPart,
    RunRecord,
)

CONFIG: dict[str, Any] = {
    "dataset": {"preprocess": {"crop_fraction": 0.875, "size": 224, "interpolation": "bilinear"}},
    "reference": {"input": {"color": "RGB"}, "output": "out"},
}


def model(model_id: str, *, top1: int = 509, top5: int = 610, total: int = 650, **changes: Any) -> ModelPart:
    def count(correct: int) -> Accuracy:
        return Accuracy(correct=correct, total=total, percent=100 * correct / total, ci95_percent=None)

    fields: dict[str, Any] = {
        "id": model_id,
        "role": "reference" if model_id == "tf" else "candidate",
        "backend": "openvino",
        "device": "CPU",
        "device_name": "Example CPU",
        "precision": PrecisionPart(requested="f32", effective="f32"),
        "model": "model.xml",
        "model_sha256": "1" * 64,
        "top1": count(top1),
        "top5": count(max(top1, top5)),
        "images_per_second": None,
    }
    return ModelPart(**(fields | changes))


def run(
    *candidates: ModelPart,
    reference: ModelPart | None = None,
    fingerprint: str = "a" * 64,
    content_fingerprint: str | None = "b" * 64,
    config: dict[str, Any] | None = None,
    **changes: Any,
) -> RunRecord:
    models = (reference or model("tf"), *(candidates or (model("ir"),)))
    evaluated = max(part.top1.total for part in models if part.top1)
    fields: dict[str, Any] = {
        "harness_version": "0.1.0",
        "name": "example",
        "status": "complete",
        "exit_code": 0,
        "started_utc": "2025-01-02T03:04:05+00:00",
        "config": config or CONFIG,
        "environment": {"python": "3.11.7", "versions": {"openvino": "2025.3.0"}},
        "dataset": DatasetPart(
            name="val",
            form="list",
            images=50_000,
            listed=evaluated,
            evaluated=evaluated,
            fingerprint=fingerprint,
            content_fingerprint=content_fingerprint,
        ),
        "models": models,
        "comparisons": tuple(_comparison(models[0], part) for part in models[1:]),
        "gates": (GatePart(gate="parity", model=models[-1].id, verdict="pass", reason="all probabilities are equal"),),
    }
    return RunRecord(**(fields | changes))


def _comparison(reference: ModelPart, candidate: ModelPart) -> ComparisonPart:
    lost = reference.top1.correct - candidate.top1.correct if reference.top1 and candidate.top1 else 0
    return ComparisonPart(
        reference=reference.id,
        candidate=candidate.id,
        top1_agreement=Agreement(count=643, total=650, percent=100 * 643 / 650),
        flips=Flips(fixed=3 + max(0, -lost), broken=3 + max(0, lost), changed_wrong=0),
        drop=Drop(top1_pp=None, top5_pp=None, top1_ci95_pp=None, top1_p_value=None),
        max_abs_diff=None,
        mean_abs_diff=None,
    )
