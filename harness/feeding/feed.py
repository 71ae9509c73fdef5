"""What models are fed for some images, as arrays: for comparing an input contract with another tool's."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from harness.config import Input
from harness.config.fed import Fed, FedModel
from harness.config.preprocess import Plan
from harness.dataset.image import BadImageError, Image
from harness.errors import DatasetError
from harness.feeding.contract import is_identity, is_reversed
from harness.feeding.pipeline import after_steps, decoded
from harness.feeding.steps import Pixels


def feed(fed: Fed, models: Sequence[FedModel], images: Sequence[Path]) -> dict[str, Pixels]:
    """Return for each model id what it is fed: (n, H, W, 3), in its colour order, after mean and scale.

    uint8 where mean 0 and scale 1 leave the values 0..255 as they are, else float32. An image is decoded once by each
    decoder, and prepared once by each distinct preprocessing. Raises DatasetError that lists every bad image.
    """
    plans = {model.id: fed.preprocessing_of(model).plan for model in models}
    prepared: dict[Plan, list[Pixels]] = {plan: [] for plan in plans.values()}
    faults: list[str] = []
    for path in images:
        try:
            data = path.read_bytes()
            by_decoder: dict[tuple[str, str], Image] = {}
            for plan, rows in prepared.items():
                reader = (plan.decoder, plan.exif)
                if reader not in by_decoder:
                    by_decoder[reader] = decoded(data, plan)
                rows.append(after_steps(by_decoder[reader], plan))
        except OSError as error:
            faults.append(f"{path}: cannot be read: {error.strerror or error}")
        except BadImageError as error:
            faults.append(f"{path}: {error}")
    if faults:
        raise DatasetError("images cannot be prepared", faults)
    return {model.id: as_fed(np.stack(prepared[plans[model.id]]), model.input) for model in models}


def as_fed(pixels: Pixels, contract: Input) -> Pixels:
    """Return BGR pixels (n, H, W, 3) in the model's colour order, after its mean and scale."""
    ordered = pixels[..., ::-1] if is_reversed(contract) else pixels
    if is_identity(contract):
        return np.ascontiguousarray(ordered)
    mean = np.asarray(contract.mean_per_channel, np.float32)
    scale = np.asarray(contract.scale_per_channel, np.float32)
    return np.ascontiguousarray((ordered.astype(np.float32) - mean) / scale)


def npz(arrays: Mapping[str, Pixels]) -> bytes:
    """Return an .npz file; ``numpy.savez`` would refuse the id `file`."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, array in arrays.items():
            member = io.BytesIO()
            np.save(member, array, allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), member.getvalue())  # no date: the same bytes every time
    return stream.getvalue()
