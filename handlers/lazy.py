"""Attributes that are made when they are first asked for."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from .request import Request


class Lazy:
    """An attribute that is made of its object's ``req`` when it is first asked for."""

    def __init__(self, kind: Callable[[Request], object]) -> None:
        self._kind = kind

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, owner: Any, kind: type) -> Any:
        if owner is None:
            return self
        value = self._kind(owner.req)
        owner.__dict__[self._name] = value  # and from now on it is found there
        return value


def nsapi(name: str) -> Callable[[Request], Any]:
    """Makes an object of a class of nsapi.py, which most interpreters never import."""

    def make(req: Request) -> Any:
        from . import nsapi

        return getattr(nsapi, name)(req)

    return make
