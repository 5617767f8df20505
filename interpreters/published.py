"""The module that a URL's file names, or the script that it is, where PythonOption handler has
another module answer.

That one asks for it by handlers/loading.py.
"""

from __future__ import annotations

from .settings import Settings
from .urls import NoModuleError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, ModuleType

    from .modules import Modules
    from .scripts import Scripts
    from .search import Search
    from .served import ServedRequest

_MAX_KNOWN = 1024


class PublishedModules:
    """Loads and reloads them in one interpreter, just like handlers' modules."""

    def __init__(self, modules: Modules, search: Search) -> None:
        self._modules = modules
        self._search = search
        self._known: dict[str, Settings] = {}
        self._scripts: Scripts | None = None

    def load(self, request: ServedRequest) -> ModuleType:
        """The module for *request*, as it is now.  Raises as Modules.load()."""
        settings, filename = self._settings(request.settings), request.filename
        modules, search = self._modules, self._search
        source = search.source(filename, settings)
        module = modules.current(source, "", "") if settings.autoreload else modules.loaded(source)
        if module is not None:
            return module
        search.prepare_to_load(source, settings)
        try:
            return modules.load(source, settings.directory)
        except NoModuleError:
            search.forget(filename, settings)  # name.py may have become name/__init__.py
            found = search.source(filename, settings)
            if found == source:
                raise
            return modules.load(found, settings.directory)

    def load_script(self, request: ServedRequest) -> CodeType:
        """The code of the script that is the file of *request*, as it is now.  Raises as
        Scripts.load()."""
        scripts = self._scripts
        if scripts is None:
            from .scripts import Scripts  # only the interpreters that run some pay for it

            scripts = self._scripts = Scripts(self._modules, self._search)
        return scripts.load(request)

    def _settings(self, settings: Settings) -> Settings:
        """The same ones without the option handler, as one object for the same text."""
        known = self._known.get(settings.text)
        if known is None:
            if len(self._known) >= _MAX_KNOWN:
                self._known.clear()
            known = Settings(settings.text)
            known.handler = ""
            self._known[settings.text] = known
        return known
