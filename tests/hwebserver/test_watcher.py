"""Changes of source files that are hard to see."""

import threading

import pytest

from httpdapy.hwebserver import watcher


def test_a_change_while_a_watch_begins(tmp_path, monkeypatch: pytest.MonkeyPatch):
    """Which nothing tells of."""
    source = tmp_path / "script.py"
    source.write_text("old")
    begin = watcher.watch

    def watch_late(*paths, **how):
        source.write_text("changed")
        return begin(*paths, **how)

    monkeypatch.setattr(watcher, "watch", watch_late)
    has_changed = threading.Event()
    watching = watcher.Watcher(has_changed.set)
    watching.add([str(source)])
    try:
        assert has_changed.wait(10)
    finally:
        watching.stop()
