"""httpdapi_cgi: CGI scripts (RFC 3875) run inside Apache, without a process for each request."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from . import base, cgi_process, loading, stdout
from .constants import REQ_PROCEED
from .errors import CGIError, ClientGoneError, RequestError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType, TracebackType

    from .request import Request

    Hook = Callable[[type[BaseException], BaseException, TracebackType | None], object]


class RequestHandler(base.RequestHandler):
    """Runs the script that the URL names."""

    def Handle(self) -> object:
        """Answer the request with what the script prints.

        Raises CGIError if that is no answer, and what the script does not catch.
        """
        code = loading.load_script(self.req)
        cgi_process.install()
        process = cgi_process.Process(self.req)
        before = stdout.current.get()
        stdout.redirect(cast("stdout.Stream", process.stdout))
        cgi_process.current.set(process)
        try:
            _run(code, process)
            process.finish()
        finally:
            process.output.close()
            cgi_process.current.set(None)
            stdout.current.set(before)
        return REQ_PROCEED


def _run(code: CodeType, process: cgi_process.Process) -> None:
    try:
        exec(code, process.main)  # noqa: S102 - this is what running a script is
    except SystemExit as end:
        _log_status(process.req, end.code)
    except (ClientGoneError, RequestError, CGIError):
        raise
    except BaseException as error:
        hook: Hook | None = process.of_sys.get("excepthook")
        if hook is None:
            raise
        loading.log_failure(process.req, error)
        hook(type(error), error, error.__traceback__)


def _log_status(req: Request, status: object) -> None:
    """Log what a script says by ending with a status other than 0, or with a message."""
    if isinstance(status, int):
        if status:
            req.log(f"{req.filename}: the script has ended with status {status}")
    elif status is not None:
        req.log(f"{req.filename}: {status}")
