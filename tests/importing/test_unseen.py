"""Configurations that are none of the 28 public files, as their family writes them, against a plain re-computation.

The re-computation reads the same YAML and does what the sources of Accuracy Checker do (``image_readers.py`` and
``preprocessor/{resize,crop,normalization,color_space_conversion}.py``), with OpenCV, Pillow and numpy alone. Arrays of
Accuracy Checker become float32 by OpenCV's resize and float64 by a normalisation, and Pillow takes neither.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml
from numpy.typing import NDArray
from PIL import Image

from harness.config.fed import load_fed
from harness.errors import ConfigError
from harness.feeding.feed import feed
from harness.importing.accuracy_checker import read_accuracy_check
from harness.importing.configuration import write_configuration

Pixels = NDArray[Any]
SIZES = ((60, 91), (91, 60), (64, 64), (33, 47))
_OPENCV = {
    "LINEAR": cv2.INTER_LINEAR,
    "BILINEAR": cv2.INTER_LINEAR,
    "CUBIC": cv2.INTER_CUBIC,
    "BICUBIC": cv2.INTER_CUBIC,
    "AREA": cv2.INTER_AREA,
    "NEAREST": cv2.INTER_NEAREST,
    "LANCZOS4": cv2.INTER_LANCZOS4,
}
_PILLOW = {
    "LINEAR": Image.Resampling.BILINEAR,
    "BILINEAR": Image.Resampling.BILINEAR,
    "CUBIC": Image.Resampling.BICUBIC,
    "BICUBIC": Image.Resampling.BICUBIC,
    "NEAREST": Image.Resampling.NEAREST,
    "LANCZOS": Image.Resampling.LANCZOS,
    "ANTIALIAS": Image.Resampling.LANCZOS,
}
_NAMED = {"imagenet": (104.00698793, 116.66876762, 122.67891434), "cifar10": (125.307, 122.961, 113.8575)}


def _resized(data: Pixels, step: dict[str, Any]) -> Pixels:
    width, height = (int(step.get("size", step.get(key, 0))) for key in ("dst_width", "dst_height"))
    across, down = data.shape[1], data.shape[0]
    if step.get("aspect_ratio_scale") == "greater":
        if down > across:
            height = int(height * down / across)
        else:
            width = int(width * across / down)
    realization = step.get("resize_realization", "pillow" if step.get("use_pillow") else "opencv")
    name = str(step.get("interpolation", "LINEAR")).upper()
    if realization == "pillow":
        return np.array(Image.fromarray(data).resize((width, height), _PILLOW[name]))
    return np.asarray(cv2.resize(data, (width, height), interpolation=_OPENCV[name]), np.float32)


def _cropped(data: Pixels, step: dict[str, Any]) -> Pixels:
    height, width = data.shape[:2]
    if step.get("central_fraction"):
        new_height, new_width = int(height * step["central_fraction"]), int(width * step["central_fraction"])
    else:
        new_height, new_width = (int(step.get("size", step.get(key, 0))) for key in ("dst_height", "dst_width"))
    if step.get("use_pillow"):
        top, left = round((height - new_height) / 2.0), round((width - new_width) / 2.0)
        return np.array(Image.fromarray(data).crop((left, top, left + new_width, top + new_height)))
    if width < new_width or height < new_height:
        resized = np.array([width, height])
        if resized[0] < new_width:
            resized = resized * new_width / resized[0]
        if resized[1] < new_height:
            resized = resized * new_height / resized[1]
        data = cv2.resize(data, tuple(np.ceil(resized).astype(int)))
    height, width = data.shape[:2]
    top, left = (height - new_height) // 2, (width - new_width) // 2
    return data[top : top + new_height, left : left + new_width]


def _channels(value: Any) -> Any:
    if isinstance(value, str):
        return _NAMED.get(value) or tuple(float(part) for part in value.strip("()").split(","))
    return value


def checker_feeds(dataset: dict[str, Any], file: Path) -> Pixels:
    """Return what Accuracy Checker feeds a network for one image."""
    pillow = dataset.get("reader") == "pillow_imread"
    data: Pixels = np.array(Image.open(file).convert("RGB")) if pillow else np.asarray(cv2.imread(str(file)))
    for step in dataset["preprocessing"]:
        kind = step["type"]
        if kind in ("bgr_to_rgb", "rgb_to_bgr"):
            data = np.ascontiguousarray(data[..., ::-1])
        elif kind == "resize":
            data = _resized(data, step)
        elif kind == "crop":
            data = np.ascontiguousarray(_cropped(data, step))
        elif kind == "normalization":
            data = data - _channels(step["mean"]) if "mean" in step else data
            data = data / _channels(step["std"]) if "std" in step else data
        else:
            raise AssertionError(kind)
    return data


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("images")
    generator = np.random.default_rng(7)
    files = []
    for height, width in SIZES:
        rough = generator.integers(0, 256, (height // 4, width // 4, 3), np.uint8)
        files.append(folder / f"{height}x{width}.png")
        Image.fromarray(rough).resize((width, height), Image.Resampling.BICUBIC).save(files[-1])
    return files


def imported(folder: Path, datasets: list[dict[str, Any]]) -> Path:
    """Write an accuracy-check.yml with one entry a data set, import it, and return the configuration's file."""
    frameworks = ["onnx_runtime", "openvino"][-len(datasets) :]
    models = [
        {
            "name": "net",
            "launchers": [{"framework": framework, "model": f"net.{framework}", "adapter": "classification"}],
            "datasets": [{"name": "imagenet_1000_classes", **dataset}],
        }
        for framework, dataset in zip(frameworks, datasets, strict=True)
    ]
    source, out = folder / "accuracy-check.yml", folder / "net.yml"
    source.write_text(yaml.safe_dump({"models": models}, sort_keys=False))
    out.write_text(write_configuration(read_accuracy_check(source)))
    return out


def require_equal(folder: Path, datasets: list[dict[str, Any]], images: list[Path]) -> None:
    configuration = load_fed(imported(folder, datasets), [])
    models = list(configuration.models)
    assert len(models) == len(datasets)
    given = feed(configuration, models, images)
    for model, dataset in zip(models, datasets, strict=True):
        for row, file in zip(given[model.id], images, strict=True):
            wanted = checker_feeds(dataset, file).astype(np.float64)
            np.testing.assert_allclose(row, wanted, rtol=1e-5, atol=2e-4, err_msg=f"{dataset} {file.name}")


# As other public entries write them: names of models are those of the entries that have such steps.
FAMILY: dict[str, list[dict[str, Any]]] = {
    "resnet-50-tf": [
        {
            "preprocessing": [
                {"type": "bgr_to_rgb"},
                {"type": "normalization", "mean": [123.68, 116.78, 103.94]},
                {"type": "resize", "size": 40, "aspect_ratio_scale": "greater"},
                {"type": "crop", "size": 32},
            ]
        },
        {
            "preprocessing": [
                {"type": "resize", "size": 40, "aspect_ratio_scale": "greater"},
                {"type": "crop", "size": 32},
            ]
        },
    ],
    "googlenet-v1-tf": [
        {
            "preprocessing": [
                {"type": "bgr_to_rgb"},
                {"type": "normalization", "mean": 127.5, "std": 127.5},
                {"type": "crop", "central_fraction": 0.875},
                {"type": "resize", "size": 32},
            ]
        }
    ],
    "efficientnet-b0": [
        {
            "preprocessing": [
                {"type": "bgr_to_rgb"},
                {"type": "crop", "central_fraction": 0.875, "use_pillow": True},
                {"type": "resize", "size": 32, "use_pillow": True, "interpolation": "BICUBIC"},
            ]
        },
        {
            "reader": "pillow_imread",
            "preprocessing": [
                {
                    "type": "resize",
                    "size": 40,
                    "aspect_ratio_scale": "greater",
                    "use_pillow": True,
                    "interpolation": "BICUBIC",
                },
                {"type": "crop", "use_pillow": True, "size": 32},
                {"type": "normalization", "mean": "(123.675,116.28,103.53)", "std": "(58.395,57.12,57.375)"},
            ],
        },
    ],
    "resnet-50-caffe2": [
        {
            "preprocessing": [
                {"type": "resize", "size": 40, "aspect_ratio_scale": "greater"},
                {"type": "crop", "size": 32},
                {"type": "normalization", "mean": "103.53, 116.28, 123.675", "std": "57.375, 57.12, 58.395"},
            ]
        }
    ],
    "two resizes by OpenCV": [
        {
            "preprocessing": [
                {"type": "resize", "dst_width": 50, "dst_height": 44, "interpolation": "AREA"},
                {"type": "resize", "size": 32, "interpolation": "CUBIC"},
                {"type": "normalization", "mean": "cifar10"},
            ]
        }
    ],
    "a crop that is larger than the images": [
        {"preprocessing": [{"type": "crop", "size": 80}]},
        {"preprocessing": [{"type": "crop", "dst_width": 70, "dst_height": 81, "use_pillow": True}]},
    ],
    "a crop that is larger than a resize": [
        {"preprocessing": [{"type": "resize", "size": 40}, {"type": "crop", "size": 55}]},
        {
            "reader": "pillow_imread",
            "preprocessing": [
                {"type": "resize", "size": 41, "use_pillow": True, "interpolation": "LANCZOS"},
                {"type": "crop", "size": 56, "use_pillow": True},
                {"type": "rgb_to_bgr"},
            ],
        },
    ],
}


@pytest.mark.parametrize("name", FAMILY)
def test_what_the_family_writes(name: str, images: list[Path], tmp_path: Path) -> None:
    require_equal(tmp_path, FAMILY[name], images)


def _chosen(rng: random.Random) -> dict[str, Any]:
    """Return a data set's entry at random; some contradict what Accuracy Checker itself can do."""
    size = rng.choice([24, 31, 40])

    def resize() -> dict[str, Any]:
        step: dict[str, Any] = {"type": "resize", **rng.choice([{"size": size}, {"dst_width": size, "dst_height": 29}])}
        if rng.random() < 0.5:
            step |= {"use_pillow": True} if rng.random() < 0.5 else {"resize_realization": "pillow"}
            step |= rng.choice([{}, *({"interpolation": name} for name in _PILLOW)])
        else:
            step |= rng.choice([{}, *({"interpolation": name.lower()} for name in _OPENCV)])
        if "size" in step and rng.random() < 0.5:
            step["aspect_ratio_scale"] = "greater"
        return step

    def crop() -> dict[str, Any]:
        return {
            "type": "crop",
            **rng.choice([{"size": 30}, {"central_fraction": 0.9}, {"dst_width": 44, "dst_height": 20}]),
            **rng.choice([{}, {"use_pillow": True}]),
        }

    def normalization() -> dict[str, Any]:
        values: list[dict[str, Any]] = [
            {"mean": 3.5},
            {"std": [2, 3, 4]},
            {"mean": "(1, 2, 3)", "std": "4"},
            {"mean": "imagenet", "std": 9},
        ]
        return {"type": "normalization", **rng.choice(values)}

    makers: list[Callable[[], dict[str, Any]]] = [resize, crop, normalization]
    makers.append(lambda: {"type": rng.choice(["bgr_to_rgb", "rgb_to_bgr"])})
    steps = [rng.choice(makers)() for _ in range(rng.randint(1, 4))]
    steps.append({"type": "resize", "size": 24} if rng.random() < 0.5 else {"type": "crop", "size": 24})
    reader = {"reader": "pillow_imread"} if rng.random() < 0.4 else {}
    return {**reader, "preprocessing": steps}


def test_entries_at_random_are_fed_the_same_or_refused_where_the_checker_fails(
    images: list[Path], tmp_path: Path
) -> None:
    equal = refused = 0
    for seed in range(150):
        dataset = _chosen(random.Random(seed))
        if _is_possible(dataset, images):
            require_equal(tmp_path, [dataset], images)
            equal += 1
        else:
            with pytest.raises(
                ConfigError, match=r"accuracy-check\.yml:\d+: models\[0\]\.datasets\[0\]\.preprocessing"
            ):
                imported(tmp_path, [dataset])
            refused += 1
    assert equal >= 60
    assert refused >= 10


def _is_possible(dataset: dict[str, Any], images: list[Path]) -> bool:
    try:
        for file in images:
            checker_feeds(dataset, file)
    except (TypeError, KeyError, ValueError):  # Pillow takes no floating values
        return False
    return True
