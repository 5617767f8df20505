"""API functions: what clients call by name, all by POST to /api.

A call is a form.  It has the function's name in the field ``cmd_function`` and the arguments in
fields of their own, or all in the field ``json``: an array of the name, the list of arguments and
the object of keyword arguments.  That array may be the body itself, as application/json: a web page
of another origin can send that only if the server agrees.  Uploaded files are keyword arguments.
"""

from __future__ import annotations

import inspect
import json
import math
import sys
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, cast

from ..handlers.errors import RequestError
from ..handlers.exits import excerpt
from ..interpreters.dispatch import log_failure
from .coroutines import finished
from .errors import APIError
from .handlers import ResponseHandler
from .registry import Route
from .response import Response
from .responses import accepts_json, errorResponse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from ..interpreters.served import ServedRequest
    from .registry import Port, Registry
    from .request import Request

#: Where the functions of a port are called.
PATH = "/api"
_BINARY = "application/octet-stream"

#: Name, arguments, keyword arguments.
_Call = tuple[str, list[Any], dict[str, Any]]


class ResultError(TypeError):
    """What the function returned cannot be sent."""


class APIFunction:
    """A function that clients call.

    name: its own, behind that of the namespace if there is one.
    arg_types: what makes an argument of the client's value, by the argument's name.

    Raises TypeError for what is no named function, and for types of arguments it does not have.
    """

    def __init__(
        self,
        function: Callable[..., object],
        namespace: str | None,
        return_binary: bool,
        arg_types: Mapping[str, Callable[[Any], object]] | None,
    ) -> None:
        own_name = getattr(function, "__name__", None)
        if not callable(function) or own_name is None:
            raise TypeError(f"an API function has a name, which {function!r} has not")
        self.name = f"{namespace}.{own_name}" if namespace else own_name
        self._function = function
        self._signature = _signature(function)
        self._return_binary = return_binary
        self._arg_types = dict(arg_types or {})
        parameters = list(self._signature.parameters.values())
        self._positional = [p.name for p in parameters if p.kind in _POSITIONAL][1:]
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            for name in self._arg_types.keys() - self._signature.parameters.keys():
                raise TypeError(f"arg_types has {name!r}, which is no argument of {self.name}()")

    def __call__(self, request: Request, args: list[Any], kwargs: dict[str, Any]) -> Response:
        """The answer to a call.

        Raises RequestError (422) for arguments that do not fit, ResultError, and what the function
        raises.
        """
        if self._arg_types:
            names = self._positional
            known = zip(names, args, strict=False)
            args = [*(self._converted(*pair) for pair in known), *args[len(names) :]]
            kwargs = {name: self._converted(name, value) for name, value in kwargs.items()}
        try:
            result = self._function(request, *args, **kwargs)
        except TypeError:
            self._check_arguments(request, args, kwargs)
            raise
        return self._response(finished(result))

    def _converted(self, name: str, value: Any) -> Any:
        make = self._arg_types.get(name)
        if make is None:
            return value
        try:
            return make(value)
        except APIError:
            raise
        except Exception as error:
            raise RequestError(f"{self.name}(): {name}={excerpt(value)}: {error}", 422) from error

    def _check_arguments(self, request: Request, args: list[Any], kwargs: dict[str, Any]) -> None:
        """After a TypeError: was it the call's fault?  Checking before would slow down every call,
        and would refuse calls that a wrapper completes."""
        try:
            self._signature.bind(request, *args, **kwargs)
        except TypeError as error:
            raise RequestError(f"{self.name}(): {error}", 422) from error

    def _response(self, result: Any) -> Response:
        if isinstance(result, Response):
            return result
        if isinstance(result, bytes | bytearray | memoryview):
            return Response(bytes(result), 200, _BINARY)
        try:
            if not self._return_binary:
                return Response(_encode(result).encode(), 200, "application/json")
            if isinstance(result, str):
                return Response(result.encode(), 200, _BINARY)
        except Exception as error:
            raise ResultError(f"{self.name}() returned what cannot be sent: {error}") from error
        raise ResultError(
            f"{self.name}() returned {type(result).__name__}, not bytes or str, for return_binary"
        )


class APIHandler(ResponseHandler):
    """Answers /api.  Each port that has API functions has a subclass of its own."""

    methods = ("POST",)
    functions: ClassVar[dict[str, APIFunction]]

    def handle(self, request: Request) -> object:
        try:
            return self._answer(request)
        except RequestError as error:
            return errorResponse(request, str(error), error.status)
        except Exception as error:
            if not accepts_json(request):
                raise  # to Apache's own document, or the page that shows the traceback
            text = log_failure(cast("ServedRequest", self.req), error)
            shown = text if self.req.debug else "the function failed; the server's log says why"
            return errorResponse(request, shown, 500)

    def _answer(self, request: Request) -> Response:
        name, args, kwargs = _call(request)
        function = self.functions.get(name)
        if function is None:
            raise RequestError(f"there is no API function {name!r}", 404)
        try:
            return function(request, args, kwargs)
        except APIError as error:
            return errorResponse(request, error.msg, 422)


def register(registry: Registry, function: APIFunction, ports: Iterable[str | int]) -> None:
    """Have clients call *function* at the *ports*, as Registry.named() has them."""

    def add(port: Port) -> None:
        if not port.functions:
            port.routes.append(route(port.functions))
        elif function.name in port.functions:
            sys.stderr.write(
                f"hwebserver: a second API function {function.name}() takes its place\n"
            )
        port.functions[function.name] = function

    registry.each(ports, add)


def route(functions: dict[str, APIFunction]) -> Route:
    """Where *functions* are called, those that are added later, too."""
    return Route(PATH, False, type("APIHandler", (APIHandler,), {"functions": functions}))


def _signature(function: Callable[..., object]) -> inspect.Signature:
    """What *function* takes; anything, if it is of an extension that does not say."""
    try:
        return inspect.signature(function)
    except ValueError:
        return inspect.signature(lambda request, *args, **kwargs: None)


_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def _call(request: Request) -> _Call:
    """The call that a request is.  Raises RequestError for what is none."""
    media_type = request.contentType().partition(";")[0].strip().lower()
    if media_type == "application/json":
        return _parsed(request.body())
    fields = request.POST()
    args: list[Any] = []
    if "cmd_function" in fields:  # first: a function may have an argument json
        kwargs: dict[str, Any] = fields
        name = fields.pop("cmd_function")
    elif "json" in fields:
        name, args, kwargs = _parsed(fields["json"])
    else:
        raise RequestError("a call is a form with the field json or cmd_function")
    for key, file in request.files().items():
        if key in kwargs:
            raise RequestError(f"{name}(): {key} is there twice, once as a file", 422)
        kwargs[key] = file
    return name, args, kwargs


def _parsed(text: str | bytes) -> _Call:
    try:
        call = _decode(text.decode() if isinstance(text, bytes) else text)
    except (ValueError, RecursionError) as error:
        raise RequestError(f"the call is no JSON: {error}") from error
    match call:
        case [str(name), list(args), dict(kwargs)]:
            return name, args, kwargs
    raise RequestError("a call in JSON is an array of three: a name, an array and an object")


def _number(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text} is too large")
    return number


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


_decode = json.JSONDecoder(parse_float=_number, parse_constant=_refuse_constant).decode
_encode = json.JSONEncoder(allow_nan=False).encode
