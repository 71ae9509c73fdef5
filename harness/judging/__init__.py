"""From tables to verdicts: gates, certification, baselines, and the trade-off between candidates."""
