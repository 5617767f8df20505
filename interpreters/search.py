"""sys.path, and which module serves a request."""

from __future__ import annotations

from .urls import NoModuleError, Source, find, module_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .settings import Settings

#: The pythonpath of scripts that call hwebserver.run(), which change sys.path themselves.
AS_IT_IS = "sys.path"

_MAX_KNOWN = 4096
_NAMED = "\n"  # begins no file's name


class Search:
    """Finds the handler's module, and keeps sys.path as the request's settings want it.

    One per interpreter.  Requests of several directories meet here only where they share an
    interpreter; then sys.path is theirs together.
    """

    def __init__(self, path: list[str]) -> None:
        self._path = path
        self._default = list(path)
        self._replaced = False
        self._paths: dict[tuple[str, str], list[str]] = {}

    def source(self, filename: str, settings: Settings) -> Source:
        """The module for a request, by the options handler, rootpkg and pythonpath.

        Raises NoModuleError, or PythonPathError for a pythonpath that is not understood.
        """
        known = settings.sources
        name = "" if settings.handler else filename
        source = known.get(name)
        if source is None:
            source = self._find(filename, settings)
            if len(known) >= _MAX_KNOWN:  # /name.a, /name.b ... are names without end
                known.clear()
            known[name] = source
        return source

    def forget(self, filename: str, settings: Settings) -> None:
        """Look for the module anew at the next request: its file is gone."""
        settings.sources.pop("" if settings.handler else filename, None)

    def prepare(self, settings: Settings) -> None:
        """Make sys.path what the settings say: the script's directory in front of the default,
        or with the option pythonpath just what that says."""
        if settings.pythonpath == AS_IT_IS:
            return
        if settings.pythonpath:
            wanted = self._evaluated(settings)
            if self._path != wanted:
                self._path[:] = wanted
            self._replaced = True
            return
        if self._replaced:
            self._path[:] = self._default
            self._replaced = False
        if settings.directory and settings.directory not in self._path:
            self._path.insert(0, settings.directory)

    def prepare_to_load(self, source: Source, settings: Settings) -> None:
        """As prepare, with the directories of request and module first of all: where several
        directories share the interpreter, each finds its own files."""
        self.prepare(settings)
        if not settings.pythonpath:
            for first in (source.root, settings.directory):
                if first and self._path[0] != first:
                    if first in self._path:
                        self._path.remove(first)
                    self._path.insert(0, first)

    def _evaluated(self, settings: Settings) -> list[str]:
        key = (settings.pythonpath, settings.directory)
        path = self._paths.get(key)
        if path is None:
            from .pythonpath import evaluate  # only the directories that use it pay for it

            path = self._paths[key] = evaluate(*key, self._default)
        return path

    def _find(self, filename: str, settings: Settings) -> Source:
        name = settings.handler or module_name(filename)
        roots = self._roots(settings)
        if settings.handler:
            own = settings.directory_of("handler")
            return self._named(
                name, [*roots, own] if own and not settings.pythonpath else roots, settings
            )
        if settings.rootpkg:
            return Source(f"{settings.rootpkg}.{name}", "", "")
        source = find(name, roots)
        if source is None:
            wanted = " or ".join(f"{root}/{name.replace('.', '/')}.py" for root in roots)
            raise NoModuleError(f"{filename}: there is no module {name}, that is no {wanted}")
        return source

    def named(self, name: str, settings: Settings) -> Source:
        """The module of that name, which the administrator has given."""
        key = _NAMED + name
        source = settings.sources.get(key)
        if source is None:
            source = settings.sources[key] = self._named(name, self._roots(settings), settings)
        return source

    def forget_named(self, name: str, settings: Settings) -> None:
        """Look for that module anew: its file is gone."""
        settings.sources.pop(_NAMED + name, None)

    def _roots(self, settings: Settings) -> list[str]:
        if not settings.pythonpath:
            return [settings.directory] if settings.directory else []
        # the library's modules are no handlers: /d/os.py must not run os
        return [root for root in self._evaluated(settings) if root not in self._default]

    def _named(self, name: str, roots: list[str], settings: Settings) -> Source:
        """A module that the administrator names, whose word may name any."""
        rootpkg = settings.rootpkg
        if rootpkg and name != rootpkg and not name.startswith(f"{rootpkg}."):
            inside = find(f"{rootpkg}.{name}", [*roots, *self._path])
            if inside is not None:
                return Source(f"{rootpkg}.{name}", "", "")
        return find(name, roots) or Source(name, "", "")
