"""Service: calls the API functions of a server.  Besides Python this file needs httpx alone."""

from __future__ import annotations

import io
import json
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import httpx

if TYPE_CHECKING:
    from collections.abc import Iterator
    from os import PathLike
    from types import TracebackType

    from _typeshed import WriteableBuffer

#: Errors come as JSON to a client that asks for it first.
_ACCEPT = "application/json, */*"
_BINARY = "application/octet-stream"
#: Name of the file that a bytearray is sent as.
_UNNAMED = "unnamed.bin"
_CONNECT_TIMEOUT_S = 10.0


class APIError(Exception):
    """The server's answer is an error.

    message: what the function raised APIError with, any JSON value; else what the server says.
    status_code: 422 for the function's own errors and for arguments that do not fit, 500 when the
    function failed, 404 when there is none of that name.
    """

    def __init__(self, message: Any, status_code: int) -> None:
        super().__init__(message)
        self.message = message
        self.status_code = status_code

    def __str__(self) -> str:
        return f"{self.status_code}: {self.message}"


class File:
    """A file to be sent as a keyword argument; it is read as it goes out."""

    def __init__(self, filename: str | PathLike[str]) -> None:
        self.filename = Path(filename)


class ResponseFile(io.BufferedReader):
    """A binary result, read from the server as it comes.  A context manager; closing it ends it.

    Reading raises ConnectionError when the server goes away, TimeoutError when it sends nothing.
    """

    def __init__(self, response: httpx.Response) -> None:
        super().__init__(_Body(response))
        self.content_type: str = response.headers.get("Content-Type", _BINARY)


class Service:
    """The API functions at *url*: ``service.name(...)``, ``service.namespace.name(...)``.

    A function is called with what JSON can encode, and with File, bytes and bytearray as keyword
    arguments.  It gives the result that came as JSON, and a ResponseFile for any other.

    It raises APIError for the server's errors, ConnectionError and TimeoutError for those of the
    way there, TypeError and ValueError for arguments that cannot be sent.

    Connections are kept for further calls, until a with block around the service ends; any thread
    may call.

    client: the httpx.Client to use, which stays open; without it one is made with the *options*,
    ``auth``, ``headers``, ``timeout`` (seconds), ``verify`` and so on.  Unless ``timeout`` says
    otherwise, a call waits for its answer as long as the function takes.
    """

    def __init__(self, url: str, client: httpx.Client | None = None, **options: Any) -> None:
        if httpx.URL(url).scheme not in ("http", "https"):
            raise ValueError(f"the address of an API begins with http:// or https://, not {url!r}")
        if client is not None and options:
            raise TypeError(f"{', '.join(options)}: give these to the client, or give no client")
        options.setdefault("timeout", httpx.Timeout(None, connect=_CONNECT_TIMEOUT_S))
        self._url = url
        self._is_own = client is None
        self._client = client or httpx.Client(**options)

    def __getattr__(self, name: str) -> _Function:
        return _Function(self, _public(name))

    def __enter__(self) -> Service:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._is_own:
            self._client.close()

    def _call(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        with ExitStack() as opened, _plain_errors():
            files = {
                key: _part(kwargs.pop(key), opened)
                for key, value in list(kwargs.items())
                if isinstance(value, File | bytes | bytearray)
            }
            data = {"json": _encode([name, args, kwargs])}
            return _result(self._send(data, files))

    def _send(self, data: dict[str, str], files: dict[str, Any]) -> httpx.Response:
        """The answer, its body unread.

        A connection that was kept may be closed by the server just when it is used again.  What was
        sent there has not been read, so it goes out anew, as browsers do it.
        """
        while True:
            steps: list[str] = []
            request = self._client.build_request(
                "POST",
                self._url,
                headers={"Accept": _ACCEPT},
                data=data,
                files=files or None,
                extensions={"trace": lambda step, facts, steps=steps: steps.append(step)},
            )
            try:
                return self._client.send(request, stream=True)
            except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError):
                is_new = any(step.startswith("connection.connect") for step in steps)
                if is_new or not steps:
                    raise


class _Function:
    """A function of a service, or a namespace of functions."""

    def __init__(self, service: Service, name: str) -> None:
        self._service = service
        self._name = name

    def __getattr__(self, name: str) -> _Function:
        return _Function(self._service, f"{self._name}.{_public(name)}")

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        return self._service._call(self._name, args, kwargs)

    def __repr__(self) -> str:
        return f"<{self._name} of {self._service._url}>"


class _Body(io.RawIOBase):
    """The body of an answer."""

    def __init__(self, response: httpx.Response) -> None:
        self._response = response
        self._pieces = response.iter_bytes()
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        if not self._rest:
            with _plain_errors():
                self._rest = memoryview(next(filter(None, self._pieces), b""))
        into = memoryview(buffer)
        count = min(len(into), len(self._rest))
        into[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count

    def close(self) -> None:
        if not self.closed:
            self._response.close()
        super().close()


def _public(name: str) -> str:
    """*name*, unless Python itself looks for it: copy and pickle do, for methods of theirs."""
    if name.startswith("_"):
        raise AttributeError(f"{name}: names of API functions do not begin with _")
    return name


def _refuse(value: object) -> NoReturn:
    raise TypeError(
        f"{type(value).__name__} cannot be sent: JSON has no such thing, and a file (File, bytes, "
        "bytearray) has to be a keyword argument"
    )


_encode = json.JSONEncoder(allow_nan=False, default=_refuse).encode


def _part(value: File | bytes | bytearray, opened: ExitStack) -> tuple[str, Any, str]:
    if isinstance(value, File):
        file = opened.enter_context(value.filename.open("rb"))
        return value.filename.name, file, _BINARY
    return _UNNAMED, bytes(value), _BINARY


def _result(response: httpx.Response) -> Any:
    media_type = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if response.is_success and media_type != "application/json":
        return ResponseFile(response)
    response.read()
    if response.is_success:
        return response.json()
    raise APIError(_message(response, media_type), response.status_code)


def _message(response: httpx.Response, media_type: str) -> Any:
    if media_type == "application/json":
        answer = response.json()
        return answer["error"] if isinstance(answer, dict) and "error" in answer else answer
    return response.text if media_type == "text/plain" else response.reason_phrase


@contextmanager
def _plain_errors() -> Iterator[None]:
    """Have a failing connection raise what Python has for it."""
    try:
        yield
    except httpx.TimeoutException as error:
        raise TimeoutError(str(error) or "the server does not answer in time") from error
    except httpx.TransportError as error:
        raise ConnectionError(str(error)) from error
