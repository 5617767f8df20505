"""Waits for changes of source files."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

from watchfiles import watch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Stamp = tuple[int, int, int] | None

#: How often it is looked, in ms.
_STEP_MS = 50
#: And how often at the files themselves: what changes while a watch begins is not told.
_LOOK_MS = 1000


class Watcher:
    """Calls *changed*, from a thread of its own, when one of the files it was given has changed."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._stamps: dict[str, Stamp] = {}
        self._has_news = threading.Event()
        self._is_over = False
        self._thread: threading.Thread | None = None
        #: any new source file may be the one that is missing
        self.is_failing = False

    def add(self, files: Iterable[str]) -> None:
        """Watch *files*, too."""
        new = {file: _stamp(file) for file in files if file not in self._stamps}
        if new:
            self._stamps = {**self._stamps, **new}
            self._has_news.set()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Watch no more."""
        self._is_over = True
        self._has_news.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._is_over:
            self._has_news.clear()
            directories = {Path(file).parent for file in self._stamps}
            for changes in watch(
                *(each for each in directories if each.is_dir()),
                watch_filter=None,
                recursive=False,
                step=_STEP_MS,
                rust_timeout=_LOOK_MS,
                yield_on_timeout=True,
                stop_event=self._has_news,
                raise_interrupt=False,
                ignore_permission_denied=True,
            ):
                self._compare({file for _, file in changes})
            self._compare(set())  # what has changed between one watch and the next

    def _compare(self, touched: set[str]) -> None:
        stamps = {file: _stamp(file) for file in self._stamps}
        changed = stamps != {file: self._stamps[file] for file in stamps}
        self._stamps.update(stamps)
        if changed or (self.is_failing and any(file.endswith(".py") for file in touched)):
            self._changed()


def _stamp(file: str) -> Stamp:
    try:
        found = Path(file).stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
