"""What run() is called with."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from os import PathLike
from typing import Any

from .enums import webServerVerbosity
from .errors import OperationFailed


@dataclass(frozen=True, slots=True, kw_only=True)
class Arguments:
    """The arguments of run().  Raises OperationFailed for a value that one cannot have."""

    port: int
    debug: bool
    max_num_threads: int
    in_background: bool | None
    reload_source_changes: bool | None
    max_in_memory_file_upload_size: int | None
    max_request_size: int | None
    settings: str | PathLike[str] | None
    ports: Sequence[str | int]
    verbosity: webServerVerbosity
    port_callback: Callable[..., object] | None
    up_to_port: int | None
    use_free_port_on_failure: bool
    processes: int

    def __post_init__(self) -> None:
        self._check_number("port", -1, 65535)
        self._check_number("up_to_port", 0, 65535)
        self._check_number("max_num_threads", 1, 20000)
        self._check_number("processes", 1, 1000)
        self._check_number("max_in_memory_file_upload_size", 0)
        self._check_number("max_request_size", 1)
        if isinstance(self.ports, str) or not all(
            isinstance(each, str | int) for each in self.ports
        ):
            raise OperationFailed(
                f"ports of run() is a list of names or numbers, not {self.ports!r}"
            )
        if not isinstance(self.verbosity, webServerVerbosity):
            raise OperationFailed(
                f"verbosity of run() is one of {', '.join(map(str, webServerVerbosity))}, "
                f"not {self.verbosity!r}"
            )
        if self.port_callback is not None and not callable(self.port_callback):
            raise OperationFailed(f"port_callback of run() is no function: {self.port_callback!r}")

    def _check_number(self, name: str, least: int, most: int | None = None) -> None:
        value: Any = getattr(self, name)
        if value is None:
            return
        if type(value) is not int or value < least or (most is not None and value > most):
            limits = f"{least} or more" if most is None else f"from {least} to {most}"
            raise OperationFailed(f"{name} of run() is a number {limits}, not {value!r}")

    @property
    def is_background(self) -> bool:
        """Whether run() returns when the server answers."""
        return is_interactive() if self.in_background is None else self.in_background

    @property
    def reloads(self) -> bool:
        """Whether changed sources restart the server."""
        return self.debug if self.reload_source_changes is None else self.reload_source_changes


def is_interactive() -> bool:
    """Whether somebody types: in Python's own prompt, in IPython or Jupyter, or in Houdini."""
    if hasattr(sys, "ps1") or sys.flags.interactive:
        return True
    ipython = sys.modules.get("IPython")
    if ipython is not None and ipython.get_ipython() is not None:
        return True
    hou = sys.modules.get("hou")
    has_ui = getattr(hou, "isUIAvailable", None)
    return bool(has_ui is not None and has_ui())
