"""Waiting for Apache; what it is and leaves is seen in tests/live."""

import subprocess
import sys

WAITING = """
import signal
import sys
import threading
from httpdapy.apache.process import Process, Root

signal.signal(signal.SIGTERM, lambda *_: sys.exit(3))
root = Root()
process = Process(["sleep", "60"], root, environment={}, error_line=print, output=print)
# as a signal that comes just before the wait, this one does not interrupt it
threading.Timer(
    0.2, lambda: signal.pthread_kill(threading.get_ident(), signal.SIGTERM)
).start()
try:
    process.wait()
finally:
    process.stop()
    root.remove()
"""


def test_a_signal_ends_the_wait():
    assert subprocess.run([sys.executable, "-c", WAITING], timeout=30, check=False).returncode == 3
