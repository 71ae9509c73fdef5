"""Suites: many configurations one after the other, each in a process of its own, with one result over all."""
