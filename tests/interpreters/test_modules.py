"""Loading and reloading, in processes of their own (the live tests have the rest)."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

PRELUDE = """
import os, sys, time
from pathlib import Path
from httpdapy.interpreters.imports import imported_names
from httpdapy.interpreters.modules import Modules, _unique_name
from httpdapy.interpreters.urls import NoModuleError, Source, find
root = os.getcwd()
sys.path.insert(0, root)
modules = Modules()
modules.install()
clock = [10**18]

def write(name, text):
    path = Path(name)
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    clock[0] += 10**9
    os.utime(path, ns=(clock[0], clock[0]))

def get(name):
    source = find(name, [root])
    return modules.current(source, "", "") or modules.load(source, root)

def fails(name, kind):
    try:
        get(name)
    except kind as error:
        return error
    raise AssertionError("no error")
def is_ours(module):
    return (getattr(module, "__file__", None) or "").startswith(root)
"""


@pytest.fixture
def run(tmp_path: Path):
    def run(code: str) -> None:
        script = PRELUDE + textwrap.dedent(code)
        done = subprocess.run(
            [sys.executable, "-X", "dev", "-W", "error", "-c", script],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr

    return run


def test_failed_transaction_leaves_everything_as_it_was(run):
    run("""
    write("pkg/__init__.py", "from . import sub")
    write("pkg/sub.py", "X = 1")
    write("extra.py", "import pkg.sub; X = pkg.sub.X")
    write("page.py", "import pkg.sub")
    old = get("page")
    before = {n: m for n, m in sys.modules.items() if is_ours(m)}
    write("pkg/sub.py", "X = 2")
    write("page.py", "import extra, pkg.sub; 1 / 0")
    fails("page", ZeroDivisionError)
    after = {n: m for n, m in sys.modules.items() if is_ours(m)}
    assert before == after
    import pkg
    assert pkg.sub is before["pkg.sub"] and pkg.sub.X == 1
    write("page.py", "import extra")
    assert get("page").extra.X == 2
    """)


def test_failure_is_remembered_until_a_file_changes(run):
    run("""
    write("page.py", "import sys; sys.tries = getattr(sys, 'tries', 0) + 1; 1 / 0")
    errors = {id(fails("page", ZeroDivisionError)) for _ in range(5)}
    assert sys.tries == 1 and len(errors) == 1
    write("page.py", "X = 1")
    assert get("page").X == 1
    """)


def test_file_mended_while_it_fails_is_loaded_at_once(run):
    run("""
    write("page.py", "import os; os.rename('right', 'page.py'); 1 / 0")
    Path("right").write_text("X = 1")
    fails("page", ZeroDivisionError)
    assert get("page").X == 1
    """)


def test_traceback_of_a_remembered_failure_does_not_grow(run):
    run("""
    import traceback
    write("page.py", "1 / 0")
    lengths = {len(traceback.extract_tb(fails("page", ZeroDivisionError).__traceback__))
               for _ in range(5)}
    assert len(lengths) <= 2 and max(lengths) < 12
    """)


def test_names_of_made_up_modules_do_not_pile_up(run):
    run("""
    write("pkg/__init__.py", "")
    for n in range(100):
        try:
            modules.load(Source(f"pkg.none{n}", "", ""), root)
        except NoModuleError:
            pass
        else:
            raise AssertionError
    assert not modules._handlers
    """)


def test_import_error_inside_a_named_module_is_no_404(run):
    run("""
    write("pkg/__init__.py", "")
    write("pkg/page.py", "import no_such_thing")
    try:
        modules.load(Source("pkg.page", "", ""), root)
    except ModuleNotFoundError as error:
        assert error.name == "no_such_thing"
    """)


def test_dependencies_of_a_lazy_import(run):
    run("""
    write("helper.py", "X = 1")
    write("page.py", "def x():\\n    import helper\\n    return helper.X")
    assert get("page").x() == 1
    first = get("page")
    assert get("page") is first
    write("helper.py", "X = 2")
    assert get("page").x() == 2
    """)


def test_module_attributes(run):
    run("""
    write("page.py", "")
    write("pack/__init__.py", "from .part import X")
    write("pack/part.py", "X = 1")
    page, pack = get("page"), get("pack")
    assert page.__file__ == f"{root}/page.py" and page.__package__ == ""
    assert "." not in page.__name__ and page.__name__ in sys.modules
    assert pack.X == 1 and pack.__package__ == pack.__name__ == pack.__spec__.name
    """)


def test_unique_names(run):
    run("""
    paths = ["/a/x.py", "/a/x/__init__.py", "/a.b/x.py", "/a%2Eb/x.py", "/b/x.py", "/a/y.py"]
    names = [_unique_name(path) for path in paths]
    assert len(set(names)) == len(paths) - 1  # a module or a package, not both
    assert not any("." in name for name in names)
    """)


def testimported_names(run):
    run("""
    source = '''
import a.b, c as d
from e.f import g, h
from . import i
from .j import k
from ..l import m
def function():
    import lazy
    class Inner:
        from deep import er
try:
    import tried
except ImportError:
    pass
'''
    tree = compile(source, "x", "exec", 0x400)
    names = set(imported_names(tree, "p.q"))
    for name in "a a.b c e e.f e.f.g e.f.h p.q.i p.q.j p.q.j.k p.l p.l.m".split():
        assert name in names, name
    assert {"lazy", "deep", "deep.er", "tried"} <= names
    """)


def test_many_reloads_leave_nothing_behind(run):
    run("""
    import gc, types
    write("helper.py", "X = 0")
    def edit(n):
        write("helper.py", f"X = {n}")
        write("page.py", f"import helper\\nclass C: pass\\nX = {n}")
        assert get("page").X == n == get("page").helper.X
    for n in range(20):
        edit(n)
    gc.collect()
    before = len([o for o in gc.get_objects() if isinstance(o, types.ModuleType)])
    for n in range(20, 120):
        edit(n)
    gc.collect()
    after = len([o for o in gc.get_objects() if isinstance(o, types.ModuleType)])
    assert after <= before + 2, (before, after)
    """)
