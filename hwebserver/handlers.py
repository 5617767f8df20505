"""Handlers of URLs.  What is registered is a RequestHandler subclass, always."""

from __future__ import annotations

from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any

from ..handlers.base import RequestHandler
from ..handlers.constants import REQ_PROCEED
from ..handlers.exits import excerpt
from .coroutines import answered, is_coroutine
from .request import Request
from .response import Response
from .responses import errorResponse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ..interpreters.asgi import ASGIRequest, LoopExchange

#: Forms of more bytes are read by a thread.
LARGE = 256 * 1024


class ResponseHandler(RequestHandler):
    """Base class of handlers that return a Response."""

    #: Methods that it answers, in capitals, HEAD where GET is; none: all.
    methods: Iterable[str] = ()
    #: Whether handle() is a coroutine function: it runs on the event loop, if there is one.
    is_async = False

    def Handle(self) -> object:
        req = self.req
        request = Request(req)
        try:
            if req.method not in ("GET", "HEAD"):
                request.check_length()
            if self.methods and not self._answers(req.method):
                response: object = self._refusal(request)
            else:
                response = self.handle(request)
            if not isinstance(response, Response):
                if is_coroutine(response):
                    response = answered(request, response)
                response = self._checked(request, response)
            if response is not None:
                request.answer(response)
        finally:
            request.close()
        return REQ_PROCEED

    async def HandleAsync(self) -> object:
        """As Handle(), on the event loop; the request is an ASGIRequest with a LoopExchange."""
        req: ASGIRequest = self.req  # type: ignore[assignment]
        exchange: LoopExchange = req.exchange  # type: ignore[assignment]
        request = Request(self.req)
        try:
            if req.method not in ("GET", "HEAD"):
                request.check_length()
            if self.methods and not self._answers(req.method):
                result: object = self._refusal(request)
            else:
                if not exchange.has_body:
                    await self._receive_body(request, exchange)
                request._is_on_loop = True
                result = self.handle(request)
                if is_coroutine(result):
                    result = await result
                request._is_on_loop = False  # what comes now is all there is
            response = self._checked(request, result)
            if response is not None:
                whole = None if request.is_answered else response._whole()
                if whole is not None and req.finish_whole(*whole):
                    request.is_answered = True
                else:
                    request.answer(response)
        finally:
            request.close()
        return REQ_PROCEED

    async def _receive_body(self, request: Request, exchange: LoopExchange) -> None:
        """Have the body, and a large form read by a thread."""
        size = await exchange.receive_body()
        if not size:
            return
        if size > LARGE:
            import asyncio

            await asyncio.get_running_loop().run_in_executor(None, request.prepare)
        else:
            request.prepare()

    def handle(self, request: Request) -> object:
        """Answer *request* with a Response, or a coroutine that does."""
        raise NotImplementedError

    def _checked(self, request: Request, result: object) -> Response | None:
        """*result*, if it is a Response; None if one was sent."""
        if isinstance(result, Response) or (result is None and request.is_answered):
            return result
        code = getattr(self.handle, "__code__", None)
        where = f" ({code.co_filename}, line {code.co_firstlineno})" if code is not None else ""
        raise TypeError(
            f"{type(self).__qualname__}{where} returned {excerpt(result)}, no Response: "
            "a handler ends with return hwebserver.Response(...)"
        )

    def _answers(self, method: str) -> bool:
        return method in self.methods or (method == "HEAD" and "GET" in self.methods)

    def _refusal(self, request: Request) -> Response:
        allowed = {*self.methods, "HEAD"} if "GET" in self.methods else set(self.methods)
        message = f"{request.path()} does not take the method {request.method()}"
        response = errorResponse(request, message, 405)
        response.setHeader("Allow", ", ".join(sorted(allowed)))
        return response


class URLHandler:
    """Base class of objects that answer a URL; register one by insertHandlerForPort().

    methods: those that it answers, HEAD with GET; others get 405.
    allows_partial: it answers all that lies below *path* as well.
    """

    def __init__(
        self, path: str, methods: Iterable[str] = ("GET", "POST"), allows_partial: bool = False
    ) -> None:
        if isinstance(methods, str):
            raise TypeError(f"methods is a list of names, as in [{methods!r}], not {methods!r}")
        self.path = path
        self.methods = [method.upper() for method in methods]
        self.allows_partial = allows_partial

    def handle(self, request: Request) -> object:
        """Answer *request* with a Response.  Several threads may be in it at once."""
        raise NotImplementedError(f"{type(self).__qualname__} has no method handle(self, request)")


class AsyncURLHandler(URLHandler):
    """A URLHandler whose handle() is async, and answers by ``request.send(response)``.

    All of a process run on one event loop; none may keep it waiting.
    """

    async def handle(self, request: Request) -> object:
        """Answer *request* by ``request.send(response)``."""
        raise NotImplementedError(f"{type(self).__qualname__} has no method handle(self, request)")


def handler_of(
    answer: Callable[[Request], object], name: str, methods: Iterable[str] = ()
) -> type[RequestHandler]:
    """A handler that calls *answer*, by the *name* that the log has for it."""
    body = {
        "handle": staticmethod(answer),
        "methods": frozenset(methods),
        "is_async": _is_async(answer),
        "__qualname__": name,
    }
    return type(name, (ResponseHandler,), body)


def _is_async(answer: Callable[..., object]) -> bool:
    """Whether what *answer* returns is to be awaited: it, or its class's __call__, is async."""
    return iscoroutinefunction(answer) or iscoroutinefunction(type(answer).__call__)


def handler_of_instance(handler: URLHandler) -> type[RequestHandler]:
    """A handler that leaves requests to the object *handler*."""
    if not isinstance(handler, URLHandler):
        raise TypeError(f"{handler!r} is no instance of hwebserver.URLHandler")
    return handler_of(handler.handle, type(handler).__qualname__, handler.methods)


def as_handler(target: Any, path: str, is_prefix: bool) -> type[RequestHandler]:
    """What answers for *target*: a function or the like, or a RequestHandler or URLHandler
    subclass, of which an object is made with *path* and *is_prefix*.

    Raises TypeError for what is none of these.
    """
    if isinstance(target, type):
        if issubclass(target, RequestHandler):
            return target
        if issubclass(target, URLHandler):
            try:
                return handler_of_instance(target(path, allows_partial=is_prefix))
            except TypeError as error:
                raise TypeError(
                    f"{target.__qualname__}(path, allows_partial=...) makes no handler: give an "
                    f"object of it to insertHandlerForPort() ({error})"
                ) from error
    elif isinstance(target, URLHandler):
        raise TypeError("an instance of URLHandler has its path; insertHandlerForPort() takes it")
    elif callable(target):
        return handler_of(target, getattr(target, "__qualname__", type(target).__qualname__))
    raise TypeError(
        f"urlHandler takes a function, or a class of RequestHandler or URLHandler, not {target!r}"
    )
