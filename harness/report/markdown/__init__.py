"""`report.md`: the facts of a run as GitHub-flavoured Markdown."""
