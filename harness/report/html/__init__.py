"""`report.html` and `index.html`: self-contained pages, rendered from records alone. Loaded only when needed."""
