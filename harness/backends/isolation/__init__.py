"""A backend in a separate process."""
