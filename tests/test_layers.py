"""Imports between our folders point one way."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("handlers", "interpreters", "apache", "hwebserver", "client", "conf")
#: What each may import of the others.
ALLOWED = {
    "handlers": set(),
    "interpreters": {"handlers"},
    "apache": {"interpreters", "handlers", "conf"},
    "hwebserver": {"apache", "interpreters", "handlers"},
    "client": set(),
    "conf": set(),
}
FILES = [
    file
    for folder in FOLDERS
    for file in (ROOT / folder).iterdir()
    if file.suffix in (".py", ".wsgi")
]


def folders_imported(file: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom):
            if node.level == 2:
                names = [node.module or alias.name for alias in node.names]
            elif node.module and node.module.startswith("httpdapy."):
                names = [node.module.removeprefix("httpdapy.")]
            else:
                names = []
            found |= {name.partition(".")[0] for name in names}
    return found & set(FOLDERS)


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.name}")
def test_imports_point_down(file: Path):
    assert folders_imported(file) <= ALLOWED[file.parent.name] | {file.parent.name}


def test_the_test_sees_imports():
    assert folders_imported(ROOT / "interpreters/dispatch.py") == {"handlers"}
    assert folders_imported(ROOT / "apache/entry.wsgi") == {"interpreters"}


def test_code_in_interpreters_starts_without_slow_imports():
    """Every new interpreter pays for what application.py imports at once."""
    import subprocess
    import sys

    code = (
        "import sys; from httpdapy import httpdapi; from httpdapy.interpreters import application\n"
        "slow = {'typing', 'collections', 'enum', 're', 'pathlib', 'inspect', 'ast', 'dataclasses',"
        " 'traceback', 'urllib.parse', 'multipart', 'logging', 'http'}\n"
        "print(sorted(slow & set(sys.modules)))"
    )
    # -S: the environment's own .pth files import what they like
    path = f"import sys; sys.path.insert(0, {str(ROOT / '.typing')!r})\n"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", path + code], capture_output=True, text=True, check=True
    )
    slow = ast.literal_eval(done.stdout)
    if sys.version_info < (3, 12):  # its importlib.util comes with these
        slow = [name for name in slow if name not in ("collections", "typing")]
    assert slow == []
