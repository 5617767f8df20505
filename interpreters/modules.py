"""Loading and reloading the site's own modules: handlers, and the helpers they import.

The site's modules are those outside the standard library and site-packages.  A path hook gives
sys.path entries with such modules a finder whose loader compiles from source and takes notes; the
rest of importing, packages and cycles and locks, is Python's own.

A handler's module is loaded from its file, under a name that no other file has, so that two
index.py never mix; one file is one module, also when it is imported as a helper.

A file has changed when its stamp (mtime_ns, size, inode) differs.  A reload is a transaction under
the interpreter's lock:

1. The stale modules of a handler are the changed ones and those that import a stale one.  They
   are taken out of sys.modules; what they held is kept as a seed.
2. The handler is imported again.  That imports its stale helpers, in the order in which their
   statements ask for them.  Each runs in a fresh module seeded with the old one's values, so that
   ``try: cache except NameError: cache = {}`` keeps its cache; old functions, classes and modules
   are no part of the seed.
3. If all of it ran to the end, the new modules stay.  If not, every old module is back where it
   was, and the error is the answer until a file changes, or for RETRY_SECONDS where it does not.

Requests in progress hold the old modules and finish on them.
"""

from __future__ import annotations

import builtins
import gc
import importlib
import importlib.util
import os
import sys
import time
from _thread import RLock, get_ident
from importlib.machinery import (
    EXTENSION_SUFFIXES,
    ExtensionFileLoader,
    FileFinder,
    ModuleSpec,
    SourceFileLoader,
)
from types import ModuleType

from ..handlers import loading
from .imports import imported_names, is_library
from .records import Failure, Handler, Seed, SiteModule, Transaction
from .stamps import stamp, stamp_text, unchanged
from .urls import NoModuleError, Source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import CodeType
    from typing import Any

    from .records import Script
    from .stamps import Stamp

_ONLY_AST = 0x400  # ast.PyCF_ONLY_AST, without importing ast into every interpreter


class Modules:
    """The site's modules in one interpreter."""

    def __init__(self) -> None:
        self._lock = RLock()
        self._transaction: Transaction | None = None
        self._transactions = 0
        #: grows with each module loaded, so that handlers notice late imports
        self.version = 0
        #: by Source.key
        self._handlers: dict[tuple[str, str, str], Handler] = {}
        self._by_path: dict[str, SiteModule] = {}
        self._by_name: dict[str, SiteModule] = {}
        self._executing: dict[tuple[int, str], SiteModule] = {}
        #: by path
        self._seeds: dict[str, Seed] = {}
        self._finders: list[FileFinder] = []
        self._lists = 0

    def install(self) -> None:
        """Take charge of the sys.path entries that are the site's."""
        sys.path_hooks.insert(0, self._path_hook)
        sys.path_importer_cache.clear()

    # -- requests --------------------------------------------------------------------------------

    def current(self, source: Source, seen: str, looked: str) -> ModuleType | None:
        """The module for *source* if it is loaded and no file of it has changed, else None.

        seen: stamp_text() of its own file, if Apache has looked at it for this request, or "".
        looked: how the link found the files of watch_list(), or "".
        """
        handler: Handler | None = source.handler
        if handler is None or not self._valid(handler, seen, looked):
            return None
        return handler.module

    def watch_list(self, source: Source, looked: str) -> str:
        """The files that the link should look at for *source*, as it takes them, if it does not."""
        handler: Handler | None = source.handler
        if handler is None or not handler.others or looked.startswith(f"{handler.number} "):
            return ""
        return " ".join([str(handler.number), *(os.fsencode(p).hex() for p, _ in handler.others)])

    def loaded(self, source: Source) -> ModuleType | None:
        """The module for *source* as it was loaded, or None; no file is looked at."""
        handler: Handler | None = source.handler
        return handler.module if handler is not None else None

    def load(self, source: Source, directory: str, *, always: bool = False) -> ModuleType:
        """Load or reload the module for *source*; one thread does it, the others wait for it.

        directory: where the request's files are.  always: also if nothing has changed.
        Raises what the module's code raises, and NoModuleError when the module is gone.
        """
        with self._lock:
            handler = source.handler = self._handlers.get(source.key) or Handler()
            if always and handler.record is not None:
                handler.record.stamp = None
            elif self._valid(handler, "", "") and handler.module is not None:  # by another thread
                return handler.module
            failure = handler.failure
            if failure is not None:
                if time.monotonic() < failure.retry_at and unchanged(failure.stamps):
                    raise failure.error.with_traceback(failure.traceback)
                handler.failure = None
            try:
                module = self._load(source, handler, directory)
            except NoModuleError:  # URLs make up names without end
                if handler.record is None:
                    self._handlers.pop(source.key, None)
                raise
            except BaseException:
                self._handlers[source.key] = handler
                raise
            self._handlers[source.key] = handler
            return module

    def _valid(self, handler: Handler, seen: str, looked: str) -> bool:
        record = handler.record
        if record is None or handler.failure is not None:
            return False
        if handler.version != self.version:
            version = self.version
            modules = self._closure(record)
            if self._by_path.get(record.path) is not record or self._stale(modules, changed=()):
                return False
            self._watch(handler, modules)
            handler.version = version
        if seen:
            if seen != handler.seen:
                return False
        elif not _is_as_loaded(*handler.own):
            return False
        if handler.others and (not looked or looked != handler.looked):
            for path, known in handler.others:
                if not _is_as_loaded(path, known):
                    return False
            if looked.startswith(f"{handler.number} "):
                handler.looked = looked
        return True

    def _watch(self, handler: Handler, modules: list[SiteModule]) -> None:
        own, *others = [(module.path, module.stamp) for module in modules]
        handler.own = own
        handler.seen = stamp_text(own[1])
        if handler.others != tuple(others):
            self._lists += 1
            handler.number = self._lists
            handler.looked = ""
            handler.others = tuple(others)

    # -- scripts: no modules themselves, they import some each time they run -----------------------

    def compile(self, script: Script) -> None:
        """Give *script* its code, as the file is now; one thread does it, the others wait for it.

        Raises OSError for a file that cannot be read, SyntaxError and the like, and ImportError as
        is_current().
        """
        with self._lock:
            script.seen = stamp_text(stamp(script.path))
            script.code = self._compile(script, "")

    def is_current(self, script: Script) -> bool:
        """Whether none of the modules that *script* imports has changed.

        Raises ImportError where another directory's module has the name of one.
        """
        if script.version != self.version:
            version = self.version
            self._refuse_mixing(script)
            script.others = tuple((m.path, m.stamp) for m in self._closure(script))
            script.version = version
        return all(_is_as_loaded(path, known) for path, known in script.others)

    def forget_stale(self, script: Script) -> None:
        """Let go of the stale modules that *script* imports: it imports them anew, with the values
        that a reload leaves them.

        Until it has, they are known as they were, so that handlers notice what has changed.
        """
        with self._lock:
            modules = self._closure(script)
            changed = [module for module in modules if stamp(module.path) != module.stamp]
            stale = [m for m in self._stale(modules, changed) if self._by_path.get(m.path) is m]
            if not stale:  # they are let go already
                return
            self._transactions += 1
            transaction = Transaction(self._transactions, "")
            for module in stale:
                self._remove(module, transaction)
                for name in module.names:
                    self._by_name[name] = self._by_path.get(module.path, module)
            self.version += 1
            gc.collect()

    # -- dependencies ----------------------------------------------------------------------------

    def _dependencies(self, importer: SiteModule | Script) -> Iterator[SiteModule]:
        for name in importer.imports:
            found = self._by_name.get(name)
            if found is not None and found is not importer:
                yield found

    def _closure(self, importer: SiteModule | Script) -> list[SiteModule]:
        """The site's modules that *importer* imports, directly or not; first itself, if it is
        one."""
        found = [importer] if isinstance(importer, SiteModule) else [*self._dependencies(importer)]
        for module in found:
            found.extend(d for d in self._dependencies(module) if d not in found)
        return found

    def _stale(self, modules: list[SiteModule], changed: Iterable[SiteModule]) -> list[SiteModule]:
        """Those of *modules* that are *changed*, or import one that is stale or newer than they."""
        stale = list(changed)
        grown = True
        while grown:
            grown = False
            for module in modules:
                if module not in stale and any(
                    d in stale or d.reloaded > module.loaded for d in self._dependencies(module)
                ):
                    stale.append(module)
                    grown = True
        return stale

    # -- the transaction -------------------------------------------------------------------------

    def _load(self, source: Source, handler: Handler, directory: str) -> ModuleType:
        self._transactions += 1
        transaction = Transaction(self._transactions, directory)
        outer, self._transaction = self._transaction, transaction
        try:
            path = handler.record.path if handler.record is not None else source.path
            old = self._by_path.get(path)
            if old is not None:
                self._remove_stale(old, transaction)
            for finder in self._finders:
                finder.invalidate_caches()
            module = self._import(source)
            record = self._by_name.get(module.__name__)
            if record is None or record.module is not module:
                record = self._record_unmanaged(module)
            self._adopt(record)
        except BaseException as error:
            self._roll_back(transaction)
            transaction.read.setdefault(source.path, stamp(source.path))
            handler.failure = Failure(error, transaction.read)
            raise
        finally:
            self._transaction = outer
            # who looked meanwhile saw modules missing, and has to look again
            self.version += 1
        if transaction.removed:
            gc.collect()  # old modules are cycles, and what they cached may be large
        handler.version = -1
        handler.record = record
        handler.module = module
        return module

    def _remove_stale(self, old: SiteModule, transaction: Transaction) -> None:
        modules = self._closure(old)
        changed = []
        for module in modules:
            transaction.read[module.path] = now = stamp(module.path)
            if now != module.stamp:
                changed.append(module)
        for module in self._stale(modules, changed):
            self._remove(module, transaction)

    def _remove(self, module: SiteModule, transaction: Transaction) -> None:
        transaction.removed.append(module)
        self._seeds[module.path] = Seed(module, transaction.number)
        if self._by_path.get(module.path) is module:
            del self._by_path[module.path]
        for name in module.names:
            if self._by_name.get(name) is module:
                del self._by_name[name]
            if sys.modules.get(name) is module.module:
                del sys.modules[name]
            self._unbind(name, module.module, transaction)

    @staticmethod
    def _unbind(name: str, module: ModuleType, transaction: Transaction) -> None:
        """Take a submodule from its package, where ``from package import it`` would find it."""
        parent_name, _, child = name.rpartition(".")
        parent = sys.modules.get(parent_name)
        if parent is not None and getattr(parent, child, None) is module:
            transaction.attributes.append((parent, child, module))
            delattr(parent, child)

    def _roll_back(self, transaction: Transaction) -> None:
        for module in transaction.loaded:
            self._by_path.pop(module.path, None)
            for name in module.names:
                self._by_name.pop(name, None)
                sys.modules.pop(name, None)
        for module in transaction.removed:
            self._by_path[module.path] = module
            self._seeds.pop(module.path, None)
            for name in module.names:
                self._by_name[name] = module
                sys.modules[name] = module.module
        for parent, child, value in transaction.attributes:
            setattr(parent, child, value)

    def _import(self, source: Source) -> ModuleType:
        if source.name:
            return self._import_named(source)
        known = self._by_path.get(source.path)
        if known is not None:
            return known.module
        if not os.path.exists(source.path):
            raise NoModuleError(f"{source.path} is gone")
        name = _unique_name(source.path)
        is_package = source.path.endswith("/__init__.py")
        spec = importlib.util.spec_from_file_location(
            name,
            source.path,
            loader=SiteLoader(self, name, source.path),
            submodule_search_locations=[os.path.dirname(source.path)] if is_package else None,
        )
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        try:
            spec.loader.exec_module(module)
        except BaseException:
            sys.modules.pop(name, None)
            raise
        return module

    def _import_named(self, source: Source) -> ModuleType:
        try:
            module = importlib.import_module(source.name)
        except ModuleNotFoundError as error:
            if error.name is not None and f"{source.name}.".startswith(f"{error.name}."):
                raise NoModuleError(f"there is no module {source.name}: {error}") from error
            raise
        file = getattr(module, "__file__", None)
        if source.path and file != source.path:
            raise ImportError(_mixed(source.name, source.path, str(file)), name=source.name)
        return module

    def _record_unmanaged(self, module: ModuleType) -> SiteModule:
        """A record for a module of the library, which the administrator named as the handler."""
        path = getattr(module, "__file__", None) or ""
        spec = module.__spec__ or ModuleSpec(module.__name__, None)
        record = SiteModule(path, stamp(path), spec, module)
        self._by_path[path] = self._by_name[module.__name__] = record
        return record

    def _adopt(self, record: SiteModule) -> None:
        registered = [item for m in reversed(self._closure(record)) for item in m.registered]
        if registered:
            loading.adopt(record.module, registered)

    # -- what the loader calls -------------------------------------------------------------------

    def _path_hook(self, path: str) -> FileFinder:
        if not os.path.isdir(path) or is_library(path):
            raise ImportError("not the site's", path=path)
        finder = FileFinder(
            path,
            (ExtensionFileLoader, EXTENSION_SUFFIXES),
            (lambda name, file: SiteLoader(self, name, file), [".py"]),  # type: ignore[arg-type]
        )
        self._finders.append(finder)
        return finder

    def existing(self, path: str) -> SiteModule | None:
        """The module of a file, loaded or being loaded by this thread, under whatever name."""
        return self._by_path.get(path) or self._executing.get((get_ident(), path))

    def registered(self) -> list[Any] | None:
        """What the module that this thread is loading has registered, as handlers/loading.py has
        it."""
        thread = get_ident()
        found = [record for (ident, _), record in list(self._executing.items()) if ident == thread]
        return found[-1].registered if found else None

    def alias(self, record: SiteModule, name: str) -> None:
        """Note that *record* is in sys.modules as *name* too."""
        record.names.add(name)
        self._by_name[name] = record

    def execute(self, module: ModuleType, spec: ModuleSpec, path: str) -> None:
        """Run the code of *path* in *module*, from its source, and take note of it."""
        transaction = self._transaction
        if transaction is not None and transaction.thread != get_ident():
            transaction = None
        read = stamp(path)
        if transaction is not None:
            transaction.read[path] = read
        record = SiteModule(path, read, spec, module)
        seed = self._seeds.pop(path, None)
        if seed is not None:
            for name, value in seed.values.items():
                module.__dict__.setdefault(name, value)
            record.reloaded = seed.transaction
            record.names |= seed.names
            for name in record.names:
                sys.modules[name] = module
        record.loaded = max(self._transactions, record.reloaded)
        key = (get_ident(), path)
        self._executing[key] = record
        try:
            code = self._compile(record, spec.parent or "")
            _bind_submodules(module)
            exec(code, module.__dict__)  # noqa: S102 - this is what a loader does
        except BaseException:
            for name in record.names:
                if sys.modules.get(name) is module:
                    del sys.modules[name]
            if seed is not None and transaction is None:
                self._seeds[path] = seed
            raise
        finally:
            del self._executing[key]
        self._by_path[path] = record
        for name in record.names:
            self._by_name[name] = record
        if transaction is not None:
            transaction.loaded.append(record)
        self.version += 1

    def _compile(self, importer: SiteModule | Script, package: str) -> CodeType:
        """The code of the importer's file, compiled from its source."""
        path = importer.path
        with open(path, "rb") as file:
            source = file.read()
        tree = _parse(source, path)
        importer.imports = frozenset(imported_names(tree, package))
        self._refuse_mixing(importer)
        code: CodeType = builtins.compile(tree, path, "exec", dont_inherit=True)
        return code

    def _refuse_mixing(self, record: SiteModule | Script) -> None:
        """Where directories share an interpreter, a helper's name can be taken by a file of
        another directory.  Say so rather than run the wrong file."""
        directory = os.path.dirname(record.path)
        for name in record.imports:
            top = name.partition(".")[0]
            taken = self._by_name.get(top)
            if taken is None or taken.path.startswith(f"{directory}/"):
                continue
            for own in (f"{directory}/{top}.py", f"{directory}/{top}/__init__.py"):
                if directory in sys.path and os.path.isfile(own):
                    raise ImportError(_mixed(top, own, taken.path), name=top)


class SiteLoader(SourceFileLoader):
    """Loads one of the site's modules: from source always, never from bytecode, whose time stamps
    are whole seconds."""

    def __init__(self, modules: Modules, name: str, path: str) -> None:
        super().__init__(name, path)
        self._modules = modules

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        existing = self._modules.existing(self.path)
        return existing.module if existing is not None else None

    def exec_module(self, module: ModuleType) -> None:
        existing = self._modules.existing(self.path)
        spec = module.__spec__
        assert spec is not None
        if existing is not None and existing.module is module:
            self._modules.alias(existing, spec.name)
            module.__spec__ = existing.spec
        else:
            self._modules.execute(module, spec, self.path)


def _is_as_loaded(path: str, known: Stamp | None) -> bool:
    try:
        status = os.stat(path)
    except OSError:
        return False
    return (status.st_mtime_ns, status.st_size, status.st_ino) == known


def _unique_name(path: str) -> str:
    """A module name that only this file has; without dots, which would make it a submodule."""
    directory, _, base = path.rpartition("/")
    name = base.removesuffix(".py")
    if name == "__init__":
        directory, _, name = directory.rpartition("/")
    return f"{name}@{directory}".replace("%", "%25").replace(".", "%2E")


def _parse(source: bytes, path: str) -> Any:
    """The syntax tree of a source.

    Tried again because CPython before 3.11.5 fails with SystemError when another thread of the
    interpreter parses at the same time (python/cpython#106905).
    """
    for _ in range(5):
        try:
            return builtins.compile(source, path, "exec", _ONLY_AST, dont_inherit=True)
        except SystemError:
            continue
    return builtins.compile(source, path, "exec", _ONLY_AST, dont_inherit=True)


def _bind_submodules(package: ModuleType) -> None:
    """Give a package that is loaded anew the submodules that stay: importing binds a submodule to
    its package only when it loads it."""
    prefix = f"{package.__name__}."
    for name, module in list(sys.modules.items()):
        if name.startswith(prefix) and "." not in name[len(prefix) :]:
            setattr(package, name[len(prefix) :], module)


def _mixed(name: str, wanted: str, taken: str) -> str:
    return (
        f"module {name} of {wanted} cannot be loaded: this interpreter already has {taken} under "
        "that name. Give one of the two directories an interpreter of its own (PythonInterpreter "
        "in its .htaccess), or rename one of the files"
    )
