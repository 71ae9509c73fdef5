"""The family of a processor: what decides which of a framework's kernels run, and so the last bits of an answer."""

from __future__ import annotations

import platform
from functools import lru_cache
from pathlib import Path

from harness.machine.environment import cpu_name

# The instruction sets that oneDNN and its like choose kernels by, as Linux names them.
_X86 = ("sse4_1", "avx", "avx2", "fma", "avx_vnni", "avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512_vnni",
        "avx512_bf16", "avx512_fp16", "amx_tile", "amx_int8", "amx_bf16")  # fmt: skip
_ARM = ("asimd", "asimddp", "asimdhp", "sve", "sve2", "bf16", "i8mm", "svebf16")


@lru_cache(maxsize=1)
def processor_family() -> str:
    """Return the machine type, the maker and the instruction sets that decide on kernels; else the processor's name."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return cpu_name()
    return family_in(text, platform.machine()) or cpu_name()


def family_in(cpuinfo: str, machine: str) -> str | None:
    """Return the family that Linux's /proc/cpuinfo describes; None if it does not say enough."""
    stated: dict[str, str] = {}
    for line in cpuinfo.splitlines():
        name, _, value = line.partition(":")
        stated.setdefault(name.strip(), value.strip())
    maker = stated.get("vendor_id") or stated.get("CPU implementer")
    flags = set((stated.get("flags") or stated.get("Features") or "").split())
    sets = [name for name in (*_X86, *_ARM) if name in flags]
    return " ".join((machine, maker, *sets)) if maker and sets else None
