"""What models are fed for some images, as arrays: for comparing an input contract with another tool's."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from harness.config import Input
from harness.config.fed import Fed, FedModel
from harness.dataset.image import BadImageError
from harness.errors import DatasetError
from harness.feeding.contract import is_identity, is_reversed
from harness.feeding.pipeline import Prepared, steps_of_each
from harness.feeding.steps import Pixels


def feed(fed: Fed, models: Sequence[FedModel], images: Sequence[Path]) -> dict[str, Prepared]:
    """Return for each model id what it is fed: (n, H, W, 3), in its colour order, after mean and scale.

    uint8 where mean 0 and scale 1 leave the values 0..255 as they are, else float32, computed in float64 and rounded
    once. An image is decoded once by each decoder. Raises DatasetError that lists every bad image.
    """
    preprocesses = {model.id: fed.preprocess_of(model) for model in models}
    rows: dict[str, list[Prepared]] = {model.id: [] for model in models}
    faults: list[str] = []
    for path in images:
        try:
            prepared = steps_of_each(path.read_bytes(), list(preprocesses.values()))
        except OSError as error:
            faults.append(f"{path}: cannot be read: {error.strerror or error}")
        except BadImageError as error:
            faults.append(f"{path}: {error}")
        else:
            for model, pixels in zip(models, prepared, strict=True):
                rows[model.id].append(as_fed(pixels, model.input))
    if faults:
        raise DatasetError("images cannot be prepared", faults)
    return {name: np.stack(fed_rows) for name, fed_rows in rows.items()}


def as_fed(pixels: Pixels, contract: Input) -> Prepared:
    """Return BGR pixels (H, W, 3), uint8 or float64, in the model's colour order, after its mean and scale."""
    ordered = pixels[..., ::-1] if is_reversed(contract) else pixels
    if not is_identity(contract):
        ordered = (ordered.astype(np.float64) - contract.mean_per_channel) / contract.scale_per_channel
    return np.ascontiguousarray(ordered, np.uint8 if ordered.dtype == np.uint8 else np.float32)


def npz(arrays: Mapping[str, Prepared]) -> bytes:
    """Return an .npz file; ``numpy.savez`` would refuse the id `file`."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, array in arrays.items():
            member = io.BytesIO()
            np.save(member, array, allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), member.getvalue())  # no date: the same bytes every time
    return stream.getvalue()
