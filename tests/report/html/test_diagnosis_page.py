from __future__ import annotations

from typing import Any

from harness.report.html.diagnosis_page import render


def row(name: str, alone: float | None, weights: str | None = "equal") -> dict[str, Any]:
    seen = None if alone is None else {"snr_db": alone, "cosine": 1.0, "largest": 0.1}
    return {
        "reference": name, "candidate": f"ir/{name}", "weights": weights, "relative": 0.029, "bias": "equal",
        "inside": None, "alone": seen,
    }  # fmt: skip


def candidate(**more: Any) -> dict[str, Any]:
    other = {"cause": "color-order", "words": "red and blue swapped", "max_abs_diff": 0.5, "images": 8}
    plain = {"candidate": "ir", "verdict": "found", "cause": "layer", "sentence": "One <layer>.", "evidence": {}}
    return {**plain, "alternatives": [other], **more}


def test_the_layer_that_differs_is_ringed_and_marked() -> None:
    layers = {"reference": "b", "candidate": "ir/b", "rows": [row("a", 200.0), row("b", 26.0, "changed")]}
    page = render("<name>", [candidate(evidence={"layers": layers})])
    assert "Diagnosis: &lt;name&gt;" in page
    assert "One &lt;layer&gt;." in page
    assert '<span class="chip fail">found: layer</span>' in page
    assert '<span class="chip fail">changed</span>' in page
    assert "26 dB" in page
    assert "exact" in page
    assert page.count('stroke="var(--bad)"') == 1
    assert "red and blue swapped" in page
    for outside in ("http://", "https://", "src="):
        assert outside not in page.replace("http://www.w3.org/2000/svg", "").replace("style-src", "").replace(
            "img-src", ""
        ).replace("script-src", "").replace("default-src", "")


def test_without_layers_there_is_no_chart() -> None:
    page = render("x", [candidate(verdict="clean", cause=None, alternatives=[])])
    assert '<span class="chip pass">clean</span>' in page
    assert "<svg" not in page
    assert "<table" not in page


def test_commands_and_keys_are_code() -> None:
    page = render("x", [candidate(sentence="Run `harness convert`.")])
    assert "Run <code>harness convert</code>." in page
    assert "`" not in page.partition("<main")[2].partition("</main>")[0]
