"""Suites: many configurations one after the other, each in a separate process, with one result over all."""
