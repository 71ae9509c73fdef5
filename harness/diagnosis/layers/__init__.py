"""Finds the wrong layer of a converted model: compares its operations with the original's, by weights and by values."""
