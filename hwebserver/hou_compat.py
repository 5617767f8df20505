"""``hou.webServer`` outside Houdini: once this is imported, ``import hou`` gives it.

Where there is a real ``hou``, loaded or to be found on sys.path, that one stays.  Besides webServer
there is what belongs to it: OperationFailed, registerOpdefPath and isUIAvailable.

Ports are numbers in ``hou.webServer``: 0 is the main one, -1 are all, and any other number is a
port of its own, or the main one if run() is given it.  Names are taken as well.
"""

from __future__ import annotations

import functools
import importlib.util
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

from .. import hwebserver
from . import api

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import NoReturn

    from .registry import Port

#: The server that the functions of hwebserver belong to.
_server = hwebserver._default
#: The main port, and all of them.
_SPECIAL = (0, -1)
#: What takes ports as its last argument.
_TAKING_PORTS = {"urlHandler": 2, "apiFunction": 3, "registerAPIFunction": 4, "registerWSGIApp": 2}


def _named(ports: Iterable[int | str]) -> list[int | str]:
    """*ports* as hwebserver has them, where a port named by a number has that number."""
    return [port if port in _SPECIAL else str(port) for port in ports]


def _with_numbers(function: Callable[..., Any], position: int) -> Callable[..., Any]:
    """*function*, with numbers in its argument ports, which is at *position*."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if "ports" in kwargs:
            kwargs["ports"] = _named(kwargs["ports"])
        elif len(args) > position:
            args = (*args[:position], _named(args[position]), *args[position + 1 :])
        return function(*args, **kwargs)

    return call


@functools.wraps(hwebserver.run)
def _run(port: int = 8008, *args: Any, **kwargs: Any) -> None:
    number = _server.registry.ports.pop(str(port), None)
    if number is not None:
        _add_to_main(number)
    hwebserver.run(port, *args, **kwargs)


def _add_to_main(number: Port) -> None:
    """Have the main port answer what was registered for it by its number."""
    main = _server.registry.port("")
    for route in number.routes:
        if route not in main.routes and not (route.path == api.PATH and number.functions):
            main.routes.append(route)
    for function in number.functions.values():
        if function.name not in main.functions:
            api.register(_server.registry, function, [0])


class _Hou(ModuleType):
    """What stands for Houdini's module ``hou``."""

    def __getattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"hou.{name} needs Houdini; outside of it there is hou.webServer only")


def _web_server() -> ModuleType:
    module = ModuleType("hou.webServer", hwebserver.__doc__)
    module.__dict__.update({name: getattr(hwebserver, name) for name in hwebserver.__all__})
    for name, position in _TAKING_PORTS.items():
        setattr(module, name, _with_numbers(getattr(hwebserver, name), position))
    module.run = _run  # type: ignore[attr-defined]
    return module


def _hou() -> ModuleType:
    module = _Hou("hou", __doc__)
    module.__dict__.update(
        webServer=_web_server(),
        OperationFailed=hwebserver.OperationFailed,
        WebServerRequest=hwebserver.Request,
        WebServerResponse=hwebserver.Response,
        WebServerUploadedFile=hwebserver.UploadedFile,
        registerOpdefPath=hwebserver.registerOpdefPath,
        isUIAvailable=lambda: False,
    )
    return module


if "hou" not in sys.modules and importlib.util.find_spec("hou") is None:
    sys.modules["hou"] = _hou()
