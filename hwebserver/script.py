"""The script that calls run(): how Python has started it, and how Apache's process does again."""

from __future__ import annotations

import builtins
import importlib
import importlib.util
import io
import os
import sys
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from .errors import OperationFailed

# As they are when hwebserver is imported: what the script changes of them, it changes again when
# Apache's process runs it.
_argv = list(sys.argv)
_path = list(sys.path)
_directory = Path.cwd()
#: What Apache's Python must not see when it starts, but the script's does.
_ENVIRONMENT = ("PYTHONHOME", "PYTHONPATH")


def origin() -> dict[str, Any]:
    """How the script was started, for run() below, in JSON's types.

    Raises OperationFailed if there is no script.
    """
    main = sys.modules["__main__"]
    spec = getattr(main, "__spec__", None)
    return {
        "file": str(file()),
        "module": spec.name if spec is not None else None,
        "argv": _argv,
        "orig_argv": sys.orig_argv,
        "executable": sys.executable,
        "path": _path,
        "directory": str(_directory),
        "has_hou": f"{__package__}.hou_compat" in sys.modules,
        "environment": {k: os.environ[k] for k in _ENVIRONMENT if k in os.environ},
    }


def exists() -> bool:
    """Whether there is a script that Apache's process can run."""
    return getattr(sys.modules["__main__"], "__file__", None) is not None


def file() -> Path:
    """The script's file.  Raises OperationFailed if there is none."""
    path: str | None = getattr(sys.modules["__main__"], "__file__", None)
    if path is None:
        raise OperationFailed(
            "run() needs a script: Apache's processes load the handlers from its file, and an "
            "interactive session has none; save it as a file and run that"
        )
    return _directory / path


def run(started: dict[str, Any]) -> None:
    """Run the script of origin() as ``__main__``, as Python itself would; until it ends."""
    sys.argv[:] = started["argv"]
    sys.orig_argv[:] = started["orig_argv"]
    sys.executable = started["executable"]
    sys.path[:] = started["path"]
    os.environ.update(started["environment"])
    os.chdir(started["directory"])
    if started["has_hou"]:
        importlib.import_module(".hou_compat", __package__)
    name = started["module"]
    module = ModuleType("__main__")
    module.__builtins__ = builtins  # type: ignore[attr-defined]
    if name is None:
        path = started["file"]
        module.__file__ = path
        module.__cached__ = None  # type: ignore[attr-defined]
        module.__loader__ = SourceFileLoader("__main__", path)
        with io.open_code(path) as source:
            code = compile(source.read(), path, "exec", dont_inherit=True)
    else:
        spec = _find(name)
        module.__spec__ = spec
        module.__file__ = spec.origin
        module.__cached__ = spec.cached  # type: ignore[attr-defined]
        module.__loader__ = spec.loader
        module.__package__ = spec.parent
        code = _code(spec)
    if sys.version_info < (3, 14):
        module.__annotations__ = {}
    sys.modules["__main__"] = module
    exec(code, module.__dict__)  # noqa: S102 - it is what Python does


def _find(name: str) -> ModuleSpec:
    # "__main__" is that of a directory or a zip file which stands first in sys.path
    found = PathFinder.find_spec(name) if name == "__main__" else importlib.util.find_spec(name)
    if found is None or found.loader is None:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)
    return found


def _code(spec: ModuleSpec) -> CodeType:
    code = spec.loader.get_code(spec.name)  # type: ignore[union-attr]
    assert isinstance(code, CodeType), f"{spec.name} has no source"
    return code
