"""The two files of an IR belong together: whether they do, and the digest over both. Without OpenVINO."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from harness.backends.openvino.ir_xml import IrXml, read_ir_xml
from harness.machine.digests import file_sha256


def ir_sha256(xml: Path) -> str:
    """Return the sha256 (hex) over the bytes of the .xml and then of its .bin. Raises ModelError: one is unreadable."""
    return file_sha256(xml, xml.with_suffix(".bin"))


def weights_file_fault(xml: Path) -> str | None:
    """Return what is wrong with the .bin that is next to an IR's .xml; None if it fits.

    Raises ModelError if the .xml itself is unreadable.
    """
    return weights_fault(xml, read_ir_xml(xml), lambda: file_sha256(xml.with_suffix(".bin")))


def weights_fault(xml: Path, content: IrXml, weights_sha256: Callable[[], str]) -> str | None:
    """Return what is wrong with the .bin of an .xml that was read already; None if it fits.

    Its size is compared with the constants in the .xml, its sha256 (hex, computed only if needed) with the one that the
    harness writes when it converts.
    """
    weights = xml.with_suffix(".bin")
    try:
        size = weights.stat().st_size
    except FileNotFoundError:
        return f"{weights} is missing; copy the .bin that belongs to {xml.name}" if content.weights_end else None
    except OSError as error:
        return f"{weights} cannot be read: {error.strerror or error}"
    mend = f"copy the .bin that belongs to {xml.name}, or run `harness convert`"
    if size < content.weights_end:
        return (
            f"{weights} is cut off or belongs to another model: it has {size} bytes, {xml.name} needs "
            f"{content.weights_end}; {mend}"
        )
    if size > content.weights_end:
        return (
            f"{weights} belongs to another model: it has {size} bytes, {xml.name} needs {content.weights_end}; {mend}"
        )
    recorded = content.section("harness").get("bin_sha256")
    if recorded is not None and weights_sha256() != recorded:
        return (
            f"{weights} belongs to another model or was changed, because its sha256 is not the one in "
            f"{xml.name}; {mend}"
        )
    return None
