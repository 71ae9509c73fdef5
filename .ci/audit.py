"""Known vulnerabilities of the locked dependencies, by pip-audit: `python .ci/audit.py PIP_AUDIT LOCK_FILE`.

Exit code 1 where one is known. Where the advisory service cannot be reached, or does not know a package, that is said
and is no failure: the build must not depend on somebody else's server, and must not claim what was not looked at.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any


def verdict(report: dict[str, Any]) -> tuple[int, str]:
    """Return exit code and text for pip-audit's JSON report."""
    packages = report.get("dependencies", [])
    audited = [item for item in packages if "vulns" in item]
    found = [(item, known) for item in audited for known in item["vulns"]]
    lines = [
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
