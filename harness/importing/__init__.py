"""Configurations of other tools, read and written as one of the harness."""
