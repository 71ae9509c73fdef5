"""Labelled image sets: manifest, sources of encoded bytes, and the way from bytes to pixels."""
