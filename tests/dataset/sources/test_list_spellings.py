"""Lists as they come from other machines, joined with a folder, a tar archive and as a manifest."""

from __future__ import annotations

import tarfile
import unicodedata
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest

from harness.config import Dataset
from harness.dataset.image_set import ImageSet, open_image_set
from harness.errors import DatasetError
from tests.dataset.sources import forms

NAMES = ("a.JPEG", "b.JPEG", "café.JPEG")
LABELS = {"a.JPEG": 65, "b.JPEG": 970, "café.JPEG": 230}


def folder_of(place: Path, names: tuple[str, ...] = NAMES) -> Path:
    images = place / "images"
    for name in names:
        (images / name).parent.mkdir(parents=True, exist_ok=True)
        (images / name).write_bytes(name.encode())
    return images


def in_folder(place: Path, text: bytes, suffix: str = ".txt") -> ImageSet:
    images = folder_of(place)
    (place / f"images{suffix}").write_bytes(text)
    return open_image_set(Dataset(path=images, background_class=False))


def in_tar(place: Path, text: bytes, suffix: str = ".txt") -> ImageSet:
    with tarfile.open(place / "images.tar", "w") as archive:
        for name in NAMES:
            forms._add(archive, name, name.encode())
    (place / f"mine{suffix}").write_bytes(text)
    labels = str(place / f"mine{suffix}")
    return open_image_set(Dataset(path=place / "images.tar", labels=labels, background_class=False))


def as_manifest(place: Path, text: bytes, suffix: str = ".txt") -> ImageSet:
    (folder_of(place) / f"mine{suffix}").write_bytes(text)
    path = place / "images" / f"mine{suffix}"
    return open_image_set(Dataset(path=path, form="manifest", background_class=False))


EVERY: list[Callable[..., ImageSet]] = [in_folder, in_tar, as_manifest]


def check(images: ImageSet) -> None:
    ids = [unicodedata.normalize("NFC", name) for name in images.manifest.image_ids]
    assert dict(zip(ids, images.manifest.labels.tolist(), strict=True)) == LABELS
    for row, name in enumerate(ids):
        assert images.read(row).decode() == name


def written(name: Callable[[str], str] = str, line: str = "{name} {label}\n", before: str = "") -> bytes:
    return (before + "".join(line.format(name=name(key), label=label) for key, label in LABELS.items())).encode()


SPELLINGS = {
    "no suffix": written(lambda name: name.removesuffix(".JPEG")),
    "val/ before": written(lambda name: f"val/{name}"),
    "val\\ before": written(lambda name: f"val\\{name}"),
    "a drive before": written(lambda name: f"C:\\data\\val\\{name}"),
    "jpg": written(lambda name: name.replace("JPEG", "jpg")),
    "NFD": written(lambda name: unicodedata.normalize("NFD", name)),
    "absolute": written(lambda name: f"/data/imagenet/val/{name}"),
    "absolute, no suffix": written(lambda name: f"/data/imagenet/val/{name.removesuffix('.JPEG')}"),
    "comments": written(before="# the validation set, 2012\n#name label\n") + b"# end 5\n",
    "comments behind": written(line="{name} {label}  # by hand\n"),
    "an unknown header": written(line="{name},{label}\n", before="fname,y\n"),
    "an unknown header with more columns": written(line="cat,{label},{name}\n", before="word,y,fname\n"),
    "classes first under an unknown header": written(line="{label},{name}\n", before="y,fname\n"),
    "numbers as 65.0": written(line="{name},{label}.0\n"),
    "a known header and 65.0": written(line="{label}.0\t{name}\n", before="label\tpath\n"),
    "CR only": written(line="{name} {label}\r"),
    "a header and CR only": written(line="{name},{label}\r", before="path,label\r"),
    "CR LF": written(line="{name} {label}\r\n"),
    "a byte order mark": written(before="\ufeff"),
    "a byte order mark and a header": written(line="{name},{label}\n", before="\ufeffpath,label\n"),
    "Tiny ImageNet": written(line="{name}\t{label}\t0\t32\t44\t62\n"),
    "UTF-16 of PowerShell": written(line="{name} {label}\r\n").decode().encode("utf-16"),
    "UTF-16, high byte first": b"\xfe\xff" + written(line="{name}\t{label}\n").decode().encode("utf-16-be"),
    "UTF-32 with its mark": written(line="{name}\t{label}\n").decode().encode("utf-32"),
    "UTF-32, high byte first": b"\0\0\xfe\xff" + written(line="{name} {label}\n").decode().encode("utf-32-be"),
    "two marks": written(before="\ufeff\ufeff"),
    "several files in one, with marks and line ends of their own": (
        "a.JPEG 65\r\n\ufeffb.JPEG 970\r\ufeffcafé.JPEG 230\n"
    ).encode(),
    "capital letters": written(str.upper),
    "small letters": written(str.lower),
    "commas at the ends": written(line="{name},{label},\n"),
    "semicolons at the ends and a header": written(line="{name};{label};\n", before="name;label;\n"),
    "the separator first": written(line="{name};{label}\r\n", before="sep=;\r\n"),
    "the separator first, tabs and a header": written(line="{name}\t{label}\n", before="sep=\t\npath\tlabel\n"),
    "classes first": written(line="{label} {name}\n"),
    "classes first, commas": written(line="{label},val/{name}\n"),
    "pandas with its index": (
        ",fname,y\n" + "".join(f"{row},{name},{label}\n" for row, (name, label) in enumerate(LABELS.items()))
    ).encode(),
    "bars": written(line="{name}|{label}\n"),
    "bars and a header": written(line="{label} | {name}\n", before="label | file name\n"),
    "bars at both ends of words": written(line="{name} | {label} | a bird\n"),
    "a colon": written(line="{name}: {label}\n"),
    "an equals sign": written(line="{name}={label}\n"),
    "single quotes": written(line="'{name}' {label}\n"),
    "single quotes around both": written(line="'{name}','{label}'\n"),
    "words behind the class": written(line="{name} {label} small bird\n"),
    "words behind the class, commas": written(line="{name},{label},a small bird\n"),
    "words behind the class and //": written(line="{name} {label} // small\n"),
    "numbers as NumPy writes them": b"a.JPEG 6.500000000000000000e+01\nb.JPEG 9.70e+02\n"
    + "café.JPEG 2.3e2\n".encode(),
    "a header with spaces and capitals": written(line="{name}, {label}\n", before="File Name, Class ID\n"),
    "a header with hyphens": written(line="{label};{name}\n", before="class-index;image-path\n"),
    "a header that names labels beside words": written(
        line="{label},{name},BIRD\n", before="class id,filepaths,labels\n"
    ),
    "comments with //": written(before="// made by hand\n"),
    "comments with a semicolon": written(before="; made by hand, 2\n").replace(b", 2", b", twice"),
    "comments with %": written(before="% made by hand\n"),
    "the end of DOS": written() + b"\x1a",
    "URLs": written(line="https://host.example/val/{name}?size=large {label}\n"),
    "URLs of a bucket": written(line="gs://bucket/val/{name},{label}\n"),
    "percent signs": written(quote),
    "file URLs with percent signs": written(lambda name: f"file:///data/{quote(name)}"),
    "MXNet, spaces": "".join(f"{row} {label} {name}\n" for row, (name, label) in enumerate(LABELS.items())).encode(),
    "MXNet": "".join(
        f"{row}\t{label}.000000\tval/{name}\n" for row, (name, label) in enumerate(LABELS.items())
    ).encode(),
}


@pytest.mark.parametrize("opened", EVERY)
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_every_spelling_gives_the_same_labels(tmp_path: Path, spelling: str, opened: Callable[..., ImageSet]) -> None:
    check(opened(tmp_path, SPELLINGS[spelling]))


@pytest.mark.parametrize("opened", [in_folder, in_tar])
@pytest.mark.parametrize("text", [b"65\n970\n230\n", b"65.0\r\n970.0\r\n230.0\r\n", b"label\r65\r970\r230\r"])
def test_classes_alone_in_the_order_of_the_names(tmp_path: Path, text: bytes, opened: Callable[..., ImageSet]) -> None:
    images = opened(tmp_path, text)
    check(images)
    assert any("in the order of the names" in note for note in images.notes)


def test_classes_alone_have_to_be_as_many_as_the_images_and_their_order_clear(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"2 classes without names, and .* has 3 images"):
        in_folder(tmp_path, b"65\n970\n")
    other = folder_of(tmp_path / "other", ("img1.jpg", "img2.jpg", "img10.jpg"))
    (tmp_path / "other" / "images.txt").write_text("1\n2\n3\n")
    with pytest.raises(DatasetError, match=r"img10\.jpg is before img2\.jpg as text, but after it by number"):
        open_image_set(Dataset(path=other))
    with pytest.raises(DatasetError, match=r"lists no image; set dataset\.path to the images"):
        as_manifest(tmp_path / "third", b"65\n970\n230\n")


@pytest.mark.parametrize("text", [b"", b"\xef\xbb\xbf", b"\n\r\n", b"# nothing\n"])
def test_an_empty_list_is_an_empty_set_and_an_empty_manifest_is_refused(tmp_path: Path, text: bytes) -> None:
    for opened in EVERY:
        if opened is as_manifest:
            with pytest.raises(DatasetError, match="lists no image"):
                opened(tmp_path, text)
        else:
            assert len(opened(tmp_path, text).manifest) == 0


@pytest.mark.parametrize("wholly", [True, False])
def test_a_name_that_fits_two_images_is_refused_with_both(tmp_path: Path, *, wholly: bool) -> None:
    images = folder_of(tmp_path, ("one/a.jpg", "two/a.jpg") if wholly else ("a.jpg", "a.png"))
    both = r"one/a\.jpg or two/a\.jpg" if wholly else r"a\.jpg or a\.png"
    (tmp_path / "images.txt").write_text("a 1\n")
    with pytest.raises(DatasetError, match=f"a may be {both}"):
        open_image_set(Dataset(path=images, form="list"))
    with tarfile.open(tmp_path / "images.tar", "w") as archive:
        for name in ("one/a.jpg", "two/a.jpg") if wholly else ("a.jpg", "a.png"):
            forms._add(archive, name, b"x")
    with pytest.raises(DatasetError, match=f"a may be {both}"):
        open_image_set(Dataset(path=tmp_path / "images.tar", labels=str(tmp_path / "images.txt")))


def test_the_same_letters_win_and_two_in_other_letters_are_refused(tmp_path: Path) -> None:
    images = folder_of(tmp_path, ("a.jpg", "A.jpg", "Bc.jpg", "bC.jpg"))
    (tmp_path / "images.txt").write_text("val/a.JPEG 1\nA 2\n")
    found = open_image_set(Dataset(path=images, background_class=False))
    assert dict(zip(found.manifest.image_ids, found.manifest.labels.tolist(), strict=True)) == {"a.jpg": 1, "A.jpg": 2}
    (tmp_path / "images.txt").write_text("bc.jpg 1\n")
    with pytest.raises(DatasetError, match=r"bc\.jpg may be (Bc|bC)\.jpg or (Bc|bC)\.jpg"):
        open_image_set(Dataset(path=images))


@pytest.mark.parametrize("opened", EVERY)
def test_a_zero_byte_in_a_name(tmp_path: Path, opened: Callable[..., ImageSet]) -> None:
    with pytest.raises(DatasetError, match=r":1: 'a\\x00\.JPEG' contains a null byte"):
        opened(tmp_path, written().replace(b"a.JPEG", b"a\0.JPEG"))


def test_exact_names_win_and_more_of_the_path_wins(tmp_path: Path) -> None:
    images = folder_of(tmp_path, ("a.jpg", "a.png", "one/a.jpg", "two/a.jpg"))
    (tmp_path / "images.txt").write_text("a.jpg 1\nval/one/a.JPEG 2\n/x/two/a 3\na.png 4\n")
    found = open_image_set(Dataset(path=images, background_class=False))
    assert found.manifest.image_ids == ("a.jpg", "one/a.jpg", "two/a.jpg", "a.png")
    assert found.manifest.labels.tolist() == [1, 2, 3, 4]


def test_two_spellings_of_one_image_are_an_image_listed_twice(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="listed twice"):
        in_folder(tmp_path, b"a.JPEG 65\nval/a 65\n")


def test_an_image_in_another_folder_is_another_image(tmp_path: Path) -> None:
    images = folder_of(tmp_path, ("b.jpg", "train/a.jpg"))
    (tmp_path / "images.txt").write_text("b.jpg 1\nval/a.jpg 2\n")
    with pytest.raises(DatasetError, match=r"does not have: val/a\.jpg"):
        open_image_set(Dataset(path=images))


@pytest.mark.parametrize("policy", ["fail", "wrong"])
def test_an_absolute_path_is_never_opened(tmp_path: Path, policy: str) -> None:
    images = folder_of(tmp_path)
    (tmp_path / "images.txt").write_text("a.JPEG 1\n/etc/passwd 1\n")
    with pytest.raises(DatasetError, match=r"images\.txt:2: '/etc/passwd' leads out of the image folder"):
        open_image_set(Dataset(path=images, bad_images={"policy": policy, "max": 1}))


def test_tiny_imagenet_as_it_is_downloaded(tmp_path: Path) -> None:
    images = folder_of(tmp_path / "val", ("val_0.JPEG", "val_1.JPEG"))
    (tmp_path / "val" / "val_annotations.txt").write_text(
        "val_0.JPEG\tn03444034\t0\t32\t44\t62\nval_1.JPEG\tn04067472\t52\t55\t57\t59\n"
    )
    (tmp_path / "names.txt").write_text("n04067472\nn03444034\n")
    for path in (tmp_path / "val", images):
        found = open_image_set(
            Dataset(path=path, classes=2, class_names=tmp_path / "names.txt", background_class=False)
        )
        assert found.manifest.image_ids == ("val_0.JPEG", "val_1.JPEG")
        assert found.manifest.labels.tolist() == [1, 0]


def test_an_lst_beside_the_images_and_one_with_several_labels(tmp_path: Path) -> None:
    check(in_folder(tmp_path, SPELLINGS["MXNet"], ".lst"))
    with pytest.raises(DatasetError, match=r"images\.lst:1: 2 labels for one image"):
        in_folder(tmp_path, b"0\t1.0\t2.0\ta.JPEG\n", ".lst")


@pytest.mark.parametrize(
    ("start", "kind"),
    [(b"\x1f\x8b\x08", "gzip"), (b"PK\x03\x04", "zip"), (b"\x93NUMPY", "NumPy"), (b"\x80\x04", "pickle")],
)
def test_a_list_that_is_no_text_is_called_by_its_name(tmp_path: Path, start: bytes, kind: str) -> None:
    with pytest.raises(DatasetError, match=f"a {kind} file, not text"):
        in_folder(tmp_path, start + written())


def test_a_name_with_a_percent_sign_is_first_looked_for_as_it_stands(tmp_path: Path) -> None:
    images = folder_of(tmp_path, ("a%20b.jpg", "a b.jpg"))
    (tmp_path / "images.txt").write_text("a%20b.jpg 1\na b.jpg 2\n")
    found = open_image_set(Dataset(path=images, background_class=False))
    assert dict(zip(found.manifest.image_ids, found.manifest.labels.tolist(), strict=True)) == {
        "a%20b.jpg": 1,
        "a b.jpg": 2,
    }


@pytest.mark.parametrize("text", ["6.5", "6.5e0", "1e99", "1e-2", "0x41", "1_0"])
def test_numbers_that_are_no_classes(tmp_path: Path, text: str) -> None:
    with pytest.raises(DatasetError, match=f"{text.partition('e')[0]}.*is not a class"):
        in_folder(tmp_path, f"a.JPEG {text}\nb.JPEG 1\ncafé.JPEG 2\n".encode())
