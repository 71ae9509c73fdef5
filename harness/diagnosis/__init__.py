"""Knowing conversion faults: injecting each of them, and seeing which gate notices."""
