"""When a handler fails: the traceback in the error log, and the page for the client.

Imported when something fails, not before.
"""

from __future__ import annotations

import linecache
import os
import traceback
from html import escape
from pathlib import Path
from string import Template

from .advice import advice, message_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from .settings import Settings

_OURS = os.path.dirname(os.path.dirname(__file__))
_CONTEXT_LINES = 4
_PAGE = Template((Path(__file__).parent / "debug_page.html").read_text())


def describe(error: BaseException, filename: str, directory: str) -> str:
    """The traceback as text, for the log and for clients that take no HTML: the script's name,
    then what an interactive interpreter would print, beginning at the user's code."""
    hint = advice(error, directory)
    if hint is not None and hint not in getattr(error, "__notes__", ()):
        error.add_note(hint)
    lines = traceback.format_exception(type(error), error, user_traceback(error.__traceback__))
    return f"{filename}: {type(error).__name__}: {message_of(error)}\n{''.join(lines)}".rstrip("\n")


def user_traceback(trace: TracebackType | None) -> TracebackType | None:
    """The part of a traceback from the user's first frame on; all of it if there is none."""
    start = trace
    while start is not None:
        if not _is_ours(start.tb_frame.f_code.co_filename):
            return start
        start = start.tb_next
    return trace


def page(error: BaseException, filename: str, settings: Settings) -> str:
    """The debug page: the traceback with the source around each frame, and the options."""
    notes = "".join(f"<p class=note>{escape(n)}</p>" for n in getattr(error, "__notes__", ()))
    return _PAGE.substitute(
        kind=escape(type(error).__name__),
        message=escape(message_of(error)),
        filename=escape(filename),
        notes=notes,
        frames="".join(_frames(error)),
        options="".join(
            f"<tr><th>{escape(name)}<td>{escape(value)}<td>{escape(settings.set_in[name])}"
            for name, value in settings.options.items()
        ),
    )


def accepts_html(accept: str) -> bool:
    """Whether a client with this Accept header takes HTML; one without the header does."""
    if not accept.strip():
        return True
    for item in accept.lower().split(","):
        media_type, *parameters = (part.strip() for part in item.split(";"))
        if media_type in ("text/html", "application/xhtml+xml", "text/*", "*/*"):
            refused = any(p.replace(" ", "") in ("q=0", "q=0.0", "q=0.00") for p in parameters)
            if not refused:
                return True
    return False


def _is_ours(filename: str) -> bool:
    return filename.startswith((f"{_OURS}/", "<frozen importlib"))


def _frames(error: BaseException) -> Iterator[str]:
    linecache.checkcache()
    for frame in traceback.extract_tb(user_traceback(error.__traceback__)):
        yield _frame(frame.filename, frame.lineno or 0, frame.name)
    if isinstance(error, SyntaxError) and error.filename:
        yield _frame(error.filename, error.lineno or 0, "syntax error")


def _frame(filename: str, number: int, name: str) -> str:
    first = max(1, number - _CONTEXT_LINES)
    lines = []
    for n in range(first, number + _CONTEXT_LINES + 1):
        text = linecache.getline(filename, n)
        if text:
            mark = " class=here" if n == number else ""
            lines.append(f"<li value={n}{mark}><code>{escape(text.rstrip()) or ' '}</code>")
    return f"<h2>{escape(filename)}, line {number}, in {escape(name)}</h2><ol>{''.join(lines)}</ol>"
