"""Reports of a run: pure functions of its record and per-image table. Forms and files: :mod:`harness.report.render`."""
