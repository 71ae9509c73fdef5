"""Readers and preprocessing: every key, alias and default of Accuracy Checker's own source."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from harness.importing.documents import Part
from harness.importing.preprocessing import Pixels, read_pixels

Read = Callable[[str], Pixels]


@pytest.fixture
def read(part: Callable[[str], Part]) -> Read:
    """Read a data set's entry, which must have no faults."""

    def of(text: str) -> Pixels:
        top = part(text)
        pixels = read_pixels(top, (227, 227))
        assert top.faults.found == []
        return pixels

    return of


@pytest.fixture
def faults(part: Callable[[str], Part]) -> Callable[[str], list[str]]:
    """Read a data set's entry and return its faults, without the file."""

    def of(text: str) -> list[str]:
        top = part(text)
        read_pixels(top, None)
        return [fault.removeprefix(f"{top.document.file}:") for fault in top.faults.found]

    return of


def steps(*lines: str) -> str:
    return "preprocessing:\n" + "".join(f"  - {{{line}}}\n" for line in lines)


def shown(pixels: Pixels) -> list[tuple[str, dict[str, Any]]]:
    return [(step.kind, step.settings) for step in pixels.steps]


SIZE_8 = "type: resize, size: 8"


class TestReader:
    @pytest.mark.parametrize(
        ("reader", "decoder", "color", "exif"),
        [
            ("", "opencv", "BGR", "apply"),
            ("reader: opencv_imread\n", "opencv", "BGR", "apply"),
            ("reader: pillow_imread\n", "pillow", "RGB", "ignore"),
            ("reader: {type: opencv_imread, reading_flag: color}\n", "opencv", "BGR", "apply"),
            ("reader: {type: pillow_imread, to_rgb: True}\n", "pillow", "RGB", "ignore"),
        ],
    )
    def test_order_and_exif_are_the_librarys(
        self, read: Read, reader: str, decoder: str, color: str, exif: str
    ) -> None:
        pixels = read(reader + steps(SIZE_8))
        assert (pixels.decoder, pixels.color, pixels.exif) == (decoder, color, exif)

    @pytest.mark.parametrize(
        ("reader", "message"),
        [
            ("tf_imread", "1: reader: tf_imread decodes with TensorFlow"),
            ("scipy_imread", "1: reader: scipy_imread leaves greyscale"),
            ("pilow_imread", "did you mean pillow_imread?"),
            (
                "{type: opencv_imread, reading_flag: gray}",
                "1: reader.reading_flag: the harness decodes images in colour",
            ),
            ("{type: pillow_imread, to_rgb: no}", "1: reader.to_rgb: the harness decodes images to RGB"),
            ("{type: pillow_imread, torgb: no}", "1: reader.torgb: this key is unknown"),
            ("[1]", "is not a reader of images"),
        ],
    )
    def test_others_are_refused(self, faults: Callable[[str], list[str]], reader: str, message: str) -> None:
        found = faults(f"reader: {reader}\n" + steps(SIZE_8))
        assert len(found) == 1
        assert message in found[0]


class TestColors:
    @pytest.mark.parametrize(
        ("reader", "swaps", "color"),
        [
            ("opencv_imread", ["bgr_to_rgb"], "RGB"),
            ("pillow_imread", ["rgb_to_bgr"], "BGR"),
            ("pillow_imread", ["bgr_to_rgb"], "BGR"),  # both swap the channels, whatever their name says
            ("opencv_imread", ["bgr_to_rgb", "rgb_to_bgr"], "BGR"),
        ],
    )
    def test_a_swap_is_a_swap(self, read: Read, reader: str, swaps: list[str], color: str) -> None:
        pixels = read(f"reader: {reader}\n" + steps(*(f"type: {swap}" for swap in swaps), SIZE_8))
        assert pixels.color == color
        assert shown(pixels) == [("resize", {"size": 8, "interpolation": "bilinear", "library": "opencv"})]

    def test_a_normalisation_before_a_swap_is_written_in_the_final_order(self, read: Read) -> None:
        text = steps(SIZE_8, "type: normalization, mean: [1, 2, 3], std: [4, 5, 6]", "type: bgr_to_rgb")
        assert (read(text).affine.mean, read(text).affine.scale) == ((3.0, 2.0, 1.0), (6.0, 5.0, 4.0))


class TestResize:
    @pytest.mark.parametrize(
        ("keys", "settings"),
        [
            ("size: 256", {"size": 256, "interpolation": "bilinear", "library": "opencv"}),
            ("dst_height: 32, dst_width: 64", {"size": [32, 64], "interpolation": "bilinear", "library": "opencv"}),
            ("size: 9, dst_width: 64, dst_height: 3", {"size": 9, "interpolation": "bilinear", "library": "opencv"}),
            ("size: 9, interpolation: CUBIC", {"size": 9, "interpolation": "bicubic", "library": "opencv"}),
            ("size: 9, interpolation: bicubic", {"size": 9, "interpolation": "bicubic", "library": "opencv"}),
            ("size: 9, interpolation: LANCZOS4", {"size": 9, "interpolation": "lanczos", "library": "opencv"}),
            ("size: 9, interpolation: AREA", {"size": 9, "interpolation": "area", "library": "opencv"}),
            ("size: 9, use_pillow: True", {"size": 9, "interpolation": "bilinear", "library": "pillow"}),
            (
                "size: 9, use_pillow: yes, interpolation: ANTIALIAS",
                {"size": 9, "interpolation": "lanczos", "library": "pillow"},
            ),
            ("size: 9, use_pillow: no, factor: 1", {"size": 9, "interpolation": "bilinear", "library": "opencv"}),
            # The named library wins over the flags, as `create_resizer` does it.
            (
                "size: 9, resize_realization: opencv, use_pillow: True",
                {"size": 9, "interpolation": "bilinear", "library": "opencv"},
            ),
            (
                "size: '9', resize_realization: pillow, interpolation: NEAREST",
                {"size": 9, "interpolation": "nearest", "library": "pillow"},
            ),
        ],
    )
    def test_keys_and_defaults(self, read: Read, keys: str, settings: dict[str, Any]) -> None:
        assert shown(read(steps(f"type: resize, {keys}"))) == [("resize", settings)]

    def test_the_greater_side_keeps_the_ratio(self, read: Read) -> None:
        pixels = read(steps("type: resize, size: 256, aspect_ratio_scale: greater", "type: crop, size: 224"))
        assert shown(pixels)[0] == ("resize", {"short_side": 256, "interpolation": "bilinear", "library": "opencv"})

    @pytest.mark.parametrize(
        ("keys", "key"),
        [
            ("size: 8, aspect_ratio_scale: fit_to_window", "aspect_ratio_scale"),
            ("size: 8, aspect_ratio_scale: greater, factor: 32", "factor"),
            ("dst_width: 8, dst_height: 9, aspect_ratio_scale: greater", "dst_width"),
            ("size: 8, use_tensorflow: True", "use_tensorflow"),
            ("size: 8, use_tensorflow: True, use_pillow: True", "use_tensorflow"),
            ("size: 8, resize_realization: tf", "resize_realization"),
            ("size: 8, interpolation: BITS2", "interpolation"),
            ("size: 8, use_pillow: True, interpolation: AREA", "interpolation"),
            ("size: 8, use_pilow: True", "use_pilow"),
            ("size: 0", "size"),
            ("size: 8.5", "size"),
            ("size: [8, 8]", "size"),
        ],
    )
    def test_what_has_no_counterpart_is_refused_with_its_line(
        self, faults: Callable[[str], list[str]], keys: str, key: str
    ) -> None:
        found = faults(steps(f"type: resize, {keys}"))
        assert any(fault.startswith(f"2: preprocessing[0].{key}: ") for fault in found)

    def test_auto_resize_takes_the_networks_size(self, read: Read) -> None:
        assert shown(read(steps("type: auto_resize"))) == [
            ("resize", {"size": 227, "interpolation": "bilinear", "library": "opencv"})
        ]


class TestCrop:
    def test_libraries_round_offsets_differently_and_are_told_apart(self, read: Read) -> None:
        text = steps("type: resize, size: 256", "type: crop, size: 224")
        assert shown(read(text))[1] == ("crop", {"size": 224, "library": "opencv"})
        text = steps("type: resize, size: 256, use_pillow: True", "type: crop, size: 224, use_pillow: True")
        assert shown(read(text))[1] == ("crop", {"size": 224, "library": "pillow"})

    def test_a_crop_beyond_a_resize_says_what_is_done_there(self, read: Read) -> None:
        text = steps("type: resize, size: 200, use_pillow: True", "type: crop, size: 224, use_pillow: True")
        assert shown(read(text))[1] == ("crop", {"size": 224, "library": "pillow", "rounding": "half_even"})
        written = shown(read(steps("type: resize, size: 200", "type: crop, size: 224")))
        assert written[1:] == [
            ("normalize", {"mean": 0.0, "scale": 1.0}),  # OpenCV's resize left floating values, which it enlarges
            ("crop", {"size": 224, "library": "opencv", "rounding": "floor"}),
        ]
        assert shown(read(steps("type: crop, size: 224"))) == [("crop", {"size": 224, "library": "opencv"})]

    def test_a_fraction(self, read: Read) -> None:
        text = steps("type: crop, central_fraction: 0.875", SIZE_8)
        assert shown(read(text))[0] == ("crop", {"fraction": 0.875, "library": "opencv"})

    @pytest.mark.parametrize(
        ("before", "keys", "message"),
        [
            ("", "size: 224, central_fraction: 0.5", "contradict each other"),
            ("", "max_square: True", "a square of each image's short side"),
            ("", "use_pillow: True", "neither a size nor a fraction"),
            ("", "central_fraction: 1.5", "is not a fraction between 0 and 1"),
            ("type: resize, size: 256", "size: 224, use_pillow: True", "Pillow cuts whole values only"),
        ],
    )
    def test_what_has_no_counterpart_is_refused(
        self, faults: Callable[[str], list[str]], before: str, keys: str, message: str
    ) -> None:
        lines = [line for line in (before, f"type: crop, {keys}") if line]
        assert any(message in fault for fault in faults(steps(*lines)))


class TestNormalization:
    @pytest.mark.parametrize(
        ("keys", "mean", "scale"),
        [
            ("mean: 127.5, std: 127.5", (127.5,) * 3, (127.5,) * 3),
            ("std: 255", (0.0,) * 3, (255.0,) * 3),
            ("mean: [1, 2, 3]", (1.0, 2.0, 3.0), (1.0,) * 3),
            ("mean: '(0.485, 0.456, 0.406)'", (0.485, 0.456, 0.406), (1.0,) * 3),
            ("mean: '104, 117, 123'", (104.0, 117.0, 123.0), (1.0,) * 3),
            ("mean: ImageNet", (104.00698793, 116.66876762, 122.67891434), (1.0,) * 3),
            ("mean: cifar10, std: 2, images_only: True", (125.307, 122.961, 113.8575), (2.0,) * 3),
        ],
    )
    def test_forms_of_values(self, read: Read, keys: str, mean: tuple[float, ...], scale: tuple[float, ...]) -> None:
        affine = read(steps(SIZE_8, f"type: normalization, {keys}")).affine
        assert (affine.mean, affine.scale) == (mean, scale)

    def test_two_of_them_are_one(self, read: Read) -> None:
        affine = read(
            steps(
                SIZE_8,
                "type: normalization, std: 255",
                "type: normalization, mean: '(0.485, 0.456, 0.406)', std: '(0.229, 0.224, 0.225)'",
            )
        ).affine
        # x / 255 = 0.485 where x = 123.675, and one unit is 255 * 0.229 = 58.395.
        assert affine.mean == (123.675, 116.28, 103.53)
        assert affine.scale == (58.395, 57.12, 57.375)

    def test_one_before_a_resize_makes_it_work_in_floating_point(self, read: Read) -> None:
        pixels = read(steps("type: normalization, mean: 127.5, std: 127.5", SIZE_8))
        assert [kind for kind, _ in shown(pixels)] == ["normalize", "resize"]
        assert shown(pixels)[0][1] == {"mean": 0.0, "scale": 1.0}
        assert pixels.affine.mean == (127.5, 127.5, 127.5)

    def test_tensorflows_conversion_divides_whole_numbers_only(self, read: Read) -> None:
        assert (
            read(steps("type: resize, size: 8, use_pillow: 1", "type: tf_convert_image_dtype")).affine.scale[0] == 255
        )
        assert read(steps("type: resize, size: 8", "type: tf_convert_image_dtype")).affine.scale[0] == 1

    @pytest.mark.parametrize(
        "keys", ["std: 0", "mean: [1, 2]", "mean: [1, 2, 3, 4]", "mean: x", "mean: {a: 1}", "mena: 1", "std: 1e-300"]
    )
    def test_what_is_no_value_is_refused(self, faults: Callable[[str], list[str]], keys: str) -> None:
        found = faults(steps(SIZE_8, f"type: normalization, {keys}"))
        assert any(fault.startswith("3: preprocessing[1]") for fault in found)


class TestOthers:
    @pytest.mark.parametrize("kind", ["flip", "padding", "bgr_to_gray", "crop_rect", "extend_around_rect", "tiling"])
    def test_a_step_without_counterpart_names_what_is_lost(self, faults: Callable[[str], list[str]], kind: str) -> None:
        found = faults(steps(f"type: {kind}", SIZE_8))
        assert len(found) == 1
        assert found[0].startswith(f"2: preprocessing[0].type: {kind} ")
        assert "different pixels" in found[0]

    def test_a_misspelt_step_names_the_nearest(self, faults: Callable[[str], list[str]]) -> None:
        assert faults(steps("type: resise, size: 8"))[0].endswith("did you mean resize?")

    def test_a_misspelt_type_is_named(self, faults: Callable[[str], list[str]]) -> None:
        assert faults(steps("typ: resize, size: 8"))[0] == (
            "2: preprocessing[0].typ: this key is unknown; did you mean `type`?"
        )

    @pytest.mark.parametrize("text", ["name: x\n", steps("type: resize, size: 8, aspect_ratio_scale: greater")])
    def test_steps_must_end_at_one_size(self, faults: Callable[[str], list[str]], text: str) -> None:
        assert "do not end at one size" in faults(text)[0]
