"""Finished runs, sent to an experiment tracker: figures, parameters and files of a record."""
