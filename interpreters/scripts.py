"""CGI scripts: files that are run afresh for each request, compiled when they have changed."""

from __future__ import annotations

from .records import Script
from .urls import NoModuleError, Source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType

    from .modules import Modules
    from .search import Search
    from .served import ServedRequest

#: The files that are scripts; whatever else the handler may be set for, nothing else is run.
EXTENSIONS = (".cgi", ".py")
_MAX_KNOWN = 4096


class Scripts:
    """The scripts of one interpreter."""

    def __init__(self, modules: Modules, search: Search) -> None:
        self._modules = modules
        self._search = search
        self._known: dict[str, Script] = {}

    def load(self, request: ServedRequest) -> CodeType:
        """The code of the request's file, with sys.path and the modules it imports made ready.

        Raises NoModuleError for a file that does not exist or is no script, what Modules.compile()
        raises, and PythonPathError as Search.
        """
        settings, filename, seen, _ = request.place
        if not seen or not filename.endswith(EXTENSIONS):
            self._known.pop(filename, None)
            kind = " or ".join(EXTENSIONS)
            raise NoModuleError(
                f"{filename}: there is no such file"
                if not seen
                else f"{filename}: a CGI script is a {kind} file"
            )
        script = self._known.get(filename)
        if script is None:
            if len(self._known) >= _MAX_KNOWN:
                self._known.clear()
            script = Script(Source("", filename, settings.directory))
            self._known[filename] = script
        self._search.prepare_to_load(script.source, settings)
        modules = self._modules
        if script.code is None or (settings.autoreload and script.seen != seen):
            modules.compile(script)
        if settings.autoreload and not modules.is_current(script):
            modules.forget_stale(script)
        assert script.code is not None
        return script.code
