"""The engine: shards of a manifest through every model, to tables, to a record."""
