"""Where labels come from when the images do not carry them, and what can be wrong with them."""
