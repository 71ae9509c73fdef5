"""Files on disk: written atomically, and tables that carry their own checksum."""
