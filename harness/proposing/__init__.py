"""A configuration proposed from model files: read, and with images measured."""
