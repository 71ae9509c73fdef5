from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from harness.config.steps import CropStep, NormalizeStep, ResizeStep, Rounding, WrittenStep
from harness.dataset.image import BadImageError
from harness.feeding.steps import apply_step, crop_box, resize, resize_corners, resized_size

PHOTO = np.random.default_rng(7).integers(0, 256, (61, 83, 3), np.uint8)
OPENCV = {
    "nearest": cv2.INTER_NEAREST,
    "bilinear": cv2.INTER_LINEAR,
    "bicubic": cv2.INTER_CUBIC,
    "area": cv2.INTER_AREA,
    "lanczos": cv2.INTER_LANCZOS4,
}
PILLOW = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "area": Image.Resampling.BOX,
    "lanczos": Image.Resampling.LANCZOS,
}


def written(**step: Any) -> Any:
    return WrittenStep.model_validate(step).resolved("opencv")


@pytest.mark.parametrize("name", OPENCV)
@pytest.mark.parametrize("size", [(30, 40), (122, 90), (61, 83)])
def test_opencvs_filters(name: Any, size: tuple[int, int]) -> None:
    expected = cv2.resize(PHOTO, size[::-1], interpolation=OPENCV[name])
    found = resize(PHOTO, *size, name, "opencv")
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, expected)
    floating = resize(PHOTO.astype(np.float64) / 3, *size, name, "opencv")
    assert floating.dtype == np.float64
    np.testing.assert_array_equal(floating, cv2.resize(PHOTO / 3, size[::-1], interpolation=OPENCV[name]))


@pytest.mark.parametrize("name", PILLOW)
@pytest.mark.parametrize("size", [(30, 40), (122, 90), (61, 83)])
def test_pillows_filters(name: Any, size: tuple[int, int]) -> None:
    found = resize(PHOTO, *size, name, "pillow")
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, Image.fromarray(PHOTO).resize(size[::-1], PILLOW[name]))
    np.testing.assert_array_equal(resize(PHOTO[:, :, ::-1], *size, name, "pillow")[:, :, ::-1], found)
    floating = resize(PHOTO / 3, *size, name, "pillow")
    assert floating.dtype == np.float64
    for channel in range(3):
        plane = Image.fromarray((PHOTO[:, :, channel] / 3).astype(np.float32))
        np.testing.assert_array_equal(floating[:, :, channel], plane.resize(size[::-1], PILLOW[name]))


def test_pillow_is_antialiased_and_opencv_is_not() -> None:
    # One bright column in eight, shrunk to an eighth: away from the edges the mean is 255 / 8 = 31.9 everywhere.
    stripes = np.zeros((8, 64, 3), np.uint8)
    stripes[:, ::8] = 255
    smooth = resize(stripes, 1, 8, "bilinear", "pillow")
    assert set(smooth[0, 1:-1].ravel().tolist()) == {32}
    assert not resize(stripes, 1, 8, "bilinear", "opencv").any()  # samples between the columns 3 and 4 of each eight


@pytest.mark.parametrize(
    ("step", "height", "width", "expected"),
    [
        # torchvision, Accuracy Checker: 256 * 500 / 375 = 341.33, and 256 * 375 / 333 = 288.29
        ({"short_side": 256}, 375, 500, (256, 341)),
        ({"short_side": 256}, 500, 375, (341, 256)),
        ({"short_side": 256}, 333, 375, (256, 288)),
        ({"short_side": 256}, 300, 300, (256, 256)),
        # 256 * 500 / 380 = 336.84: down, or to the nearest
        ({"short_side": 256}, 380, 500, (256, 336)),
        ({"short_side": 256, "rounding": "tf_slim"}, 380, 500, (256, 337)),
        ({"short_side": 256, "rounding": "tf_slim"}, 500, 380, (337, 256)),
        # 2 * 5 / 4 = 2.5: rint gives the even number
        ({"short_side": 2, "rounding": "tf_slim"}, 4, 5, (2, 2)),
        ({"short_side": 2, "rounding": "tf_slim"}, 4, 7, (2, 4)),
        ({"long_side": 256}, 375, 500, (192, 256)),
        ({"long_side": 256}, 500, 380, (256, 194)),  # 194.56
        ({"long_side": 256, "rounding": "tf_slim"}, 500, 380, (256, 195)),
        ({"size": 224}, 375, 500, (224, 224)),
        ({"size": [192, 224]}, 375, 500, (192, 224)),
    ],
)
def test_sizes_by_hand(step: dict[str, Any], height: int, width: int, expected: tuple[int, int]) -> None:
    assert resized_size(written(resize=step), height, width) == expected


@pytest.mark.parametrize(("to", "height", "width"), [("short_side", 1, 300), ("long_side", 1, 5000)])
def test_a_resize_that_cannot_be(to: str, height: int, width: int) -> None:
    with pytest.raises(BadImageError, match="the resize would make the other side"):
        resized_size(written(resize={to: 4096 if to == "short_side" else 4}), height, width)


def crop(rounding: Rounding, size: tuple[int, int] | None = None, fraction: float | None = None) -> CropStep:
    return CropStep(size, fraction, rounding)


@pytest.mark.parametrize(
    ("step", "height", "width", "expected"),
    [
        # Accuracy Checker with OpenCV: int(227 * 0.875) = 198, (227 - 198) // 2 = 14
        (crop("floor", fraction=0.875), 227, 227, (14, 14, 198, 198)),
        (crop("floor", fraction=0.875), 375, 500, (23, 31, 328, 437)),
        # Accuracy Checker with Pillow: round(29 / 2) = 14, round(47 / 2 = 23.5) = 24, round(63 / 2 = 31.5) = 32
        (crop("half_even", fraction=0.875), 227, 227, (14, 14, 198, 198)),
        (crop("half_even", fraction=0.875), 375, 500, (24, 32, 328, 437)),
        # TF-Slim: int(375 * 0.125 / 2 = 23.4) = 23, 375 - 46 = 329; int(500 * 0.125 / 2 = 31.25) = 31, 500 - 62 = 438
        (crop("tf_slim", fraction=0.875), 375, 500, (23, 31, 329, 438)),
        (crop("tf_slim", fraction=0.875), 227, 227, (14, 14, 199, 199)),
        # torchvision's CenterCrop: round(117 / 2 = 58.5) = 58, round(119 / 2 = 59.5) = 60
        (crop("half_even", (224, 224)), 256, 341, (16, 58, 224, 224)),
        (crop("half_even", (224, 224)), 343, 256, (60, 16, 224, 224)),
        # OpenCV's, Caffe's and TF-Slim's: 117 // 2 = 58, 119 // 2 = 59
        (crop("floor", (224, 224)), 256, 341, (16, 58, 224, 224)),
        (crop("floor", (224, 224)), 343, 256, (59, 16, 224, 224)),
        (crop("tf_slim", (224, 224)), 343, 256, (59, 16, 224, 224)),
        (crop("floor", (192, 224)), 256, 256, (32, 16, 192, 224)),
    ],
)
def test_crops_by_hand(step: CropStep, height: int, width: int, expected: tuple[int, int, int, int]) -> None:
    assert crop_box(step, height, width) == expected
    image = np.arange(height * width * 3).reshape(height, width, 3).astype(np.float64)
    top, left, rows, columns = expected
    np.testing.assert_array_equal(apply_step(step, image, is_rgb=True), image[top : top + rows, left : left + columns])


NOISE = np.random.default_rng(5).integers(0, 256, (7, 5, 3)).astype(np.uint8)


def test_opencv_enlarges_an_image_that_is_smaller_than_the_crop() -> None:
    # 5 wide, 7 high, to cover 8x8: 8/5 of it is 8 by 11.2, rounded up; rows 2 to 9 of the 12
    larger = cv2.resize(NOISE, (8, 12))
    np.testing.assert_array_equal(apply_step(crop("floor", (8, 8)), NOISE, is_rgb=False), larger[2:10])
    # only the height is too short: 9/7 of it is 6.43 by 9
    larger = cv2.resize(NOISE, (7, 9))
    np.testing.assert_array_equal(apply_step(crop("floor", (9, 3)), NOISE, is_rgb=False), larger[:, 2:5])


@pytest.mark.parametrize("size", [(9, 9), (7, 8), (12, 12), (8, 3), (4, 6), (10, 5)])
def test_pillow_crops_with_a_black_border(size: tuple[int, int]) -> None:
    top, left = (round((side - length) / 2.0) for side, length in zip((7, 5), size, strict=True))
    expected = np.asarray(Image.fromarray(NOISE).crop((left, top, left + size[1], top + size[0])))
    np.testing.assert_array_equal(apply_step(crop("half_even", size), NOISE, is_rgb=True), expected)


@pytest.mark.parametrize(("size", "top", "left"), [((9, 9), 1, 2), ((10, 8), 1, 1), ((12, 10), 2, 2), ((7, 8), 0, 1)])
def test_torchvision_pads_the_smaller_half_before(size: tuple[int, int], top: int, left: int) -> None:
    expected = np.zeros((*size, 3), np.uint8)  # by hand: (crop - side) // 2 rows and columns of zeros come first
    expected[top : top + 7, left : left + 5] = NOISE
    np.testing.assert_array_equal(apply_step(crop("center_crop", size), NOISE, is_rgb=True), expected)


def test_a_floating_image_keeps_its_type_in_a_larger_crop() -> None:
    for rounding in ("floor", "half_even", "center_crop"):
        found = apply_step(crop(rounding, (9, 9)), NOISE.astype(np.float64), is_rgb=True)
        assert found.shape == (9, 9, 3)
        assert found.dtype == np.float64


def test_crops_of_small_images() -> None:
    with pytest.raises(BadImageError, match=r"100x224 pixels: smaller than the crop of 224x224; put a `resize` before"):
        crop_box(crop("tf_slim", (224, 224)), 224, 100)
    with pytest.raises(BadImageError, match="nothing is left after the central crop"):
        crop_box(crop("floor", fraction=0.5), 1, 100)


def test_normalisation_is_in_red_green_blue_and_makes_floats() -> None:
    step = NormalizeStep((1.0, 2.0, 3.0), (2.0, 4.0, 8.0))
    image = np.array([[[11, 22, 43]]], np.uint8)
    found = apply_step(step, image, is_rgb=True)
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, [[[5, 5, 5]]])
    np.testing.assert_array_equal(apply_step(step, image[:, :, ::-1], is_rgb=False), [[[5, 5, 5]]])


def test_corners_by_hand() -> None:
    # Four columns to three: samples at 0, 4/3 and 8/3.
    row = np.array([0, 30, 60, 90], np.float64)
    image = np.broadcast_to(row[None, :, None], (2, 4, 3))
    np.testing.assert_allclose(resize_corners(image, 2, 3)[0, :, 0], [0, 40, 80], rtol=1e-6)
    # Two to four: 0, 0.5, 1, 1.5; behind the last one nothing follows.
    np.testing.assert_array_equal(resize_corners(image[:, :2], 2, 4)[0, :, 0], [0, 15, 30, 30])
    whole = resize_corners(image.astype(np.uint8), 2, 3)
    assert whole.dtype == np.uint8
    np.testing.assert_array_equal(whole[1, :, 2], [0, 40, 80])


def test_corners_through_a_step() -> None:
    step = written(resize={"size": [2, 4], "sampling": "corners"})
    assert isinstance(step, ResizeStep)
    np.testing.assert_array_equal(apply_step(step, PHOTO, is_rgb=False), resize_corners(PHOTO, 2, 4))


@pytest.mark.slow
def test_as_tensorflow_does() -> None:
    tensorflow = pytest.importorskip("tensorflow")
    for height, width in [(375, 500), (227, 227), (333, 251), (64, 65)]:
        image = np.random.default_rng(height).integers(0, 256, (height, width, 3)).astype(np.float32)
        cropped = tensorflow.image.central_crop(image, 0.875).numpy()
        found = apply_step(crop("tf_slim", fraction=0.875), image.astype(np.float64), is_rgb=True)
        np.testing.assert_array_equal(found, cropped)
        for size in ((224, 224), (40, 300)):
            expected = tensorflow.compat.v1.image.resize_bilinear(cropped[None], size, align_corners=False)[0]
            np.testing.assert_allclose(resize_corners(found, *size), expected, rtol=1e-5, atol=1e-4)
            # TensorFlow 2 resizes as OpenCV does floating values, but has places in float32: 3e-5 pixels off at 500,
            # which are worth up to 255 * 3e-5 = 8e-3.
            centers = tensorflow.image.resize(cropped, size)
            np.testing.assert_allclose(resize(found, *size, "bilinear", "opencv"), centers, rtol=0, atol=1e-2)
