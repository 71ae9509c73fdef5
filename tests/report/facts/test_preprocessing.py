from __future__ import annotations

from typing import Any

from harness.record.schema import PreprocessingPart, RunRecord
from harness.report.facts.preprocessing import preprocessing_warnings
from harness.report.facts.summary import summarise
from tests.report.records import HOSTILE, model, record

OPENCV, PILLOW = ("opencv 5.0.0",), ("pillow 13.0.0",)


def made_of(reference: tuple[str, ...], candidate: tuple[str, ...], *, published: Any = None) -> RunRecord:
    parts = [PreprocessingPart(libraries=each, exif="ignore", steps=()) for each in (reference, candidate)]
    models = (model("tf", preprocessing=parts[0]), model("ir", preprocessing=parts[1]))
    return record(models=models, config={"version": 1, "published": published})


def test_one_library_alone_is_no_news() -> None:
    assert preprocessing_warnings(record()) == []
    assert preprocessing_warnings(made_of(OPENCV, OPENCV, published={"top1_percent": 71.85})) == []
    assert preprocessing_warnings(made_of(PILLOW, PILLOW)) == []
    assert preprocessing_warnings(made_of(PILLOW, ("pillow 12.0.0",))) == []


def test_two_libraries_in_one_comparison() -> None:
    (warning,) = preprocessing_warnings(made_of(OPENCV, PILLOW))
    assert warning == (
        "models are fed pixels of different libraries (tf: opencv; ir: pillow); with Pillow instead of OpenCV the "
        "Top-1 of one MobileNet was 71.2 % instead of 71.7 % (mlcommons/inference#304)"
    )
    (mixed,) = preprocessing_warnings(made_of(OPENCV, (*OPENCV, *PILLOW)))
    assert "(tf: opencv; ir: opencv and pillow)" in mixed


def test_pillow_and_a_published_accuracy() -> None:
    run = made_of(PILLOW, PILLOW, published={"top1_percent": 71.85, "top5_percent": 90.69})
    (warning,) = preprocessing_warnings(run)
    assert warning.startswith(
        "images are prepared by Pillow; the published accuracy holds for the library that it used"
    )
    assert warning in summarise(run).warnings


def test_names_from_outside_cannot_act() -> None:
    (warning,) = preprocessing_warnings(made_of(OPENCV, (HOSTILE.replace(" ", "_") + " 1",)))
    assert "\x1b" not in warning
    assert "\n" not in warning
