"""Parameter blocks in the manner of NSAPI: names and values are str, names compare without case."""

from __future__ import annotations

from _collections_abc import MutableMapping  # collections.abc costs a new interpreter 2 ms

from .errors import NoCredentialsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    Fields = Iterable[tuple[str, str]]


class Pblock(MutableMapping[str, str]):
    """What a parameter block can beside what all mappings can."""

    __slots__ = ()

    def findval(self, name: str) -> str:
        """The value of *name*.  Raises ValueError if there is none."""
        try:
            return self[name]
        except NoCredentialsError:
            raise
        except KeyError:
            raise ValueError(f"no such parameter: {name!r}") from None

    def nvinsert(self, name: str, value: str) -> None:
        """Set *name* to *value*."""
        self[name] = value

    def pblock_remove(self, name: str) -> None:
        """Delete *name*, if it is there."""
        self.pop(name, None)

    def pblock2str(self) -> str:
        """``name="value" `` for each of them, in one line; quotes and backslashes in a value have a
        backslash before them."""
        return "".join(f'{name}="{_escaped(value)}" ' for name, value in self.items())

    def has_key(self, name: str) -> bool:
        """Whether *name* is there, in the words of Python 1.5."""
        return name in self


class Block(Pblock):
    """A parameter block of its own; of two *fields* with the same name the later counts.

    Names are listed as they were first spelled.  Setting a value to None deletes it.
    """

    _is_whole = False

    def __init__(self, fields: Fields = ()) -> None:
        self._table = table_of(fields)

    def _rest(self) -> Fields:
        """What it holds besides, in a subclass; called when something is asked for that the fields
        lack."""
        return ()

    def _missing(self, name: str) -> KeyError:
        """The error for *name*, which it lacks."""
        return KeyError(name)

    def _whole(self) -> dict[str, tuple[str, str]]:
        table = self._table
        if not self._is_whole:
            self._is_whole = True
            for key, field in table_of(self._rest()).items():
                table.setdefault(key, field)
        return table

    def __getitem__(self, name: str) -> str:
        key = _key(name)
        field = self._table.get(key) or self._whole().get(key)
        if field is None:
            raise self._missing(name)
        return field[1]

    def __setitem__(self, name: str, value: str | None) -> None:
        if not isinstance(name, str) or not (value is None or isinstance(value, str)):
            raise TypeError(f"parameter {name!r}: names and values are str, not {value!r}")
        table, key = self._whole(), name.lower()
        if value is None:
            table.pop(key, None)
        else:
            table[key] = (table[key][0] if key in table else name, value)

    def __delitem__(self, name: str) -> None:
        if self._whole().pop(_key(name), None) is None:
            raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter([name for name, _ in self._whole().values()])

    def __len__(self) -> int:
        return len(self._whole())

    def __repr__(self) -> str:
        return repr(dict(self._whole().values()))


def table_of(fields: Fields) -> dict[str, tuple[str, str]]:
    """Name in small letters -> field."""
    return {name.lower(): (name, value) for name, value in fields}


def _key(name: object) -> str:
    if not isinstance(name, str):
        raise KeyError(name)
    return name.lower()


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"')
