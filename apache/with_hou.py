"""Run a script that finds hou.webServer without Houdini: ``httpdapy run --hou``."""

import importlib
import runpy
import sys
from pathlib import Path


def main() -> None:
    """Run the script of the command line, or after -m a module, as Python would."""
    del sys.argv[0]
    is_module = sys.argv[0] == "-m"
    if is_module:
        del sys.argv[0]
    sys.path[0] = str(Path.cwd() if is_module else Path(sys.argv[0]).resolve().parent)
    importlib.import_module("httpdapy.hwebserver.hou_compat")
    if is_module:
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    else:
        runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    main()
