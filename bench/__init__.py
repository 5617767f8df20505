"""Speed, measured against what else there is, on the same machine at the same time.

``make bench`` runs it; docs/benchmarks.md says what each row is and how to read it.
"""


class BenchError(Exception):
    """Something is not installed, or a server did not do what it was started for."""
