"""An engine that spreads shards over workers in other processes and on other machines."""
