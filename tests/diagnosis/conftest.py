"""The tiny network, asked for what is wrong with keys of candidate and reference changed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.config import load_config
from harness.diagnosis.answer import Diagnosis
from harness.diagnosis.bench import Tamper
from harness.diagnosis.diagnose import diagnose
from tests.conftest import MEAN, SCALE, Tiny, write_config, write_images

Asked = Callable[..., Diagnosis]


def wanted(color: str = "BGR", **more: Any) -> dict[str, Any]:
    return {"input": {"name": "input", "color": color, **more}}


MEAN_BGR, SCALE_BGR = list(MEAN[::-1]), list(SCALE[::-1])


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("diagnose")
    write_images(place / "images", 40, seed=3)
    return place


@pytest.fixture
def asked(tiny: Tiny, folder: Path, tmp_path: Path) -> Asked:
    """Return a function that diagnoses the tiny network with keys of candidate and reference changed."""

    def ask(
        *,
        candidate: dict[str, Any] | None = None,
        reference: dict[str, Any] | None = None,
        dataset: dict[str, Any] | None = None,
        tamper: Tamper | None = None,
    ) -> Diagnosis:
        def change(data: dict[str, Any]) -> None:
            data["dataset"]["path"] = str(folder / "images")
            data["dataset"] |= dataset or {}
            data["candidates"][0] |= candidate or {}
            data["reference"] |= reference or {}

        (found,) = diagnose(load_config(write_config(tmp_path, tiny, change)), tamper=tamper)
        return found

    return ask
