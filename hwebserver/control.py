"""What Apache's processes tell the launcher, over a socket that they inherit."""

from __future__ import annotations

import json
import os
import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_PIECE = 32 * 1024  # bytes; a socket takes some hundred thousand at once


class Sender:
    """An Apache process's end of the socket; threads may share it."""

    def __init__(self, descriptor: int) -> None:
        os.set_inheritable(descriptor, False)
        self._socket = socket.socket(fileno=descriptor)
        self._lock = threading.Lock()

    def send(self, what: str, value: Any = None) -> None:
        """Tell the launcher, if it still listens; *value* has JSON's types."""
        text = json.dumps([what, value]).encode()
        pieces = [text[at : at + _PIECE] for at in range(0, len(text), _PIECE)]
        with self._lock, suppress(BrokenPipeError, ConnectionResetError):
            for number, piece in enumerate(pieces, 1):
                head = f"{os.getpid()} {number == len(pieces):d} "
                self._socket.send(head.encode() + piece)


class Receiver:
    """The launcher's end."""

    def __init__(self) -> None:
        # of messages: those of several processes do not mix
        self._own, self._theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)

    @property
    def theirs(self) -> int:
        """What Apache's processes inherit."""
        return self._theirs.fileno()

    def passed(self) -> None:
        """Apache's processes have their end."""
        self._theirs.close()

    def messages(self) -> Iterator[tuple[int, str, Any]]:
        """What the processes tell, each with the sender's process id, until all have ended."""
        begun: dict[int, bytes] = {}
        with self._own:
            while message := self._own.recv(2 * _PIECE):
                process, is_last, piece = message.split(b" ", 2)
                text = begun.pop(int(process), b"") + piece
                if is_last == b"1":
                    yield (int(process), *json.loads(text))
                else:
                    begun[int(process)] = text
