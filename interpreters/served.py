"""The interface between dispatch and the ways into Python.  Imported by type checkers only."""

from types import ModuleType
from typing import Protocol

from ..handlers.request import Request
from .modules import Modules
from .settings import Settings

#: Settings in force, ``filename``, stamps.stamp_text() of it as Apache saw it ("" if it is no
#: file), and ``looked``.
Place = tuple[Settings, str, str, str]


class ServedRequest(Request, Protocol):
    """What dispatch sees of a request beyond what handlers see."""

    @property
    def settings(self) -> Settings:
        """The settings in force."""

    @property
    def place(self) -> Place:
        """All that says which code answers; the same object for as long as it is known to be."""

    @property
    def lacks_document(self) -> bool:
        """Whether the status wants a document, and nothing was sent or kept for sending."""

    @property
    def looked(self) -> str:
        """How the link found the files that were named to watch(), "" if none were."""

    def watch(self, files: str) -> None:
        """Have the link look at *files*, a Modules.watch_list(), from the next request on."""

    def settle(self, modules: Modules, version: int, module: ModuleType) -> None:
        """RequestHandler of *module* answers at this place as long as *modules* have that version:
        dispatch need not be asked."""

    def apache_document(self, status: int, reason: str) -> None:
        """Have Apache make the answer: its document for *status*; *reason* is for its log."""

    def begin(self) -> None:
        """Hand status and headers to the server, if they are not out.  Raises ValueError and the
        like for what cannot be sent; may then be called again."""

    def cut_short(self, status: int, reason: str) -> None:
        """End an answer that has begun so that the client can see that it is not complete; while
        nothing has gone out, do as apache_document()."""
