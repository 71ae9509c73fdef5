"""What a CI service shows of a run besides its exit code and `junit.xml`."""
