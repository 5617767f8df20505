"""Python inside Apache: drop a file into a directory, and it runs."""

__version__ = "2.0.0a1"
