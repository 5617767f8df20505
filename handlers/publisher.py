"""httpdapi_publisher: objects answer for URLs, by the ZPublisher of Zope 6 (Httpdapy 1.7b).

The URL's file names a module, and what follows it in the URL leads to an object of that; or, where
PythonOption zope_conf names the configuration of a Zope site, all URLs are that site's.
"""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from . import base, gateway, loading
from .constants import REQ_PROCEED
from .errors import PublisherError, RequestError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .request import Request

    Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

#: Where code is that is not the user's.
_LIBRARIES = (f"{Path(__file__).parents[1]}/", f"{Path(os.__file__).parent}/", "<frozen")


class RequestHandler(base.RequestHandler):
    """Publishes the module that the URL names, or a Zope site."""

    def Handle(self) -> object:
        """Answer the request.

        Raises PublisherError outside of the main interpreter, without Zope, and for a zope_conf
        that cannot be used; else what the published object raises.
        """
        req = self.req
        if req.interpreter:
            directory = req.option_directory("handler") or req.directory
            raise PublisherError(
                "ZPublisher does not work in a sub-interpreter: its extensions keep one state per "
                "process. Let this directory run in the main interpreter: put the line "
                f"'PythonInterpreter main_interpreter' into {directory}/.htaccess"
            )
        _import_zope()
        try:
            req.uri.encode()
        except UnicodeEncodeError as error:
            raise RequestError("the URL's path is not UTF-8") from error
        zope_conf = self.pb.get("zope_conf")
        if zope_conf is None:
            _publish_module(req)
        else:
            _publish_site(req, zope_conf)
        return REQ_PROCEED


def _import_zope() -> None:
    try:
        from . import zpublisher  # noqa: F401
    except ModuleNotFoundError as error:
        if error.name not in ("ZPublisher", "zExceptions"):
            raise
        raise PublisherError(
            "httpdapi_publisher needs Zope, which this Python does not have. Install it: "
            f"{sys.prefix}/bin/python -m pip install 'Zope>=6'"
        ) from error


def _publish_module(req: Request) -> None:
    from . import zpublisher

    module = loading.load_module(req)
    realm = quote(Path(req.filename).stem)

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        return zpublisher.publish(module, realm, req.debug, environ, start_response)

    _answer(req, application, req.uri.removesuffix(req.path_info), req.path_info)


def _publish_site(req: Request, zope_conf: str) -> None:
    from .zope_site import site

    directory = req.option_directory("zope_conf")
    site.start(Path(directory, zope_conf))

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        failures: list[Exception] = []
        answer = site.publish(environ, start_response, failures)
        if failures and req.status >= 500:  # and the answer is the site's own page for it
            if req.debug:
                raise failures[-1]
            _log(req, failures[-1])
        return answer

    _answer(req, application, *script_and_path(req, directory))


def script_and_path(req: Request, directory: str) -> tuple[str, str]:
    """SCRIPT_NAME and PATH_INFO for an application whose URLs are those of *directory*.

    If the file is not in there, as in a <Location>, it has all of the server's.
    """
    path = req.filename.removeprefix(directory) + req.path_info
    if directory and path[:1] in ("", "/") and req.uri.endswith(path):
        return req.uri.removesuffix(path).removesuffix("/"), path
    return "", req.uri


def _answer(req: Request, application: Application, script: str, path: str) -> None:
    """Have *application*, which is ZPublisher, answer; its HTTPExceptions give their pages."""
    from zExceptions import HTTPException
    from ZPublisher import HTTPRequest

    from .zpublisher import as_html

    path = path.encode().decode("latin-1")  # as PEP 3333 has it; Zope makes URLs of the script
    start_response = gateway.starter(req)
    has_body = req.method not in ("GET", "HEAD")
    with gateway.spooled(req, HTTPRequest.FORM_DISK_LIMIT if has_body else None) as body:
        environ = gateway.environment(req, script, path, body)
        try:
            answer = application(environ, start_response)
        except HTTPException as error:
            _begin_at_user_code(error)
            is_failure = error.getStatus() >= 500
            if req.started or (is_failure and req.debug):
                raise
            if is_failure:
                _log(req, error)
            if error.body is None and error.detail is None:
                error.detail = as_html(str(error))
            answer = error(environ, start_response)
        except Exception as error:
            _begin_at_user_code(error)
            raise
        gateway.send(req, answer)


def _log(req: Request, error: Exception) -> None:
    req.log(f"{req.filename}: {''.join(traceback.format_exception(error))}".rstrip())


def _begin_at_user_code(error: BaseException) -> None:
    """Leave out what comes in a traceback before the user's code, if there is any of it."""
    trace = error.__traceback__
    while trace is not None:
        if not _is_library(trace.tb_frame.f_code.co_filename):
            error.__traceback__ = trace
            return
        trace = trace.tb_next


def _is_library(filename: str) -> bool:
    return (
        "/site-packages/" in filename
        or "/dist-packages/" in filename
        or filename.startswith(_LIBRARIES)
    )
