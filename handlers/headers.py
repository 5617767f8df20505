"""Header tables: names compare without case, order is kept, a name may repeat."""

from __future__ import annotations

from .pblock import Pblock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any


class Headers(Pblock):
    """Header names and values, as Apache's tables have them.

    Reading a repeated header gives its values joined with ", " (RFC 9110 section 5.3); setting one
    replaces them all, to None deletes them, ``add`` appends.  Names and values are str of Latin-1
    characters.
    """

    __slots__ = ("_table",)

    def __init__(self, fields: Iterable[tuple[str, str]] = ()) -> None:
        self._table: dict[str, list[tuple[str, str]]] = {}
        for name, value in fields:
            self._table.setdefault(name.lower(), []).append((name, value))

    def __getitem__(self, name: str) -> str:
        fields = self._table[name.lower()]
        return fields[0][1] if len(fields) == 1 else ", ".join(value for _, value in fields)

    def get(self, name: str, default: Any = None) -> Any:
        """The header's value, or *default* without such a header."""
        fields = self._table.get(name.lower())
        if fields is None:
            return default
        return fields[0][1] if len(fields) == 1 else self[name]

    def __setitem__(self, name: str, value: str | None) -> None:
        if value is None:
            self._table.pop(name.lower(), None)
            return
        _check(name, value)
        self._table[name.lower()] = [(name, value)]

    def __delitem__(self, name: str) -> None:
        del self._table[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return (fields[0][0] for fields in self._table.values())

    def __len__(self) -> int:
        return len(self._table)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._table

    def __repr__(self) -> str:
        return f"Headers({self.fields()!r})"

    def add(self, name: str, value: str) -> None:
        """Append a header without replacing those of the same name (Set-Cookie)."""
        _check(name, value)
        self._table.setdefault(name.lower(), []).append((name, value))

    def fields(self) -> list[tuple[str, str]]:
        """All headers as (name, value) pairs, one per line of the message."""
        return [field for fields in self._table.values() for field in fields]


def _check(*texts: str) -> None:
    """TypeError for what is no str, ValueError where a line break or NUL would make another message
    of a header."""
    for text in texts:
        if not isinstance(text, str):
            raise TypeError(f"header {texts[0]!r}: names and values are str, not {text!r}")
        if not text.isprintable() and ("\n" in text or "\r" in text or "\0" in text):
            raise ValueError(f"header {texts[0]!r}: a line break or NUL in {text!r}")
