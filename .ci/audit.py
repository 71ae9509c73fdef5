"""Known vulnerabilities of the locked dependencies, by pip-audit: `python .ci/audit.py PIP_AUDIT LOCK_FILE`.

Exit code 1 where one is known. Where the advisory service cannot be reached, or does not know a package, that is said
and is no failure: the build must not depend on somebody else's server, and must not claim what was not looked at.
Advisories without a fix that do not concern how the package is used are listed here, with the reason, and printed.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

ACCEPTED = {
    (
        "ray",
        "CVE-2023-48022",
    ): "whoever reaches a cluster's ports runs code on it, by design and without a fix; docs/scale.md says so",
}


def _accepted(package: str, known: dict[str, Any]) -> str | None:
    names = (known["id"], *known.get("aliases", []))
    return next((ACCEPTED[package, name] for name in names if (package, name) in ACCEPTED), None)


def verdict(report: dict[str, Any]) -> tuple[int, str]:
    """Return exit code and text for pip-audit's JSON report."""
    packages = report.get("dependencies", [])
    audited = [item for item in packages if "vulns" in item]
    every = [(item, known) for item in audited for known in item["vulns"]]
    found = [(item, known) for item, known in every if not _accepted(item["name"], known)]
    lines = [
        f"{item['name']} {item['version']}: {known['id']}, accepted: {reason}"
        for item, known in every
        if (reason := _accepted(item["name"], known))
    ]
    lines += [
        f"{item['name']} {item['version']}: {known['id']}, fixed in {', '.join(known['fix_versions']) or 'no release'}"
        for item, known in found
    ]
    lines.append(f"audited: {len(audited)} of {len(packages)} packages, {len(found)} known vulnerabilities")
    if len(audited) < len(packages):
        lines.append(f"NOT AUDITED: {len(packages) - len(audited)} packages; the advisory service does not answer")
    return int(bool(found)), "\n".join(lines)


def main(tool: str, lock: str) -> int:
    """Run pip-audit and print what it found."""
    command = [tool, "-r", lock, "--disable-pip", "--progress-spinner", "off", "-f", "json"]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    try:
        report = json.loads(done.stdout)
    except ValueError:
        reason = (done.stderr.strip().splitlines() or ["no output"])[-1][:200]
        print(f"NOT AUDITED: pip-audit gave no report ({reason})")
        return 0
    code, text = verdict(report)
    print(text)
    return code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
