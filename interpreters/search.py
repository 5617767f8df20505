"""sys.path, and which module serves a request."""

from __future__ import annotations

from .urls import NoModuleError, Source, find, module_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .options import Options

_MAX_KNOWN = 4096


class Search:
    """Finds the handler's module, and keeps sys.path as the request's settings want it.

    One per interpreter.  Requests of several directories meet here only where they share an
    interpreter; then sys.path is theirs together.
    """

    def __init__(self, path: list[str]) -> None:
        self._path = path
        self._default = list(path)
        self._replaced = False
        self._known: dict[tuple[str, str, str], Source] = {}
        self._paths: dict[tuple[str, str], list[str]] = {}

    def source(self, filename: str, directory: str, options: Options) -> Source:
        """The module for a request, by the options handler, rootpkg and pythonpath.

        Raises NoModuleError, or PythonPathError for a pythonpath that is not understood.
        """
        key = ("" if options.handler else filename, directory, options.text)
        source = self._known.get(key)
        if source is None:
            source = self._find(filename, directory, options)
            if len(self._known) >= _MAX_KNOWN:  # /name.a, /name.b ... are names without end
                self._known.clear()
            self._known[key] = source
        return source

    def forget(self, source: Source) -> None:
        """Look for the module anew at the next request: its file is gone."""
        for key, known in list(self._known.items()):
            if known is source:
                self._known.pop(key, None)

    def prepare(self, directory: str, options: Options) -> None:
        """Make sys.path what the settings say: the script's directory in front of the default,
        or with the option pythonpath just what that says."""
        if options.pythonpath:
            wanted = self._evaluated(options.pythonpath, directory)
            if self._path != wanted:
                self._path[:] = wanted
            self._replaced = True
            return
        if self._replaced:
            self._path[:] = self._default
            self._replaced = False
        if directory not in self._path:
            self._path.insert(0, directory)

    def prepare_to_load(self, source: Source, directory: str, options: Options) -> None:
        """As prepare, with the directories of request and module first of all: where several
        directories share the interpreter, each finds its own files."""
        self.prepare(directory, options)
        if not options.pythonpath:
            for first in (source.root, directory):
                if first and self._path[0] != first:
                    if first in self._path:
                        self._path.remove(first)
                    self._path.insert(0, first)

    def _evaluated(self, text: str, directory: str) -> list[str]:
        key = (text, directory)
        path = self._paths.get(key)
        if path is None:
            from .pythonpath import evaluate  # only the directories that use it pay for it

            path = self._paths[key] = evaluate(text, directory, self._default)
        return path

    def _find(self, filename: str, directory: str, options: Options) -> Source:
        name = options.handler or module_name(filename)
        if options.pythonpath:
            evaluated = self._evaluated(options.pythonpath, directory)
            # the library's modules are no handlers: /d/os.py must not run os
            roots = [root for root in evaluated if root not in self._default]
        else:
            roots = [directory]
        if options.handler:
            return self._handler(name, roots, options)
        if options.rootpkg:
            return Source(f"{options.rootpkg}.{name}", "", "")
        source = find(name, roots)
        if source is None:
            wanted = " or ".join(f"{root}/{name.replace('.', '/')}.py" for root in roots)
            raise NoModuleError(f"{filename}: there is no module {name}, that is no {wanted}")
        return source

    def _handler(self, name: str, roots: list[str], options: Options) -> Source:
        """The module that PythonOption handler names.  The administrator's word may name any."""
        rootpkg = options.rootpkg
        if rootpkg and name != rootpkg and not name.startswith(f"{rootpkg}."):
            inside = find(f"{rootpkg}.{name}", [*roots, *self._path])
            if inside is not None:
                return Source(f"{rootpkg}.{name}", "", "")
        own = options.directory_of("handler")
        if own and own not in roots and not options.pythonpath:
            roots = [*roots, own]
        return find(name, roots) or Source(name, "", "")
