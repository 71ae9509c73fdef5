"""Counts, comparisons and statistics on plain arrays."""
