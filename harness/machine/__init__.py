"""What this machine is: its environment, and digests of its files."""
