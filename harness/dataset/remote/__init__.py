"""Files at URLs, kept on disk within a limit while they are used."""
