from __future__ import annotations

import pytest

from harness.machine.family import family_in, processor_family

EPYC = "vendor_id\t: AuthenticAMD\nmodel name\t: AMD EPYC 7763\nflags\t\t: fpu sse4_1 avx avx2 fma rdseed\n"
XEON = "vendor_id\t: GenuineIntel\nmodel name\t: Xeon\nflags\t: avx512f sse4_1 avx avx2 fma avx512bw avx512_vnni\n"
GRAVITON = "processor : 0\nFeatures : fp asimd asimddp sve bf16\nCPU implementer : 0x41\nCPU part : 0xd40\n"


@pytest.mark.parametrize(
    ("text", "machine", "family"),
    [
        (EPYC, "x86_64", "x86_64 AuthenticAMD sse4_1 avx avx2 fma"),
        (EPYC.replace("7763", "7742"), "x86_64", "x86_64 AuthenticAMD sse4_1 avx avx2 fma"),
        (XEON, "x86_64", "x86_64 GenuineIntel sse4_1 avx avx2 fma avx512f avx512bw avx512_vnni"),
        (GRAVITON, "aarch64", "aarch64 0x41 asimd asimddp sve bf16"),
        ("", "x86_64", None),
        ("vendor_id : GenuineIntel\nflags : fpu\n", "x86_64", None),
        ("flags : avx2\n", "x86_64", None),
    ],
)
def test_the_family_is_the_maker_and_what_kernels_are_chosen_by(text: str, machine: str, family: str | None) -> None:
    assert family_in(text, machine) == family


def test_this_machine_has_one() -> None:
    assert processor_family()
