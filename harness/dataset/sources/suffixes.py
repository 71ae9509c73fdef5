"""Which files are images by their names, and which are left behind by operating systems."""

from __future__ import annotations

import os
from collections.abc import Sequence

DECODED = frozenset(
    {
        ".jpeg", ".jpg", ".jpe", ".jfif", ".jif", ".jfi", ".pjpeg", ".pjp", ".mpo", ".png", ".apng", ".webp", ".bmp",
        ".dib", ".gif", ".tif", ".tiff", ".avif", ".avifs",
    }
)  # fmt: skip
# Images too, which are not decoded: they are listed as bad images with their names instead of left out.
NOT_DECODED = frozenset(
    {
        ".heic", ".heif", ".heics", ".heifs", ".hif", ".jp2", ".jpc", ".j2k", ".j2c", ".jpf", ".jpx", ".jpm", ".jxl",
        ".jxr", ".wdp", ".hdp", ".ppm", ".pgm", ".pnm", ".pbm", ".pam", ".pfm", ".tga", ".ico", ".psd", ".svg",
        ".svgz", ".exr", ".hdr", ".qoi", ".dds", ".icns", ".cur", ".sgi", ".ras", ".pic", ".pxm", ".fits", ".eps",
        ".emf", ".wmf", ".pcx", ".xbm", ".xpm", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".raf", ".rw2",
    }
)  # fmt: skip
IMAGE_SUFFIXES = DECODED | NOT_DECODED
_CLUTTER = frozenset(
    {
        "__macosx", "@eadir", "lost+found", "$recycle.bin", "system volume information", "thumbs.db", "desktop.ini",
        ".ds_store", ".spotlight-v100", ".trashes", ".fseventsd", "#recycle", "icon\r", "ehthumbs.db", ".appledouble",
        ".ipynb_checkpoints", ".directory", "@recycle", "@tmp", "@__thumb", ".@__thumb", "recycler", "#snapshot",
        ".snapshot", "~snapshot", "network trash folder", "temporary items", "thumbs.db:encryptable", ".appledb",
        ".appledesktop", "__pycache__",
    }
)  # fmt: skip
_CLUTTER_STARTS = ("._", ".trash-", ".nfs")


def is_clutter(name: str) -> bool:
    """Return whether a file or folder, or one above it, is what an operating system or a file server leaves behind."""
    return any(part in _CLUTTER or part.startswith(_CLUTTER_STARTS) for part in name.lower().split("/"))


def is_hidden(name: str) -> bool:
    """Return whether a folder is passed over: its name begins with a dot, or a system left it behind."""
    return name.startswith(".") or is_clutter(name)


def is_image_name(name: str) -> bool:
    """Return whether a file's name is that of an image; hidden files and what systems leave behind are none."""
    last = name.rpartition("/")[2]
    if last.startswith(".") or os.path.splitext(last)[1].lower() not in IMAGE_SUFFIXES:  # noqa: PTH122
        return False
    return not is_clutter(name)


def has_no_suffix(name: str) -> bool:
    """Return whether only its content can tell that a file is an image: its name has no suffix, and is not hidden."""
    last = name.rpartition("/")[2]
    return "." not in last and not is_clutter(name)


def left_out(place: object, names: Sequence[str], what: str = "entries") -> tuple[str, ...]:
    """Return the note on entries of a folder or archive that are not images; none if there are none."""
    if not names:
        return ()
    clutter = sorted(name for name in names if is_clutter(name))
    other = sorted(name for name in names if not is_clutter(name))
    notes = []
    if other:
        notes.append(f"{place}: {len(other)} {what} that are not images, such as {other[0]}")
    if clutter:
        notes.append(f"{place}: {len(clutter)} {what} that are not images, created by the system, such as {clutter[0]}")
    return tuple(notes)
