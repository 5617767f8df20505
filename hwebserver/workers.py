"""Threads that run handlers."""

from __future__ import annotations

import threading
from queue import SimpleQueue
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Workers:
    """At most *most* threads, each started when the others are busy; they end with the process."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._threads = 0
        self._idle = 0
        self._lock = threading.Lock()

    def submit(self, job: Callable[[], None]) -> None:
        """Have *job*, which raises nothing, called by a thread."""
        with self._lock:
            if self._idle > 0:
                self._idle -= 1
            elif self._threads < self._most:
                self._threads += 1
                number = self._threads
                threading.Thread(target=self._run, name=f"hwebserver-{number}", daemon=True).start()
            else:
                self._idle -= 1  # it is owed: the next one that is through takes it
        self._jobs.put(job)

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()
            with self._lock:
                self._idle += 1

    def stop(self) -> None:
        """Have the threads end when their jobs are done."""
        for _ in range(self._threads):
            self._jobs.put(None)
